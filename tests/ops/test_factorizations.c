/* Triangular systems and factorizations: values by hand or PyTorch 1.13's, failures of runs, errors. Looks at
 * ops/keys.h, which says whether LAPACK is built in; where it is not, the builders must say so. */
#include "check.h"
#include "ops/keys.h"

TestSuite(factorizations, .init = open_all, .fini = close_all);

static bl_tensor *definite(void)
{
    return REAL(BL_SHAPE(3, 3), 4, 2, -1, 2, 5, 3, -1, 3, 6);
}

static bl_tensor *regular(void)
{
    return REAL(BL_SHAPE(3, 3), 0, 2, 1, 1, -1, 3, 2, 4, -2);
}

/* ---- triangular systems ---- */

Test(factorizations, solve_triangular)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 2, 7, 3, 4), *b = REAL(BL_SHAPE(2, 1), 4, 14);
    bl_solve_triangular_options options = bl_solve_triangular_defaults();
    cr_assert(options.left && !options.upper && !options.unitriangular);
    EXPECT(bl_solve_triangular(a, b, false), 2, 2);
    EXPECT(bl_solve_triangular(a, b, true), (4 - 7 * 3.5) / 2, 3.5);
    EXPECT(bl_solve_triangular_with(a, b, NULL), 2, 2);
    options.unitriangular = true;
    EXPECT(bl_solve_triangular_with(a, b, &options), 4, 2);
    options = (bl_solve_triangular_options){.left = false};
    EXPECT(bl_solve_triangular_with(a, bl_reshape(b, BL_SHAPE(1, 2)), &options), (4 - 3 * 3.5) / 2, 3.5);
    EXPECT_NEAR(bl_solve_triangular(bl_cast(a, BL_F32), bl_cast(b, BL_F32), false), 1e-6, 2, 2);
}

Test(factorizations, solve_triangular_over_batches)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 1, 1), 2, 4), *b = REAL(BL_SHAPE(3, 1, 1, 2), 8, 4, 2, 1, 0, -8);
    EXPECT_TYPE(bl_solve_triangular(a, b, true), BL_F64, BL_SHAPE(3, 2, 1, 2));
    EXPECT(bl_solve_triangular(a, b, true), 4, 2, 2, 1, 1, 0.5, 0.5, 0.25, 0, -4, 0, -2);
    EXPECT_TYPE(bl_solve_triangular(EMPTY(BL_SHAPE(0, 0)), EMPTY(BL_SHAPE(0, 3)), true), BL_F64,
                BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_solve_triangular(a, EMPTY(BL_SHAPE(1, 0)), true), BL_F64, BL_SHAPE(2, 1, 0));
    EXPECT_TYPE(bl_solve_triangular(EMPTY(BL_SHAPE(0, 2, 2)), EMPTY(BL_SHAPE(1, 2, 0)), true), BL_F64,
                BL_SHAPE(0, 2, 0));
}

/* The other triangle is not read, nor is a diagonal of ones; a zero on the diagonal gives what it gives. */
Test(factorizations, solve_triangular_of_special_values)
{
    bl_tensor *lower = REAL(BL_SHAPE(2, 2), 2, NAN, 3, 4), *b = REAL(BL_SHAPE(2, 1), 4, 14);
    bl_tensor *unit = REAL(BL_SHAPE(2, 2), NAN, INFINITY, 3, NAN), *singular = REAL(BL_SHAPE(1, 1), 0);
    bl_solve_triangular_options options = {.left = true, .unitriangular = true};
    EXPECT(bl_solve_triangular(lower, b, false), 2, 2);
    EXPECT(bl_solve_triangular_with(unit, b, &options), 4, 2);
    EXPECT(bl_solve_triangular(singular, REAL(BL_SHAPE(1, 2), 1, -1), false), INFINITY, -INFINITY);
    /* Every element the same, with strides of 0. */
    EXPECT(
        bl_solve_triangular(bl_full(graph, BL_F64, BL_SHAPE(3, 3), 2), REAL(BL_SHAPE(3, 1), 2, 4, 6), false),
        1, 1, 1);
}

