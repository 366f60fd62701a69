/* Private. Steps of a group that come so often in a row that a tile function computes them at once: the
 * values between them stay in registers. It computes the same, in the same order: the bits are the same. */
#ifndef BOWLINE_CPU_COMPOUND_H
#define BOWLINE_CPU_COMPOUND_H

#include "cpu/elementwise.h"
#include "cpu/kernel_set.h"

/* What there are tile functions for, by number (compound.c says which steps). Their attributes are those of
 * the steps, in that order: const void *[]. Of those called _one the second input, or the last of three, is
 * one element. */
/* clang-format off */
#define BL__COMPOUNDS(X) \
    X(average) X(average_square) X(scaled_root_one) X(scaled_root) X(share_one) X(share) \
    X(slope_of_tanh) X(slope_of_sigmoid) X(plus_product) X(less_product_one) X(less_product) \
    X(plus_scaled) X(squared_difference) X(add_one) X(sub_one) X(mul_one) X(one_mul) X(div_one)
/* clang-format on */

enum bl__compound {
#define BL__NUMBER(name) BL__COMPOUND_##name,
    BL__COMPOUNDS(BL__NUMBER)
#undef BL__NUMBER
    BL__COMPOUND_COUNT
};

/* A group that computes the same with such steps: the same one where there is none to put in, and NULL
 * without memory. `ones`: steps may read inputs of the call that are one element everywhere as such. */
const bl__group *bl__group_of_compounds(const bl__call *call, const bl__group *group, bool ones,
                                        bl__arena *arena);

#endif
