/* Dtypes, shapes, what can be asked of a tensor, and values as text. */
#include "bowline/bowline.h"

#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char text[4096];

Test(tensor, dtypes)
{
    static const char *const names[] = {"f32", "f64", "i32", "i64", "bool", "bf16", "f16"};
    static const size_t sizes[] = {4, 8, 4, 8, 1, 2, 2};
    cr_assert_eq(BL_DTYPE_COUNT, 7);
    for (int d = 0; d < BL_DTYPE_COUNT; d++) {
        cr_expect_str_eq(bl_dtype_name((bl_dtype)d), names[d]);
        cr_expect_eq(bl_dtype_size((bl_dtype)d), sizes[d]);
    }
    cr_expect_str_eq(bl_dtype_name(BL_DTYPE_COUNT), "?");
    cr_expect_str_eq(bl_dtype_name((bl_dtype)-1), "?");
    cr_expect_eq(bl_dtype_size(BL_DTYPE_COUNT), 0);
    cr_expect_eq(bl_dtype_size((bl_dtype)1000), 0);
}

Test(tensor, shapes)
{
    int64_t sizes[9] = {2, 3, 4, 5, 6, 7, 8, 9, 10};
    cr_expect_eq(bl_shape_of(8, sizes).size[7], 9);
    cr_expect_eq(bl_shape_of(9, sizes).rank, -1);
    cr_expect_eq(bl_shape_of(-1, sizes).rank, -1);
    cr_expect_eq(bl_shape_of(1, NULL).rank, -1);
    cr_expect_eq(bl_shape_of(0, NULL).rank, 0);

    cr_expect_eq(bl_shape_count(BL_SCALAR), 1);
    cr_expect_eq(bl_shape_count(BL_SHAPE(2, 3, 4)), 24);
    cr_expect_eq(bl_shape_count(BL_SHAPE(2, 0, 4)), 0);
    cr_expect_eq(bl_shape_count(BL_SHAPE(2, -1)), -1);
    cr_expect_eq(bl_shape_count(BL_SHAPE(0, -1)), -1);
    cr_expect_eq(bl_shape_count(BL_SHAPE(INT64_MAX)), INT64_MAX);
    cr_expect_eq(bl_shape_count(BL_SHAPE(INT64_MAX, 2)), -1);
    cr_expect_eq(bl_shape_count(BL_SHAPE((int64_t)1 << 32, (int64_t)1 << 31)), -1);
    cr_expect_eq(bl_shape_count(BL_SHAPE(0, (int64_t)1 << 40, (int64_t)1 << 40)), -1,
                 "strides of such a shape could not be counted");
    cr_expect_eq(bl_shape_count((bl_shape){.rank = 9}), -1);
    cr_expect_eq(bl_shape_count((bl_shape){.rank = -1}), -1);

    cr_expect(bl_shape_equal(BL_SHAPE(2, 3), BL_SHAPE(2, 3)));
    cr_expect(!bl_shape_equal(BL_SHAPE(2, 3), BL_SHAPE(3, 2)));
    cr_expect(!bl_shape_equal(BL_SHAPE(2), BL_SHAPE(2, 1)));
    bl_shape dirty = {.rank = 1, .size = {2, 99}};
    cr_expect(bl_shape_equal(dirty, BL_SHAPE(2)), "sizes beyond the rank do not count");
}

Test(tensor, broadcasting)
{
    bl_shape out;
    cr_expect(bl_shape_broadcast(BL_SHAPE(2, 1, 4), BL_SHAPE(3, 1), &out));
    cr_expect(bl_shape_equal(out, BL_SHAPE(2, 3, 4)));
    cr_expect(bl_shape_broadcast(BL_SCALAR, BL_SHAPE(5), &out) && bl_shape_equal(out, BL_SHAPE(5)));
    cr_expect(bl_shape_broadcast(BL_SCALAR, BL_SCALAR, &out) && bl_shape_equal(out, BL_SCALAR));
    cr_expect(bl_shape_broadcast(BL_SHAPE(1), BL_SHAPE(0), &out) && bl_shape_equal(out, BL_SHAPE(0)));
    out = BL_SHAPE(77);
    cr_expect(!bl_shape_broadcast(BL_SHAPE(2), BL_SHAPE(0), &out));
    cr_expect(!bl_shape_broadcast(BL_SHAPE(2, 3), BL_SHAPE(3, 2), &out));
    cr_expect(!bl_shape_broadcast((bl_shape){.rank = -1}, BL_SCALAR, &out));
    cr_expect(!bl_shape_broadcast((bl_shape){.rank = 9}, BL_SCALAR, &out));
    cr_expect(bl_shape_equal(out, BL_SHAPE(77)), "a refused broadcast writes nothing");
}

