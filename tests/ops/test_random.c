/* Random tensors: their words against Philox, their statistics, what is refused. */
#include "check.h"
#include "cpu/philox.h"

#include <string.h>

static bl_parameter *random;

static void open_random(void)
{
    open_all();
    random = bl_params_add_random(params, "random", 42);
}

TestSuite(random, .init = open_random, .fini = close_all);

enum {
    MANY = 40000
};

/* Runs what a tensor needs once and gives its values. */
static double *drawn(bl_tensor *tensor)
{
    static double values[MANY];
    static char bytes[MANY * sizeof(double)];
    size_t count = (size_t)bl_tensor_count(tensor);
    cr_assert_leq(count, (size_t)MANY);
    cr_assert_eq(bl_eval(tensor, bytes, count * bl_dtype_size(bl_tensor_dtype(tensor))), BL_OK, "%s",
                 error_text(bl_context_error(context)));
    to_doubles(bl_tensor_dtype(tensor), bytes, count, values);
    return values;
}

/* Mean and variance of many draws lie within five standard errors of what they should be; `fourth` is the
 * fourth central moment. */
static void expect_moments(bl_tensor *tensor, double mean, double variance, double fourth)
{
    const double *x = drawn(tensor);
    double n = (double)bl_tensor_count(tensor), sum = 0, squares = 0;
    for (int64_t i = 0; i < bl_tensor_count(tensor); i++) {
        sum += x[i] - mean;
        squares += (x[i] - mean) * (x[i] - mean);
    }
    cr_expect_leq(fabs(sum / n), 5 * sqrt(variance / n), "mean off by %g", sum / n);
    cr_expect_leq(fabs(squares / n - variance), 5 * sqrt((fourth - variance * variance) / n),
                  "variance %g, not %g", squares / n, variance);
}

/* The chi-square statistic of u, uniform in [0, 1), over 100 bins: 99 degrees of freedom, so that 61.1 and
 * 148.2 have probabilities of 0.001 below and above. */
static void expect_uniform(const double *u, size_t count)
{
    double expected = (double)count / 100, statistic = 0;
    int bins[100] = {0};
    for (size_t i = 0; i < count; i++) {
        cr_assert(u[i] >= 0 && u[i] < 1);
        bins[(int)(u[i] * 100)]++;
    }
    for (int k = 0; k < 100; k++)
        statistic += (bins[k] - expected) * (bins[k] - expected) / expected;
    cr_expect(statistic > 61.1 && statistic < 148.2, "chi-square %g", statistic);
}

/* What draw `stream` of the first run is made of. */
static void words_of(uint64_t stream, int64_t blocks, uint32_t *words)
{
    bl__draw draw = {.seed = 42, .run = 0, .stream = stream};
    bl__philox_words(&draw, 0, blocks, words);
}

/* Element i takes word i in f32, words 2i and 2i + 1 in f64, whatever tiles it is computed in. */
Test(random, elements_are_their_words)
{
    enum {
        N = 1027
    };
    static uint32_t words[2 * N + 4];
    const double pi = 3.14159265358979323846;
    bl_tensor *narrow = bl_uniform(graph, random, BL_F32, BL_SHAPE(13, 79), 0, 1);
    bl_tensor *wide = bl_uniform(graph, random, BL_F64, BL_SHAPE(13, 79), -1, 3);
    bl_tensor *normal = bl_normal(graph, random, BL_F64, BL_SHAPE(N), 1, 2);
    bl_tensor *chance = bl_bernoulli(graph, random, BL_I64, BL_SHAPE(N), 0.3);
    bl_program *p = bl_compile(context, narrow, wide, normal, chance);
    cr_assert_eq(bl_run(p), BL_OK);
    words_of(0, (N + 3) / 4, words);
    for (int64_t i = 0; i < N; i++)
        cr_assert_eq(bl_item_at(p, narrow, BL_SHAPE(i / 79, i % 79)), (words[i] >> 8) * 0x1p-24);
    words_of(1, (N + 1) / 2, words);
    for (int64_t i = 0; i < N; i++) {
        double u = (double)(((uint64_t)words[2 * i + 1] << 32 | words[2 * i]) >> 11) * 0x1p-53;
        cr_assert_eq(bl_item_at(p, wide, BL_SHAPE(i / 79, i % 79)), -1 + 4 * u);
    }
    words_of(2, (N + 1) / 2, words);
    for (int64_t i = 0; i < N; i++) {
        const uint32_t *w = words + 4 * (i / 2);
        double u = ((double)(((uint64_t)w[1] << 32 | w[0]) >> 11) + 0.5) * 0x1p-53;
        double v = (double)(((uint64_t)w[3] << 32 | w[2]) >> 11) * 0x1p-53;
        double z = sqrt(-2 * log(u)) * (i % 2 ? sin(2 * pi * v) : cos(2 * pi * v));
        cr_assert_float_eq(bl_item_at(p, normal, BL_SHAPE(i)), 1 + 2 * z, 1e-13);
    }
    words_of(3, (N + 3) / 4, words);
    for (int64_t i = 0; i < N; i++)
        cr_assert_eq(bl_item_at(p, chance, BL_SHAPE(i)), words[i] < 0.3 * 0x1p32);
    bl_program_free(p);
}

