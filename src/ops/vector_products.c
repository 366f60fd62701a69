/* Products of vectors: dot, vdot, outer, mv, addmv, cross. */
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    A,
    B
};

/* ---- dot and vdot: sum_i a_i b_i ---- */

static bl_status dot_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B);
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = bl__require_rank(call, A, 1);
    if (status == BL_OK)
        status = bl__require_rank(call, B, 1);
    if (status != BL_OK)
        return status;
    if (!bl_shape_equal(a, b))
        return bl_infer_fail(call, BL_ERR_SHAPE, "lengths differ: %s and %s", BL__SHAPE_TEXT(a),
                             BL__SHAPE_TEXT(b));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), BL_SCALAR);
}

static void matmul_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                             const void *attributes, bl_tensor **outputs)
{
    (void)graph;
    (void)input_count;
    (void)attributes;
    outputs[0] = bl_matmul(inputs[A], inputs[B]);
}

bl_tensor *bl_dot(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_dot, a, b, NULL);
}

bl_tensor *bl_vdot(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_vdot, a, b, NULL);
}

typedef bl_tensor *builder(bl_tensor *a, bl_tensor *b);

static bl_tensor *sample_vectors(bl_sampler *sampler, builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 1);
    bl_tensor *a = bl_sample_real(sampler, shape, -1, 1);
    return build(a, bl_sample_real(sampler, shape, -1, 1));
}

static bl_tensor *dot_sample(bl_sampler *sampler)
{
    return sample_vectors(sampler, bl_dot);
}

static bl_tensor *vdot_sample(bl_sampler *sampler)
{
    return sample_vectors(sampler, bl_vdot);
}

const bl_op bl__op_dot = {BL__OP(dot, 2), .flags = BL__OP_COMPOSITE, .infer = dot_infer,
                          .decompose = matmul_decompose, .sample = dot_sample};
const bl_op bl__op_vdot = {BL__OP(vdot, 2), .flags = BL__OP_COMPOSITE, .infer = dot_infer,
                           .decompose = matmul_decompose, .sample = vdot_sample};

/* ---- outer: a_i b_j ---- */

static bl_status outer_infer(bl_infer_call *call)
{
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = bl__require_rank(call, A, 1);
    if (status == BL_OK)
        status = bl__require_rank(call, B, 1);
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]),
                        BL_SHAPE(bl__shape_in(call, A).size[0], bl__shape_in(call, B).size[0]));
}

bl_tensor *bl_outer(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_outer, a, b, NULL);
}

static void outer_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes, bl_tensor **outputs)
{
    (void)graph;
    (void)input_count;
    (void)attributes;
    outputs[0] = bl_mul(bl_reshape(inputs[A], BL_SHAPE(bl_tensor_count(inputs[A]), 1)), inputs[B]);
}

static bl_tensor *outer_sample(bl_sampler *sampler)
{
    bl_tensor *a = bl_sample_real(sampler, bl_sample_shape(sampler, 1, 1), -1, 1);
    return bl_outer(a, bl_sample_real(sampler, bl_sample_shape(sampler, 1, 1), -1, 1));
}

const bl_op bl__op_outer = {BL__OP(outer, 2), .flags = BL__OP_COMPOSITE, .infer = outer_infer,
                            .decompose = outer_decompose, .sample = outer_sample};

/* ---- mv: sum_j a_ij b_j ---- */

static bl_status mv_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B);
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = bl__require_rank(call, A, 2);
    if (status == BL_OK)
        status = bl__require_rank(call, B, 1);
    if (status != BL_OK)
        return status;
    if (a.size[1] != b.size[0])
        return bl_infer_fail(call, BL_ERR_SHAPE, "inner dimensions differ: %s x %s", BL__SHAPE_TEXT(a),
                             BL__SHAPE_TEXT(b));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), BL_SHAPE(a.size[0]));
}

bl_tensor *bl_mv(bl_tensor *matrix, bl_tensor *vector)
{
    return bl__apply_2(&bl__op_mv, matrix, vector, NULL);
}

static bl_tensor *mv_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 2);
    bl_tensor *a = bl_sample_real(sampler, shape, -1, 1);
    return bl_mv(a, bl_sample_real(sampler, BL_SHAPE(shape.size[1]), -1, 1));
}

const bl_op bl__op_mv = {BL__OP(mv, 2), .flags = BL__OP_COMPOSITE, .infer = mv_infer,
                         .decompose = matmul_decompose, .sample = mv_sample};

/* ---- cross: c_i = a_j b_k - a_k b_j for i, j, k in turn ---- */

static bl_status cross_infer(bl_infer_call *call)
{
    int64_t axis = ((const bl__axis_attributes *)call->attributes)->axis;
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B);
    bl_status status = bl__require_reals(call);
    if (status != BL_OK)
        return status;
    if (a.rank != b.rank || a.size[axis] != 3 || b.size[axis] != 3)
        return bl_infer_fail(call, BL_ERR_SHAPE, "axis %lld is not 3 in both of %s and %s, or ranks differ",
                             (long long)axis, BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    return bl__infer_broadcast(call);
}

bl_tensor *bl_cross(bl_tensor *a, bl_tensor *b, int axis)
{
    bl_graph *graph = a ? bl__graph_of(a) : bl__graph_of(b);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, "cross", a) || !bl__find_axis("cross", a, &axis))
        return &graph->invalid;
    bl__axis_attributes attributes = {.axis = axis};
    return bl__apply_2(&bl__op_cross, a, b, &attributes);
}

/* The three places along an axis, moved round: `first` comes first. */
static bl_tensor *turn(bl_tensor *x, int axis, int64_t first)
{
    bl_tensor *parts[] = {bl_slice(x, axis, first, 3, 1), bl_slice(x, axis, 0, first, 1)};
    return bl_concat(parts, 2, axis);
}

static void cross_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes, bl_tensor **outputs)
{
    int axis = (int)((const bl__axis_attributes *)attributes)->axis;
    bl_tensor *a = inputs[A], *b = inputs[B];
    (void)graph;
    (void)input_count;
    outputs[0] =
        bl_sub(bl_mul(turn(a, axis, 1), turn(b, axis, 2)), bl_mul(turn(a, axis, 2), turn(b, axis, 1)));
}

static bl_tensor *cross_sample(bl_sampler *sampler)
{
    bl_shape a = bl_sample_shape(sampler, 1, 4), b = a;
    int axis = (int)bl_sample_int(sampler, 0, a.rank - 1);
    for (int d = 0; d < a.rank; d++)
        b.size[d] = bl__sample_chance(sampler, 4) ? 1 : a.size[d];
    a.size[axis] = b.size[axis] = 3;
    bl_tensor *left = bl_sample_real(sampler, a, -1, 1);
    bl_tensor *right = bl_sample_real(sampler, b, -1, 1);
    return bl_cross(left, right, bl__sample_chance(sampler, 2) ? axis : axis - a.rank);
}

const bl_op bl__op_cross = {BL__OP(cross, 2),       .flags = BL__OP_COMPOSITE,
                            .infer = cross_infer,   .attributes_size = sizeof(bl__axis_attributes),
                            .sample = cross_sample, .decompose = cross_decompose};
