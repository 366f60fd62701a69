/* Triangles of matrices: tril and triu. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- what they share ---- */

static bl_status infer(bl_infer_call *call)
{
    bl_shape x = bl__shape_in(call, 0);
    if (x.rank < 2)
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s has no rows and columns", BL__SHAPE_TEXT(x));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), x);
}

/* All diagonals beyond the corners are one. */
static bl_tensor *apply(const bl_op *op, bl_tensor *x, int64_t diagonal)
{
    bl_shape shape = bl_tensor_shape(x);
    int64_t rows = shape.rank < 2 ? 0 : shape.size[shape.rank - 2];
    int64_t columns = shape.rank < 2 ? 0 : shape.size[shape.rank - 1];
    bl__triangle_attributes attributes = {.diagonal = diagonal < -rows     ? -rows
                                                      : diagonal > columns ? columns
                                                                           : diagonal};
    return bl__apply_1(op, x, &attributes);
}

static void vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(call->op, call->cotangents[0], call->attributes);
}

static bl_tensor *sample(bl_sampler *sampler, bl_tensor *(*builder)(bl_tensor *, int64_t))
{
    bl_shape shape = bl_sample_shape(sampler, 2, 5);
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_bools(sampler, shape)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    return builder(x, bl_sample_int(sampler, -4, 4));
}

/* ---- tril: elements with column - row <= diagonal ---- */

bl_tensor *bl_tril(bl_tensor *x, int64_t diagonal)
{
    return apply(&bl__op_tril, x, diagonal);
}

static bl_tensor *tril_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_tril);
}

const bl_op bl__op_tril = {BL__OP(tril, 1), .attributes_size = sizeof(bl__triangle_attributes),
                           .infer = infer, .vjp = vjp, .sample = tril_sample};

/* ---- triu: elements with column - row >= diagonal ---- */

bl_tensor *bl_triu(bl_tensor *x, int64_t diagonal)
{
    return apply(&bl__op_triu, x, diagonal);
}

static bl_tensor *triu_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_triu);
}

const bl_op bl__op_triu = {BL__OP(triu, 1), .attributes_size = sizeof(bl__triangle_attributes),
                           .infer = infer, .vjp = vjp, .sample = triu_sample};