Test(random, uniform_statistics)
{
    for (int dtype = BL_F32; dtype <= BL_F64; dtype++) {
        expect_moments(bl_uniform(graph, random, (bl_dtype)dtype, BL_SHAPE(MANY), -1, 3), 1, 16.0 / 12,
                       256.0 / 80);
        expect_uniform(drawn(bl_uniform(graph, random, (bl_dtype)dtype, BL_SHAPE(MANY), 0, 1)), MANY);
    }
}

Test(random, normal_statistics)
{
    for (int dtype = BL_F32; dtype <= BL_F64; dtype++) {
        static double u[MANY];
        bl_tensor *normal = bl_normal(graph, random, (bl_dtype)dtype, BL_SHAPE(MANY), 1, 2);
        expect_moments(normal, 1, 4, 3 * 16);
        const double *x = drawn(normal);
        double both = 0;
        for (int i = 0; i < MANY; i++)
            u[i] = 0.5 * erfc(-(x[i] - 1) / 2 / sqrt(2));
        expect_uniform(u, MANY);
        for (int i = 0; i < MANY; i += 2) /* the two of a pair are not correlated */
            both += (x[i] - 1) * (x[i + 1] - 1) / 4;
        cr_expect_leq(fabs(both / (MANY / 2.0)), 5 / sqrt(MANY / 2.0));
    }
}

Test(random, bernoulli_statistics)
{
    static const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    for (size_t k = 0; k < sizeof(dtypes) / sizeof(dtypes[0]); k++) {
        double p = 0.1 + 0.2 * (double)k, q = 1 - p;
        bl_tensor *chance = bl_bernoulli(graph, random, dtypes[k], BL_SHAPE(200, 200), p);
        EXPECT_TYPE(chance, dtypes[k], BL_SHAPE(200, 200));
        expect_moments(chance, p, p * q, p * q * (1 - 3 * p * q));
        const double *x = drawn(chance);
        for (int i = 0; i < MANY; i++)
            cr_assert(x[i] == 0 || x[i] == 1);
    }
    EXPECT(bl_bernoulli(graph, random, BL_F64, BL_SHAPE(4), 0), 0, 0, 0, 0);
    EXPECT(bl_bernoulli(graph, random, BL_BOOL, BL_SHAPE(4), 1), 1, 1, 1, 1);
}

/* Probabilities in an order of memory that is not their order. */
Test(random, bernoulli_of_probabilities)
{
    bl_tensor *p = bl_expand(bl_transpose(REAL(BL_SHAPE(1, 4), 0, 0.25, 0.75, 1), 0, 1), BL_SHAPE(4, 10000));
    bl_tensor *chance = bl_bernoulli_of(p, random);
    EXPECT_TYPE(chance, BL_F64, BL_SHAPE(4, 10000));
    double *x = drawn(chance), sums[4] = {0};
    for (int i = 0; i < 4 * 10000; i++)
        sums[i / 10000] += x[i];
    cr_expect(sums[0] == 0 && fabs(sums[1] - 2500) < 220 && fabs(sums[2] - 7500) < 220 && sums[3] == 10000);
    EXPECT_TYPE(bl_bernoulli_of(bl_cast(p, BL_F32), random), BL_F32, BL_SHAPE(4, 10000));
    cr_expect_eq(bl_eval(bl_bernoulli_of(EMPTY(BL_SHAPE(0, 3)), random), x, 0), BL_OK);
}