Test(factorizations, large_triangular_systems)
{
    enum {
        N = 150,
        K = 40
    };
    static double values[N * N], right[N * K];
    for (int i = 0; i < N * N; i++)
        values[i] = i / N == i % N ? 3 : sin(i) / N;
    for (int i = 0; i < N * K; i++)
        right[i] = cos(i);
    bl_tensor *a = bl_constant(graph, BL_F64, BL_SHAPE(N, N), values);
    bl_tensor *b = bl_constant(graph, BL_F64, BL_SHAPE(N, K), right);
    bl_tensor *row = bl_reshape(bl_constant(graph, BL_F64, BL_SHAPE(N, K), right), BL_SHAPE(K, N));
    for (int how = 0; how < 8; how++) {
        bl_solve_triangular_options options = {
            .upper = how & 1, .left = (how & 2) != 0, .unitriangular = (how & 4) != 0};
        bl_tensor *rhs = options.left ? b : row, *x = bl_solve_triangular_with(a, rhs, &options);
        static double triangle[N * N];
        for (int i = 0; i < N * N; i++) {
            bool inside = options.upper ? i / N < i % N : i / N > i % N;
            triangle[i] = i / N == i % N ? (options.unitriangular ? 1 : values[i]) : inside ? values[i] : 0;
        }
        bl_tensor *whole = bl_constant(graph, BL_F64, BL_SHAPE(N, N), triangle);
        bl_tensor *product = options.left ? bl_matmul(whole, x) : bl_matmul(x, whole);
        EXPECT(bl_max(bl_abs(bl_sub(product, rhs)), BL_ALL_AXES, false), 0);
    }
}

Test(factorizations, solve_triangular_refuses)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 2, 7, 3, 4), *b = REAL(BL_SHAPE(2, 1), 4, 14);
    bl_solve_triangular_options right = {.left = false};
    EXPECT_ERROR(bl_solve_triangular(b, a, false), BL_ERR_SHAPE,
                 "bl_solve_triangular: [2,1] is no square matrix, nor many (test_factorizations.c");
    EXPECT_ERROR(bl_solve_triangular(a, bl_reshape(b, BL_SHAPE(1, 2)), false), BL_ERR_SHAPE,
                 "[2,2] on the left does not fit a right-hand side of [1,2]");
    EXPECT_ERROR(bl_solve_triangular_with(a, b, &right), BL_ERR_SHAPE,
                 "[2,2] on the right does not fit a right-hand side of [2,1]");
    EXPECT_ERROR(bl_solve_triangular(a, bl_reshape(b, BL_SHAPE(2)), false), BL_ERR_SHAPE,
                 "right-hand side of [2]");
    EXPECT_ERROR(bl_solve_triangular(bl_expand(a, BL_SHAPE(2, 2, 2)), bl_expand(b, BL_SHAPE(3, 2, 1)), false),
                 BL_ERR_SHAPE, "leading dimensions do not broadcast: [2,2,2] and [3,2,1]");
    EXPECT_ERROR(bl_solve_triangular(a, bl_cast(b, BL_F32), false), BL_ERR_DTYPE, "dtypes differ");
    EXPECT_ERROR(bl_solve_triangular(bl_cast(a, BL_I32), b, false), BL_ERR_DTYPE, "the first operand is i32");
    EXPECT_ERROR(bl_solve_triangular(a, NULL, false), BL_ERR_ARGUMENT, "a tensor is NULL");
    cr_assert_null(bl_solve_triangular(NULL, NULL, false));
}

#if BL__LAPACK

/* A run of the tensor fails with the code and a message that says the parts. */
static void expect_failure(bl_tensor *tensor, bl_status code, const char *part)
{
    bl_program *program = bl_compile(context, tensor);
    cr_assert_eq(bl_program_error(program)->code, BL_OK);
    cr_assert_eq(bl_run(program), code);
    cr_assert(error_says(bl_program_error(program), code, part, "test_factorizations.c", NULL), "%s",
              error_text(bl_program_error(program)));
    bl_program_free(program);
}

/* ---- cholesky ---- */

