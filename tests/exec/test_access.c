/* Inputs, outputs and items of a program. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(access, .init = open_all, .fini = close_all);

/* The call failed with this code, and the program says why. */
static void expect_error(bl_status status, const bl_program *program, bl_status code, const char *part)
{
    cr_expect_eq(status, code);
    cr_expect(error_says(bl_program_error(program), code, part, NULL), "wanted %s with \"%s\", got %s",
              bl_status_name(code), part, error_text(bl_program_error(program)));
}

Test(access, inputs_are_set_or_bound)
{
    float first[3] = {1, 2, 3}, second[3] = {4, 5, 6};
    bl_tensor *a = bl_input(graph, "a", BL_F32, BL_SHAPE(3)), *b = bl_input(graph, "b", BL_F32, BL_SHAPE(3));
    bl_tensor *y = bl_sub(a, b), *unused = bl_input(graph, "unused", BL_F32, BL_SHAPE(3));
    bl_program *p = bl_compile(context, y);
    expect_error(bl_run(p), p, BL_ERR_STATE, "\"a\" was never set");
    cr_assert_eq(bl_set_input(p, a, first, sizeof(first)), BL_OK);
    expect_error(bl_run(p), p, BL_ERR_STATE, "\"b\" was never set");
    expect_error(bl_set_input(p, b, second, sizeof(second) - 1), p, BL_ERR_ARGUMENT,
                 "f32 [3], 12 bytes, not 11");
    expect_error(bl_set_input(p, b, NULL, sizeof(second)), p, BL_ERR_ARGUMENT, "NULL");
    expect_error(bl_set_input(p, y, second, sizeof(second)), p, BL_ERR_ARGUMENT, "not an input");
    expect_error(bl_set_input(p, NULL, second, sizeof(second)), p, BL_ERR_ARGUMENT, "not an input");
    expect_error(bl_set_input(p, unused, second, sizeof(second)), p, BL_ERR_ARGUMENT,
                 "\"unused\" is no input");
    expect_error(bl_bind_input(p, unused, second, sizeof(second)), p, BL_ERR_ARGUMENT,
                 "\"unused\" is no input");
    expect_error(bl_bind_input(p, b, second, 8), p, BL_ERR_ARGUMENT, "12 bytes, not 8");
    expect_error(bl_bind_input(p, b, NULL, 12), p, BL_ERR_ARGUMENT, "NULL");
    unsigned char room[16];
    memcpy(room + 1, second, sizeof(second));
    size_t odd = (uintptr_t)room % 4 == 3 ? 2 : 1;
    expect_error(bl_bind_input(p, b, room + odd, 12), p, BL_ERR_ARGUMENT, "not aligned for f32");

    cr_assert_eq(bl_bind_input(p, b, second, sizeof(second)), BL_OK);
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect_eq(bl_item_at(p, y, BL_SHAPE(2)), -3);
    first[2] = 100; /* set: copied */
    second[2] = 10; /* bound: seen */
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect_eq(bl_item_at(p, y, BL_SHAPE(2)), 3 - 10);
    cr_assert_eq(bl_bind_input(p, a, second, sizeof(second)), BL_OK, "one block for two inputs");
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect_eq(bl_item_at(p, y, BL_SHAPE(2)), 0);
    cr_assert_eq(bl_set_input(p, a, first, sizeof(first)), BL_OK, "set after it was bound");
    second[2] = 1;
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect_eq(bl_item_at(p, y, BL_SHAPE(2)), 99);
    cr_expect_eq(second[0], 4, "bound memory is only read");
    bl_program_free(p);
}

Test(access, an_input_is_known_by_its_place_dtype_and_shape)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2));
    bl_program *p = bl_compile(context, bl_neg(x));
    bl_graph *again = bl_graph_new(context);
    float data[2] = {1, 2};
    cr_expect_eq(bl_set_input(p, bl_input(again, "x", BL_F32, BL_SHAPE(2)), data, 8), BL_OK,
                 "the recording repeated");
    cr_expect_eq(bl_set_input(p, bl_input(again, "x", BL_F32, BL_SHAPE(2)), data, 8), BL_ERR_ARGUMENT);
    bl_graph_reset(again);
    cr_expect_eq(bl_set_input(p, bl_input(again, "x", BL_I32, BL_SHAPE(2)), data, 8), BL_ERR_ARGUMENT);
    bl_graph_reset(again);
    cr_expect_eq(bl_set_input(p, bl_input(again, "x", BL_F32, BL_SHAPE(1, 2)), data, 8), BL_ERR_ARGUMENT);
    bl_graph_free(again);
    bl_program_free(p);
}

