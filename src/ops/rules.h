/* Private. What the entries of ops share: their heads, applying them, and the parts of shape rules. */
#ifndef BOWLINE_OPS_RULES_H
#define BOWLINE_OPS_RULES_H

#include "graph/graph.h"
#include "graph/text.h"
#include "ops/attributes.h"
#include "ops/keys.h"
#include "ops/registry.h"

/* ---- entries ---- */

/* How an entry begins: an op of one output that takes `least` to `most` inputs. */
#define BL__OP_BETWEEN(op, least, most) BL__OP_AS(op, #op, least, most)
#define BL__OP(op, inputs)              BL__OP_BETWEEN(op, inputs, inputs)

/* The same for an op that its users know by the name of another. */
#define BL__OP_AS(op, its_name, least, most)                                               \
    .size = sizeof(bl_op), .name = (its_name), .key = BL__KEY_##op, .min_inputs = (least), \
    .max_inputs = (most), .output_count = 1

/* ---- sets of dtypes, a bit each ---- */

enum {
    BL__REALS = 1u << BL_F32 | 1u << BL_F64,
    BL__INTEGERS = 1u << BL_I32 | 1u << BL_I64,
    BL__NUMBERS = BL__REALS | BL__INTEGERS,
    BL__BOOLS = 1u << BL_BOOL,
    BL__COMPUTED = BL__NUMBERS | BL__BOOLS
};

static inline bool bl__is_one_of(bl_dtype dtype, unsigned dtypes)
{
    return (unsigned)dtype < BL_DTYPE_COUNT && (dtypes >> dtype & 1u);
}

/* Whether a value of the dtype can be `value`: floats round, integers and bools do not. */
bool bl__holds(bl_dtype dtype, double value);

/* ---- parts of shape rules: BL_OK, or the error reported ---- */

/* Input `index` has one of the dtypes. */
bl_status bl__require(bl_infer_call *call, size_t index, unsigned dtypes);
/* Inputs `first` and `second` have one dtype. */
bl_status bl__require_same(bl_infer_call *call, size_t first, size_t second);
/* Output 0 has the dtype of the last input and the shape that all inputs broadcast to. */
bl_status bl__infer_broadcast(bl_infer_call *call);
/* Output 0 has a shape and a dtype: BL_OK always. */
bl_status bl__infer_as(bl_infer_call *call, bl_dtype dtype, bl_shape shape);

/* Whole rules of element-wise ops: inputs of one dtype, which is the output's, broadcast. */
bl_status bl__infer_reals(bl_infer_call *call);
bl_status bl__infer_numbers(bl_infer_call *call);

/* The shape of input `index`. */
bl_shape bl__shape_in(const bl_infer_call *call, size_t index);

/* ---- builders ---- */

/* bl_apply on the graph of the first input that has one; NULL when none has. */
bl_tensor *bl__apply(const bl_op *op, bl_tensor *const *inputs, size_t count, const void *attributes);
bl_tensor *bl__apply_1(const bl_op *op, bl_tensor *x, const void *attributes);
bl_tensor *bl__apply_2(const bl_op *op, bl_tensor *a, bl_tensor *b, const void *attributes);

/* What a builder returns for arguments that it has reported as bad: the graph's invalid tensor. */
bl_tensor *bl__refused(const bl_tensor *argument);

/* Whether a tensor can be asked for its shape; if not, reported. */
bool bl__known(const char *op, const bl_tensor *x);

/* Makes *axis one of 0..rank-1 of x, or reports that it is outside. x is known. */
bool bl__find_axis(const char *op, const bl_tensor *x, int *axis);

/* ---- parts of vjps ---- */

/* 0 and other numbers as scalars of x's dtype. */
bl_tensor *bl__number_like(bl_tensor *x, double value);
/* The shape of x with `size` in the place of one axis. */
bl_shape bl__shape_with(bl_shape shape, int axis, int64_t size);

#endif
