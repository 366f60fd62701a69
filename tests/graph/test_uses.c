/* The uses of a parameter and what each gives to its gradient. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(uses, .init = open_all, .fini = close_all);

enum {
    CLASSES = 5,
    WIDTH = 3
};

static bl_parameter *weight(const char *name)
{
    double values[CLASSES * WIDTH];
    for (int i = 0; i < CLASSES * WIDTH; i++)
        values[i] = (i * 7 % 11 - 5) / 8.0;
    bl_parameter *w = bl_params_add(params, name, BL_F64, BL_SHAPE(CLASSES, WIDTH), bl_init_zeros(), NULL);
    bl_parameter_write(w, values, sizeof values);
    return w;
}

/* Two tables with the same values; `scale` multiplies what is looked up. */
static bl_tensor *language_model(bl_parameter *lookup, bl_parameter *head, double scale)
{
    const int64_t tokens[] = {1, 4, 1, 0}, next[] = {4, 1, 0, 2};
    bl_tensor *in = bl_constant(graph, BL_I64, BL_SHAPE(4), tokens);
    bl_scope_push(graph, "lookup");
    bl_tensor *x = bl_mul_scalar(bl_label(bl_embedding(bl_use(graph, lookup), in), "rows"), scale);
    bl_scope_pop(graph);
    bl_tensor *logits = bl_label(bl_linear(bl_tanh(x), bl_use(graph, head), NULL), "logits");
    return bl_cross_entropy(logits, bl_constant(graph, BL_I64, BL_SHAPE(4), next));
}

static void read_all(bl_tensor *const *tensors, size_t count, double values[][CLASSES * WIDTH])
{
    bl_program *p = bl_compile_list(context, tensors, count, NULL);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_context_error(context)));
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(bl_read(p, tensors[i], values[i], sizeof values[i]), BL_OK);
    bl_program_free(p);
}

/* Each use of the tied table gives what the gradient of that table is when it is untied; with or without the
 * loss having been rewritten to the fused op before. */
Test(uses, of_a_tied_parameter)
{
    for (int minimized = 0; minimized < 2; minimized++) {
        bl_parameter *tied = weight("tied"), *lookup = weight("lookup"), *head = weight("head");
        bl_tensor *apart[2], *leaves[] = {bl_use(graph, lookup), bl_use(graph, head)};
        bl_tensor *untied_loss = language_model(lookup, head, sqrt(WIDTH));
        cr_assert_eq(bl_grad(&untied_loss, 1, NULL, leaves, 2, apart), BL_OK);
        bl_tensor *loss = language_model(tied, tied, sqrt(WIDTH));
        bl_optimizer *adam = bl_adam(context, NULL);
        if (minimized)
            cr_assert(bl_tensor_valid(bl_minimize(adam, loss)));
        bl_uses uses = bl_parameter_uses(loss, tied);
        cr_assert_eq(uses.count, 2, "%s", error_text(bl_graph_error(graph)));
        cr_assert_str_eq(uses.at[0].op, "embedding");
        cr_assert_str_eq(uses.at[0].label, "rows");
        cr_assert_str_eq(uses.at[0].scope, "lookup");
        cr_assert(strstr(uses.at[0].file, "test_uses.c") && uses.at[0].line > 0);
        cr_assert_str_eq(uses.at[1].op, "matmul");
        cr_assert_str_eq(uses.at[1].label, "logits");
        cr_assert_null(uses.at[1].scope);
        bl_tensor *list[] = {apart[0], apart[1], uses.at[0].gradient, uses.at[1].gradient,
                             bl_gradient(loss, bl_use(graph, tied))};
        double values[5][CLASSES * WIDTH];
        read_all(list, 5, values);
        double dot = 0, squares[2] = {0};
        for (int i = 0; i < CLASSES * WIDTH; i++) {
            for (int k = 0; k < 2; k++) {
                cr_assert_float_eq(values[2 + k][i], values[k][i], 1e-14, "use %d", k);
                squares[k] += values[k][i] * values[k][i];
            }
            cr_assert_float_eq(values[4][i], values[0][i] + values[1][i], 1e-14);
            dot += values[0][i] * values[1][i];
        }
        cr_assert(squares[0] > 1e-3 && squares[1] > 1e-3);
        bl_tensor *cosine = bl_gradient_cosine(uses.at[0].gradient, uses.at[1].gradient);
        double found = NAN;
        cr_assert_eq(bl_eval(cosine, &found, sizeof found), BL_OK);
        cr_assert_float_eq(found, dot / sqrt(squares[0] * squares[1]), 1e-13);
        bl_optimizer_free(adam);
        close_all();
        open_all();
    }
}