Test(factorizations, cholesky)
{
    bl_tensor *a = definite(), *w = REAL(BL_SHAPE(3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9), *l = bl_cholesky(a);
    EXPECT_NEAR(l, 1e-4, 2, 0, 0, 1, 2, 0, -0.5, 1.75, 1.6394);
    EXPECT_NEAR(bl_gradient(bl_mul(l, w), a), 1e-4, 0.8599, 0.0987, 2.6372, 0.0987, 1.6016, -0.4019, 2.6372,
                -0.4019, 2.7450);
    EXPECT(bl_matmul(l, bl_transpose(l, 0, 1)), 4, 2, -1, 2, 5, 3, -1, 3, 6);
    EXPECT_NEAR(bl_cholesky(bl_cast(a, BL_F32)), 1e-4, 2, 0, 0, 1, 2, 0, -0.5, 1.75, 1.6394);
    EXPECT(bl_cholesky(REAL(BL_SHAPE(2, 2), 4, NAN, 2, 5)), 2, 0, 1, 2); /* the upper triangle is not read */
    EXPECT(bl_cholesky(REAL(BL_SHAPE(2, 1, 1), 9, 16)), 3, 4);
    EXPECT_TYPE(bl_cholesky(EMPTY(BL_SHAPE(2, 0, 0))), BL_F64, BL_SHAPE(2, 0, 0));
    EXPECT_TYPE(bl_cholesky(EMPTY(BL_SHAPE(0, 2, 2))), BL_F64, BL_SHAPE(0, 2, 2));
}

Test(factorizations, cholesky_of_what_is_not_positive_definite)
{
    expect_failure(
        bl_cholesky(REAL(BL_SHAPE(2, 2, 2), 1, 0, 0, 1, 1, 2, 2, 1)), BL_ERR_ARGUMENT,
        "bl_cholesky: matrix 1 is not positive definite: its leading minor of order 2 is not positive");
    expect_failure(bl_cholesky(REAL(BL_SHAPE(1, 1), 0)), BL_ERR_ARGUMENT, "matrix 0");
    expect_failure(bl_cholesky(REAL(BL_SHAPE(1, 1), NAN)), BL_ERR_ARGUMENT, "order 1");
}

Test(factorizations, a_failed_run_commits_nothing)
{
    double value = 5;
    bl_parameter *buffer = bl_params_add_buffer(params, "state", BL_F64, BL_SCALAR);
    cr_assert_eq(bl_parameter_write(buffer, &value, sizeof(value)), BL_OK);
    bl_tensor *l = bl_cholesky(REAL(BL_SHAPE(1, 1), -1));
    bl_program *program = bl_compile(context, l, bl_assign(buffer, bl_scalar(graph, BL_F64, 7)));
    cr_assert_eq(bl_run(program), BL_ERR_ARGUMENT, "%s", error_text(bl_program_error(program)));
    cr_assert_eq(bl_parameter_read(buffer, &value, sizeof(value)), BL_OK);
    cr_assert_eq(value, 5);
    bl_program_free(program);
}

/* ---- inverse, solve ---- */

Test(factorizations, inverse_and_solve)
{
    bl_tensor *a = regular();
    EXPECT(bl_mul_scalar(bl_inverse(a), 11), -5, 4, 3.5, 4, -1, 0.5, 3, 2, -1);
    EXPECT(bl_solve(a, REAL(BL_SHAPE(3), 1, 2, 3)), 27.0 / 22, 7.0 / 22, 8.0 / 22);
    EXPECT_TYPE(bl_solve(a, REAL(BL_SHAPE(3), 1, 2, 3)), BL_F64, BL_SHAPE(3));
    EXPECT(bl_solve(a, REAL(BL_SHAPE(3, 1), 1, 2, 3)), 27.0 / 22, 7.0 / 22, 8.0 / 22);
    EXPECT_NEAR(bl_solve(bl_cast(a, BL_F32), CONSTANT(BL_F32, BL_SHAPE(3), 1, 2, 3)), 1e-6, 27.0 / 22,
                7.0 / 22, 8.0 / 22);
    EXPECT(bl_solve(a, bl_full(graph, BL_F64, BL_SHAPE(3, 2), 22)), 5, 5, 7, 7, 8, 8);
    EXPECT(bl_matrix_power(REAL(BL_SHAPE(2, 2), 2, 0, 0, 4), -2), 0.25, 0, 0, 0.0625);
}

Test(factorizations, solve_over_batches)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 1, 1), 2, 4), *b = REAL(BL_SHAPE(3, 1, 1, 1), 8, 4, 2);
    EXPECT_TYPE(bl_solve(a, b), BL_F64, BL_SHAPE(3, 2, 1, 1));
    EXPECT(bl_solve(a, b), 4, 2, 2, 1, 1, 0.5);
    EXPECT_TYPE(bl_solve(a, REAL(BL_SHAPE(2, 1), 8, 8)), BL_F64, BL_SHAPE(2, 1)); /* a vector each */
    EXPECT(bl_solve(a, REAL(BL_SHAPE(2, 1), 8, 8)), 4, 2);
    EXPECT(bl_solve(a, REAL(BL_SHAPE(1), 8)), 4, 2); /* one for all */
    EXPECT_TYPE(bl_solve(EMPTY(BL_SHAPE(0, 0)), EMPTY(BL_SHAPE(0, 2))), BL_F64, BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_inverse(EMPTY(BL_SHAPE(3, 0, 0))), BL_F64, BL_SHAPE(3, 0, 0));
}

