/* Every optimizer there is, for tests that must not forget one. */
#ifndef TESTS_SUPPORT_OPTIMIZERS_H
#define TESTS_SUPPORT_OPTIMIZERS_H

#include "bowline/bowline.h"

typedef struct named_optimizer {
    const char *name;  /* of the function that makes it: "bl_adam" */
    const char *with;  /* the settings, in a word; NULL for the defaults */
    bool for_matrices; /* it takes parameters of rank 2 alone */
    bool is_whole;     /* its formula looks at more of a parameter than one element */
    bl_optimizer *(*make)(bl_context *context);
} named_optimizer;

/* Ended by one without a name. Some stand there more than once, with settings that give them more to keep. */
extern const named_optimizer every_optimizer[];

/* The name of a function that makes an optimizer, declared in the header at `path`, and has no line in the
 * table; NULL when each has. It is good until the next call. A header that cannot be read is its own path. */
const char *forgotten_optimizer(const char *path);

#endif
