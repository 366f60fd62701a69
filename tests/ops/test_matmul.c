/* matmul and linear. Values and gradients are PyTorch 1.13's. Looks at graph/graph.h to count the products
 * that were recorded. */
#include "check.h"
#include "graph/graph.h"
#include "ops/keys.h"

#include <string.h>

TestSuite(matmul, .init = open_all, .fini = close_all);

static bl_tensor *left(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

static bl_tensor *right(void)
{
    return REAL(BL_SHAPE(3, 2), 1, -1, 2, 0, 0.5, 3);
}

/* 0, 1, 2, .. */
static bl_tensor *range(bl_shape shape)
{
    double values[64];
    for (int i = 0; i < 64; i++)
        values[i] = i;
    return bl_constant(graph, BL_F64, shape, values);
}

Test(matmul, matrices)
{
    bl_tensor *a = left(), *b = right(), *w = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    bl_tensor *y = bl_matmul(a, b), *weighed = bl_mul(y, w);
    EXPECT(y, 6.5, 8, 17, 14);
    EXPECT(bl_gradient(weighed, a), -1, 2, 6.5, -1, 6, 13.5);
    EXPECT(bl_gradient(weighed, b), 13, 18, 17, 24, 21, 30);
    EXPECT_NEAR(bl_matmul(bl_cast(a, BL_F32), bl_cast(b, BL_F32)), 1e-6, 6.5, 8, 17, 14);
}

Test(matmul, vectors)
{
    bl_tensor *v = range(BL_SHAPE(3)), *many = range(BL_SHAPE(2, 2, 3));
    EXPECT(bl_matmul(v, v), 5);
    EXPECT_TYPE(bl_matmul(v, v), BL_F64, BL_SCALAR);
    EXPECT_TYPE(bl_matmul(v, right()), BL_F64, BL_SHAPE(2));
    EXPECT(bl_matmul(v, right()), 3, 6);
    EXPECT(bl_matmul(left(), v), 8, 17);
    EXPECT_TYPE(bl_matmul(many, v), BL_F64, BL_SHAPE(2, 2));
    EXPECT(bl_matmul(many, v), 5, 14, 23, 32);
    EXPECT(bl_matmul(v, range(BL_SHAPE(2, 3, 2))), 10, 13, 28, 31);
    EXPECT(bl_gradient(bl_matmul(v, v), v), 0, 2, 4);
}

Test(matmul, batches_broadcast)
{
    bl_tensor *a = range(BL_SHAPE(2, 1, 1, 2)), *b = range(BL_SHAPE(3, 2, 2)), *y = bl_matmul(a, b);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 3, 1, 2));
    EXPECT(y, 2, 3, 6, 7, 10, 11, 6, 11, 26, 31, 46, 51);
    EXPECT_TYPE(bl_gradient(y, a), BL_F64, BL_SHAPE(2, 1, 1, 2));
    EXPECT(bl_gradient(y, a), 1 + 9 + 17, 5 + 13 + 21, 1 + 9 + 17, 5 + 13 + 21);
    EXPECT(bl_matmul(range(BL_SHAPE(2, 2, 3)), range(BL_SHAPE(3, 2))), 10, 13, 28, 40, 46, 67, 64, 94);
    EXPECT_TYPE(bl_matmul(range(BL_SHAPE(2, 2)), range(BL_SHAPE(3, 2, 4))), BL_F64, BL_SHAPE(3, 2, 4));
}

static int count_products(void)
{
    int count = 0;
    for (int64_t id = 0; id < graph->node_count; id++)
        count += graph->nodes[id]->op->key == BL__KEY_matmul && graph->nodes[id]->outputs[0].rank == 2;
    return count;
}

/* Many matrices times one are one product, and so are both gradients. */
Test(matmul, one_matrix_on_the_right_is_one_product)
{
    bl_tensor *a = range(BL_SHAPE(2, 2, 3)), *b = range(BL_SHAPE(3, 2)), *y = bl_matmul(a, b);
    cr_assert_eq(count_products(), 1);
    bl_tensor *by_a = bl_gradient(y, a), *by_b = bl_gradient(y, b);
    cr_assert_eq(count_products(), 3);
    EXPECT(by_b, 18, 18, 22, 22, 26, 26);
    EXPECT(by_a, 1, 5, 9, 1, 5, 9, 1, 5, 9, 1, 5, 9);
}

Test(matmul, transposed_views_are_not_copied)
{
    bl_tensor *a = bl_input(graph, "a", BL_F64, BL_SHAPE(3, 2)),
              *b = bl_input(graph, "b", BL_F64, BL_SHAPE(4, 3));
    bl_program *program = bl_compile(context, bl_matmul(bl_transpose(a, 0, 1), bl_transpose(b, 0, 1)));
    cr_assert_eq(bl_program_instruction_count(program), 1);
    bl_program_free(program);
}

