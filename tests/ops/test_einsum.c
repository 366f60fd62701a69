/* einsum: values by hand and beside other builders, how it is recorded, and every error. Looks at
 * graph/graph.h for the sizes of what is recorded. */
#include "check.h"
#include "graph/graph.h"
#include "ops/keys.h"

TestSuite(einsum, .init = open_all, .fini = close_all);

#define EINSUM(subscripts, ...)                         \
    bl_einsum(subscripts, (bl_tensor *[]){__VA_ARGS__}, \
              sizeof((bl_tensor *[]){__VA_ARGS__}) / sizeof(bl_tensor *))

static bl_tensor *range(bl_shape shape)
{
    double values[512];
    for (int i = 0; i < 512; i++)
        values[i] = i % 13 - 4;
    return bl_constant(graph, BL_F64, shape, values);
}

/* The largest difference of two tensors of one shape. */
static void expect_equal(bl_tensor *a, bl_tensor *b)
{
    EXPECT_TYPE(a, BL_F64, bl_tensor_shape(b));
    EXPECT(bl_sum(bl_abs(bl_sub(a, b)), BL_ALL_AXES, false), 0);
}

Test(einsum, one_operand)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6), *square = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    EXPECT(EINSUM("ij->ji", x), 1, 4, 2, 5, 3, 6);
    EXPECT(EINSUM("ji", x), 1, 4, 2, 5, 3, 6);
    EXPECT(EINSUM("ij->i", x), 6, 15);
    EXPECT(EINSUM("ij->j", x), 5, 7, 9);
    EXPECT(EINSUM("ij->", x), 21);
    EXPECT(EINSUM("ii", square), 5);
    EXPECT(EINSUM("ii->i", square), 1, 4);
    EXPECT(EINSUM("...ii->...i", bl_reshape(square, BL_SHAPE(1, 2, 2))), 1, 4);
    EXPECT(EINSUM("", bl_scalar(graph, BL_F64, 3)), 3);
    EXPECT(EINSUM("->", bl_scalar(graph, BL_F64, 3)), 3);
    EXPECT(EINSUM("iijj->ji", range(BL_SHAPE(2, 2, 3, 3))), -4, -3, 0, 1, 4, 5);
    EXPECT(EINSUM("iii->i", REAL(BL_SHAPE(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8)), 1, 8);
    EXPECT(EINSUM("ij", x), 1, 2, 3, 4, 5, 6);
}

Test(einsum, products)
{
    bl_tensor *a = range(BL_SHAPE(2, 3, 4)), *b = range(BL_SHAPE(2, 4, 5)), *u = range(BL_SHAPE(3)),
              *v = range(BL_SHAPE(4)), *m = range(BL_SHAPE(3, 4));
    expect_equal(EINSUM("bij,bjk->bik", a, b), bl_matmul(a, b));
    expect_equal(EINSUM("bij,bjk", a, b), bl_sum(bl_matmul(a, b), BL_AXES(0), false)); /* b is summed over */
    expect_equal(EINSUM("bij,bjk->kbi", a, b), bl_permute(bl_matmul(a, b), BL_AXES(2, 0, 1)));
    expect_equal(EINSUM("i,j->ij", u, v), bl_outer(u, v));
    expect_equal(EINSUM("i,ij,j->", u, m, v), bl_dot(u, bl_mv(m, v)));
    expect_equal(EINSUM("ij,ij->ij", m, m), bl_square(m));
    expect_equal(EINSUM("ij,ij->", m, m), bl_sum(bl_square(m), BL_ALL_AXES, false));
    expect_equal(EINSUM("ij,ij->i", m, m), bl_sum(bl_square(m), BL_AXES(1), false));
    expect_equal(EINSUM("ij,k->", m, u),
                 bl_mul(bl_sum(m, BL_ALL_AXES, false), bl_sum(u, BL_ALL_AXES, false)));
    expect_equal(EINSUM("ij,Ij->iI", m, m), bl_matmul(m, bl_transpose(m, 0, 1)));
    expect_equal(EINSUM(" b i j , b j k -> b i k ", a, b), bl_matmul(a, b));
    expect_equal(
        EINSUM("ij,kj,lk,ml->im", m, range(BL_SHAPE(6, 4)), range(BL_SHAPE(2, 6)), range(BL_SHAPE(5, 2))),
        bl_matmul(bl_matmul(bl_matmul(m, bl_transpose(range(BL_SHAPE(6, 4)), 0, 1)),
                            bl_transpose(range(BL_SHAPE(2, 6)), 0, 1)),
                  bl_transpose(range(BL_SHAPE(5, 2)), 0, 1)));
    EXPECT_TYPE(EINSUM("bAa,Ba", range(BL_SHAPE(2, 3, 4)), range(BL_SHAPE(5, 4))), BL_F64,
                BL_SHAPE(3, 5, 2)); /* A, B, b */
    EXPECT_TYPE(EINSUM("ij,jk->ik", bl_cast(m, BL_F32), bl_cast(range(BL_SHAPE(4, 2)), BL_F32)), BL_F32,
                BL_SHAPE(3, 2));
}