Test(factorizations, large_systems)
{
    enum {
        N = 170
    };
    static double values[N * N], ones[N];
    for (int i = 0; i < N * N; i++)
        values[i] = sin(i * 0.37) + (i / N == i % N ? (i % 2 ? 5 : -5) : 0);
    for (int i = 0; i < N; i++)
        ones[i] = 1;
    bl_tensor *a = bl_constant(graph, BL_F64, BL_SHAPE(N, N), values);
    bl_tensor *x = bl_constant(graph, BL_F64, BL_SHAPE(N), ones), *turned = bl_transpose(a, 0, 1);
    bl_tensor *error = bl_sub(bl_solve(a, bl_mv(a, x)), x);
    EXPECT_NEAR(bl_max(bl_abs(error), BL_ALL_AXES, false), 1e-10, 0);
    error = bl_sub(bl_mv(bl_matmul(bl_inverse(turned), turned), x), x);
    EXPECT_NEAR(bl_max(bl_abs(error), BL_ALL_AXES, false), 1e-9, 0);
    bl_tensor *square = bl_matmul(a, turned), *l = bl_cholesky(square);
    error = bl_div(bl_sub(bl_matmul(l, bl_transpose(l, 0, 1)), square), bl_max(square, BL_ALL_AXES, false));
    EXPECT(bl_max(bl_abs(error), BL_ALL_AXES, false), 0);
    bl_tensor *sign, *logarithm;
    cr_assert_eq(bl_slogdet(square, &sign, &logarithm), BL_OK);
    bl_tensor *diagonal = bl_einsum("ii->i", &l, 1);
    EXPECT(sign, 1);
    EXPECT_NEAR(bl_sub(logarithm, bl_mul_scalar(bl_sum(bl_log(diagonal), BL_ALL_AXES, false), 2)), 1e-9, 0);
}

Test(factorizations, singular_matrices)
{
    bl_tensor *singular = REAL(BL_SHAPE(2, 2, 2), 1, 0, 0, 1, 1, 2, 2, 4), *sign, *logarithm;
    expect_failure(bl_inverse(singular), BL_ERR_ARGUMENT,
                   "bl_inverse: matrix 1 is singular: its pivot 2 is 0");
    expect_failure(bl_solve(singular, REAL(BL_SHAPE(2), 1, 1)), BL_ERR_ARGUMENT,
                   "bl_solve: matrix 1 is singular");
    EXPECT(bl_det(singular), 1, 0);
    cr_assert_eq(bl_slogdet(singular, &sign, &logarithm), BL_OK);
    EXPECT(sign, 1, 0);
    EXPECT(logarithm, 0, -INFINITY);
    EXPECT(bl_logdet(singular), 0, -INFINITY);
    expect_failure(bl_gradient(bl_det(singular), singular), BL_ERR_ARGUMENT,
                   "bl_inverse: matrix 1 is singular");
}

/* ---- determinants ---- */

Test(factorizations, determinants)
{
    bl_tensor *a = regular(), *sign, *logarithm;
    EXPECT(bl_det(a), 22);
    EXPECT(bl_gradient(bl_det(a), a), -10, 8, 6, 8, -2, 4, 7, 1, -2);
    cr_assert_eq(bl_slogdet(bl_neg(a), &sign, &logarithm), BL_OK);
    EXPECT(sign, -1);
    EXPECT(logarithm, log(22));
    EXPECT(bl_gradient(sign, a), 0, 0, 0, 0, 0, 0, 0, 0, 0);
    EXPECT(bl_logdet(a), log(22));
    EXPECT(bl_logdet(bl_neg(a)), NAN);
    EXPECT(bl_det(EMPTY(BL_SHAPE(2, 0, 0))), 1, 1);
    EXPECT(bl_logdet(EMPTY(BL_SHAPE(0, 0))), 0);
    EXPECT_TYPE(bl_det(EMPTY(BL_SHAPE(0, 2, 2))), BL_F64, BL_SHAPE(0));
    EXPECT(bl_det(REAL(BL_SHAPE(2, 2), 0, 1, 1, 0)), -1);
    EXPECT(bl_det(REAL(BL_SHAPE(1, 1), NAN)), NAN);
    cr_assert_eq(bl_slogdet(a, NULL, NULL), BL_OK);
    /* Where the determinant itself would overflow. */
    cr_assert_eq(
        bl_slogdet(bl_mul_scalar(CONSTANT(BL_F32, BL_SHAPE(2, 2), 1, 0, 0, 1), 1e30), NULL, &logarithm),
        BL_OK);
    EXPECT_NEAR(logarithm, 1e-5, 60 * log(10));
}

