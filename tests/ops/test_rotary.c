/* Rotary and sinusoidal positions: angles, layouts of pairs, positions that are given or counted. */
#include "check.h"

TestSuite(rotary, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

static bl_tensor *turned(bl_tensor *x, bl_tensor *positions, double base, bool interleaved, int64_t offset)
{
    bl_rotary_options options = {.base = base, .interleaved = interleaved, .offset = offset};
    return bl_rotary_embedding_with(x, positions, &options);
}

Test(rotary, by_hand)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 4), 1, 2, 3, 4, 1, 0, 0, 1);
    double c = cos(1), s = sin(1), c2 = cos(0.1), s2 = sin(0.1); /* base 100: angles p and p / 10 */
    EXPECT(turned(x, NULL, 100, false, 0), 1, 2, 3, 4, c, -s2, s, c2);
    EXPECT(turned(x, NULL, 100, true, 0), 1, 2, 3, 4, c, s, -s2, c2);
    EXPECT(turned(bl_slice(x, 0, 1, 2, 1), NULL, 100, false, 1), c, -s2, s, c2);
    bl_tensor *positions = CONSTANT(BL_I64, BL_SHAPE(2), 0, -1);
    EXPECT(turned(x, positions, 100, false, 99), 1, 2, 3, 4, c, s2, -s, c2);
    EXPECT(turned(x, CONSTANT(BL_I32, BL_SCALAR, 1), 100, true, 0), c - 2 * s, 2 * c + s, 3 * c2 - 4 * s2,
           4 * c2 + 3 * s2, c, s, -s2, c2);
    EXPECT_TYPE(bl_rotary_embedding(bl_cast(x, BL_F32), NULL), BL_F32, BL_SHAPE(2, 4));
    EXPECT(bl_sub(bl_rotary_embedding(x, NULL), turned(x, NULL, 10000, false, 0)), 0, 0, 0, 0, 0, 0, 0, 0);
}

/* The product of two turned rows depends on the distance of their positions only; lengths stay. */
Test(rotary, products_depend_on_distance)
{
    double values[2 * 8];
    for (int i = 0; i < 16; i++)
        values[i] = sin(1.3 * i);
    bl_tensor *q = bl_constant(graph, BL_F64, BL_SHAPE(1, 8), values),
              *k = bl_constant(graph, BL_F64, BL_SHAPE(1, 8), values + 8);
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        bl_tensor *products[3];
        for (int i = 0; i < 3; i++)
            products[i] = bl_sum(bl_mul(turned(q, NULL, 10000, interleaved, 5 + 1000 * i),
                                        turned(k, NULL, 10000, interleaved, 2 + 1000 * i)),
                                 BL_ALL_AXES, false);
        EXPECT(bl_sub(products[1], products[0]), 0);
        EXPECT(bl_sub(products[2], products[0]), 0);
        bl_tensor *long_way = turned(q, NULL, 10000, interleaved, 123456789);
        EXPECT(
            bl_sub(bl_sum(bl_square(long_way), BL_ALL_AXES, false), bl_sum(bl_square(q), BL_ALL_AXES, false)),
            0);
    }
}

/* In f32 the angles of far positions are as good as in f64: they are computed in f64. */
Test(rotary, far_positions)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 4), 1, 2, 3, 4);
    bl_tensor *narrow = turned(bl_cast(x, BL_F32), NULL, 10000, false, 1 << 22);
    bl_tensor *wide = turned(x, NULL, 10000, false, 1 << 22);
    EXPECT_NEAR(bl_sub(bl_cast(narrow, BL_F64), wide), 1e-6, 0, 0, 0, 0);
}

Test(rotary, special_values)
{
    EXPECT(turned(REAL(BL_SHAPE(1, 2), nan_, 1), NULL, 10, false, 0), nan_, nan_);
    EXPECT(turned(REAL(BL_SHAPE(1, 2), inf, 1), NULL, 10, false, 1), inf, inf);
    EXPECT_TYPE(bl_rotary_embedding(EMPTY(BL_SHAPE(0, 4)), NULL), BL_F64, BL_SHAPE(0, 4));
    EXPECT_TYPE(bl_rotary_embedding(EMPTY(BL_SHAPE(3, 0)), NULL), BL_F64, BL_SHAPE(3, 0));
    cr_expect_eq(bl_eval(bl_rotary_embedding(EMPTY(BL_SHAPE(3, 0)), NULL), NULL, 0), BL_OK);
    cr_expect_eq(bl_eval(bl_rotary_embedding(EMPTY(BL_SHAPE(2, 0, 4)), NULL), NULL, 0), BL_OK);
    bl_tensor *deep = bl_full(graph, BL_F32, BL_SHAPE(1, 1, 2, 1, 1, 1, 3, 2), 1);
    float values[12];
    cr_expect_eq(bl_eval(bl_rotary_embedding(deep, NULL), values, sizeof(values)), BL_OK);
    cr_expect_float_eq(values[11], (float)(cos(2) + sin(2)), 1e-6f);
}