Test(einsum, ellipsis_and_sizes_of_one_broadcast)
{
    bl_tensor *a = range(BL_SHAPE(2, 1, 3, 4)), *b = range(BL_SHAPE(5, 4, 2)), *x = range(BL_SHAPE(2, 3));
    expect_equal(EINSUM("...ij,...jk->...ik", a, b), bl_matmul(a, b));
    expect_equal(EINSUM("...ij,...jk", a, b), bl_matmul(a, b));
    expect_equal(EINSUM("...ij->ji...", range(BL_SHAPE(2, 3, 4))),
                 bl_permute(range(BL_SHAPE(2, 3, 4)), BL_AXES(2, 1, 0)));
    expect_equal(EINSUM("i...->...", x), bl_sum(x, BL_AXES(0), false));
    expect_equal(EINSUM("...i->i", x), bl_sum(x, BL_AXES(0), false)); /* the ellipsis is summed over */
    expect_equal(EINSUM("...,...->...", x, range(BL_SHAPE(3))), bl_mul(x, range(BL_SHAPE(3))));
    expect_equal(EINSUM("ij->...ij", x), x);
    expect_equal(EINSUM("ij,ij->ij", x, range(BL_SHAPE(2, 1))), bl_mul(x, range(BL_SHAPE(2, 1))));
    expect_equal(EINSUM("ij,j->i", x, range(BL_SHAPE(1))),
                 bl_sum(bl_mul(x, range(BL_SHAPE(1))), BL_AXES(1), false));
    expect_equal(EINSUM("ij,jk->ik", range(BL_SHAPE(1, 1)), x),
                 bl_matmul(bl_expand(range(BL_SHAPE(1, 1)), BL_SHAPE(1, 2)), x));
}

Test(einsum, many_axes)
{
    bl_shape eight = {.rank = 8, .size = {1, 2, 1, 2, 1, 2, 1, 3}};
    bl_tensor *x = range(eight);
    expect_equal(EINSUM("abcdefgh->hgfedcba", x), bl_permute(x, BL_AXES(7, 6, 5, 4, 3, 2, 1, 0)));
    expect_equal(EINSUM("abcdefgh,abcdefgh->abcdefgh", x, x), bl_square(x));
    expect_equal(EINSUM("abcdefgh,abcdefgh->abcdefg", x, x), bl_sum(bl_square(x), BL_AXES(7), false));
    expect_equal(EINSUM("abcdefgh,abcdefgh->a", x, x),
                 bl_sum(bl_square(x), BL_AXES(1, 2, 3, 4, 5, 6, 7), false));
    /* The first two alone would have ten axes. */
    bl_tensor *five = range(BL_SHAPE(1, 2, 1, 2, 1));
    EXPECT_TYPE(EINSUM("abcde,fghij,abcd,fghi->ej", five, five, range(BL_SHAPE(1, 2, 1, 2)),
                       range(BL_SHAPE(1, 2, 1, 2))),
                BL_F64, BL_SHAPE(1, 1));
    /* Each of five shares two indices with every other, so any two together keep twelve. */
    bl_tensor *ones = range(BL_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    EXPECT_ERROR(EINSUM("abcdefgh,abijklmn,cdijopqr,efklopst,ghmnqrst", ones, ones, ones, ones, ones),
                 BL_ERR_SHAPE, "every product of two operands has more than 8 axes");
}

Test(einsum, without_elements)
{
    EXPECT(EINSUM("ij,jk->ik", EMPTY(BL_SHAPE(2, 0)), EMPTY(BL_SHAPE(0, 1))), 0, 0);
    EXPECT(EINSUM("i->", EMPTY(BL_SHAPE(0))), 0);
    EXPECT_TYPE(EINSUM("i,j->ij", EMPTY(BL_SHAPE(0)), range(BL_SHAPE(3))), BL_F64, BL_SHAPE(0, 3));
    EXPECT(EINSUM("i,i->", EMPTY(BL_SHAPE(0)), range(BL_SHAPE(1))), 0);
    EXPECT(EINSUM("ii", EMPTY(BL_SHAPE(0, 0))), 0);
}

Test(einsum, derivatives)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4), *b = REAL(BL_SHAPE(2, 2), 5, 6, 7, 8);
    EXPECT(bl_gradient(EINSUM("ii", a), a), 1, 0, 0, 1);
    EXPECT(bl_gradient(EINSUM("ij,jk->", a, b), a), 11, 15, 11, 15);
    EXPECT(bl_gradient(EINSUM("ij,ji->", a, a), a), 2, 6, 4, 8);
    EXPECT(bl_gradient(EINSUM("ii,ij->", a, b), a), 11, 0, 0, 15);
}

