/* Matrix products: matmul, and linear, which is made of it. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    A,
    B
};

/* ---- matmul: [.., m, k] x [.., k, n] -> [.., m, n] ---- */

/* Whether two shapes multiply; reported when not. A rank of 1 stands for a row on the left and a column on
 * the right. */
static bl_status check_shapes(bl_graph *graph, bl_shape a, bl_shape b)
{
    if (a.rank == 0 || b.rank == 0)
        bl__fail(graph, BL_ERR_SHAPE, "matmul", "a scalar is no matrix: %s x %s", BL__SHAPE_TEXT(a),
                 BL__SHAPE_TEXT(b));
    else if (a.size[a.rank - 1] != b.size[b.rank > 1 ? b.rank - 2 : 0])
        bl__fail(graph, BL_ERR_SHAPE, "matmul", "inner dimensions differ: %s x %s", BL__SHAPE_TEXT(a),
                 BL__SHAPE_TEXT(b));
    else
        return BL_OK;
    return BL_ERR_SHAPE;
}

/* The leading axes of a matrix or of many. */
static bl_shape leading(bl_shape shape)
{
    shape.rank -= 2;
    return shape;
}

/* The rule of the node: both ranks are at least 2. */
static bl_status matmul_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B), out;
    bl_status status = bl__require(call, A, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, B, BL__REALS);
    if (status == BL_OK)
        status = bl__require_same(call, A, B);
    if (status == BL_OK)
        status = check_shapes(call->graph, a, b);
    if (status != BL_OK)
        return status;
    if (a.rank < 2 || b.rank < 2 || !bl_shape_broadcast(leading(a), leading(b), &out))
        return bl_infer_fail(call, BL_ERR_SHAPE, "leading dimensions do not broadcast: %s x %s",
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    out.size[out.rank++] = a.size[a.rank - 2];
    out.size[out.rank++] = b.size[b.rank - 1];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), out);
}

/* x [.., n] as one matrix [rows, n], and where there is only a vector, one row. */
static bl_tensor *fold_rows(bl_tensor *x)
{
    bl_shape shape = bl_tensor_shape(x), rows = shape;
    rows.rank--;
    int64_t count = bl_shape_count(rows);
    if (count < 0)
        return bl__fail(bl__graph_of(x), BL_ERR_OVERFLOW, "matmul", "the rows of %s cannot be counted",
                        BL__SHAPE_TEXT(shape));
    return bl_reshape(x, BL_SHAPE(count, shape.size[rows.rank]));
}

/* y [rows, n] as [.., n] with the leading axes that x had before it was folded. */
static bl_tensor *unfold_rows(bl_tensor *y, bl_shape x)
{
    return bl_reshape(y, bl__shape_with(x, x.rank - 1, bl_tensor_shape(y).size[1]));
}

/* The product of known tensors whose shapes fit. Many matrices times one are one product of all their rows.
 */
static bl_tensor *multiply(bl_tensor *a, bl_tensor *b)
{
    bl_shape left = bl_tensor_shape(a), right = bl_tensor_shape(b);
    if (right.rank == 1) {
        bl_tensor *column = multiply(a, bl_reshape(b, BL_SHAPE(right.size[0], 1)));
        bl_shape shape = bl_tensor_shape(column);
        shape.rank--;
        return bl_tensor_valid(column) ? bl_reshape(column, shape) : column;
    }
    if (left.rank == 1) {
        bl_tensor *row = multiply(bl_reshape(a, BL_SHAPE(1, left.size[0])), b);
        bl_shape shape = bl_tensor_shape(row);
        if (!bl_tensor_valid(row))
            return row;
        shape.size[shape.rank - 2] = shape.size[shape.rank - 1];
        shape.rank--;
        return bl_reshape(row, shape);
    }
    if (left.rank > 2 && right.rank == 2) {
        bl_tensor *rows = bl__apply_2(&bl__op_matmul, fold_rows(a), b, NULL);
        return bl_tensor_valid(rows) ? unfold_rows(rows, left) : rows;
    }
    return bl__apply_2(&bl__op_matmul, a, b, NULL);
}

bl_tensor *bl_matmul(bl_tensor *a, bl_tensor *b)
{
    bl_graph *graph = a ? bl__graph_of(a) : bl__graph_of(b);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, "matmul", a) || !bl__usable(graph, "matmul", b) ||
        check_shapes(graph, bl_tensor_shape(a), bl_tensor_shape(b)) != BL_OK)
        return &graph->invalid;
    return multiply(a, b);
}

/* Whether a factor was recorded as a matrix turned over, as linear does with its weight. */
static bool is_turned(const bl_tensor *factor)
{
    return factor->node->op == &bl__op_permute;
}

