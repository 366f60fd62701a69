/* Every optimizer there is: see optimizers.h. */
#include "support/optimizers.h"

#include <stdio.h>
#include <string.h>

static bl_optimizer *make_momentum(bl_context *context)
{
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.01;
    options.momentum = 0.9;
    options.nesterov = true;
    options.weight_decay = 0.01;
    return bl_sgd(context, &options);
}

static bl_optimizer *make_damped(bl_context *context)
{
    bl_sgd_options options = {.lr = 0.1, .momentum = 0.9, .dampening = 0.1};
    return bl_sgd(context, &options);
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
    options.weight_decay = 0.1;
    return bl_rmsprop(context, &options);
}

/* With their defaults. */
#define DEFAULTS(name)                                    \
    static bl_optimizer *make_##name(bl_context *context) \
    {                                                     \
        return bl_##name(context, NULL);                  \
    }
DEFAULTS(sgd)
DEFAULTS(adam)
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
    {.name = "bl_sgd", .make = make_sgd},
    {.name = "bl_adam", .make = make_adam},
    {.name = "bl_adamw", .make = make_adamw},
    {.name = "bl_adamax", .make = make_adamax},
    {.name = "bl_nadam", .make = make_nadam},
    {.name = "bl_radam", .make = make_radam},
    {.name = "bl_adagrad", .make = make_adagrad},
    {.name = "bl_adadelta", .make = make_adadelta},
    {.name = "bl_rmsprop", .make = make_rmsprop},
    {.name = "bl_lion", .make = make_lion},
    {.name = "bl_sgd", .with = "nesterov", .make = make_momentum},
    {.name = "bl_sgd", .with = "dampening", .make = make_damped},
    {.name = "bl_adam", .with = "amsgrad", .make = make_adam_with_most},
    {.name = "bl_rmsprop", .with = "all", .make = make_rmsprop_with_all},
    {.name = "bl_adafactor", .is_whole = true, .make = make_adafactor},
    {.name = "bl_lamb", .is_whole = true, .make = make_lamb},
    {.name = "bl_muon", .is_whole = true, .for_matrices = true, .make = make_muon},
    {.name = NULL},
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