/* Attention's products are one batched matrix product over views of the operands. */
Test(einsum, batches_are_products_of_views)
{
    bl_tensor *q = range(BL_SHAPE(2, 3, 2, 4)), *k = range(BL_SHAPE(2, 5, 2, 4));
    bl_tensor *scores = EINSUM("bqhd,bkhd->bhqk", q, k);
    EXPECT_TYPE(scores, BL_F64, BL_SHAPE(2, 2, 3, 5));
    cr_assert_eq(count_nodes(BL__KEY_matmul), 1);
    cr_assert_eq(count_nodes(BL__KEY_mul), 0);
    bl_program *program = bl_compile(context, scores);
    cr_assert_eq(bl_program_instruction_count(program), 1);
    bl_program_free(program);
    expect_equal(scores, bl_matmul(bl_permute(q, BL_AXES(0, 2, 1, 3)), bl_permute(k, BL_AXES(0, 2, 3, 1))));
}

/* Axes that are in order already are not permuted. */
Test(einsum, axes_in_order_stay)
{
    bl_tensor *a = range(BL_SHAPE(2, 3, 4)), *b = range(BL_SHAPE(2, 4, 5));
    expect_equal(EINSUM("bij,bjk->bik", a, b), bl_matmul(a, b));
    expect_equal(EINSUM("bij,bij->bij", a, a), bl_square(a));
    expect_equal(EINSUM("bij", a), a);
    cr_assert_eq(count_nodes(BL__KEY_permute), 0);
}

/* A chain from its thin end: the vector meets one matrix after the other. */
Test(einsum, the_smallest_product_first)
{
    bl_tensor *m = range(BL_SHAPE(20, 20)), *v = range(BL_SHAPE(20));
    bl_tensor *y = EINSUM("ij,jk,kl,l->i", m, m, m, v);
    for (int64_t id = 0; id < graph->node_count; id++) {
        if (graph->nodes[id]->op->key == BL__KEY_matmul)
            cr_assert_leq(graph->nodes[id]->outputs[0].count, 20);
    }
    expect_equal(y, bl_mv(m, bl_mv(m, bl_mv(m, v))));
}

