/* Element-wise kernels against plain loops: every op and dtype, every way inputs can lie in memory. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

/* ---- what each op computes, on doubles; `exact` where rounding that to the dtype is the whole story ---- */

typedef struct rule {
    int key;
    uint32_t inputs; /* with `scalar`, the second is the attribute's number */
    bool scalar, reals_only, exact, compares;
    double (*value)(double a, double b);
} rule;

#define VALUE(name, result)                \
    static double name(double a, double b) \
    {                                      \
        (void)b;                           \
        return result;                     \
    }

VALUE(add, a + b)
VALUE(sub, a - b)
VALUE(mul, a *b)
VALUE(quotient, a / b)
VALUE(larger, isnan(a) || isnan(b) ? (double)NAN : a > b ? a : b)
VALUE(from, b - a)
VALUE(under, b / a)
VALUE(power, pow(a, b))
VALUE(neg, -a)
VALUE(square, a *a)
VALUE(magnitude, fabs(a))
VALUE(sign, a > 0 ? 1 : a < 0 ? -1 : a)
VALUE(relu, a < 0 ? 0 : a)
VALUE(root, sqrt(a))
VALUE(exponential, exp(a))
VALUE(logarithm, log(a))
VALUE(tangent, tanh(a))
VALUE(sigmoid, 1 / (1 + exp(-a)))
VALUE(equal, a == b)
VALUE(not_equal, a != b)
VALUE(less, a < b)
VALUE(less_equal, a <= b)
VALUE(greater, a > b)
VALUE(greater_equal, a >= b)

