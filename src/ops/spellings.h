/* Private. The spellings that are rewritten: the op of the last node, and the pattern that looks at such a
 * node, each in a file spelling_*.c. Where several are for one op, the first that fits is taken. */
#ifndef BOWLINE_OPS_SPELLINGS_H
#define BOWLINE_OPS_SPELLINGS_H

#include "graph/rewrite.h"

/* clang-format off */
#define BL__SPELLINGS(X) \
    X(cross_entropy, linear_cross_entropy) \
    X(add, accumulate) \
    X(matmul, attention) \
    X(div, softmax) \
    X(sub, log_softmax) \
    X(log, log_sum) \
    X(add, logsumexp) \
    X(mul, standardize) \
    X(div, standardize_div) \
    X(mul, weight) \
    X(add, bias) \
    X(neg, cross_entropy)
/* clang-format on */

#define BL__DECLARE_SPELLING(last, name) bl__spelling bl__spelling_##name;
BL__SPELLINGS(BL__DECLARE_SPELLING)
#undef BL__DECLARE_SPELLING

#endif