Test(tensor, shapes_as_text)
{
    cr_expect_eq(bl_shape_format(BL_SHAPE(2, 3), text, sizeof(text)), 5);
    cr_expect_str_eq(text, "[2,3]");
    bl_shape_format(BL_SCALAR, text, sizeof(text));
    cr_expect_str_eq(text, "[]");
    bl_shape_format((bl_shape){.rank = -1}, text, sizeof(text));
    cr_expect_str_eq(text, "[invalid]");
    bl_shape largest = {.rank = 8};
    for (int d = 0; d < 8; d++)
        largest.size[d] = INT64_MAX;
    cr_expect_eq(bl_shape_format(largest, text, sizeof(text)), 8 * 19 + 7 + 2);
    cr_expect_eq(strlen(text), 8 * 19 + 7 + 2);
    memset(text, 'x', 10);
    cr_expect_eq(bl_shape_format(BL_SHAPE(12, 34), text, 4), 7);
    cr_expect_str_eq(text, "[12");
    cr_expect_eq(text[4], 'x');
    cr_expect_eq(bl_shape_format(BL_SHAPE(12, 34), NULL, 0), 7);
}

Test(tensor, questions)
{
    cr_expect(!bl_tensor_valid(NULL));
    cr_expect_eq(bl_tensor_shape(NULL).rank, -1);
    cr_expect_eq(bl_tensor_dtype(NULL), BL_DTYPE_COUNT);
    cr_expect_eq(bl_tensor_count(NULL), -1);
    cr_expect_null(bl_tensor_graph(NULL));
    cr_expect_null(bl_tensor_parameter(NULL));
    bl_tensor_format(NULL, text, sizeof(text));
    cr_expect_str_eq(text, "NULL");

    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *x = bl_input(graph, "x", BL_I32, BL_SHAPE(2, 0, 3));
    cr_expect(bl_tensor_valid(x));
    cr_expect(bl_shape_equal(bl_tensor_shape(x), BL_SHAPE(2, 0, 3)));
    cr_expect_eq(bl_tensor_dtype(x), BL_I32);
    cr_expect_eq(bl_tensor_count(x), 0);
    cr_expect_eq(bl_tensor_graph(x), graph);
    cr_expect_null(bl_tensor_parameter(x));
    bl_tensor_format(x, text, sizeof(text));
    cr_expect_str_eq(text, "%0 = input i32 [2,0,3]");
    bl_tensor *y = bl_label(bl_neg(bl_full(graph, BL_F64, BL_SCALAR, 1)), "minus one");
    bl_tensor_format(y, text, sizeof(text));
    cr_expect_str_eq(text, "%2 = neg f64 [] (minus one)");
    cr_expect_eq(bl_tensor_format(y, text, 5), strlen("%2 = neg f64 [] (minus one)"));
    cr_expect_str_eq(text, "%2 =");

    bl_tensor *bad = bl_add(x, y);
    cr_expect(!bl_tensor_valid(bad));
    cr_expect_eq(bl_tensor_graph(bad), graph);
    cr_expect_eq(bl_tensor_shape(bad).rank, -1);
    cr_expect_eq(bl_tensor_dtype(bad), BL_DTYPE_COUNT);
    cr_expect_eq(bl_tensor_count(bad), -1);
    cr_expect_null(bl_tensor_parameter(bad));
    bl_tensor_format(bad, text, sizeof(text));
    cr_expect_str_eq(text, "invalid");
    bl_graph_free(graph);
    bl_context_free(context);
}

static void expect_values(bl_dtype dtype, bl_shape shape, const void *data, int precision, const char *wanted)
{
    size_t length = bl_values_format(dtype, shape, data, precision, text, sizeof(text));
    cr_expect_str_eq(text, wanted);
    cr_expect_eq(length, strlen(wanted));
    cr_expect_eq(bl_values_format(dtype, shape, data, precision, NULL, 0), length);
}

