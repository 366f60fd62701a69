/* Compiling: arguments, the invalid program, pruning, precision, the text of a program, and who outlives
 * whom. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(compile, .init = open_all, .fini = close_all);

static void expect_refused(bl_program *program, bl_status code, const char *part)
{
    cr_assert_not_null(program);
    cr_expect(error_says(bl_program_error(program), code, part, NULL), "wanted %s with \"%s\", got %s",
              bl_status_name(code), part, error_text(bl_program_error(program)));
    cr_expect_eq(bl_context_error(context)->code, code);
    cr_expect_eq(bl_run(program), code);
    bl_program_free(program);
}

Test(compile, arguments)
{
    bl_context *other_context = bl_context_new(NULL);
    bl_graph *other = bl_graph_new(context), *far = bl_graph_new(other_context);
    bl_tensor *x = bl_scalar(graph, BL_F32, 1), *y = bl_scalar(other, BL_F32, 1),
              *z = bl_scalar(far, BL_F32, 1);
    cr_expect_null(bl_compile(NULL, x));
    expect_refused(bl_compile_list(context, NULL, 1, NULL), BL_ERR_ARGUMENT, "no outputs");
    expect_refused(bl_compile_list(context, &x, 0, NULL), BL_ERR_ARGUMENT, "no outputs");
    expect_refused(bl_compile(context, NULL), BL_ERR_ARGUMENT, "output 0 is NULL");
    expect_refused(bl_compile(context, x, NULL), BL_ERR_ARGUMENT, "output 1 is NULL");
    expect_refused(bl_compile(context, x, y), BL_ERR_ARGUMENT, "output 1 belongs to another graph");
    expect_refused(bl_compile(context, z), BL_ERR_ARGUMENT, "output 0 belongs to another context");
    bl_compile_options options = bl_compile_defaults();
    cr_expect_eq(options.precision, BL_PRECISION_RECORDED);
    options.precision = (bl_precision)7;
    expect_refused(bl_compile_list(context, &x, 1, &options), BL_ERR_ARGUMENT, "precision 7");
    options = bl_compile_defaults();
    options.threads = 0;
    expect_refused(bl_compile_list(context, &x, 1, &options), BL_ERR_ARGUMENT, "a run on 0 threads");
    bl_tensor *bad = bl_add(x, bl_scalar(graph, BL_F64, 1));
    expect_refused(bl_compile(context, bad), BL_ERR_DTYPE, "bl_add");
    expect_refused(bl_compile(context, x), BL_ERR_DTYPE, "bl_add");
    bl_graph_clear_error(graph);
    expect_refused(bl_compile(context, bad), BL_ERR_ARGUMENT, "earlier error");
    bl_graph_free(other);
    bl_graph_free(far);
    bl_context_free(other_context);
}

Test(compile, the_invalid_program_refuses_everything)
{
    float value = 1;
    char text[100];
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SCALAR);
    bl_program *program = bl_compile(context, NULL);
    cr_expect_eq(bl_run(program), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_set_input(program, x, &value, sizeof(value)), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_bind_input(program, x, &value, sizeof(value)), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_read(program, x, &value, sizeof(value)), BL_ERR_ARGUMENT);
    cr_expect_null(bl_output_data(program, x));
    cr_expect(isnan(bl_item(program, x)));
    cr_expect(isnan(bl_item_at(program, x, BL_SCALAR)));
    cr_expect_eq(bl_program_instruction_count(program), 0);
    cr_expect_eq(bl_program_workspace_bytes(program), 0);
    cr_expect_eq(bl_program_workspace_bound(program), 0);
    cr_expect_eq(bl_program_format(program, text, sizeof(text)), strlen("no program\n"));
    cr_expect_str_eq(text, "no program\n");
    bl_context_clear_error(context);
    cr_expect_eq(bl_run(program), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT, "running it reports its error again");
    bl_program_free(program);

    cr_expect_eq(bl_run(NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_set_input(NULL, x, &value, sizeof(value)), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_read(NULL, x, &value, sizeof(value)), BL_ERR_ARGUMENT);
    cr_expect_null(bl_output_data(NULL, x));
    cr_expect(isnan(bl_item(NULL, x)));
    cr_expect_eq(bl_program_error(NULL)->code, BL_ERR_ARGUMENT);
    cr_expect_eq(bl_program_instruction_count(NULL), 0);
    cr_expect_eq(bl_program_format(NULL, NULL, 0), strlen("no program\n"));
    bl_program_free(NULL);
}

Test(compile, what_no_output_needs_is_left_out)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(4, 3));
    bl_tensor *unset = bl_input(graph, "unset", BL_F32, BL_SHAPE(4, 3));
    bl_tensor *dead = bl_exp(bl_add(x, unset)), *y = bl_neg(x);
    for (int i = 0; i < 10; i++)
        dead = bl_tanh(dead);
    float data[12] = {1, 2, 3}, out[12];
    bl_program *program = bl_compile(context, y);
    cr_expect_eq(bl_program_instruction_count(program), 1);
    cr_assert_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK, "an input that no output needs need not be set");
    cr_assert_eq(bl_read(program, y, out, sizeof(out)), BL_OK);
    cr_expect(out[0] == -1 && out[2] == -3);
    cr_expect_eq(bl_set_input(program, unset, data, sizeof(data)), BL_ERR_ARGUMENT);
    bl_program_free(program);
    /* Views are no instructions. */
    bl_tensor *view = bl_slice(bl_transpose(bl_reshape(x, BL_SHAPE(2, 6)), 0, 1), 0, 1, 6, 2);
    program = bl_compile(context, bl_neg(bl_expand(bl_reshape(view, BL_SHAPE(3, 1, 2)), BL_SHAPE(3, 5, 2))));
    cr_expect_eq(bl_program_instruction_count(program), 1);
    bl_program_free(program);
}

