/* Positions: rotary embedding and sinusoidal tables. */
#include "bowline/ops.h"
#include "bowline/sequence.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <math.h>

/* ---- rotary_embedding: y = R x for rotations R of pairs, dx = R^T g ---- */

enum {
    X,
    POSITIONS
};

static bl_status rotary_infer(bl_infer_call *call)
{
    const bl__rotary_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, X), positions = bl__shape_in(call, POSITIONS), rows = x, both;
    bl_status status = bl__require(call, X, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, POSITIONS, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    if (x.rank < 2 || x.size[x.rank - 1] % 2 != 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s is not [.., T, d] with an even d", BL__SHAPE_TEXT(x));
    rows.rank--;
    if (!bl_shape_broadcast(positions, rows, &both) || !bl_shape_equal(both, rows))
        return bl_infer_fail(call, BL_ERR_SHAPE, "positions of %s do not broadcast to the rows of %s",
                             BL__SHAPE_TEXT(positions), BL__SHAPE_TEXT(x));
    if (!(attributes->base > 0) || !isfinite(attributes->base))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the base %g is not positive and finite",
                             attributes->base);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), x);
}

bl_rotary_options bl_rotary_defaults(void)
{
    return (bl_rotary_options){.base = 10000};
}

bl_tensor *bl_rotary_embedding(bl_tensor *x, bl_tensor *positions)
{
    return bl_rotary_embedding_with(x, positions, NULL);
}

/* offset, offset + 1, .. for the rows of x: as far as f64, in which angles are computed, can tell them apart.
 */
static bl_tensor *default_positions(bl_graph *graph, const bl_tensor *x, int64_t offset)
{
    const int64_t most = (int64_t)1 << 53;
    int64_t count = x->rank > 1 ? x->size[x->rank - 2] : 0;
    if (offset < -most || offset > most - count)
        return bl__fail(graph, BL_ERR_OVERFLOW, "rotary_embedding",
                        "%lld positions from %lld on reach beyond 2^53", (long long)count, (long long)offset);
    return bl_arange(graph, BL_I64, (double)offset, (double)(offset + count), 1);
}

bl_tensor *bl_rotary_embedding_with(bl_tensor *x, bl_tensor *positions, const bl_rotary_options *options)
{
    bl_rotary_options chosen = options ? *options : bl_rotary_defaults();
    bl__rotary_attributes attributes = {.base = chosen.base, .interleaved = chosen.interleaved};
    bl_graph *graph = bl__graph_of(x ? x : positions);
    if (!bl__usable(graph, "rotary_embedding", x))
        return graph ? &graph->invalid : NULL;
    return bl__apply_2(&bl__op_rotary_embedding, x,
                       positions ? positions : default_positions(graph, x, chosen.offset), &attributes);
}

static void rotary_vjp(bl_vjp_call *call)
{
    bl__rotary_attributes back = *(const bl__rotary_attributes *)call->attributes;
    back.backwards = !back.backwards;
    if (call->needed[X])
        call->gradients[X] =
            bl__apply_2(&bl__op_rotary_embedding, call->cotangents[0], call->inputs[POSITIONS], &back);
}

/* Where the first or the second ones of all pairs stand in a row of d elements. */
static bl__slice_attributes half_of(const bl__rotary_attributes *attributes, bl_shape x, bool second)
{
    int64_t d = x.size[x.rank - 1], pairs = d / 2;
    bl__slice_attributes half = {
        .axis = x.rank - 1, .start = second ? pairs : 0, .stop = second ? d : pairs, .step = 1, .size = d};
    if (attributes->interleaved && d > 0) {
        half.start = second;
        half.stop = d;
        half.step = 2;
    }
    return half;
}

/* The angles of all positions and pairs, in f64. */
static bl_tensor *angles_of(bl_graph *graph, const bl__rotary_attributes *attributes, bl_tensor *positions,
                            int64_t pairs)
{
    const bl_allocator *allocator = &graph->context->allocator;
    bl_shape column = bl_tensor_shape(positions);
    double *frequencies = bl__allocate(allocator, (size_t)pairs + 1, sizeof(*frequencies));
    if (!frequencies)
        return bl__fail(graph, BL_ERR_MEMORY, "rotary_embedding", "no memory for %lld angles",
                        (long long)pairs);
    for (int64_t i = 0; i < pairs; i++)
        frequencies[i] = (attributes->backwards ? -1 : 1) * pow(attributes->base, -(double)i / (double)pairs);
    bl_tensor *each = bl_constant(graph, BL_F64, BL_SHAPE(pairs), frequencies);
    bl__release(allocator, frequencies, (size_t)pairs + 1, sizeof(*frequencies));
    column.size[column.rank++] = 1;
    return bl_mul(bl_reshape(bl_cast(positions, BL_F64), column), each);
}

