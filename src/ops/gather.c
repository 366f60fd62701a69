/* Elements chosen one by one along an axis: gather, take_along_axis, scatter, scatter_add. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    X,
    INDEX,
    SOURCE
};

/* ---- what they share ---- */

static int axis_of(const void *attributes)
{
    return (int)((const bl__axis_attributes *)attributes)->axis;
}

/* The index tensor holds integers, and has a place for each in x: sizes not above those of x, but along the
 * axis. */
static bl_status check_index(bl_infer_call *call)
{
    int axis = axis_of(call->attributes);
    bl_shape x = bl__shape_in(call, X), index = bl__shape_in(call, INDEX);
    bl_status status = bl__require(call, INDEX, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    bool fits = index.rank == x.rank;
    for (int d = 0; d < x.rank && fits; d++)
        fits = d == axis || index.size[d] <= x.size[d];
    if (!fits)
        return bl_infer_fail(call, BL_ERR_SHAPE, "an index of %s does not fit %s along axis %d",
                             BL__SHAPE_TEXT(index), BL__SHAPE_TEXT(x), axis);
    return BL_OK;
}

/* The source has an element for each index. */
static bl_status check_source(bl_infer_call *call)
{
    bl_shape index = bl__shape_in(call, INDEX), source = bl__shape_in(call, SOURCE);
    bl_status status = bl__require_same(call, X, SOURCE);
    if (status != BL_OK)
        return status;
    bool fits = index.rank == source.rank;
    for (int d = 0; d < index.rank && fits; d++)
        fits = index.size[d] <= source.size[d];
    if (!fits)
        return bl_infer_fail(call, BL_ERR_SHAPE, "a source of %s does not cover an index of %s",
                             BL__SHAPE_TEXT(source), BL__SHAPE_TEXT(index));
    return BL_OK;
}

/* What the elements of the source that an index takes are given; zeros for the others. */
static bl_tensor *widen(bl_tensor *taken, const bl_tensor *source)
{
    bl_shape some = bl_tensor_shape(taken), all = bl_tensor_shape(source);
    bl_shape before = {.rank = all.rank}, after = {.rank = all.rank};
    if (!bl_tensor_valid(taken) || bl_shape_equal(some, all))
        return taken;
    for (int d = 0; d < all.rank; d++)
        after.size[d] = all.size[d] - some.size[d];
    return bl_pad(taken, before, after);
}

/* An index for x along an axis, and its shape: at most those sizes elsewhere, any along it, repeated now and
 * then. x has elements. */
static bl_tensor *sample_index(bl_sampler *sampler, bl_shape x, int axis)
{
    bl_shape shape = x;
    for (int d = 0; d < shape.rank; d++) {
        if (d == axis)
            shape.size[d] = bl_sample_int(sampler, 0, 5);
        else if (bl__sample_chance(sampler, 3))
            shape.size[d] = bl_sample_int(sampler, 1, shape.size[d]);
    }
    return bl_sample_indices(sampler, shape, 0, x.size[axis] - 1);
}

/* ---- gather: y[i, j, k] = x[i, index[i, j, k], k] for axis 1 ---- */

static bl_status gather_infer(bl_infer_call *call)
{
    bl_status status = check_index(call);
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), bl__shape_in(call, INDEX));
}

bl_tensor *bl_gather(bl_tensor *x, int axis, bl_tensor *index)
{
    return bl__apply_along(&bl__op_gather, (bl_tensor *[]){x, index}, axis);
}

static void gather_vjp(bl_vjp_call *call)
{
    if (call->needed[X])
        call->gradients[X] = bl_scatter_add(bl_zeros_like(call->inputs[X]), axis_of(call->attributes),
                                            call->inputs[INDEX], call->cotangents[0]);
}

static bl_tensor *gather_sample(bl_sampler *sampler)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_bools(sampler, shape)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *index = sample_index(sampler, shape, axis);
    return bl_gather(x, axis - (bl__sample_chance(sampler, 2) ? shape.rank : 0), index);
}

const bl_op bl__op_gather = {BL__OP(gather, 2), .attributes_size = sizeof(bl__axis_attributes),
                             .infer = gather_infer, .vjp = gather_vjp, .sample = gather_sample};

bl_tensor *bl_take_along_axis(bl_tensor *x, bl_tensor *index, int axis)
{
    if (!bl__known("take_along_axis", x) || !bl__find_axis("take_along_axis", x, &axis))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    if (!bl__usable(graph, "take_along_axis", index))
        return &graph->invalid;
    bl_shape from = bl_tensor_shape(x), at = bl_tensor_shape(index), both;
    if (!bl__is_one_of(bl_tensor_dtype(index), BL__INTEGERS))
        return bl__fail(graph, BL_ERR_DTYPE, "take_along_axis",
                        "the index is %s, not i32 or i64: cast it first",
                        bl_dtype_name(bl_tensor_dtype(index)));
    bool fits = at.rank == from.rank &&
                bl_shape_broadcast(bl__shape_with(from, axis, 1), bl__shape_with(at, axis, 1), &both);
    if (!fits)
        return bl__fail(graph, BL_ERR_SHAPE, "take_along_axis",
                        "%s and an index of %s do not broadcast but for axis %d", BL__SHAPE_TEXT(from),
                        BL__SHAPE_TEXT(at), axis);
    bl_shape wide = bl__shape_with(both, axis, from.size[axis]);
    bl_shape wanted = bl__shape_with(both, axis, at.size[axis]);
    if (!bl__possible("take_along_axis", x, wide) || !bl__possible("take_along_axis", x, wanted))
        return &graph->invalid;
    return bl_gather(bl_expand(x, wide), axis, bl_expand(index, wanted));
}

