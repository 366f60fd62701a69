/* What else is made of matrices without factorizing them: trace, kron, cdist, matrix_power. */
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    A,
    B
};

/* ---- trace ---- */

static bl_status trace_infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__require_rank(call, 0, 2);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), BL_SCALAR) : status;
}

bl_tensor *bl_trace(bl_tensor *x)
{
    return bl__apply_1(&bl__op_trace, x, NULL);
}

static void trace_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes, bl_tensor **outputs)
{
    (void)graph;
    (void)input_count;
    (void)attributes;
    outputs[0] = bl_sum(bl_diagonal(inputs[0], 0, 0, 1), BL_ALL_AXES, false);
}

static bl_tensor *trace_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 2);
    if (bl__sample_chance(sampler, 2))
        shape.size[0] = shape.size[1];
    return bl_trace(bl_sample_real(sampler, shape, -1, 1));
}

const bl_op bl__op_trace = {BL__OP(trace, 1), .flags = BL__OP_COMPOSITE, .infer = trace_infer,
                            .decompose = trace_decompose, .sample = trace_sample};

/* ---- kron: along each axis, every element of a times all of b ---- */

/* Leading axes of size 1 until there are `rank`. */
static bl_shape padded(bl_shape shape, int rank)
{
    bl_shape out = {.rank = rank};
    for (int d = 0; d < rank; d++)
        out.size[d] = d < rank - shape.rank ? 1 : shape.size[d - rank + shape.rank];
    return out;
}

static bl_status kron_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B);
    bl_status status = bl__require_reals(call);
    if (status != BL_OK)
        return status;
    int rank = a.rank > b.rank ? a.rank : b.rank;
    bl_shape left = padded(a, rank), right = padded(b, rank), out = {.rank = rank};
    if (rank > BL_MAX_RANK / 2)
        return bl_infer_fail(call, BL_ERR_SHAPE, "ranks are at most %d: %s and %s", BL_MAX_RANK / 2,
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    for (int d = 0; d < rank; d++) {
        if (!bl__multiply(left.size[d], right.size[d], &out.size[d]))
            return bl_infer_fail(call, BL_ERR_OVERFLOW, "axis %d of %s by %s grows too long", d,
                                 BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    }
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), out);
}

bl_tensor *bl_kron(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_kron, a, b, NULL);
}

static void kron_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    bl_shape a = bl_tensor_shape(inputs[A]), b = bl_tensor_shape(inputs[B]);
    int rank = a.rank > b.rank ? a.rank : b.rank;
    bl_shape left = {.rank = 2 * rank}, right = left, out = {.rank = rank};
    (void)graph;
    (void)input_count;
    (void)attributes;
    a = padded(a, rank);
    b = padded(b, rank);
    for (int d = 0; d < rank; d++) { /* [a0, 1, a1, 1, ..] x [1, b0, 1, b1, ..] */
        left.size[2 * d] = a.size[d];
        right.size[2 * d + 1] = b.size[d];
        left.size[2 * d + 1] = right.size[2 * d] = 1;
        out.size[d] = a.size[d] * b.size[d];
    }
    outputs[0] = bl_reshape(bl_mul(bl_reshape(inputs[A], left), bl_reshape(inputs[B], right)), out);
}

static bl_tensor *kron_sample(bl_sampler *sampler)
{
    bl_shape shapes[2];
    for (int i = 0; i < 2; i++) {
        shapes[i] = (bl_shape){.rank = (int)bl_sample_int(sampler, 0, 4)};
        for (int d = 0; d < shapes[i].rank; d++)
            shapes[i].size[d] = bl_sample_int(sampler, bl__sample_chance(sampler, 16) ? 0 : 1, 2);
    }
    bl_tensor *a = bl_sample_real(sampler, shapes[A], -1, 1);
    return bl_kron(a, bl_sample_real(sampler, shapes[B], -1, 1));
}

const bl_op bl__op_kron = {BL__OP(kron, 2), .flags = BL__OP_COMPOSITE, .infer = kron_infer,
                           .decompose = kron_decompose, .sample = kron_sample};

/* ---- cdist: |a_i - b_j| ---- */

static bl_status cdist_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B), out;
    bl_status status = bl__require_reals(call);
    if (status != BL_OK)
        return status;
    if (a.rank < 2 || b.rank < 2 || a.size[a.rank - 1] != b.size[b.rank - 1])
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s and %s are not [.., p, m] and [.., r, m]",
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    if (!bl_shape_broadcast(bl__leading(a, 2), bl__leading(b, 2), &out))
        return bl_infer_fail(call, BL_ERR_SHAPE, "leading dimensions do not broadcast: %s and %s",
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    out.size[out.rank++] = a.size[a.rank - 2];
    out.size[out.rank++] = b.size[b.rank - 2];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), out);
}

bl_tensor *bl_cdist(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_cdist, a, b, NULL);
}

