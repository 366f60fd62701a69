/* What the ops of linear algebra share, and the view of a diagonal. */
#include "ops/linalg.h"
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- parts of shape rules ---- */

bl_status bl__require_reals(bl_infer_call *call)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < call->input_count && status == BL_OK; i++)
        status = bl__require(call, i, BL__REALS);
    for (size_t i = 1; i < call->input_count && status == BL_OK; i++)
        status = bl__require_same(call, 0, i);
    return status;
}

bl_status bl__require_rank(bl_infer_call *call, size_t index, int rank)
{
    bl_shape shape = bl__shape_in(call, index);
    if (shape.rank == rank)
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_SHAPE, "operand %zu is %s, not of rank %d", index + 1,
                         BL__SHAPE_TEXT(shape), rank);
}

bl_status bl__require_square(bl_infer_call *call, size_t index)
{
    bl_shape shape = bl__shape_in(call, index);
    if (shape.rank >= 2 && shape.size[shape.rank - 1] == shape.size[shape.rank - 2])
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_SHAPE, "%s is no square matrix, nor many", BL__SHAPE_TEXT(shape));
}

bl_shape bl__leading(bl_shape shape, int axes)
{
    shape.rank -= axes;
    return shape;
}

/* ---- masks ---- */

/* 0, 1, .., n-1 in a shape of n elements. */
static bl_tensor *count_up(bl_graph *graph, int64_t n, bl_shape shape)
{
    const bl_allocator *allocator = &graph->context->allocator;
    int64_t *numbers = bl__allocate(allocator, (size_t)n, sizeof(*numbers));
    if (!numbers && n > 0)
        return bl__fail(graph, BL_ERR_MEMORY, "constant", "no memory for %lld indices", (long long)n);
    for (int64_t i = 0; i < n; i++)
        numbers[i] = i;
    bl_tensor *indices = bl_constant(graph, BL_I64, shape, numbers);
    bl__release(allocator, numbers, (size_t)n, sizeof(*numbers));
    return indices;
}

typedef bl_tensor *comparison(bl_tensor *a, bl_tensor *b);

/* compare(row, column) at each place of [n, n]. */
static bl_tensor *compare_indices(bl_graph *graph, int64_t n, comparison *compare)
{
    bl_tensor *row = count_up(graph, n, BL_SHAPE(n, 1));
    return compare(row, bl_tensor_valid(row) ? bl_reshape(row, BL_SHAPE(1, n)) : row);
}

bl_tensor *bl__identity_mask(bl_graph *graph, int64_t n)
{
    return compare_indices(graph, n, bl_equal);
}

bl_tensor *bl__identity(bl_graph *graph, bl_dtype dtype, int64_t n)
{
    return bl_cast(bl__identity_mask(graph, n), dtype);
}

bl_tensor *bl__triangle(bl_tensor *x, bool upper, bool strict)
{
    if (!bl_tensor_valid(x))
        return x;
    comparison *compare = upper ? (strict ? bl_less : bl_less_equal) : strict ? bl_greater : bl_greater_equal;
    int64_t n = bl_tensor_shape(x).size[bl_tensor_shape(x).rank - 1];
    return bl_where(compare_indices(bl__graph_of(x), n, compare), x, bl__number_like(x, 0));
}

bl_tensor *bl__turned(bl_tensor *x)
{
    return bl_transpose(x, -1, -2);
}

bl_tensor *bl__as_matrices(bl_tensor *x)
{
    bl_shape shape = bl_tensor_shape(x);
    shape.size[shape.rank++] = 1;
    shape.size[shape.rank++] = 1;
    return bl_tensor_valid(x) ? bl_reshape(x, shape) : x;
}

/* ---- einsum_diagonal: the view of a diagonal; its cotangent goes back onto the diagonal of zeros ---- */

static bl_status einsum_diagonal_infer(bl_infer_call *call)
{
    const bl__diagonal_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, 0), out = x;
    int64_t first = attributes->first, second = attributes->second;
    if (first < 0 || first >= second || second >= x.rank || x.size[first] != x.size[second])
        return bl_infer_fail(call, BL_ERR_SHAPE, "axes %lld and %lld of %s have no common diagonal",
                             (long long)first, (long long)second, BL__SHAPE_TEXT(x));
    out.rank--;
    for (int d = (int)second; d < out.rank; d++)
        out.size[d] = x.size[d + 1];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), out);
}

bl_tensor *bl__diagonal(bl_tensor *x, int first, int second)
{
    bl__diagonal_attributes attributes = {.first = first, .second = second};
    return bl__apply_1(&bl__op_einsum_diagonal, x, &attributes);
}

static void einsum_diagonal_vjp(bl_vjp_call *call)
{
    const bl__diagonal_attributes *attributes = call->attributes;
    bl_shape x = bl_tensor_shape(call->inputs[0]), mask = {.rank = x.rank};
    bl_shape column = bl__shape_with(x, (int)attributes->second, 1);
    for (int d = 0; d < x.rank; d++)
        mask.size[d] = d == attributes->first || d == attributes->second ? x.size[d] : 1;
    bl_tensor *on_it = bl_reshape(bl__identity_mask(call->graph, x.size[attributes->first]), mask);
    bl_tensor *g = bl_reshape(call->cotangents[0], column);
    call->gradients[0] = bl_where(on_it, g, bl__number_like(g, 0));
}

static bool einsum_diagonal_view(const bl_layout *input, const void *attributes, bl_shape shape,
                                 bl_layout *output)
{
    const bl__diagonal_attributes *axes = attributes;
    *output = (bl_layout){.shape = shape, .offset = input->offset};
    for (int d = 0; d < shape.rank; d++)
        output->stride[d] = input->stride[d < axes->second ? d : d + 1];
    output->stride[axes->first] += input->stride[axes->second];
    return true;
}

static bl_tensor *einsum_diagonal_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 5);
    int second = (int)bl_sample_int(sampler, 1, shape.rank - 1);
    int first = (int)bl_sample_int(sampler, 0, second - 1);
    shape.size[first] = shape.size[second] = bl_sample_int(sampler, 0, 3);
    return bl__diagonal(bl_sample_real(sampler, shape, -1, 1), first, second);
}

const bl_op bl__op_einsum_diagonal = {
    BL__OP(einsum_diagonal, 1),     .attributes_size = sizeof(bl__diagonal_attributes),
    .infer = einsum_diagonal_infer, .vjp = einsum_diagonal_vjp,
    .view = einsum_diagonal_view,   .sample = einsum_diagonal_sample};