/* ---- scatter: a copy of x with y[i, index[i, j, k], k] = source[i, j, k], in the order of the rows ---- */

static bl_status scatter_infer(bl_infer_call *call)
{
    bl_status status = check_index(call);
    if (status == BL_OK)
        status = check_source(call);
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), bl__shape_in(call, X));
}

bl_tensor *bl_scatter(bl_tensor *x, int axis, bl_tensor *index, bl_tensor *source)
{
    return bl__apply_along(&bl__op_scatter, (bl_tensor *[]){x, index, source}, axis);
}

/* Which indices are the last to write their place: each writes its number, and sees whether it is still
 * there.
 */
static bl_tensor *last_writers(bl_tensor *x, int axis, bl_tensor *index)
{
    bl_graph *graph = bl_tensor_graph(x);
    bl_shape shape = bl_tensor_shape(index);
    bl_tensor *line = bl_arange(graph, BL_I64, 0, (double)bl_shape_count(shape), 1);
    bl_tensor *numbers = bl_reshape(line, shape), *zeros = bl_zeros(graph, BL_I64, bl_tensor_shape(x));
    return bl_equal(bl_gather(bl_scatter(zeros, axis, index, numbers), axis, index), numbers);
}

static void scatter_vjp(bl_vjp_call *call)
{
    int axis = axis_of(call->attributes);
    bl_tensor *index = call->inputs[INDEX], *g = call->cotangents[0], *zero = bl__number_like(g, 0);
    if (call->needed[X])
        call->gradients[X] = bl_scatter(g, axis, index, bl_expand(zero, bl_tensor_shape(index)));
    if (call->needed[SOURCE]) {
        bl_tensor *last = last_writers(call->inputs[X], axis, index);
        bl_tensor *taken = bl_where(last, bl_gather(g, axis, index), zero);
        call->gradients[SOURCE] = widen(taken, call->inputs[SOURCE]);
    }
}

/* Samples of scatter and scatter_add. */
static bl_tensor *sample_scatter(bl_sampler *sampler,
                                 bl_tensor *(*builder)(bl_tensor *, int, bl_tensor *, bl_tensor *))
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bool integers = bl__sample_chance(sampler, 8);
    bl_tensor *index = sample_index(sampler, shape, axis);
    bl_shape wide = bl_tensor_shape(index);
    if (wide.rank < 0)
        return index;
    if (bl__sample_chance(sampler, 3))
        wide.size[bl_sample_int(sampler, 0, wide.rank - 1)] += 1;
    bl_tensor *x =
        integers ? bl__sample_integers(sampler, BL_I32, shape, -9, 9) : bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *source =
        integers ? bl__sample_integers(sampler, BL_I32, wide, -9, 9) : bl_sample_real(sampler, wide, -1, 1);
    return builder(x, axis - (bl__sample_chance(sampler, 2) ? shape.rank : 0), index, source);
}

static bl_tensor *scatter_sample(bl_sampler *sampler)
{
    return sample_scatter(sampler, bl_scatter);
}

const bl_op bl__op_scatter = {BL__OP(scatter, 3), .attributes_size = sizeof(bl__axis_attributes),
                              .infer = scatter_infer, .vjp = scatter_vjp, .sample = scatter_sample};

/* ---- scatter_add: the same with sums ---- */

static bl_status scatter_add_infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, X, BL__NUMBERS);
    return status == BL_OK ? scatter_infer(call) : status;
}

bl_tensor *bl_scatter_add(bl_tensor *x, int axis, bl_tensor *index, bl_tensor *source)
{
    return bl__apply_along(&bl__op_scatter_add, (bl_tensor *[]){x, index, source}, axis);
}

static void scatter_add_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0];
    if (call->needed[X])
        call->gradients[X] = g;
    if (call->needed[SOURCE])
        call->gradients[SOURCE] =
            widen(bl_gather(g, axis_of(call->attributes), call->inputs[INDEX]), call->inputs[SOURCE]);
}

static bl_tensor *scatter_add_sample(bl_sampler *sampler)
{
    return sample_scatter(sampler, bl_scatter_add);
}

const bl_op bl__op_scatter_add = {BL__OP(scatter_add, 3), .attributes_size = sizeof(bl__axis_attributes),
                                  .infer = scatter_add_infer, .vjp = scatter_add_vjp,
                                  .sample = scatter_add_sample};
