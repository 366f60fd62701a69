/* Products over axes. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"
#include "ops/scan.h"

static bl_status prod_infer(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__NUMBERS);
}

bl_tensor *bl_prod(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_prod, x, axes, keepdim);
}

/* The axes of a mask behind all others. */
static bl_axes reduced_last(int rank, uint32_t mask)
{
    bl_axes order = {.count = 0};
    for (uint32_t reduced = 0; reduced < 2; reduced++) {
        for (int d = 0; d < rank; d++) {
            if ((mask >> d & 1u) == reduced)
                order.axis[order.count++] = d;
        }
    }
    return order;
}

static bl_axes inverse(bl_axes order)
{
    bl_axes back = {.count = order.count};
    for (int d = 0; d < order.count; d++)
        back.axis[order.axis[d]] = d;
    return back;
}

/* dx_i is g times the elements before i and those after it, row by row over the reduced axes: a product of
 * two scans rather than y / x_i, so that zeros need no care. */
static void prod_vjp(bl_vjp_call *call)
{
    uint32_t mask = ((const bl__reduce_attributes *)call->attributes)->axes;
    bl_tensor *x = call->inputs[0], *g = bl__with_axes(call->cotangents[0], call);
    bl_shape shape = bl_tensor_shape(x);
    bl_axes order = reduced_last(shape.rank, mask);
    if (mask == 0 || !bl_tensor_valid(g)) {
        call->gradients[0] = g;
        return;
    }
    bl_tensor *turned = bl_permute(x, order);
    bl_shape rows = bl__reduced_shape(shape, mask, false), split = bl_tensor_shape(turned);
    int axis = rows.rank++;
    rows.size[axis] = 1;
    for (int d = axis; d < split.rank; d++)
        rows.size[axis] *= split.size[d];
    bl_tensor *flat = bl_reshape(turned, rows);
    bl_tensor *others = bl_mul(bl__cumprod_before(flat, axis, false), bl__cumprod_before(flat, axis, true));
    call->gradients[0] = bl_mul(g, bl_permute(bl_reshape(others, split), inverse(order)));
}

static bl_tensor *prod_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl__sample_chance(sampler, 5) ? bl_sample_indices(sampler, shape, -2, 2)
                                                 : bl__sample_with_zeros(sampler, shape);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    return bl_prod(x, axes, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_prod = {BL__OP(prod, 1), .attributes_size = sizeof(bl__reduce_attributes),
                           .infer = prod_infer, .vjp = prod_vjp, .sample = prod_sample};