static const rule rules[] = {
    {BL__KEY_add, 2, false, false, true, false, add},
    {BL__KEY_sub, 2, false, false, true, false, sub},
    {BL__KEY_mul, 2, false, false, true, false, mul},
    {BL__KEY_div, 2, false, true, true, false, quotient},
    {BL__KEY_pow, 2, false, true, false, false, power},
    {BL__KEY_maximum, 2, false, false, true, false, larger},
    {BL__KEY_add_scalar, 1, true, false, true, false, add},
    {BL__KEY_sub_scalar, 1, true, false, true, false, sub},
    {BL__KEY_mul_scalar, 1, true, false, true, false, mul},
    {BL__KEY_div_scalar, 1, true, true, true, false, quotient},
    {BL__KEY_pow_scalar, 1, true, true, false, false, power},
    {BL__KEY_maximum_scalar, 1, true, false, true, false, larger},
    {BL__KEY_scalar_sub, 1, true, false, true, false, from},
    {BL__KEY_scalar_div, 1, true, true, true, false, under},
    {BL__KEY_neg, 1, false, false, true, false, neg},
    {BL__KEY_exp, 1, false, true, false, false, exponential},
    {BL__KEY_log, 1, false, true, false, false, logarithm},
    {BL__KEY_sqrt, 1, false, true, true, false, root},
    {BL__KEY_square, 1, false, false, true, false, square},
    {BL__KEY_abs, 1, false, false, true, false, magnitude},
    {BL__KEY_sign, 1, false, false, true, false, sign},
    {BL__KEY_relu, 1, false, false, true, false, relu},
    {BL__KEY_tanh, 1, false, true, false, false, tangent},
    {BL__KEY_sigmoid, 1, false, true, false, false, sigmoid},
    {BL__KEY_equal, 2, false, false, true, true, equal},
    {BL__KEY_not_equal, 2, false, false, true, true, not_equal},
    {BL__KEY_less, 2, false, false, true, true, less},
    {BL__KEY_less_equal, 2, false, false, true, true, less_equal},
    {BL__KEY_greater, 2, false, false, true, true, greater},
    {BL__KEY_greater_equal, 2, false, false, true, true, greater_equal},
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

static const bl_dtype numbers[] = {BL_F32, BL_F64, BL_I32, BL_I64};

/* ---- shapes: of the output and of each input, aligned from the right ---- */

typedef struct broadcast {
    bl_shape output, input[3];
} broadcast;

#define SHAPE(...)                                                 \
    {                                                              \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
        {                                                          \
            __VA_ARGS__                                            \
        }                                                          \
    }
#define SCALAR \
    {          \
        0,     \
        {      \
            0  \
        }      \
    }

static const broadcast broadcasts[] = {
    {SCALAR, {SCALAR, SCALAR, SCALAR}},
    {SHAPE(1), {SHAPE(1), SHAPE(1), SHAPE(1)}},
    {SHAPE(60), {SHAPE(60), SHAPE(60), SHAPE(60)}},
    {SHAPE(1000), {SHAPE(1000), SHAPE(1000), SHAPE(1000)}},
    {SHAPE(2, 0, 3), {SHAPE(2, 0, 3), SHAPE(2, 0, 3), SHAPE(2, 0, 3)}},
    {SHAPE(7, 100), {SHAPE(7, 100), SHAPE(7, 100), SHAPE(7, 100)}},
    {SHAPE(40, 7, 3), {SHAPE(40, 7, 3), SHAPE(40, 7, 3), SHAPE(40, 7, 3)}},
    {SHAPE(2, 1, 3, 2, 1, 2, 2, 3), {SHAPE(2, 1, 3, 2, 1, 2, 2, 3), SHAPE(2, 2, 3), SHAPE(3, 1, 1, 2, 1, 1)}},
    {SHAPE(300), {SHAPE(300), SCALAR, SHAPE(1)}},
    {SHAPE(6, 10), {SHAPE(6, 10), SHAPE(10), SHAPE(6, 1)}},
    {SHAPE(60, 10), {SHAPE(10), SHAPE(60, 1), SHAPE(60, 10)}},
    {SHAPE(5, 300), {SHAPE(5, 1), SHAPE(300), SHAPE(5, 300)}},
    {SHAPE(5, 300), {SHAPE(5, 300), SHAPE(1, 300), SCALAR}},
    {SHAPE(4, 3, 6), {SHAPE(4, 1, 6), SHAPE(3, 1), SHAPE(1, 1, 6)}},
    {SHAPE(3, 40, 33), {SHAPE(40, 1), SHAPE(3, 1, 33), SHAPE(3, 40, 1)}},
};

enum {
    BROADCASTS = sizeof(broadcasts) / sizeof(broadcasts[0]),
    EQUAL_SHAPES = 8 /* so many of them have a first input of the output's shape */
};

/* The element of an input that meets element i of the output. */
static int64_t meets(const tensor *input, bl_shape output, int64_t i)
{
    int64_t at = 0, block = 1;
    for (int d = 1; d <= output.rank; d++) {
        int64_t index = i % output.size[output.rank - d];
        i /= output.size[output.rank - d];
        if (d > input->operand.rank)
            continue;
        int64_t size = input->size[input->operand.rank - d];
        at += (size == 1 ? 0 : index) * block;
        block *= size;
    }
    return at;
}

static void check(const rule *op, bl_dtype dtype, const broadcast *shapes, layout first, layout second)
{
    const bl__scalar_attributes scalar = {3};
    tensor *in[2] = {new_tensor(dtype, shapes->input[0], first), new_tensor(dtype, shapes->input[1], second)};
    tensor *out = new_tensor(op->compares ? BL_BOOL : dtype, shapes->output, PLAIN);
    set_all(in[0], 1000);
    set_all(in[1], 23);
    cr_assert_eq(call_kernel(op->key, in, op->inputs, out, &scalar), BL_OK, "%s", reason);
    for (int64_t i = 0; i < out->operand.count; i++) {
        double a = get(in[0], meets(in[0], shapes->output, i));
        double b = op->scalar ? scalar.value : get(in[1], meets(in[1], shapes->output, i));
        double expected = rounded(out->operand.dtype, op->value(a, b)), found = get(out, i);
        cr_assert(op->exact ? same(found, expected) : close_to(dtype, found, expected),
                  "key %d %s, case %d, layouts %d %d, element %d: f(%g, %g) = %.17g, not %.17g", op->key,
                  bl_dtype_name(dtype), (int)(shapes - broadcasts), (int)first, (int)second, (int)i, a, b,
                  expected, found);
    }
    free_tensor(in[0]);
    free_tensor(in[1]);
    free_tensor(out);
}

Test(elementwise, every_op_and_dtype_of_any_layout)
{
    for (size_t r = 0; r < RULES; r++)
        for (size_t t = 0; t < (rules[r].reals_only ? 2 : 4); t++)
            for (size_t c = 0; c < BROADCASTS; c++)
                for (unsigned l = 0; l < LAYOUT_COUNT * LAYOUT_COUNT; l++) {
                    if (rules[r].inputs == 1 && (l >= LAYOUT_COUNT || c >= EQUAL_SHAPES))
                        break;
                    check(&rules[r], numbers[t], &broadcasts[c], l % LAYOUT_COUNT, l / LAYOUT_COUNT);
                }
}

Test(elementwise, where_of_any_layout)
{
    const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    for (size_t t = 0; t < 5; t++)
        for (size_t c = 0; c < BROADCASTS; c++)
            for (unsigned l = 0; l < 27; l++) {
                const bl_shape *shape = broadcasts[c].input;
                tensor *in[3] = {new_tensor(BL_BOOL, shape[0], l % 3),
                                 new_tensor(dtypes[t], shape[1], l / 3 % 3),
                                 new_tensor(dtypes[t], shape[2], l / 9)};
                tensor *out = new_tensor(dtypes[t], broadcasts[c].output, PLAIN);
                set_all(in[0], 1000);
                set_all(in[1], 23);
                set_all(in[2], 31);
                cr_assert_eq(call_kernel(BL__KEY_where, in, 3, out, NULL), BL_OK);
                for (int64_t i = 0; i < out->operand.count; i++) {
                    bool chosen = get(in[0], meets(in[0], broadcasts[c].output, i)) != 0;
                    const tensor *source = in[chosen ? 1 : 2];
                    cr_assert_eq(get(out, i), get(source, meets(source, broadcasts[c].output, i)));
                }
                for (int k = 0; k < 3; k++)
                    free_tensor(in[k]);
                free_tensor(out);
            }
}

Test(elementwise, output_in_the_place_of_an_input)
{
    for (size_t r = 0; r < RULES; r++)
        for (size_t t = 0; t < (rules[r].reals_only ? 2 : 4); t++)
            for (uint32_t over = 0; over < rules[r].inputs && !rules[r].compares; over++)
                for (int other = 0; other < 2; other++) {
                    const bl__scalar_attributes scalar = {3};
                    bl_shape shapes[2] = {BL_SHAPE(70, 9), BL_SHAPE(70, 9)};
                    if (other == 1)
                        shapes[1 - over] = BL_SHAPE(9);
                    tensor *in[2] = {new_tensor(numbers[t], shapes[0], PLAIN),
                                     new_tensor(numbers[t], shapes[1], PLAIN)};
                    tensor *apart = new_tensor(numbers[t], BL_SHAPE(70, 9), PLAIN);
                    set_all(in[0], 1000);
                    set_all(in[1], 23);
                    cr_assert_eq(call_kernel(rules[r].key, in, rules[r].inputs, apart, &scalar), BL_OK);
                    cr_assert_eq(call_kernel(rules[r].key, in, rules[r].inputs, in[over], &scalar), BL_OK);
                    for (int64_t i = 0; i < 630; i++)
                        cr_assert(same(get(in[over], i), get(apart, i)), "key %d, element %d", rules[r].key,
                                  (int)i);
                    free_tensor(in[0]);
                    free_tensor(in[1]);
                    free_tensor(apart);
                }
}

/* ---- values at the edges ---- */

/* One op on one pair of numbers. */
static double of(int key, bl_dtype dtype, bl_dtype result, double a, double b)
{
    const bl__scalar_attributes scalar = {b};
    tensor *in[2] = {new_tensor(dtype, BL_SHAPE(9), PLAIN), new_tensor(dtype, BL_SHAPE(9), PLAIN)};
    tensor *out = new_tensor(result, BL_SHAPE(9), PLAIN);
    bool two = key <= BL__KEY_maximum || (key >= BL__KEY_equal && key <= BL__KEY_greater_equal);
    for (int64_t i = 0; i < 9; i++) {
        set(in[0], i, a);
        set(in[1], i, b);
    }
    cr_assert_eq(call_kernel(key, in, two ? 2 : 1, out, &scalar), BL_OK);
    double value = get(out, 0);
    for (int64_t i = 1; i < 9; i++) /* vectors and what is left over agree */
        cr_assert(same(get(out, i), value));
    free_tensor(in[0]);
    free_tensor(in[1]);
    free_tensor(out);
    return value;
}

Test(elementwise, nan_and_infinity)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        const double inf = (double)INFINITY, nan = (double)NAN;
        const int spreads_nan[] = {BL__KEY_neg,    BL__KEY_exp,     BL__KEY_log,     BL__KEY_sqrt,
                                   BL__KEY_square, BL__KEY_abs,     BL__KEY_sign,    BL__KEY_relu,
                                   BL__KEY_tanh,   BL__KEY_sigmoid, BL__KEY_add,     BL__KEY_sub,
                                   BL__KEY_mul,    BL__KEY_div,     BL__KEY_maximum, BL__KEY_maximum_scalar};
        for (size_t i = 0; i < sizeof(spreads_nan) / sizeof(spreads_nan[0]); i++)
            cr_assert(isnan(of(spreads_nan[i], t, t, nan, 1)), "key %d", spreads_nan[i]);
        cr_assert(isnan(of(BL__KEY_maximum, t, t, 1, nan)));
        cr_assert(isnan(of(BL__KEY_maximum, t, t, inf, nan)));
        cr_assert(isnan(of(BL__KEY_maximum, t, t, nan, nan)));
        cr_assert_eq(of(BL__KEY_div, t, t, 1, 0), inf);
        cr_assert_eq(of(BL__KEY_div, t, t, -1, 0), -inf);
        cr_assert(isnan(of(BL__KEY_div, t, t, 0, 0)));
        cr_assert_eq(of(BL__KEY_log, t, t, 0, 0), -inf);
        cr_assert(isnan(of(BL__KEY_log, t, t, -1, 0)));
        cr_assert(isnan(of(BL__KEY_sqrt, t, t, -1, 0)));
        cr_assert_eq(of(BL__KEY_exp, t, t, -inf, 0), 0);
        cr_assert_eq(of(BL__KEY_pow, t, t, nan, 0), 1, "C's pow");
        cr_assert_eq(of(BL__KEY_pow_scalar, t, t, -3, 2), 9);
        cr_assert(isnan(of(BL__KEY_pow_scalar, t, t, -3, 0.5)));
        cr_assert_eq(of(BL__KEY_sign, t, t, -inf, 0), -1);
        cr_assert_eq(of(BL__KEY_relu, t, t, inf, 0), inf);
        cr_assert_eq(of(BL__KEY_equal, t, BL_BOOL, nan, nan), 0);
        cr_assert_eq(of(BL__KEY_not_equal, t, BL_BOOL, nan, nan), 1);
        cr_assert_eq(of(BL__KEY_less, t, BL_BOOL, nan, 1), 0);
        cr_assert_eq(of(BL__KEY_greater_equal, t, BL_BOOL, 1, nan), 0);
    }
}