/* One node may use it twice, another not for the loss, and what is recomputed counts once. */
Test(uses, of_all_kinds)
{
    bl_parameter *w = weight("w"), *other = weight("other");
    bl_tensor *x = bl_use(graph, w);
    bl_tensor *unused = bl_exp(x);
    bl_tensor *square = bl_mul(x, x), *sign = bl_sign(x);
    bl_tensor *again = bl_checkpoint(bl_tanh(bl_sin(x)), &x, 1);
    bl_tensor *stopped = bl_stop_gradient(x);
    bl_tensor *sum = bl_add(bl_add(bl_add(square, sign), again), stopped);
    bl_tensor *loss = bl_sum(sum, BL_ALL_AXES, false);
    bl_uses uses = bl_parameter_uses(loss, w);
    cr_assert(bl_tensor_valid(unused));
    const char *ops[] = {"mul", "mul", "checkpoint"};
    bl_tensor *total = bl_full(graph, BL_F64, BL_SHAPE(CLASSES, WIDTH), 0);
    cr_assert_eq(uses.count, 3);
    for (size_t i = 0; i < uses.count; i++) {
        total = bl_add(total, uses.at[i].gradient);
        cr_assert_str_eq(uses.at[i].op, ops[i]);
    }
    double values[2][CLASSES * WIDTH];
    read_all((bl_tensor *[]){total, bl_gradient(loss, x)}, 2, values);
    for (int i = 0; i < CLASSES * WIDTH; i++)
        cr_assert_float_eq(values[0][i], values[1][i], 1e-14);
    cr_assert_eq(bl_parameter_uses(loss, other).count, 0);
    cr_assert_eq(bl_graph_error(graph)->code, BL_OK);
}

Test(uses, refusals)
{
    bl_parameter *w = weight("w"), *state = bl_params_add_buffer(params, "state", BL_F64, BL_SHAPE(2));
    bl_tensor *loss = bl_sum(bl_use(graph, w), BL_ALL_AXES, false);
    cr_assert_eq(bl_parameter_uses(NULL, w).count, 0);
    cr_assert_eq(bl_parameter_uses(loss, state).count, 0);
    cr_assert_str_eq(bl_graph_error(graph)->message, "bl_parameter_uses: a buffer has no gradient");
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_parameter_uses(loss, NULL).count, 0);
    cr_assert_str_eq(bl_graph_error(graph)->message, "bl_parameter_uses: the parameter is NULL");
    bl_graph_clear_error(graph);
    bl_tensor *short_one = bl_full(graph, BL_F64, BL_SHAPE(2), 1),
              *zeros = bl_full(graph, BL_F64, BL_SHAPE(2), 0);
    cr_assert_not(bl_tensor_valid(bl_gradient_cosine(bl_use(graph, w), short_one)));
    cr_assert_str_eq(bl_graph_error(graph)->message, "bl_gradient_cosine: the tensors are [5,3] and [2]");
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_gradient_cosine(NULL, short_one)));
    bl_graph_clear_error(graph);
    cr_assert_null(bl_gradient_cosine(NULL, NULL));
    double cosine = 5;
    cr_assert_eq(bl_eval(bl_gradient_cosine(zeros, short_one), &cosine, sizeof cosine), BL_OK);
    cr_assert_eq(cosine, 0);
}