Test(access, outputs_of_every_kind)
{
    float constant[6] = {1, 2, 3, 4, 5, 6}, in[6] = {10, 20, 30, 40, 50, 60},
          w0[6] = {-1, -2, -3, -4, -5, -6}, out[6];
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(2, 3), bl_init_zeros(), NULL);
    bl_parameter_write(w, w0, sizeof(w0));
    bl_tensor *c = bl_constant(graph, BL_F32, BL_SHAPE(2, 3), constant);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2, 3)), *t = bl_use(graph, w);
    bl_tensor *f = bl_full(graph, BL_F32, BL_SHAPE(2, 3), 7), *sum = bl_add(x, t);
    bl_tensor *turned = bl_transpose(sum, 0, 1), *row = bl_slice(sum, 0, 1, 2, 1),
              *column = bl_slice(x, 1, 2, 3, 1);
    bl_tensor *wide = bl_expand(row, BL_SHAPE(2, 3)), *flat = bl_reshape(turned, BL_SHAPE(6));
    bl_tensor *outputs[] = {c, x, t, f, sum, turned, row, column, wide, flat, sum, c};
    bl_program *p = bl_compile_list(context, outputs, 12, NULL);
    cr_assert_eq(bl_program_error(p)->code, BL_OK, "%s", error_text(bl_program_error(p)));
    expect_error(bl_read(p, c, out, sizeof(out)), p, BL_ERR_STATE, "there was none");
    cr_expect_null(bl_output_data(p, c));
    cr_expect(isnan(bl_item_at(p, c, BL_SHAPE(0, 0))));
    cr_assert_eq(bl_bind_input(p, x, in, sizeof(in)), BL_OK);
    cr_assert_eq(bl_run(p), BL_OK);
    static const float wanted[][6] = {{1, 2, 3, 4, 5, 6},
                                      {10, 20, 30, 40, 50, 60},
                                      {-1, -2, -3, -4, -5, -6},
                                      {7, 7, 7, 7, 7, 7},
                                      {9, 18, 27, 36, 45, 54},
                                      {9, 36, 18, 45, 27, 54},
                                      {36, 45, 54},
                                      {30, 60},
                                      {36, 45, 54, 36, 45, 54},
                                      {9, 36, 18, 45, 27, 54},
                                      {9, 18, 27, 36, 45, 54},
                                      {1, 2, 3, 4, 5, 6}};
    for (size_t i = 0; i < 12; i++) {
        size_t bytes = (size_t)bl_tensor_count(outputs[i]) * sizeof(float);
        memset(out, 0, sizeof(out));
        cr_assert_eq(bl_read(p, outputs[i], out, bytes), BL_OK, "output %zu", i);
        cr_expect_arr_eq(out, wanted[i], sizeof(out), "output %zu", i);
        cr_expect_eq(memcmp(bl_output_data(p, outputs[i]), out, bytes), 0, "output %zu", i);
    }
    /* Outputs are values of the run, not windows on what they came from. */
    in[0] = 1000;
    float other[6] = {0};
    cr_assert_eq(bl_parameter_write(w, other, sizeof(other)), BL_OK);
    cr_expect_eq(bl_item_at(p, x, BL_SHAPE(0, 0)), 10);
    cr_expect_eq(bl_item_at(p, t, BL_SHAPE(0, 0)), -1);
    expect_error(bl_read(p, sum, out, 20), p, BL_ERR_ARGUMENT, "f32 [2,3], 24 bytes, not 20");
    expect_error(bl_read(p, sum, NULL, 24), p, BL_ERR_ARGUMENT, "NULL");
    bl_tensor *foreign = bl_add(sum, sum);
    expect_error(bl_read(p, foreign, out, 24), p, BL_ERR_ARGUMENT, "no output");
    expect_error(bl_read(p, NULL, out, 24), p, BL_ERR_ARGUMENT, "no output");
    cr_expect_null(bl_output_data(p, foreign));
    bl_program_free(p);
}