/* m x k, as it is, as a view of its transpose, and as every second element of something larger. */
static bl_tensor *laid_out(int layout, int64_t m, int64_t k, bl_dtype dtype, double phase)
{
    bl_tensor *count = bl_cast(bl_arange(graph, BL_I64, 0, (double)(m * k), 1), BL_F64);
    bl_tensor *x = bl_cast(bl_sin(bl_add_scalar(bl_mul_scalar(count, 1.7), phase)), dtype);
    x = bl_reshape(x, BL_SHAPE(m, k));
    if (layout == 1)
        return bl_transpose(bl_mul_scalar(bl_transpose(x, 0, 1), 1), 0, 1);
    if (layout == 2)
        return bl_slice(bl_reshape(bl_stack((bl_tensor *[]){x, x}, 2, 2), BL_SHAPE(m, 2 * k)), 1, 0, 2 * k,
                        2);
    return x;
}

/* Rows times columns of every length about those of vectors: close to the sum, and the same bits however the
 * factors lie, alone and added to something. */
Test(matmul, bits_do_not_depend_on_strides)
{
    for (int i = 0; i < 2 * 5 * 4; i++) {
        bl_dtype dtype = i % 2 ? BL_F32 : BL_F64;
        int64_t k = (int64_t[]){7, 16, 33, 64, 100}[i / 2 % 5];
        int64_t m = i / 10 < 2 ? 1 : 19, n = i / 10 % 2 ? 1 : 19;
        double tolerance = dtype == BL_F32 ? 2e-6 : 1e-14, first[19 * 19], again[19 * 19], expected[19 * 19];
        bl_graph_reset(graph);
        bl_tensor *a = laid_out(0, m, k, BL_F64, 0), *b = laid_out(0, n, k, BL_F64, 1);
        a = bl_cast(bl_cast(a, dtype), BL_F64);
        b = bl_cast(bl_cast(b, dtype), BL_F64);
        bl_tensor *sum = bl_sum(bl_mul(bl_reshape(a, BL_SHAPE(m, 1, k)), b), BL_AXES(-1), false);
        cr_assert_eq(bl_eval(sum, expected, (size_t)(m * n) * sizeof(double)), BL_OK);
        for (int layout = 0; layout < 9; layout++) {
            bl_tensor *left = laid_out(layout / 3, m, k, dtype, 0);
            bl_tensor *right = bl_transpose(laid_out(layout % 3, n, k, dtype, 1), 0, 1);
            bl_tensor *y = bl_matmul(left, right);
            bl_tensor *added = bl_add(bl_matmul(left, right), bl_full(graph, dtype, BL_SHAPE(m, n), 1));
            cr_assert_eq(bl_eval(bl_cast(y, BL_F64), again, (size_t)(m * n) * sizeof(double)), BL_OK);
            for (int64_t j = 0; j < m * n; j++)
                cr_assert_leq(fabs(again[j] - expected[j]), tolerance * (double)k);
            if (layout == 0)
                memcpy(first, again, sizeof(first));
            cr_assert_arr_eq(first, again, (size_t)(m * n) * sizeof(double));
            cr_assert_eq(bl_eval(bl_cast(added, BL_F64), again, (size_t)(m * n) * sizeof(double)), BL_OK);
            for (int64_t j = 0; j < m * n; j++)
                cr_assert_leq(fabs(again[j] - 1 - expected[j]), tolerance * (double)k);
        }
    }
}

Test(matmul, without_elements)
{
    EXPECT(bl_matmul(EMPTY(BL_SHAPE(2, 0)), EMPTY(BL_SHAPE(0, 2))), 0, 0, 0, 0);
    EXPECT_TYPE(bl_matmul(EMPTY(BL_SHAPE(0, 3)), right()), BL_F64, BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_matmul(EMPTY(BL_SHAPE(0, 4, 3)), right()), BL_F64, BL_SHAPE(0, 4, 2));
    bl_tensor *b = right();
    EXPECT(bl_gradient(bl_matmul(EMPTY(BL_SHAPE(0, 4, 3)), b), b), 0, 0, 0, 0, 0, 0);
    EXPECT(bl_matmul(EMPTY(BL_SHAPE(0)), EMPTY(BL_SHAPE(0))), 0);
}