Test(einsum, refuses_malformed_subscripts)
{
    bl_tensor *x = range(BL_SHAPE(2, 3)), *y = range(BL_SHAPE(3, 4));
    EXPECT_ERROR(EINSUM("ij,j?->i", x, y), BL_ERR_ARGUMENT,
                 "bl_einsum: \"ij,j?->i\", character 5, at \"?->i\": neither a letter", "test_einsum.c");
    EXPECT_ERROR(EINSUM("ij,j1->i", x, y), BL_ERR_ARGUMENT, "character 5, at \"1->i\"");
    EXPECT_ERROR(EINSUM("ij,jk-ik", x, y), BL_ERR_ARGUMENT, "at \"-ik\": an arrow is \"->\"");
    EXPECT_ERROR(EINSUM("ij,jk>ik", x, y), BL_ERR_ARGUMENT, "at \">ik\": neither a letter");
    EXPECT_ERROR(EINSUM("..ij,jk", x, y), BL_ERR_ARGUMENT, "at \"..ij,jk\": an ellipsis has three dots");
    EXPECT_ERROR(EINSUM("....ij,jk", x, y), BL_ERR_ARGUMENT, "character 4", "a second ellipsis");
    EXPECT_ERROR(EINSUM("...i...j,jk", x, y), BL_ERR_ARGUMENT,
                 "character 5, at \"...j,jk\": a term has a second");
    EXPECT_ERROR(EINSUM("ij,jk->i,k", x, y), BL_ERR_ARGUMENT, "at \",k\": the output is one term");
    EXPECT_ERROR(EINSUM("ij,jk->i->k", x, y), BL_ERR_ARGUMENT, "at \"->k\": the output is one term");
    EXPECT_ERROR(EINSUM("ij,jk->iki", x, y), BL_ERR_ARGUMENT,
                 "character 10, at \"i\": the output has this index twice");
    EXPECT_ERROR(EINSUM("ij,jk->iz", x, y), BL_ERR_ARGUMENT,
                 "character 9, at \"z\": no operand has this index");
    EXPECT_ERROR(EINSUM("ij,jk->ik.", x, y), BL_ERR_ARGUMENT, "an ellipsis has three dots");
    EXPECT_ERROR(EINSUM("ij,jk->i\xc3\xa4", x, y), BL_ERR_ARGUMENT, "neither a letter");
    EXPECT_ERROR(EINSUM("abcdefghi,jk->", x, y), BL_ERR_ARGUMENT, "names more axes than a tensor has");
    EXPECT_ERROR(EINSUM("ij", x, y), BL_ERR_ARGUMENT, "\"ij\" has terms for 1 operands, not 2");
    EXPECT_ERROR(EINSUM("ij,jk,kl->", x, y), BL_ERR_ARGUMENT, "has terms for 3 operands, not 2");
    EXPECT_ERROR(bl_einsum(NULL, &x, 1), BL_ERR_ARGUMENT, "bl_einsum: the subscripts are NULL");
}

Test(einsum, refuses_operands)
{
    bl_tensor *x = range(BL_SHAPE(2, 3)), *y = range(BL_SHAPE(3, 4)), *none[] = {NULL, x};
    EXPECT_ERROR(EINSUM("ijk,jk->i", x, y), BL_ERR_SHAPE,
                 "the term of operand 1 names 3 axes, but that is [2,3]");
    EXPECT_ERROR(EINSUM("ij,j->i", x, y), BL_ERR_SHAPE,
                 "the term of operand 2 names 1 axes, but that is [3,4]");
    EXPECT_ERROR(EINSUM("ij,...abc", x, y), BL_ERR_SHAPE, "names 3 axes and an ellipsis, but that is [3,4]");
    EXPECT_ERROR(EINSUM("ij,kj->ik", x, y), BL_ERR_SHAPE, "'j' is 3 before and 4 in operand 2, [3,4]");
    EXPECT_ERROR(EINSUM("ii", x), BL_ERR_SHAPE, "'i' is 2 before and 3 in operand 1, [2,3]");
    EXPECT_ERROR(EINSUM("ii", range(BL_SHAPE(1, 3))), BL_ERR_SHAPE, "'i' is 1 before and 3 in operand 1");
    EXPECT_ERROR(EINSUM("...,...", x, y), BL_ERR_SHAPE, "axis -2 of the ellipsis is 2 before and 3 in");
    EXPECT_ERROR(EINSUM("i...,...", EMPTY(BL_SHAPE(1, 0)), y), BL_ERR_SHAPE, "is 0 before and 4");
    EXPECT_ERROR(EINSUM("ij,jk->ik", x, bl_cast(y, BL_F32)), BL_ERR_DTYPE, "bl_einsum: dtypes differ");
    EXPECT_ERROR(EINSUM("ij", bl_cast(x, BL_I64)), BL_ERR_DTYPE, "the first operand is i64");
    EXPECT_ERROR(bl_einsum("i,ij", none, 2), BL_ERR_ARGUMENT, "bl_einsum: a tensor is NULL");
    EXPECT_ERROR(EINSUM("abcd,efghi", range(BL_SHAPE(1, 1, 1, 1)), range(BL_SHAPE(1, 1, 1, 1, 1))),
                 BL_ERR_SHAPE, "the output of \"abcd,efghi\" has more than 8 axes");
    EXPECT_ERROR(
        EINSUM("...abcd,efg->...abcdefg", range(BL_SHAPE(1, 1, 1, 1, 1, 1)), range(BL_SHAPE(1, 1, 1))),
        BL_ERR_SHAPE, "has more than 8 axes");
    cr_assert_null(bl_einsum("i", NULL, 1));
    cr_assert_null(bl_einsum("i", none, 0));
}