Test(random, bad_probabilities_fail_the_run)
{
    static const double bad[] = {-0.001, 1.001, (double)NAN, (double)INFINITY};
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        bl_tensor *chance = bl_bernoulli_of(REAL(BL_SHAPE(3), 0.5, bad[k], 0.5), random);
        double values[3];
        cr_expect_eq(bl_eval(chance, values, sizeof(values)), BL_ERR_ARGUMENT);
        cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "bl_bernoulli: the probability",
                             "is outside [0, 1]", NULL));
    }
    cr_expect_eq(((const int64_t *)bl_parameter_data(random))[1], 0, "a run that fails has not drawn");
}

/* The last f32 below `high` is as far as it goes, though low + (high - low) u often rounds to `high`. */
Test(random, bounds)
{
    float values[4096];
    double wide[64];
    float high = nextafterf(nextafterf(16777216.0f, 17e6f), 17e6f);
    bl_eval(bl_uniform(graph, random, BL_F32, BL_SHAPE(4096), 16777216, (double)high), values,
            sizeof(values));
    for (int i = 0; i < 4096; i++)
        cr_assert(values[i] >= 16777216.0f && values[i] < high);
    bl_eval(bl_uniform(graph, random, BL_F64, BL_SHAPE(64), 1, nextafter(1, 2)), wide, sizeof(wide));
    for (int i = 0; i < 64; i++)
        cr_assert_eq(wide[i], 1);
    EXPECT(bl_uniform(graph, random, BL_F64, BL_SHAPE(2), 3, 3), 3, 3);
    EXPECT(bl_uniform(graph, random, BL_F32, BL_SCALAR, -2, -2), -2);
    EXPECT(bl_normal(graph, random, BL_F32, BL_SHAPE(3), 5, 0), 5, 5, 5);
}

Test(random, shapes)
{
    EXPECT_TYPE(bl_uniform(graph, random, BL_F32, BL_SCALAR, 0, 1), BL_F32, BL_SCALAR);
    EXPECT_TYPE(bl_normal(graph, random, BL_F64, BL_SHAPE(0, 3), 0, 1), BL_F64, BL_SHAPE(0, 3));
    bl_shape deep = BL_SHAPE(1, 2, 1, 2, 1, 2, 1, 3);
    EXPECT_TYPE(bl_normal(graph, random, BL_F32, deep, 0, 1), BL_F32, deep);
    double values[24];
    cr_expect_eq(bl_eval(bl_normal(graph, random, BL_F64, deep, 0, 1), values, sizeof(values)), BL_OK);
    cr_expect_eq(bl_eval(bl_normal(graph, random, BL_F64, BL_SHAPE(0, 3), 0, 1), values, 0), BL_OK);
    cr_expect_null(bl_uniform(NULL, random, BL_F32, BL_SCALAR, 0, 1));
    cr_expect_null(bl_bernoulli_of(NULL, random));
}

/* Draws are leaves; only a probability tensor could want a gradient, and is told that there is none. */
Test(random, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 0.25, 0.5, 0.75);
    bl_tensor *mean = REAL(BL_SHAPE(3), 1, 2, 3), *deviation = REAL(BL_SHAPE(3), 1, 1, 2);
    bl_tensor *z = bl_normal(graph, random, BL_F64, BL_SHAPE(3), 0, 1);
    bl_tensor *y = bl_add(mean, bl_mul(deviation, z));
    EXPECT(bl_gradient(y, mean), 1, 1, 1);
    EXPECT(bl_sub(bl_gradient(y, deviation), z), 0, 0, 0);
    EXPECT_ERROR(bl_gradient(bl_bernoulli_of(x, random), x), BL_ERR_GRADIENT, "bernoulli has no derivative");
    bl_tensor *fixed = bl_bernoulli(graph, random, BL_F64, BL_SHAPE(3), 1);
    EXPECT(bl_gradient(bl_mul(fixed, x), x), 1, 1, 1);
}