Test(matmul, refuses)
{
    bl_tensor *a = left();
    EXPECT_ERROR(bl_matmul(a, range(BL_SHAPE(4, 5))), BL_ERR_SHAPE,
                 "bl_matmul: inner dimensions differ: [2,3] x [4,5] (test_matmul.c");
    EXPECT_ERROR(bl_matmul(range(BL_SHAPE(2, 3, 4)), range(BL_SHAPE(3, 4))), BL_ERR_SHAPE,
                 "inner dimensions differ: [2,3,4] x [3,4]");
    EXPECT_ERROR(bl_matmul(range(BL_SHAPE(4)), a), BL_ERR_SHAPE, "inner dimensions differ: [4] x [2,3]");
    EXPECT_ERROR(bl_matmul(a, range(BL_SHAPE(2))), BL_ERR_SHAPE, "inner dimensions differ: [2,3] x [2]");
    EXPECT_ERROR(bl_matmul(a, bl_scalar(graph, BL_F64, 1)), BL_ERR_SHAPE,
                 "a scalar is no matrix: [2,3] x []");
    EXPECT_ERROR(bl_matmul(range(BL_SHAPE(2, 1, 3)), range(BL_SHAPE(3, 3, 1))), BL_ERR_SHAPE,
                 "leading dimensions do not broadcast: [2,1,3] x [3,3,1]");
    EXPECT_ERROR(bl_matmul(a, bl_cast(right(), BL_F32)), BL_ERR_DTYPE,
                 "bl_matmul: dtypes differ: f64 [2,3] and f32 [3,2]");
    EXPECT_ERROR(bl_matmul(bl_cast(a, BL_I32), right()), BL_ERR_DTYPE,
                 "the first operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_matmul(a, bl_cast(right(), BL_F16)), BL_ERR_DTYPE, "f16, which is storage only");
    EXPECT_ERROR(bl_matmul(a, NULL), BL_ERR_ARGUMENT, "bl_matmul: a tensor is NULL");
    EXPECT_ERROR(bl_matmul(NULL, a), BL_ERR_ARGUMENT, "bl_matmul: a tensor is NULL");
    cr_assert_null(bl_matmul(NULL, NULL));
}

Test(matmul, linear)
{
    bl_tensor *x = range(BL_SHAPE(2, 2, 3)), *weight = REAL(BL_SHAPE(2, 3), 1, 0, -1, 2, 1, 0.5);
    bl_tensor *bias = REAL(BL_SHAPE(2), 10, 20), *y = bl_linear(x, weight, bias);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2, 2));
    EXPECT(y, 8, 22, 8, 32.5, 8, 43, 8, 53.5);
    EXPECT(bl_gradient(y, bias), 4, 4);
    EXPECT(bl_gradient(y, weight), 18, 22, 26, 18, 22, 26);
    EXPECT(bl_linear(x, weight, NULL), -2, 2, -2, 12.5, -2, 23, -2, 33.5);
    EXPECT(bl_linear(range(BL_SHAPE(3)), weight, bias), 8, 22);
    EXPECT(bl_linear(range(BL_SHAPE(1, 3)), weight, bias), 8, 22);
    EXPECT_TYPE(bl_linear(EMPTY(BL_SHAPE(0, 3)), weight, bias), BL_F64, BL_SHAPE(0, 2));
}

Test(matmul, linear_refuses)
{
    bl_tensor *x = range(BL_SHAPE(2, 2, 3)), *weight = range(BL_SHAPE(4, 3)), *bias = range(BL_SHAPE(4));
    EXPECT_ERROR(bl_linear(x, range(BL_SHAPE(3, 4)), bias), BL_ERR_SHAPE, "bl_linear: ", "[2,2,3] and [3,4]",
                 "test_matmul.c");
    EXPECT_ERROR(bl_linear(x, range(BL_SHAPE(3)), NULL), BL_ERR_SHAPE, "[2,2,3] and [3]");
    EXPECT_ERROR(bl_linear(bl_scalar(graph, BL_F64, 1), weight, NULL), BL_ERR_SHAPE, "[] and [4,3]");
    EXPECT_ERROR(bl_linear(x, weight, range(BL_SHAPE(3))), BL_ERR_SHAPE,
                 "bl_linear: the bias is [3] for a weight of [4,3]");
    EXPECT_ERROR(bl_linear(x, weight, bl_cast(bias, BL_F32)), BL_ERR_DTYPE, "f64 [2,2,3] and f32 [4]",
                 "cast the third operand");
    EXPECT_ERROR(bl_linear(bl_cast(x, BL_I64), weight, bias), BL_ERR_DTYPE, "the first operand is i64");
    EXPECT_ERROR(bl_linear(x, NULL, bias), BL_ERR_ARGUMENT, "bl_linear: a tensor is NULL");
    cr_assert_null(bl_linear(NULL, NULL, NULL));
}