/* A view of x, and positions that are a view, give what copies give. */
Test(rotary, strides)
{
    double values[2 * 3 * 5 * 4];
    for (int i = 0; i < 120; i++)
        values[i] = i;
    bl_tensor *x = bl_transpose(bl_constant(graph, BL_F64, BL_SHAPE(2, 5, 3, 4), values), 1, 2);
    bl_tensor *every =
        CONSTANT(BL_I64, BL_SHAPE(10, 2), 0, 9, 1, 9, 2, 9, 3, 9, 4, 9, 5, 9, 6, 9, 7, 9, 8, 9, 9, 9);
    bl_tensor *positions = bl_reshape(bl_slice(every, 1, 0, 1, 1), BL_SHAPE(2, 1, 5));
    bl_tensor *view = turned(x, positions, 10, true, 0);
    bl_tensor *copies = turned(bl_mul_scalar(x, 1), bl_mul_scalar(positions, 1), 10, true, 0);
    EXPECT(bl_max(bl_abs(bl_sub(view, copies)), BL_ALL_AXES, false), 0);
}

Test(rotary, refused)
{
    bl_tensor *x = bl_full(graph, BL_F64, BL_SHAPE(2, 3, 4), 1),
              *odd = bl_full(graph, BL_F64, BL_SHAPE(2, 3), 1);
    EXPECT_ERROR(bl_rotary_embedding(odd, NULL), BL_ERR_SHAPE,
                 "bl_rotary_embedding: [2,3] is not [.., T, d]");
    EXPECT_ERROR(bl_rotary_embedding(REAL(BL_SHAPE(2), 1, 2), NULL), BL_ERR_SHAPE, "[2] is not [.., T, d]");
    EXPECT_ERROR(bl_rotary_embedding(REAL(BL_SCALAR, 1), NULL), BL_ERR_SHAPE, "bl_rotary_embedding");
    EXPECT_ERROR(bl_rotary_embedding(bl_cast(x, BL_I32), NULL), BL_ERR_DTYPE, "bl_rotary_embedding");
    EXPECT_ERROR(bl_rotary_embedding(x, REAL(BL_SHAPE(3), 0, 1, 2)), BL_ERR_DTYPE, "bl_rotary_embedding");
    EXPECT_ERROR(bl_rotary_embedding(x, CONSTANT(BL_I64, BL_SHAPE(2), 0, 1)), BL_ERR_SHAPE,
                 "positions of [2] do not broadcast to the rows of [2,3,4]");
    EXPECT_ERROR(bl_rotary_embedding(x, CONSTANT(BL_I64, BL_SHAPE(1, 2, 3), 0, 1, 2, 3, 4, 5)), BL_ERR_SHAPE,
                 "positions of [1,2,3] do not broadcast");
    EXPECT_ERROR(turned(x, NULL, 0, false, 0), BL_ERR_ARGUMENT, "the base 0 is not positive");
    EXPECT_ERROR(turned(x, NULL, inf, false, 0), BL_ERR_ARGUMENT, "the base inf");
    EXPECT_ERROR(turned(x, NULL, nan_, false, 0), BL_ERR_ARGUMENT, "the base nan");
    EXPECT_ERROR(turned(x, NULL, 10, false, INT64_MAX), BL_ERR_OVERFLOW, "bl_rotary_embedding");
    EXPECT_ERROR(bl_rotary_embedding(NULL, CONSTANT(BL_I64, BL_SCALAR, 0)), BL_ERR_ARGUMENT,
                 "a tensor is NULL");
    cr_expect_null(bl_rotary_embedding(NULL, NULL));
}

Test(rotary, sinusoids)
{
    EXPECT(bl_sinusoidal_positions(graph, BL_F64, 2, 4), 0, 1, 0, 1, sin(1), cos(1), sin(0.01), cos(0.01));
    EXPECT_NEAR(bl_sinusoidal_positions(graph, BL_F32, 2, 3), 1e-6, 0, 1, 0, sin(1), cos(1),
                sin(pow(1e4, -2.0 / 3)));
    EXPECT_TYPE(bl_sinusoidal_positions(graph, BL_F32, 0, 3), BL_F32, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_sinusoidal_positions(graph, BL_F64, 3, 0), BL_F64, BL_SHAPE(3, 0));
    EXPECT_ERROR(bl_sinusoidal_positions(graph, BL_I32, 2, 4), BL_ERR_DTYPE, "bl_sinusoidal_positions: i32");
    EXPECT_ERROR(bl_sinusoidal_positions(graph, BL_F32, -1, 4), BL_ERR_SHAPE, "[-1,4]");
    EXPECT_ERROR(bl_sinusoidal_positions(graph, BL_F32, INT64_MAX, 4), BL_ERR_OVERFLOW, "cannot be counted");
    EXPECT_ERROR(bl_sinusoidal_positions(graph, BL_F32, INT64_MAX / 16, 4), BL_ERR_MEMORY, "no memory");
    cr_expect_null(bl_sinusoidal_positions(NULL, BL_F32, 1, 2));
}