Test(tensor, values_as_text)
{
    float f32[] = {0.1f, -2, 3.5f, 1e10f, INFINITY, NAN};
    expect_values(BL_F32, BL_SHAPE(6), f32, 0, "[0.1, -2, 3.5, 1e+10, inf, nan]");
    expect_values(BL_F32, BL_SHAPE(2, 3), f32, 3, "[[0.1, -2, 3.5],\n [1e+10, inf, nan]]");
    expect_values(BL_F32, BL_SCALAR, f32, 0, "0.1");
    double f64[] = {0.1, 1.0 / 3, -INFINITY, -0.0};
    expect_values(BL_F64, BL_SHAPE(2, 2, 1), f64, 0,
                  "[[[0.1],\n  [0.3333333333333333]],\n [[-inf],\n  [-0]]]");
    expect_values(BL_F64, BL_SHAPE(2), f64, 20, "[0.10000000000000000555, 0.33333333333333331483]");
    int32_t i32[] = {INT32_MIN, INT32_MAX};
    expect_values(BL_I32, BL_SHAPE(2), i32, 0, "[-2147483648, 2147483647]");
    int64_t i64[] = {INT64_MIN, INT64_MAX};
    expect_values(BL_I64, BL_SHAPE(1, 2), i64, 2, "[[-9223372036854775808, 9223372036854775807]]");
    uint8_t bools[] = {0, 1};
    expect_values(BL_BOOL, BL_SHAPE(2), bools, 0, "[false, true]");
    uint16_t bf16[] = {0x3f80, 0x4049}, f16[] = {0x3c00, 0x4248, 0x7c00};
    expect_values(BL_BF16, BL_SHAPE(2), bf16, 0, "[1, 3.140625]");
    expect_values(BL_F16, BL_SHAPE(3), f16, 0, "[1, 3.140625, inf]");
    expect_values(BL_F32, BL_SHAPE(0), NULL, 0, "[]");
    expect_values(BL_F32, BL_SHAPE(3, 0), NULL, 0, "[]");

    text[0] = 'x';
    cr_expect_eq(bl_values_format(BL_F32, BL_SHAPE(1), NULL, 0, text, sizeof(text)), 0);
    cr_expect_str_eq(text, "");
    cr_expect_eq(bl_values_format(BL_DTYPE_COUNT, BL_SHAPE(1), f32, 0, text, sizeof(text)), 0);
    cr_expect_eq(bl_values_format(BL_F32, (bl_shape){.rank = -1}, f32, 0, text, sizeof(text)), 0);
    cr_expect_eq(bl_values_format(BL_F32, BL_SHAPE(3), f32, 0, text, 6), 14);
    cr_expect_str_eq(text, "[0.1,");
    /* As many digits as are asked for, and the exponent after them. */
    double tiny = 1e-300;
    bl_values_format(BL_F64, BL_SCALAR, &tiny, 60, text, sizeof(text));
    cr_expect_eq(strtod(text, NULL), tiny, "%s", text);
    cr_expect_eq(strlen(text), 61 + strlen("e-300"));
    bl_values_format(BL_F64, BL_SCALAR, &tiny, 100000, text, sizeof(text));
    cr_expect_eq(strtod(text, NULL), tiny);
}

/* xorshift64: bits for values of every size. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(tensor, precision_0_reads_back)
{
    static const double edges[] = {DBL_MAX, DBL_MIN, DBL_TRUE_MIN,      DBL_EPSILON,
                                   0.1,     1e23,    9007199254740993.0};
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < 20000; i++) {
        uint64_t bits = next_bits(&state);
        double wide;
        float narrow;
        memcpy(&wide, &bits, sizeof(wide));
        memcpy(&narrow, &bits, sizeof(narrow));
        wide = i < sizeof(edges) / sizeof(*edges) ? edges[i] : wide;
        bl_values_format(BL_F64, BL_SCALAR, &wide, 0, text, sizeof(text));
        cr_assert(isnan(wide) ? strcmp(text, "nan") == 0 : strtod(text, NULL) == wide, "%a: %s", wide, text);
        cr_assert_leq(strlen(text), 24);
        bl_values_format(BL_F32, BL_SCALAR, &narrow, 0, text, sizeof(text));
        cr_assert(isnan(narrow) ? strcmp(text, "nan") == 0 : strtof(text, NULL) == narrow, "%a: %s",
                  (double)narrow, text);
        cr_assert_leq(strlen(text), 15);
    }
}

Test(tensor, numbers_have_a_point_in_every_locale)
{
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof(commas) / sizeof(*commas) && !found; i++)
        found = setlocale(LC_NUMERIC, commas[i]);
    if (!found)
        cr_skip_test("no locale with a decimal comma is installed");
    double values[] = {0.5, 1234567.25, 1e-7};
    expect_values(BL_F64, BL_SHAPE(3), values, 0, "[0.5, 1234567.25, 1e-07]");
    setlocale(LC_NUMERIC, "C");
}
