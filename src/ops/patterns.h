/* Private. The spellings that are rewritten: the op of the last node, and the pattern that looks at such a
 * node, each in a file pattern_*.c. Where several are for one op, the first that fits is taken. */
#ifndef BOWLINE_OPS_PATTERNS_H
#define BOWLINE_OPS_PATTERNS_H

#include "graph/rewrite.h"

/* clang-format off */
#define BL__PATTERNS(X) \
    X(cross_entropy, linear_cross_entropy) \
    X(add, accumulate) \
    X(div, softmax) \
    X(sub, log_softmax)
/* clang-format on */

#define BL__DECLARE_PATTERN(last, name) bl__pattern bl__pattern_##name;
BL__PATTERNS(BL__DECLARE_PATTERN)
#undef BL__DECLARE_PATTERN

#endif
