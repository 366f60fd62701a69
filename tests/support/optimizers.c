/* Every optimizer there is: see optimizers.h. */
#include "support/optimizers.h"

#include <stdio.h>
#include <string.h>

static bl_optimizer *make_sgd(bl_context *context)
{
    return bl_sgd(context, NULL);
}

static bl_optimizer *make_momentum(bl_context *context)
{
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.01;
    options.momentum = 0.9;
    options.nesterov = true;
    options.weight_decay = 0.01;
    return bl_sgd(context, &options);
}

static bl_optimizer *make_adam(bl_context *context)
{
    return bl_adam(context, NULL);
}

static bl_optimizer *make_adam_with_most(bl_context *context)
{
    bl_adam_options options = bl_adam_defaults();
    options.amsgrad = true;
    options.weight_decay = 0.01;
    return bl_adam(context, &options);
}

static bl_optimizer *make_rmsprop_with_all(bl_context *context)
{
    bl_rmsprop_options options = bl_rmsprop_defaults();
    options.momentum = 0.9;
    options.centered = true;
    return bl_rmsprop(context, &options);
}

/* The others, with their defaults. */
#define DEFAULTS(name)                                    \
    static bl_optimizer *make_##name(bl_context *context) \
    {                                                     \
        return bl_##name(context, NULL);                  \
    }
DEFAULTS(adamw)
DEFAULTS(adamax)
DEFAULTS(nadam)
DEFAULTS(radam)
DEFAULTS(adagrad)
DEFAULTS(adadelta)
DEFAULTS(rmsprop)
DEFAULTS(lion)
DEFAULTS(adafactor)
DEFAULTS(lamb)
DEFAULTS(muon)
#undef DEFAULTS

const named_optimizer every_optimizer[] = {
    {"bl_sgd", NULL, false, make_sgd},
    {"bl_sgd", "nesterov", false, make_momentum},
    {"bl_adam", NULL, false, make_adam},
    {"bl_adam", "amsgrad", false, make_adam_with_most},
    {"bl_adamw", NULL, false, make_adamw},
    {"bl_adamax", NULL, false, make_adamax},
    {"bl_nadam", NULL, false, make_nadam},
    {"bl_radam", NULL, false, make_radam},
    {"bl_adagrad", NULL, false, make_adagrad},
    {"bl_adadelta", NULL, false, make_adadelta},
    {"bl_rmsprop", NULL, false, make_rmsprop},
    {"bl_lion", NULL, false, make_lion},
    {"bl_adafactor", NULL, false, make_adafactor},
    {"bl_lamb", NULL, false, make_lamb},
    {"bl_muon", NULL, true, make_muon},
    {"bl_rmsprop", "centered", false, make_rmsprop_with_all},
    {NULL, NULL, false, NULL},
};

static bool is_known(const char *name)
{
    for (size_t i = 0; every_optimizer[i].name; i++) {
        if (strcmp(every_optimizer[i].name, name) == 0)
            return true;
    }
    return false;
}

const char *forgotten_optimizer(const char *path)
{
    static char name[80];
    char line[256];
    FILE *header = fopen(path, "r");
    if (!header)
        return path;
    bool forgotten = false;
    while (!forgotten && fgets(line, sizeof(line), header))
        forgotten = sscanf(line, "BL_API bl_optimizer *%79[a-z0-9_](", name) == 1 && !is_known(name);
    fclose(header);
    return forgotten ? name : NULL;
}
