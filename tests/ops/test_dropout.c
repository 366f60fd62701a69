/* Dropout: which elements go, by what factor, and the gradient through the same mask. */
#include "check.h"

static bl_parameter *random;

static void open_random(void)
{
    open_all();
    random = bl_params_add_random(params, "random", 42);
}

TestSuite(dropout, .init = open_random, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* 1, 2, .. , count of a dtype. */
static bl_tensor *counting(bl_dtype dtype, bl_shape shape)
{
    static double values[10000];
    for (int i = 0; i < 10000; i++)
        values[i] = i + 1;
    return bl_cast(bl_constant(graph, BL_F64, shape, values), dtype);
}

/* What is kept is scaled, the rest is 0, in about the right number; the gradient meets the same mask. */
Test(dropout, values_and_gradient)
{
    for (int dtype = BL_F32; dtype <= BL_F64; dtype++) {
        for (double p = 0.2; p < 1; p += 0.6) {
            bl_tensor *x = counting((bl_dtype)dtype, BL_SHAPE(100, 100));
            bl_tensor *y = bl_dropout(x, p, true, random), *g = bl_gradient(y, x);
            bl_program *program = bl_compile(context, y, g);
            cr_assert_eq(bl_run(program), BL_OK);
            int kept = 0;
            for (int64_t i = 0; i < 10000; i++) {
                bl_shape at = BL_SHAPE(i / 100, i % 100);
                double value = bl_item_at(program, y, at), slope = bl_item_at(program, g, at);
                kept += value != 0;
                cr_assert_float_eq(value, value != 0 ? (double)(i + 1) / (1 - p) : 0, value * 1e-6);
                cr_assert_float_eq(slope, value != 0 ? 1 / (1 - p) : 0, 1e-6 / (1 - p));
            }
            cr_expect_leq(fabs(kept - 10000 * (1 - p)), 5 * sqrt(10000 * p * (1 - p)));
            bl_program_free(program);
        }
    }
}

Test(dropout, identity)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, -1);
    cr_expect_eq(bl_dropout(x, 0.5, false, random), x);
    cr_expect_eq(bl_dropout(x, 0, true, NULL), x);
    cr_expect_eq(bl_alpha_dropout(x, 0.5, false, NULL), x);
    cr_expect_eq(bl_alpha_dropout(x, 0, true, NULL), x);
    bl_tensor *image = REAL(BL_SHAPE(1, 1, 2), 1, -1);
    cr_expect_eq(bl_feature_dropout(image, 0.5, false, NULL), image);
}

/* p = 1 drops all; a NaN or an infinity that is dropped gives NaN, as 0 times it does. */
Test(dropout, special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(4), 1, -2, inf, nan_);
    EXPECT(bl_dropout(x, 1, true, random), 0, 0, nan_, nan_);
    EXPECT(bl_alpha_dropout(x, 1, true, random), 0, 0, nan_, nan_);
    EXPECT(bl_feature_dropout(bl_reshape(x, BL_SHAPE(2, 2)), 1, true, random), 0, 0, nan_, nan_);
    EXPECT_TYPE(bl_dropout(EMPTY(BL_SHAPE(0, 3)), 0.5, true, random), BL_F64, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_dropout(REAL(BL_SCALAR, 1), 0.5, true, random), BL_F64, BL_SCALAR);
    cr_expect_eq(bl_eval(bl_dropout(EMPTY(BL_SHAPE(2, 0)), 0.5, true, random), NULL, 0), BL_OK);
}

/* Elements are counted in the order of the tensor, not of the memory that it is a view of. */
Test(dropout, strides_do_not_matter)
{
    bl_tensor *x = counting(BL_F64, BL_SHAPE(30, 40));
    bl_tensor *turned = bl_transpose(bl_reshape(x, BL_SHAPE(40, 30)), 0, 1);
    bl_tensor *plain = bl_add_scalar(turned, 0);
    double a[1200], b[1200];
    cr_assert_eq(bl_eval(bl_dropout(turned, 0.5, true, random), a, sizeof(a)), BL_OK);
    bl_graph *again = bl_graph_new(context);
    cr_assert_eq(bl_parameter_write(random, (const int64_t[]){42, 0}, 16), BL_OK);
    double values[1200];
    cr_assert_eq(bl_eval(plain, values, sizeof(values)), BL_OK);
    bl_tensor *copy = bl_constant(again, BL_F64, BL_SHAPE(30, 40), values);
    cr_assert_eq(bl_eval(bl_dropout(copy, 0.5, true, random), b, sizeof(b)), BL_OK);
    for (int i = 0; i < 1200; i++)
        cr_assert_eq(a[i], b[i]);
    bl_graph_free(again);
}