static bl_tensor *turned(bl_tensor *x)
{
    return bl_transpose(x, -1, -2);
}

/* da = g b^T, db = a^T g. For a factor that is turned over, the product itself is: what reaches the tensor
 * behind it then lies in memory as that tensor does. */
static void matmul_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B];
    if (call->needed[A])
        call->gradients[A] = is_turned(a) ? turned(bl_matmul(b, turned(g))) : bl_matmul(g, turned(b));
    if (call->needed[B])
        call->gradients[B] = is_turned(b) ? turned(bl_matmul(turned(g), a)) : bl_matmul(turned(a), g);
}

static bl_tensor *matmul_sample(bl_sampler *sampler)
{
    bl_shape a, b;
    do
        bl_sample_broadcast(sampler, &a, &b);
    while (a.rank > 3 || b.rank > 3);
    int64_t sizes[3];
    for (int i = 0; i < 3; i++)
        sizes[i] = bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 4);
    if (a.rank > 0 || !bl__sample_chance(sampler, 4))
        a.size[a.rank++] = sizes[0];
    a.size[a.rank++] = sizes[1];
    bool column = b.rank == 0 && bl__sample_chance(sampler, 4);
    b.size[b.rank++] = sizes[1];
    if (!column)
        b.size[b.rank++] = sizes[2];
    bl_tensor *left = bl_sample_real(sampler, a, -1, 1);
    return bl_matmul(left, bl_sample_real(sampler, b, -1, 1));
}

const bl_op bl__op_matmul = {BL__OP(matmul, 2), .infer = matmul_infer, .vjp = matmul_vjp,
                             .sample = matmul_sample};

/* ---- linear: x weight^T + bias ---- */

enum {
    X,
    WEIGHT,
    BIAS
};

static bl_status linear_infer(bl_infer_call *call)
{
    bl_shape x = bl__shape_in(call, X), weight = bl__shape_in(call, WEIGHT);
    for (size_t i = 0; i < call->input_count; i++) {
        bl_status status = bl__require(call, i, BL__REALS);
        if (status == BL_OK)
            status = bl__require_same(call, X, i);
        if (status != BL_OK)
            return status;
    }
    if (weight.rank != 2 || x.rank == 0 || x.size[x.rank - 1] != weight.size[1])
        return bl_infer_fail(call, BL_ERR_SHAPE, "x [.., in] and weight [out, in] do not fit: %s and %s",
                             BL__SHAPE_TEXT(x), BL__SHAPE_TEXT(weight));
    bl_shape bias = call->input_count > BIAS ? bl__shape_in(call, BIAS) : BL_SHAPE(weight.size[0]);
    if (!bl_shape_equal(bias, BL_SHAPE(weight.size[0])))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the bias is %s for a weight of %s", BL__SHAPE_TEXT(bias),
                             BL__SHAPE_TEXT(weight));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[X]),
                        bl__shape_with(x, x.rank - 1, weight.size[0]));
}

bl_tensor *bl_linear(bl_tensor *x, bl_tensor *weight, bl_tensor *bias)
{
    bl_tensor *inputs[] = {x, weight, bias};
    return bl__apply(&bl__op_linear, inputs, bias ? 3 : 2, NULL);
}

/* Over folded rows, so that forward and both gradients are plain matrices. The bias is added in the shape of
 * the result, so that what follows can go on with it. */
static void linear_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                             const void *attributes, bl_tensor **outputs)
{
    bl_shape x = bl_tensor_shape(inputs[X]);
    bl_tensor *rows = x.rank == 2 ? inputs[X] : fold_rows(inputs[X]);
    bl_tensor *y = bl_matmul(rows, bl_transpose(inputs[WEIGHT], 0, 1));
    (void)graph;
    (void)attributes;
    if (x.rank != 2 && bl_tensor_valid(y))
        y = unfold_rows(y, x);
    outputs[0] = input_count > BIAS ? bl_add(y, inputs[BIAS]) : y;
}

static bl_tensor *linear_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 4);
    int64_t in = shape.size[shape.rank - 1], out = bl_sample_int(sampler, 0, 4);
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *weight = bl_sample_real(sampler, BL_SHAPE(out, in), -1, 1);
    bool biased = bl__sample_chance(sampler, 2);
    return bl_linear(x, weight, biased ? bl_sample_real(sampler, BL_SHAPE(out), -1, 1) : NULL);
}

const bl_op bl__op_linear = {BL__OP_BETWEEN(linear, 2, 3), .flags = BL__OP_COMPOSITE, .infer = linear_infer,
                             .decompose = linear_decompose, .sample = linear_sample};