Test(compile, a_program_as_text)
{
    bl_parameter *mean = bl_params_add_buffer(params, "mean", BL_F32, BL_SHAPE(2, 2));
    bl_tensor *x = bl_input(graph, "pixels", BL_F32, BL_SHAPE(2, 2));
    bl_scope_push(graph, "encoder");
    bl_tensor *product = bl_label(bl_matmul(x, bl_use(graph, mean)), "mix");
    bl_scope_pop(graph);
    bl_tensor *sum = bl_sum(bl_neg(product), BL_AXES(0), false);
    bl_program *program = bl_compile(context, sum, bl_assign(mean, product));
    char text[2000];
    size_t length = bl_program_format(program, text, sizeof(text));
    cr_expect_eq(length, strlen(text));
    cr_expect_eq(bl_program_format(program, NULL, 0), length);
    static const char *const parts[] = {"2 instructions, 1 effects",
                                        "1 inputs, 1 outputs",
                                        "matmul+neg",
                                        "sum",
                                        "f32 [2,2]",
                                        "\"pixels\"",
                                        "mean",
                                        "in encoder",
                                        "(mix)",
                                        "commit  mean"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        cr_expect_not_null(strstr(text, parts[i]), "\"%s\" is missing in:\n%s", parts[i], text);
    int lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    cr_expect_eq(lines, 1 + 2 + 1);
    cr_expect_eq(bl_program_format(program, text, 10), length);
    cr_expect_eq(strlen(text), 9);
    cr_expect_geq(bl_program_workspace_bytes(program), bl_program_workspace_bound(program));
    bl_program_free(program);
}

Test(compile, f64_precision)
{
    float w0[2] = {0.1f, 3}, back[2];
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(2), bl_init_zeros(), NULL);
    bl_parameter *n = bl_params_add_buffer(params, "n", BL_I64, BL_SCALAR);
    bl_parameter *d = bl_params_add_buffer(params, "d", BL_F64, BL_SHAPE(2));
    cr_assert_eq(bl_parameter_write(w, w0, sizeof(w0)), BL_OK);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2)), *t = bl_use(graph, w);
    float third = 1.0f / 3;
    bl_tensor *y = bl_mul(bl_add(x, t), bl_constant(graph, BL_F32, BL_SHAPE(1), &third));
    bl_tensor *count = bl_add_scalar(bl_use(graph, n), 1);
    bl_tensor *outputs[] = {y, count, bl_assign(w, y), bl_assign(n, count), bl_assign(d, bl_cast(y, BL_F64))};
    bl_compile_options options = bl_compile_defaults();
    options.precision = BL_PRECISION_F64;
    bl_program *program = bl_compile_list(context, outputs, 5, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    double in[2] = {0.7, -1e-9}, out[2], wide[2];
    cr_expect_eq(bl_set_input(program, x, in, 2 * sizeof(float)), BL_ERR_ARGUMENT, "inputs are given as f64");
    cr_assert_eq(bl_set_input(program, x, in, sizeof(in)), BL_OK);
    for (int step = 0; step < 3; step++) {
        cr_assert_eq(bl_parameter_read(w, back, sizeof(back)), BL_OK);
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        cr_expect_eq(bl_read(program, y, out, sizeof(float) * 2), BL_ERR_ARGUMENT);
        cr_assert_eq(bl_read(program, y, out, sizeof(out)), BL_OK);
        for (int i = 0; i < 2; i++) {
            /* Computed in double from the float that the parameter is, and kept as a float. */
            double wanted = (in[i] + (double)back[i]) * (double)third;
            cr_expect_eq(out[i], wanted);
            cr_expect_eq(bl_item_at(program, y, BL_SHAPE(i)), wanted);
        }
        cr_assert_eq(bl_parameter_read(w, back, sizeof(back)), BL_OK);
        cr_assert_eq(bl_parameter_read(d, wide, sizeof(wide)), BL_OK);
        for (int i = 0; i < 2; i++) {
            cr_expect_eq(back[i], (float)out[i]);
            cr_expect_eq(wide[i], out[i]);
        }
        cr_expect_eq(bl_item(program, count), step + 1);
    }
    bl_program_free(program);
    cr_expect_eq(*(const int64_t *)bl_parameter_data(n), 3);
}

