/* Diagonals: diagonal, a view of them, and diag_embed, its transpose; eye, which is made of that. */
#include "bowline/ops.h"
#include "graph/shape.h"
#include "ops/arguments.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* The elements of a diagonal: (i, i + offset), or (i - offset, i) where the offset is below 0. */
static int64_t length_of(const bl__diagonal_attributes *of)
{
    int64_t rows = of->offset < 0 ? of->rows + of->offset : of->rows;
    int64_t columns = of->offset > 0 ? of->columns - of->offset : of->columns;
    int64_t length = rows < columns ? rows : columns;
    return length > 0 ? length : 0;
}

/* Makes the two axes those of a tensor of rank `rank`, the one that has the rows and columns; false,
 * reported, when they are not two of them. */
static bool find_axes(const char *op, const bl_tensor *x, int rank, int *first, int *second)
{
    int a = bl__axis(*first, rank), b = bl__axis(*second, rank);
    if (a >= 0 && b >= 0 && a != b) {
        *first = a;
        *second = b;
        return true;
    }
    bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "%d and %d are not two axes of rank %d, for %s", *first,
             *second, rank, BL__SHAPE_TEXT(bl_tensor_shape(x)));
    return false;
}

/* ---- diagonal: the two axes go, and their diagonal is the last one ---- */

static bl_status diagonal_infer(bl_infer_call *call)
{
    const bl__diagonal_attributes *of = call->attributes;
    bl_shape from = bl__shape_in(call, 0), to = {.rank = 0};
    for (int d = 0; d < from.rank; d++) {
        if (d != of->first && d != of->second)
            to.size[to.rank++] = from.size[d];
    }
    to.size[to.rank++] = length_of(of);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), to);
}

bl_tensor *bl_diagonal(bl_tensor *x, int64_t offset, int axis_a, int axis_b)
{
    if (!bl__known("diagonal", x) || !find_axes("diagonal", x, x->rank, &axis_a, &axis_b))
        return bl__refused(x);
    bl__diagonal_attributes attributes = {.offset = offset,
                                          .first = axis_a,
                                          .second = axis_b,
                                          .rows = x->size[axis_a],
                                          .columns = x->size[axis_b]};
    return bl__apply_1(&bl__op_diagonal, x, &attributes);
}

static void diagonal_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_diag_embed, call->cotangents[0], call->attributes);
}

static bool diagonal_view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    const bl__diagonal_attributes *of = attributes;
    int left = 0;
    *output = (bl_layout){.shape = shape, .offset = input->offset};
    for (int d = 0; d < input->shape.rank; d++) {
        if (d != of->first && d != of->second)
            output->stride[left++] = input->stride[d];
    }
    output->stride[left] = input->stride[of->first] + input->stride[of->second];
    if (bl_shape_count(shape) > 0) /* of nothing, the place could be past the end */
        output->offset +=
            of->offset > 0 ? of->offset * input->stride[of->second] : -of->offset * input->stride[of->first];
    return true;
}

static bl_tensor *diagonal_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 5);
    int first = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    int second = (first + (int)bl_sample_int(sampler, 1, shape.rank - 1)) % shape.rank;
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_bools(sampler, shape)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    return bl_diagonal(x, bl_sample_int(sampler, -2, 2),
                       first - (bl__sample_chance(sampler, 2) ? shape.rank : 0), second);
}

const bl_op bl__op_diagonal = {BL__OP(diagonal, 1),     .attributes_size = sizeof(bl__diagonal_attributes),
                               .infer = diagonal_infer, .vjp = diagonal_vjp,
                               .view = diagonal_view,   .sample = diagonal_sample};

/* ---- diag_embed: zeros, with the last axis on a diagonal of two new ones ---- */

static bl_status diag_embed_infer(bl_infer_call *call)
{
    const bl__diagonal_attributes *of = call->attributes;
    bl_shape from = bl__shape_in(call, 0), to = {.rank = from.rank + 1};
    for (int d = 0, left = 0; d < to.rank; d++)
        to.size[d] = d == of->first ? of->rows : d == of->second ? of->columns : from.size[left++];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), to);
}

bl_tensor *bl_diag_embed(bl_tensor *x, int64_t offset, int axis_a, int axis_b)
{
    if (!bl__known("diag_embed", x) || !bl__has_room("diag_embed", x, 1))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    if (x->rank == 0)
        return bl__fail(graph, BL_ERR_SHAPE, "diag_embed", "[] has no last axis");
    if (!find_axes("diag_embed", x, x->rank + 1, &axis_a, &axis_b))
        return bl__refused(x);
    int64_t length = x->size[x->rank - 1], most = INT64_MAX - length;
    if (offset > most || offset < -most)
        return bl__fail(graph, BL_ERR_OVERFLOW, "diag_embed", "the offset %lld is too far away",
                        (long long)offset);
    int64_t side = length + (offset < 0 ? -offset : offset);
    bl__diagonal_attributes attributes = {
        .offset = offset, .first = axis_a, .second = axis_b, .rows = side, .columns = side};
    return bl__apply_1(&bl__op_diag_embed, x, &attributes);
}

static void diag_embed_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_diagonal, call->cotangents[0], call->attributes);
}

static bl_tensor *diag_embed_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 4);
    int rank = shape.rank + 1, first = (int)bl_sample_int(sampler, 0, rank - 1);
    int second = (first + (int)bl_sample_int(sampler, 1, rank - 1)) % rank;
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_bools(sampler, shape)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    return bl_diag_embed(x, bl_sample_int(sampler, -2, 2), first,
                         second - (bl__sample_chance(sampler, 2) ? rank : 0));
}

const bl_op bl__op_diag_embed = {BL__OP(diag_embed, 1), .attributes_size = sizeof(bl__diagonal_attributes),
                                 .infer = diag_embed_infer, .vjp = diag_embed_vjp,
                                 .sample = diag_embed_sample};

/* ---- eye ---- */

bl_tensor *bl_eye(bl_graph *graph, bl_dtype dtype, int64_t rows, int64_t columns)
{
    if (!graph)
        return NULL;
    bl_status status = bl__shape_status(BL_SHAPE(rows, columns));
    if (!bl__is_one_of(dtype, BL__COMPUTED))
        return bl__fail(graph, BL_ERR_DTYPE, "eye", "it makes no %s: cast afterwards", bl_dtype_name(dtype));
    if (status != BL_OK)
        return bl__fail(graph, status, "eye", "there is no matrix of the shape %s",
                        BL__SHAPE_TEXT(BL_SHAPE(rows, columns)));
    bl__diagonal_attributes attributes = {.first = 0, .second = 1, .rows = rows, .columns = columns};
    bl_tensor *ones = bl_full(graph, dtype, BL_SHAPE(length_of(&attributes)), 1);
    return bl__apply_1(&bl__op_diag_embed, ones, &attributes);
}