Test(dropout, of_features)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(50, 40, 3, 2), 1);
    bl_tensor *y = bl_feature_dropout(x, 0.25, true, random);
    static float values[50 * 40 * 6];
    cr_assert_eq(bl_eval(y, values, sizeof(values)), BL_OK);
    int kept = 0;
    for (int i = 0; i < 2000; i++) {
        kept += values[6 * i] != 0;
        cr_assert(values[6 * i] == 0 || fabsf(values[6 * i] - 4.0f / 3) < 1e-6f);
        for (int k = 1; k < 6; k++)
            cr_assert_eq(values[6 * i + k], values[6 * i]);
    }
    cr_expect_leq(abs(kept - 1500), 97);
}

/* Kept elements become a x + b, the others a s + b: mean 0 and variance 1 stay. */
Test(dropout, alpha)
{
    const double p = 0.3, s = -1.7580993408473766, a = pow((1 - p) * (1 + p * s * s), -0.5), b = -a * p * s;
    bl_tensor *x = bl_normal(graph, random, BL_F64, BL_SHAPE(40000), 0, 1);
    bl_tensor *y = bl_alpha_dropout(x, p, true, random);
    bl_program *program = bl_compile(context, x, y);
    cr_assert_eq(bl_run(program), BL_OK);
    const double *from = bl_output_data(program, x), *to = bl_output_data(program, y);
    double sum = 0, squares = 0;
    int kept = 0;
    for (int i = 0; i < 40000; i++) {
        bool is_kept = fabs(to[i] - (a * from[i] + b)) < 1e-12;
        cr_assert(is_kept || fabs(to[i] - (a * s + b)) < 1e-12);
        kept += is_kept;
        sum += to[i];
        squares += to[i] * to[i];
    }
    cr_expect_leq(fabs(kept - 28000.0), 460);
    cr_expect_leq(fabs(sum / 40000), 0.025);
    cr_expect_leq(fabs(squares / 40000 - 1), 0.05);
    bl_program_free(program);
}

Test(dropout, refused)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 2), *whole = CONSTANT(BL_I32, BL_SHAPE(2), 1, 2);
    EXPECT_ERROR(bl_dropout(x, 1.5, true, random), BL_ERR_ARGUMENT, "bl_dropout: p = 1.5 is outside [0, 1]");
    EXPECT_ERROR(bl_dropout(x, -0.1, false, random), BL_ERR_ARGUMENT, "bl_dropout: p = -0.1");
    EXPECT_ERROR(bl_dropout(x, nan_, true, random), BL_ERR_ARGUMENT, "is outside [0, 1]");
    EXPECT_ERROR(bl_dropout(x, 0.5, true, NULL), BL_ERR_ARGUMENT, "bl_dropout: the random state is NULL");
    EXPECT_ERROR(bl_dropout(whole, 0.5, false, random), BL_ERR_DTYPE, "bl_dropout: the operand is i32");
    EXPECT_ERROR(bl_alpha_dropout(whole, 0.5, true, random), BL_ERR_DTYPE, "bl_alpha_dropout");
    EXPECT_ERROR(bl_alpha_dropout(x, 2, true, random), BL_ERR_ARGUMENT, "bl_alpha_dropout: p = 2");
    EXPECT_ERROR(bl_alpha_dropout(x, 0.5, true, NULL), BL_ERR_ARGUMENT, "bl_alpha_dropout: the random state");
    EXPECT_ERROR(bl_feature_dropout(x, 0.5, true, random), BL_ERR_SHAPE,
                 "bl_feature_dropout: [2] is not [N, C");
    EXPECT_ERROR(bl_feature_dropout(bl_reshape(x, BL_SHAPE(1, 2)), 0.5, true, NULL), BL_ERR_ARGUMENT,
                 "bl_feature_dropout: the random state is NULL");
    cr_expect_null(bl_dropout(NULL, 0.5, true, random));
    cr_expect_null(bl_feature_dropout(NULL, 0.5, true, random));
    cr_expect_null(bl_alpha_dropout(NULL, 0.5, true, random));
}