/* ---- who outlives whom ---- */

/* Frees the five owners in the order of a permutation; runs the program as long as it is there. */
static void live_and_die(const int *order)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    char text[200];
    bl_context *c = failing_allocator_context(&counting);
    bl_graph *g = bl_graph_new(c);
    bl_params *p = bl_params_new(c);
    bl_optimizer *adam = bl_adam(c, NULL);
    bl_parameter *w = bl_params_add(p, "w", BL_F32, BL_SHAPE(2, 2), bl_init_ones(), NULL);
    bl_scope_push(g, "scope");
    float data[] = {1, 2, 3, 4};
    bl_tensor *x = bl_constant(g, BL_F32, BL_SHAPE(2, 2), data),
              *in = bl_input(g, "in", BL_F32, BL_SHAPE(2, 2));
    bl_tensor *loss =
        bl_label(bl_mean(bl_square(bl_matmul(bl_add(x, in), bl_use(g, w))), BL_ALL_AXES, false), "loss");
    bl_program *program = bl_compile(c, loss, bl_minimize(adam, loss));
    cr_assert_eq(bl_set_input(program, in, data, sizeof(data)), BL_OK, "%s", error_text(bl_context_error(c)));
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    bool alive = true;
    for (int i = 0; i < 5; i++) {
        if (order[i] == 0)
            bl_context_free(c);
        else if (order[i] == 1)
            bl_graph_free(g);
        else if (order[i] == 2)
            bl_params_free(p);
        else if (order[i] == 3)
            bl_optimizer_free(adam);
        else
            bl_program_free(program);
        alive = alive && order[i] != 4;
        if (alive) {
            cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
            cr_assert_gt(bl_program_format(program, text, sizeof(text)), 100);
        }
    }
    cr_assert(failing_allocator_clean(&counting, text, sizeof(text)), "order %d%d%d%d%d: %s", order[0],
              order[1], order[2], order[3], order[4], text);
}

static void permute(int *order, int at)
{
    if (at == 5) {
        live_and_die(order);
        return;
    }
    for (int i = at; i < 5; i++) {
        int kept = order[at];
        order[at] = order[i];
        order[i] = kept;
        permute(order, at + 1);
        order[i] = order[at];
        order[at] = kept;
    }
}

Test(compile, owners_are_freed_in_any_order)
{
    int order[] = {0, 1, 2, 3, 4};
    permute(order, 0);
}

Test(compile, the_invalid_program_outlives_the_contexts_handle)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    char text[200];
    bl_context *c = failing_allocator_context(&counting);
    bl_program *first = bl_compile(c, NULL), *second = bl_compile(c, NULL);
    bl_context_free(c);
    cr_expect_eq(bl_run(first), BL_ERR_ARGUMENT);
    bl_program_free(first);
    cr_expect_eq(bl_program_error(second)->code, BL_ERR_ARGUMENT);
    bl_program_free(second);
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);
}

Test(compile, a_program_needs_nothing_of_its_graph)
{
    char name[] = "a name", label[] = "a label", scope[] = "a scope";
    float data[3] = {1, 2, 3}, out[3];
    bl_scope_push(graph, scope);
    bl_tensor *x = bl_input(graph, name, BL_F32, BL_SHAPE(3)),
              *c = bl_constant(graph, BL_F32, BL_SHAPE(3), data);
    bl_tensor *y = bl_label(bl_mul(bl_add(x, c), bl_full(graph, BL_F32, BL_SHAPE(3), 2)), label);
    bl_program *program = bl_compile(context, y);
    bl_graph_reset(graph);
    memset(name, 'z', 3), memset(label, 'z', 3), memset(scope, 'z', 3);
    float noise[64];
    for (int i = 0; i < 64; i++)
        noise[i] = (float)NAN;
    for (int i = 0; i < 40; i++) /* overwrites what the reset gave back */
        bl_label(bl_constant(graph, BL_F32, BL_SHAPE(64), noise), "zzzzzzzzzzzzzzzzzzzz");
    bl_graph_reset(graph);
    x = bl_input(graph, name, BL_F32, BL_SHAPE(3));
    c = bl_constant(graph, BL_F32, BL_SHAPE(3), noise);
    y = bl_mul(bl_add(x, c), bl_full(graph, BL_F32, BL_SHAPE(3), 9));
    cr_assert_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_eq(bl_read(program, y, out, sizeof(out)), BL_OK);
    cr_expect(out[0] == 4 && out[1] == 8 && out[2] == 12);
    char text[1000];
    bl_program_format(program, text, sizeof(text));
    cr_expect_not_null(strstr(text, "\"a name\""), "%s", text);
    cr_expect_not_null(strstr(text, "(a label)"));
    cr_expect_not_null(strstr(text, "in a scope"));
    bl_program_free(program);
}