Test(access, items)
{
    int32_t i32[] = {-7, 8};
    int64_t i64[] = {1, -2};
    uint8_t bools[] = {0, 1};
    uint16_t bf16[] = {0x3f80, 0xc000}, f16[] = {0x3c00, 0xc000};
    double f64[] = {0.1, 0.2};
    bl_shape two = BL_SHAPE(2);
    bl_tensor *outputs[] = {
        bl_constant(graph, BL_I32, two, i32),    bl_constant(graph, BL_I64, two, i64),
        bl_constant(graph, BL_BOOL, two, bools), bl_constant(graph, BL_BF16, two, bf16),
        bl_constant(graph, BL_F16, two, f16),    bl_constant(graph, BL_F64, two, f64),
        bl_scalar(graph, BL_F32, 0.5),           bl_full(graph, BL_F32, BL_SHAPE(1, 1), 3),
        bl_full(graph, BL_F32, BL_SHAPE(0), 3)};
    static const double wanted[][2] = {{-7, 8}, {1, -2}, {0, 1}, {1, -2}, {1, -2}, {0.1, 0.2}};
    bl_program *p = bl_compile_list(context, outputs, 9, NULL);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_program_error(p)));
    for (size_t i = 0; i < 6; i++) {
        cr_expect_eq(bl_item_at(p, outputs[i], BL_SHAPE(0)), wanted[i][0], "output %zu", i);
        cr_expect_eq(bl_item_at(p, outputs[i], BL_SHAPE(1)), wanted[i][1], "output %zu", i);
    }
    cr_expect_eq(bl_item(p, outputs[6]), 0.5);
    cr_expect_eq(bl_item_at(p, outputs[6], BL_SCALAR), 0.5);
    cr_expect_eq(bl_item(p, outputs[7]), 3);
    cr_expect_eq(bl_program_error(p)->code, BL_OK);
    cr_expect(isnan(bl_item(p, outputs[0])));
    expect_error(BL_ERR_SHAPE, p, BL_ERR_SHAPE, "[2] is not one element");
    cr_expect(isnan(bl_item(p, outputs[8])));
    expect_error(BL_ERR_SHAPE, p, BL_ERR_SHAPE, "[0]");
    cr_expect(isnan(bl_item_at(p, outputs[0], BL_SHAPE(2))));
    expect_error(BL_ERR_INDEX, p, BL_ERR_INDEX, "[2] is outside [2]");
    cr_expect(isnan(bl_item_at(p, outputs[0], BL_SHAPE(-1))));
    expect_error(BL_ERR_INDEX, p, BL_ERR_INDEX, "[-1]");
    cr_expect(isnan(bl_item_at(p, outputs[0], BL_SCALAR)));
    expect_error(BL_ERR_ARGUMENT, p, BL_ERR_ARGUMENT, "rank 0");
    cr_expect(isnan(bl_item_at(p, outputs[0], (bl_shape){.rank = -1})));
    expect_error(BL_ERR_ARGUMENT, p, BL_ERR_ARGUMENT, "rank -1");
    cr_expect(isnan(bl_item_at(p, NULL, BL_SHAPE(0))));
    expect_error(BL_ERR_ARGUMENT, p, BL_ERR_ARGUMENT, "no output");
    cr_expect_eq(bl_read(p, outputs[8], NULL, 0), BL_OK);
    bl_program_free(p);
}

Test(access, eval)
{
    float out[2] = {0};
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2)), *y = bl_full(graph, BL_F32, BL_SHAPE(2), 3);
    cr_expect_eq(bl_eval(bl_square(y), out, sizeof(out)), BL_OK);
    cr_expect(out[0] == 9 && out[1] == 9);
    cr_expect_eq(bl_eval(bl_neg(x), out, sizeof(out)), BL_ERR_STATE);
    cr_expect(error_says(bl_context_error(context), BL_ERR_STATE, "\"x\"", NULL));
    cr_expect_eq(bl_eval(y, out, 4), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_eval(NULL, out, sizeof(out)), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_eval(bl_add(x, NULL), out, sizeof(out)), BL_ERR_ARGUMENT);
    cr_expect(out[0] == 9 && out[1] == 9);
}

Test(access, nothing_at_all_can_be_set_run_and_read)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(0, 3)),
              *w = bl_input(graph, "w", BL_F32, BL_SHAPE(3, 2));
    float weights[6] = {1, 2, 3, 4, 5, 6}, sums[2] = {9, 9};
    bl_tensor *y = bl_matmul(bl_exp(x), w), *s = bl_sum(y, BL_AXES(0), false);
    bl_program *p = bl_compile(context, y, s);
    cr_assert_eq(bl_set_input(p, x, NULL, 0), BL_OK);
    cr_assert_eq(bl_set_input(p, w, weights, sizeof(weights)), BL_OK);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_program_error(p)));
    cr_expect_eq(bl_read(p, y, NULL, 0), BL_OK);
    cr_expect_eq(bl_read(p, s, sums, sizeof(sums)), BL_OK);
    cr_expect(sums[0] == 0 && sums[1] == 0);
    cr_assert_eq(bl_bind_input(p, x, NULL, 0), BL_OK);
    cr_expect_eq(bl_run(p), BL_OK);
    bl_program_free(p);
}