/* The pairs taken apart, turned, and put in their places again. */
static void rotary_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *data,
                             bl_tensor **outputs)
{
    const bl__rotary_attributes *attributes = data;
    bl_shape shape = bl_tensor_shape(inputs[X]);
    bl_dtype dtype = bl_tensor_dtype(inputs[X]);
    bl__slice_attributes first = half_of(attributes, shape, false), second = half_of(attributes, shape, true);
    bl_tensor *angles = angles_of(graph, attributes, inputs[POSITIONS], shape.size[shape.rank - 1] / 2);
    bl_tensor *c = bl_cast(bl_cos(angles), dtype), *s = bl_cast(bl_sin(angles), dtype);
    bl_tensor *a = bl__apply_1(&bl__op_slice, inputs[X], &first);
    bl_tensor *b = bl__apply_1(&bl__op_slice, inputs[X], &second);
    bl_tensor *turned_a = bl_sub(bl_mul(a, c), bl_mul(b, s)), *turned_b = bl_add(bl_mul(b, c), bl_mul(a, s));
    (void)input_count;
    outputs[0] = bl_add(bl__apply_1(&bl__op_slice_backward, turned_a, &first),
                        bl__apply_1(&bl__op_slice_backward, turned_b, &second));
}

static bl_tensor *rotary_sample(bl_sampler *sampler)
{
    bl_rotary_options options = {.base = bl__sample_chance(sampler, 2) ? 10000 : 50,
                                 .interleaved = bl__sample_chance(sampler, 2),
                                 .offset = bl_sample_int(sampler, -3, 3)};
    bl_shape shape = bl_sample_shape(sampler, 1, 4), rows = shape;
    shape.size[shape.rank++] = 2 * bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 3);
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    if (bl__sample_chance(sampler, 2))
        return bl_rotary_embedding_with(x, NULL, &options);
    int cut = (int)bl_sample_int(sampler, 0, rows.rank);
    for (int d = cut; d < rows.rank; d++)
        rows.size[d - cut] = bl__sample_chance(sampler, 4) ? 1 : rows.size[d];
    rows.rank -= cut;
    return bl_rotary_embedding_with(x, bl_sample_indices(sampler, rows, -9, 99), &options);
}

const bl_op bl__op_rotary_embedding = {
    BL__OP(rotary_embedding, 2),   .attributes_size = sizeof(bl__rotary_attributes),
    .infer = rotary_infer,         .vjp = rotary_vjp,
    .decompose = rotary_decompose, .sample = rotary_sample};

/* ---- sinusoidal_positions: a constant ---- */

static double sinusoid(int64_t row, int64_t column, int64_t width)
{
    double angle = (double)row * pow(10000, -(double)(column - column % 2) / (double)width);
    return column % 2 ? cos(angle) : sin(angle);
}

bl_tensor *bl_sinusoidal_positions(bl_graph *graph, bl_dtype dtype, int64_t length, int64_t width)
{
    const char *op = "sinusoidal_positions";
    int64_t count;
    if (!graph)
        return NULL;
    if (!bl__is_one_of(dtype, BL__REALS))
        return bl__fail(graph, BL_ERR_DTYPE, op, "%s is not f32 or f64", bl_dtype_name(dtype));
    if (length < 0 || width < 0)
        return bl__fail(graph, BL_ERR_SHAPE, op, "no tensor has the shape %s",
                        BL__SHAPE_TEXT(BL_SHAPE(length, width)));
    if (!bl__multiply(length, width, &count) || count == INT64_MAX)
        return bl__fail(graph, BL_ERR_OVERFLOW, op, "the elements of %s cannot be counted",
                        BL__SHAPE_TEXT(BL_SHAPE(length, width)));
    const bl_allocator *allocator = &graph->context->allocator;
    size_t bytes = bl_dtype_size(dtype), n = (size_t)count + 1;
    void *values = bl__allocate(allocator, n, bytes);
    if (!values)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %lld positions", (long long)length);
    for (int64_t i = 0; i < count; i++) {
        double value = sinusoid(i / width, i % width, width);
        if (dtype == BL_F32)
            ((float *)values)[i] = (float)value;
        else
            ((double *)values)[i] = value;
    }
    bl_tensor *constant = bl_constant(graph, dtype, BL_SHAPE(length, width), values);
    bl__release(allocator, values, n, bytes);
    return constant;
}
