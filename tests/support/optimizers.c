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

const named_optimizer every_optimizer[] = {
    {"bl_sgd", NULL, false, make_sgd},
    {"bl_sgd", "nesterov", false, make_momentum},
    {"bl_adam", NULL, false, make_adam},
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