Test(elementwise, sigmoid_keeps_its_tails)
{
    cr_assert_eq(of(BL__KEY_sigmoid, BL_F32, BL_F32, 1000, 0), 1);
    cr_assert_eq(of(BL__KEY_sigmoid, BL_F32, BL_F32, -1000, 0), 0);
    cr_assert_eq(of(BL__KEY_sigmoid, BL_F64, BL_F64, 0, 0), 0.5);
    cr_assert(close_to(BL_F32, of(BL__KEY_sigmoid, BL_F32, BL_F32, -100, 0), exp(-100)));
    cr_assert(close_to(BL_F64, of(BL__KEY_sigmoid, BL_F64, BL_F64, -740, 0), exp(-740)));
}

Test(elementwise, integers_wrap)
{
    cr_assert_eq(of(BL__KEY_add, BL_I32, BL_I32, INT32_MAX, 1), INT32_MIN);
    cr_assert_eq(of(BL__KEY_sub, BL_I32, BL_I32, INT32_MIN, 1), INT32_MAX);
    cr_assert_eq(of(BL__KEY_mul, BL_I32, BL_I32, 65537, 65537), 131073);
    cr_assert_eq(of(BL__KEY_mul_scalar, BL_I32, BL_I32, 65537, 65537), 131073);
    cr_assert_eq(of(BL__KEY_neg, BL_I32, BL_I32, INT32_MIN, 0), INT32_MIN);
    cr_assert_eq(of(BL__KEY_abs, BL_I32, BL_I32, INT32_MIN, 0), INT32_MIN);
    cr_assert_eq(of(BL__KEY_square, BL_I32, BL_I32, 65536, 0), 0);
    cr_assert_eq(of(BL__KEY_mul, BL_I64, BL_I64, 0x1p32, 0x1p32), 0);
    cr_assert_eq(of(BL__KEY_add, BL_I64, BL_I64, -0x1p63, -0x1p63), 0);
    cr_assert_eq(of(BL__KEY_neg, BL_I64, BL_I64, -0x1p63, 0), -0x1p63);
}

Test(elementwise, bools_compare)
{
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            cr_assert_eq(of(BL__KEY_equal, BL_BOOL, BL_BOOL, a, b), a == b);
            cr_assert_eq(of(BL__KEY_not_equal, BL_BOOL, BL_BOOL, a, b), a != b);
        }
}

Test(elementwise, dtypes_without_a_kernel_are_refused)
{
    tensor *in[2] = {new_tensor(BL_F16, BL_SHAPE(3), PLAIN), new_tensor(BL_F16, BL_SHAPE(3), PLAIN)};
    cr_assert_eq(call_kernel(BL__KEY_add, in, 2, in[0], NULL), BL_ERR_DTYPE);
    cr_assert_str_eq(reason, "no kernel for f16");
    free_tensor(in[0]);
    free_tensor(in[1]);
}