Test(random, refused)
{
    bl_shape shape = BL_SHAPE(2);
    EXPECT_ERROR(bl_uniform(graph, random, BL_I64, shape, 0, 1), BL_ERR_DTYPE, "bl_uniform: it draws no i64");
    EXPECT_ERROR(bl_normal(graph, random, BL_BF16, shape, 0, 1), BL_ERR_DTYPE, "bl_normal: it draws no bf16");
    EXPECT_ERROR(bl_bernoulli(graph, random, BL_F16, shape, 0.5), BL_ERR_DTYPE, "bl_bernoulli");
    EXPECT_ERROR(bl_uniform(graph, random, BL_DTYPE_COUNT, shape, 0, 1), BL_ERR_DTYPE, "bl_uniform");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F32, shape, 1, 0), BL_ERR_ARGUMENT, "[1, 0) is no interval");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F32, shape, nan(""), 0), BL_ERR_ARGUMENT, "no interval");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F32, shape, 0, 1e39), BL_ERR_ARGUMENT, "not finite in f32");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F64, shape, -1e308, 1e308), BL_ERR_ARGUMENT,
                 "not finite in f64");
    EXPECT_ERROR(bl_normal(graph, random, BL_F32, shape, 0, -1), BL_ERR_ARGUMENT, "a deviation of -1");
    EXPECT_ERROR(bl_normal(graph, random, BL_F32, shape, INFINITY, 1), BL_ERR_ARGUMENT, "a mean of inf");
    EXPECT_ERROR(bl_bernoulli(graph, random, BL_F32, shape, 1.5), BL_ERR_ARGUMENT,
                 "p = 1.5 is outside [0, 1]");
    EXPECT_ERROR(bl_bernoulli(graph, random, BL_F32, shape, nan("")), BL_ERR_ARGUMENT, "is outside [0, 1]");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F32, (bl_shape){.rank = 9}, 0, 1), BL_ERR_SHAPE, "bl_uniform");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F32, BL_SHAPE(-1), 0, 1), BL_ERR_SHAPE, "bl_uniform");
    EXPECT_ERROR(bl_uniform(graph, random, BL_F32, BL_SHAPE(INT64_MAX, 3), 0, 1), BL_ERR_OVERFLOW,
                 "bl_uniform");
    EXPECT_ERROR(bl_bernoulli_of(CONSTANT(BL_I32, shape, 0, 1), random), BL_ERR_DTYPE, "bl_bernoulli");
}

Test(random, states_refused)
{
    bl_parameter *plain = bl_params_add_buffer(params, "plain", BL_I64, BL_SHAPE(3));
    bl_parameter *weight = bl_params_add(params, "weight", BL_F32, BL_SHAPE(2), bl_init_zeros(), NULL);
    bl_context *other = bl_context_new(NULL);
    bl_params *others = bl_params_new(other);
    bl_parameter *foreign = bl_params_add_random(others, "foreign", 1);
    bl_tensor *p = REAL(BL_SCALAR, 0.5);
    EXPECT_ERROR(bl_uniform(graph, NULL, BL_F32, BL_SCALAR, 0, 1), BL_ERR_ARGUMENT,
                 "bl_uniform: the random state is NULL");
    EXPECT_ERROR(bl_normal(graph, plain, BL_F32, BL_SCALAR, 0, 1), BL_ERR_ARGUMENT,
                 "bl_normal: plain, i64 [3], is no random state");
    EXPECT_ERROR(bl_bernoulli_of(p, weight), BL_ERR_ARGUMENT, "bl_bernoulli_of: weight, f32 [2]");
    EXPECT_ERROR(bl_bernoulli(graph, foreign, BL_F32, BL_SCALAR, 1), BL_ERR_ARGUMENT,
                 "foreign belongs to another context");
    cr_expect_null(bl_params_add_random(NULL, "x", 1));
    cr_expect_null(bl_params_add_random(params, "random", 1));
    cr_expect(error_says(bl_params_error(params), BL_ERR_EXISTS,
                         "bl_params_add_random: random is the name of", NULL));
    bl_params_free(others);
    bl_context_free(other);
}