/* Points [.., p, m] with an axis of size 1 before axis `axis`, counted from the end. */
static bl_tensor *apart(bl_tensor *x, int axis)
{
    bl_shape from = bl_tensor_shape(x), to = {.rank = from.rank + 1};
    for (int d = 0, k = 0; d < to.rank; d++)
        to.size[d] = d == from.rank - axis ? 1 : from.size[k++];
    return bl_reshape(x, to);
}

/* The root has no derivative at 0, where the distance is taken as constant. */
static bl_tensor *distances(bl_tensor *a, bl_tensor *b)
{
    bl_tensor *difference = bl_sub(apart(a, 1), apart(b, 2));
    bl_tensor *square = bl_sum(bl_square(difference), BL_AXES(-1), false);
    bl_tensor *zero = bl__number_like(square, 0);
    bl_tensor *is_zero = bl_equal(square, zero);
    bl_tensor *root = bl_sqrt(bl_where(is_zero, bl__number_like(square, 1), square));
    return bl_where(is_zero, zero, root);
}

/* Points of every batch, the batches along one axis. */
static bl_tensor *batched(bl_tensor *x, bl_shape batch)
{
    bl_shape points = bl_tensor_shape(x);
    int64_t count = points.size[points.rank - 2], width = points.size[points.rank - 1];
    int64_t batches = bl_shape_count(batch);
    batch.size[batch.rank++] = count;
    batch.size[batch.rank++] = width;
    return bl_reshape(bl_expand(x, batch), BL_SHAPE(batches, count, width));
}

/* Where there is no room for one more axis, with one axis of all batches. */
static void cdist_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes, bl_tensor **outputs)
{
    bl_tensor *a = inputs[A], *b = inputs[B];
    bl_shape left = bl_tensor_shape(a), right = bl_tensor_shape(b), batch;
    bl_shape_broadcast(bl__leading(left, 2), bl__leading(right, 2), &batch);
    (void)graph;
    (void)input_count;
    (void)attributes;
    bool has_room = batch.rank < BL_MAX_RANK - 2;
    outputs[0] = has_room ? distances(a, b) : distances(batched(a, batch), batched(b, batch));
    batch.size[batch.rank++] = left.size[left.rank - 2];
    batch.size[batch.rank++] = right.size[right.rank - 2];
    outputs[0] = has_room ? outputs[0] : bl_reshape(outputs[0], batch);
}

static bl_tensor *cdist_sample(bl_sampler *sampler)
{
    bl_shape a, b;
    do
        bl_sample_broadcast(sampler, &a, &b);
    while (a.rank > 2 || b.rank > 2);
    int64_t width = bl_sample_int(sampler, 0, 3);
    a.size[a.rank++] = bl_sample_int(sampler, 0, 3);
    b.size[b.rank++] = bl_sample_int(sampler, 1, 3);
    a.size[a.rank++] = b.size[b.rank++] = width;
    bl_tensor *left = bl_sample_real(sampler, a, -1, 1); /* far enough from each other not to meet the root */
    return bl_cdist(left, bl_sample_real(sampler, b, 1.5, 3));
}

const bl_op bl__op_cdist = {BL__OP(cdist, 2), .flags = BL__OP_COMPOSITE, .infer = cdist_infer,
                            .decompose = cdist_decompose, .sample = cdist_sample};

/* ---- matrix_power: by squaring ---- */

static bl_status matrix_power_infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__require_square(call, 0);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_in(call, 0))
                           : status;
}

bl_tensor *bl_matrix_power(bl_tensor *x, int64_t exponent)
{
    bl__matrix_power_attributes attributes = {.exponent = exponent};
    return bl__apply_1(&bl__op_matrix_power, x, &attributes);
}

static void matrix_power_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                   const void *attributes, bl_tensor **outputs)
{
    int64_t exponent = ((const bl__matrix_power_attributes *)attributes)->exponent;
    bl_shape shape = bl_tensor_shape(inputs[0]);
    bl_tensor *power = exponent < 0 ? bl_inverse(inputs[0]) : inputs[0], *product = NULL;
    uint64_t left = exponent < 0 ? 0 - (uint64_t)exponent : (uint64_t)exponent;
    (void)input_count;
    for (; left > 0; left >>= 1) {
        if (left & 1u)
            product = product ? bl_matmul(product, power) : power;
        if (left > 1)
            power = bl_matmul(power, power);
    }
    outputs[0] = product;
    if (!product) { /* x^0 */
        int64_t n = shape.size[shape.rank - 1];
        outputs[0] = bl_expand(bl_eye(graph, bl_tensor_dtype(inputs[0]), n, n), shape);
    }
}

static bl_tensor *matrix_power_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 4);
    shape.size[shape.rank - 1] = shape.size[shape.rank - 2] = bl_sample_int(sampler, 0, 3);
    return bl_matrix_power(bl_sample_real(sampler, shape, -1, 1), bl_sample_int(sampler, 0, 6));
}

const bl_op bl__op_matrix_power = {BL__OP(matrix_power, 1),
                                   .flags = BL__OP_COMPOSITE,
                                   .attributes_size = sizeof(bl__matrix_power_attributes),
                                   .infer = matrix_power_infer,
                                   .decompose = matrix_power_decompose,
                                   .sample = matrix_power_sample};
