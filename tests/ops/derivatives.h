/* Checking the derivatives of builders that are no ops of their own, so that the suite does not meet them. */
#ifndef TESTS_OPS_DERIVATIVES_H
#define TESTS_OPS_DERIVATIVES_H

#include "check.h"

/* Why derivatives of `output` by the leaf `wrt`, or of its gradient by the leaf and by the cotangent, are not
 * those of central differences; NULL when they are. */
const char *derivative_wrong(bl_tensor *output, bl_tensor *wrt);

#define EXPECT_DERIVATIVES(output, wrt)                  \
    do {                                                 \
        const char *why = derivative_wrong(output, wrt); \
        cr_assert(!why, "%s", why);                      \
    } while (0)

/* A constant of f64, all of whose elements differ. */
bl_tensor *numbers(bl_shape shape);

/* Running a tensor is BL_ERR_INDEX with a message that has both parts. */
void expect_index_error(bl_tensor *y, const char *index, const char *range);

#endif
