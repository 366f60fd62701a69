/* Parts of a tensor whose place is known when the program runs: dynamic_slice, dynamic_update_slice. Each is
 * the other's derivative. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- what they share ---- */

/* There is a start for each axis of x, and the part has room in x; `starts` and x say which inputs they are.
 */
static bl_status check_part(bl_infer_call *call, size_t starts, bl_shape part)
{
    bl_shape x = bl__shape_in(call, 0), places = bl__shape_in(call, starts);
    bl_status status = bl__require(call, starts, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    if (places.rank != 1 || places.size[0] != x.rank)
        return bl_infer_fail(call, BL_ERR_SHAPE, "starts of %s are not one for each axis of %s",
                             BL__SHAPE_TEXT(places), BL__SHAPE_TEXT(x));
    bool fits = part.rank == x.rank;
    for (int d = 0; d < x.rank && fits; d++)
        fits = part.size[d] <= x.size[d];
    if (!fits)
        return bl_infer_fail(call, BL_ERR_SHAPE, "a part of %s has no room in %s", BL__SHAPE_TEXT(part),
                             BL__SHAPE_TEXT(x));
    return BL_OK;
}

/* Zeros of a dtype; the 16-bit floats are made by a cast. */
static bl_tensor *zeros(bl_graph *graph, bl_dtype dtype, bl_shape shape)
{
    if (bl__is_one_of(dtype, BL__COMPUTED))
        return bl_zeros(graph, dtype, shape);
    return bl_cast(bl_zeros(graph, BL_F32, shape), dtype);
}

/* A shape, and one that has room in it. */
static bl_shape sample_part(bl_sampler *sampler, bl_shape *part)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    *part = shape;
    for (int d = 0; d < shape.rank; d++) {
        if (bl__sample_chance(sampler, 2))
            part->size[d] = bl_sample_int(sampler, 0, shape.size[d]);
    }
    return shape;
}

/* A start for each axis, at which the part lies inside. */
static bl_tensor *sample_starts(bl_sampler *sampler, bl_shape shape, bl_shape part)
{
    int64_t wide[BL_MAX_RANK] = {0};
    int32_t narrow[BL_MAX_RANK] = {0};
    for (int d = 0; d < shape.rank; d++) {
        wide[d] = bl_sample_int(sampler, 0, shape.size[d] - part.size[d]);
        narrow[d] = (int32_t)wide[d];
    }
    bl_dtype dtype = bl__sample_chance(sampler, 2) ? BL_I32 : BL_I64;
    return bl_constant(bl_sampler_graph(sampler), dtype, BL_SHAPE(shape.rank),
                       dtype == BL_I32 ? (const void *)narrow : wide);
}

/* ---- dynamic_slice ---- */

enum {
    X,
    STARTS
};

static bl_shape part_of(const bl_infer_call *call)
{
    const bl__dynamic_slice_attributes *attributes = call->attributes;
    return bl_shape_of(bl__shape_in(call, X).rank, attributes->size);
}

static bl_status dynamic_slice_infer(bl_infer_call *call)
{
    bl_shape part = part_of(call);
    bl_status status = check_part(call, STARTS, part);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), part) : status;
}

bl_tensor *bl_dynamic_slice(bl_tensor *x, bl_tensor *starts, bl_shape sizes)
{
    bl__dynamic_slice_attributes attributes = {{0}};
    if (!bl__known("dynamic_slice", x))
        return bl__refused(x);
    bool valid = sizes.rank == x->rank;
    for (int d = 0; d < x->rank && valid; d++)
        valid = sizes.size[d] >= 0;
    if (!valid)
        return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, "dynamic_slice",
                        "sizes of %s are not those of a part of %s", BL__SHAPE_TEXT(sizes),
                        BL__SHAPE_TEXT(bl_tensor_shape(x)));
    for (int d = 0; d < x->rank; d++)
        attributes.size[d] = sizes.size[d];
    return bl__apply_2(&bl__op_dynamic_slice, x, starts, &attributes);
}

static void dynamic_slice_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[X];
    if (call->needed[X])
        call->gradients[X] =
            bl_dynamic_update_slice(zeros(call->graph, bl_tensor_dtype(x), bl_tensor_shape(x)),
                                    call->cotangents[0], call->inputs[STARTS]);
}

static bl_tensor *dynamic_slice_sample(bl_sampler *sampler)
{
    bl_shape part, shape = sample_part(sampler, &part);
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_bools(sampler, shape)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    return bl_dynamic_slice(x, sample_starts(sampler, shape, part), part);
}

const bl_op bl__op_dynamic_slice = {
    BL__OP(dynamic_slice, 2), .attributes_size = sizeof(bl__dynamic_slice_attributes),
    .infer = dynamic_slice_infer, .vjp = dynamic_slice_vjp, .sample = dynamic_slice_sample};

/* ---- dynamic_update_slice ---- */

enum {
    WHOLE,
    UPDATE,
    PLACES
};

static bl_status dynamic_update_slice_infer(bl_infer_call *call)
{
    bl_status status = bl__require_same(call, WHOLE, UPDATE);
    if (status == BL_OK)
        status = check_part(call, PLACES, bl__shape_in(call, UPDATE));
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[WHOLE]), bl__shape_in(call, WHOLE));
}

bl_tensor *bl_dynamic_update_slice(bl_tensor *x, bl_tensor *update, bl_tensor *starts)
{
    bl_tensor *inputs[] = {x, update, starts};
    return bl__apply(&bl__op_dynamic_update_slice, inputs, 3, NULL);
}

static void dynamic_update_slice_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *update = call->inputs[UPDATE], *starts = call->inputs[PLACES];
    bl_shape part = bl_tensor_shape(update);
    if (call->needed[WHOLE])
        call->gradients[WHOLE] =
            bl_dynamic_update_slice(g, zeros(call->graph, bl_tensor_dtype(g), part), starts);
    if (call->needed[UPDATE])
        call->gradients[UPDATE] = bl_dynamic_slice(g, starts, part);
}

static bl_tensor *dynamic_update_slice_sample(bl_sampler *sampler)
{
    bl_shape part, shape = sample_part(sampler, &part);
    bool bools = bl__sample_chance(sampler, 8);
    bl_tensor *x = bools ? bl_sample_bools(sampler, shape) : bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *update = bools ? bl_sample_bools(sampler, part) : bl_sample_real(sampler, part, -1, 1);
    return bl_dynamic_update_slice(x, update, sample_starts(sampler, shape, part));
}

const bl_op bl__op_dynamic_update_slice = {
    BL__OP(dynamic_update_slice, 3), .infer = dynamic_update_slice_infer, .vjp = dynamic_update_slice_vjp,
    .sample = dynamic_update_slice_sample};