Test(factorizations, refuse)
{
    bl_tensor *wide = REAL(BL_SHAPE(1, 2), 1, 2), *a = regular(), *v = REAL(BL_SHAPE(2), 1, 2), *sign,
              *logarithm;
    EXPECT_ERROR(bl_cholesky(wide), BL_ERR_SHAPE, "bl_cholesky: [1,2] is no square matrix, nor many");
    EXPECT_ERROR(bl_inverse(v), BL_ERR_SHAPE, "bl_inverse: [2] is no square matrix");
    EXPECT_ERROR(bl_det(wide), BL_ERR_SHAPE, "bl_det: [1,2]");
    EXPECT_ERROR(bl_logdet(wide), BL_ERR_SHAPE, "bl_logdet: [1,2]");
    EXPECT_ERROR(bl_solve(a, v), BL_ERR_SHAPE, "bl_solve: [3,3] does not fit a right-hand side of");
    EXPECT_ERROR(bl_solve(a, wide), BL_ERR_SHAPE, "bl_solve: [3,3] does not fit a right-hand side of [1,2]");
    EXPECT_ERROR(bl_solve(bl_expand(a, BL_SHAPE(2, 3, 3)), bl_expand(a, BL_SHAPE(4, 3, 3))), BL_ERR_SHAPE,
                 "leading dimensions do not broadcast: [2,3,3] and [4,3,3]");
    EXPECT_ERROR(bl_cholesky(bl_cast(a, BL_I32)), BL_ERR_DTYPE, "bl_cholesky: the operand is i32");
    EXPECT_ERROR(bl_solve(a, bl_cast(a, BL_F32)), BL_ERR_DTYPE, "bl_solve: dtypes differ");
    cr_assert_eq(bl_slogdet(wide, &sign, &logarithm), BL_ERR_SHAPE);
    EXPECT_ERROR(sign, BL_ERR_SHAPE, "bl_slogdet: [1,2]");
    cr_assert_eq(logarithm, sign);
    cr_assert_eq(bl_slogdet(NULL, &sign, NULL), BL_ERR_ARGUMENT);
    cr_assert_null(sign);
    EXPECT_ERROR(bl_solve(a, NULL), BL_ERR_ARGUMENT, "bl_solve: a tensor is NULL");
    cr_assert_null(bl_cholesky(NULL));
}

/* LAPACK reports an argument that it takes for wrong to xerbla, whose usual form prints and ends the process:
 * this one does neither. */
void xerbla_(const char *routine, const int32_t *argument, size_t length);

Test(factorizations, xerbla_lets_the_process_live)
{
    int32_t argument = 4;
    xerbla_("DPOTRF", &argument, 6);
    EXPECT_TYPE(bl_cholesky(definite()), BL_F64, BL_SHAPE(3, 3));
}

#else

Test(factorizations, are_not_supported_without_lapack)
{
    bl_tensor *a = definite(), *sign, *logarithm;
    EXPECT_ERROR(bl_cholesky(a), BL_ERR_UNSUPPORTED, "bl_cholesky: ", "install liblapack-dev",
                 "test_factorizations.c");
    EXPECT_ERROR(bl_inverse(regular()), BL_ERR_UNSUPPORTED, "bl_inverse: ", "liblapack-dev");
    EXPECT_ERROR(bl_solve(a, a), BL_ERR_UNSUPPORTED, "bl_solve: ", "liblapack-dev");
    EXPECT_ERROR(bl_det(a), BL_ERR_UNSUPPORTED, "bl_det: ", "liblapack-dev");
    EXPECT_ERROR(bl_logdet(a), BL_ERR_UNSUPPORTED, "bl_logdet: ", "liblapack-dev");
    EXPECT_ERROR(bl_matrix_power(a, -1), BL_ERR_UNSUPPORTED, "liblapack-dev");
    cr_assert_eq(bl_slogdet(a, &sign, &logarithm), BL_ERR_UNSUPPORTED);
    EXPECT_ERROR(sign, BL_ERR_UNSUPPORTED, "bl_slogdet: ", "liblapack-dev");
    cr_assert_eq(logarithm, sign);
    cr_assert_null(bl_cholesky(NULL));
    cr_assert_eq(bl_slogdet(NULL, NULL, NULL), BL_ERR_ARGUMENT);
}

#endif
