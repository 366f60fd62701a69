/* What is spelled out is computed by the op that it amounts to, where nothing else is asked of it. */
#include "bowline/bowline.h"
#include "graph/rewriting.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(rewrite, .init = open_all, .fini = close_all);

enum {
    ROWS = 5,
    COLUMNS = 9,
    COUNT = ROWS * COLUMNS
};

static bl_tensor *numbers(double phase)
{
    float data[COUNT];
    for (int i = 0; i < COUNT; i++)
        data[i] = (float)(sin(i * 1.7 + phase) * 3);
    return bl_mul_scalar(bl_constant(graph, BL_F32, BL_SHAPE(ROWS, COLUMNS), data), 1);
}

static bl_tensor *softmax_by_hand(bl_tensor *x, int axis)
{
    bl_tensor *powers = bl_exp(bl_sub(x, bl_max(x, BL_AXES(axis), true)));
    return bl_div(powers, bl_sum(powers, BL_AXES(axis), true));
}

static bl_tensor *log_softmax_by_hand(bl_tensor *x)
{
    bl_tensor *shifted = bl_sub(x, bl_stop_gradient(bl_max(x, BL_AXES(-1), true)));
    return bl_sub(shifted, bl_log(bl_sum(bl_exp(shifted), BL_AXES(-1), true)));
}

/* Whether the program for an output has an instruction of this name. */
static bool uses(bl_tensor *output, const char *name, bool rewriting)
{
    return instructions_with(output, name, rewriting) != -1;
}

static void expect_close(bl_tensor *a, bl_tensor *b, bool rewriting)
{
    expect_alike(a, b, rewriting, (tolerance){1e-5, 0}, "value", 0);
}

Test(rewrite, the_compiler_finds_softmax_by_hand)
{
    bl_tensor *x = numbers(0);
    for (int axis = 0; axis < 2; axis++) {
        bl_tensor *y = softmax_by_hand(x, axis);
        int64_t nodes = bl_graph_node_count(graph);
        cr_assert(uses(y, "softmax", true));
        cr_assert_not(uses(y, "softmax", false)); /* the tape is as it was */
        cr_assert_eq(bl_graph_node_count(graph), nodes);
        expect_close(y, y, true);
    }
    bl_tensor *by_hand = log_softmax_by_hand(x), *by_sum = bl_sub(x, bl_logsumexp(x, BL_AXES(1), true));
    cr_assert(uses(by_hand, "log_softmax", true) && uses(by_sum, "log_softmax", true));
    expect_close(by_hand, by_hand, true);
    expect_close(by_sum, by_hand, true);
}

Test(rewrite, what_is_no_softmax_for_every_x_stays)
{
    bl_tensor *x = numbers(0), *powers = bl_exp(x);
    cr_assert_not(uses(bl_div(powers, bl_sum(powers, BL_AXES(1), true)), "softmax", true));
    cr_assert_not(uses(bl_log(bl_softmax(x, 1)), "log_softmax", true));
    powers = bl_exp(bl_sub(x, bl_max(x, BL_AXES(0), true)));
    cr_assert_not(uses(bl_div(powers, bl_sum(powers, BL_AXES(1), true)), "softmax", true));
    cr_assert_not(uses(bl_div(powers, bl_sum(powers, BL_AXES(0, 1), true)), "softmax", true));
    powers = bl_exp(bl_sub(x, bl_max(numbers(1), BL_AXES(0), true)));
    cr_assert_not(uses(bl_div(powers, bl_sum(powers, BL_AXES(0), true)), "softmax", true));
}

Test(rewrite, values_that_are_asked_for_stay)
{
    bl_tensor *x = numbers(0), *powers = bl_exp(bl_sub(x, bl_max(x, BL_AXES(1), true)));
    bl_tensor *outputs[] = {bl_div(powers, bl_sum(powers, BL_AXES(1), true)), powers};
    static char text[1 << 16];
    bl_program *program = bl_compile_list(context, outputs, 2, NULL);
    bl_program_format(program, text, sizeof(text));
    cr_assert_null(strstr(text, "softmax"), "%s", text);
    bl_program_free(program);
}

/* d sum(w y) / dx, with and without rewriting. */
static bl_tensor *gradient(bl_tensor *y, bl_tensor *x, bool rewriting)
{
    bl_graph_set_rewriting(graph, rewriting);
    bl_tensor *g = bl_gradient(bl_sum(bl_mul(y, numbers(2)), BL_ALL_AXES, false), x);
    bl_graph_set_rewriting(graph, true);
    return g;
}

Test(rewrite, gradients_are_those_of_the_op)
{
    bl_tensor *x = numbers(0);
    bl_tensor *recorded = gradient(softmax_by_hand(x, 1), x, false);
    bl_tensor *y = softmax_by_hand(x, 1), *found = gradient(y, x, true);
    cr_assert(uses(found, "softmax", false)); /* on the tape */
    cr_assert(uses(y, "softmax", false));
    expect_close(found, recorded, false);
    expect_close(gradient(found, x, true), gradient(recorded, x, false), false);
    expect_close(gradient(log_softmax_by_hand(x), x, true), gradient(log_softmax_by_hand(x), x, false),
                 false);
}

Test(rewrite, what_is_asked_for_inside_is_reached)
{
    bl_tensor *x = numbers(0);
    for (int first = 0; first < 2; first++) {
        bl_tensor *shifted = bl_sub(x, bl_max(x, BL_AXES(1), true)), *powers = bl_exp(shifted);
        bl_tensor *y = bl_div(powers, bl_sum(powers, BL_AXES(1), true));
        bl_tensor *again = first ? gradient(y, x, true) : NULL; /* y is a softmax from here on */
        bl_tensor *inside = gradient(y, shifted, true), *recorded = gradient(y, shifted, false);
        cr_assert_not(bl_is_unreached(inside));
        expect_close(inside, recorded, false);
        if (again)
            expect_close(again, gradient(y, x, true), false);
    }
}

/* The derivative by x of the square of a derivative by x, where the derivative by something inside the place
 * is asked for too, so that the flow goes through what is spelled out. An op of several results comes behind.
 */
static bl_tensor *second_gradient(int place, bool rewriting)
{
    double data[3][24];
    for (int i = 0; i < 3 * 24; i++)
        data[i / 24][i % 24] = sin(i * 1.7);
    bl_tensor *x = bl_constant(graph, BL_F64, BL_SHAPE(2, 3, 4), data[0]);
    bl_tensor *k = bl_constant(graph, BL_F64, BL_SHAPE(2, 3, 4), data[1]);
    bl_tensor *v = bl_constant(graph, BL_F64, BL_SHAPE(2, 3, 4), data[2]), *inner, *y;
    if (place == 0) {
        inner = bl_mul_scalar(bl_matmul(x, bl_transpose(k, -1, -2)), 0.5);
        y = bl_matmul(bl_softmax(inner, -1), v); /* attention */
    } else {
        inner = bl_sub(x, bl_mean(x, BL_AXES(-1), true));
        bl_tensor *variance = bl_mean(bl_square(inner), BL_AXES(-1), true);
        y = bl_mul(inner, bl_rsqrt(bl_add_scalar(variance, 1e-5))); /* layer norm */
    }
    bl_tensor *loss = bl_add(bl_sum(bl_mul(bl_square(y), v), BL_ALL_AXES, false),
                             bl_sum(bl_square(bl_topk(y, 2, -1, true)), BL_ALL_AXES, false));
    bl_graph_set_rewriting(graph, rewriting);
    bl_tensor *square = bl_sum(bl_mul(bl_square(bl_gradient(loss, x)), k), BL_ALL_AXES, false);
    bl_tensor *by[] = {inner, x}, *second[2];
    cr_assert_eq(bl_grad(&square, 1, NULL, by, 2, second), BL_OK);
    bl_graph_set_rewriting(graph, true);
    return second[1];
}

Test(rewrite, further_results_flow_through_a_place_that_is_spelled_out)
{
    for (int place = 0; place < 2; place++) {
        bl_tensor *found = second_gradient(place, true), *recorded = second_gradient(place, false);
        expect_alike(found, recorded, false, (tolerance){1e-12, 1e-9}, "place", place);
    }
}

Test(rewrite, other_users_keep_what_is_spelled_out)
{
    bl_tensor *x = numbers(0), *powers = bl_exp(bl_sub(x, bl_max(x, BL_AXES(1), true)));
    bl_tensor *total = bl_sum(powers, BL_AXES(1), true), *y = bl_div(powers, total);
    bl_tensor *both = bl_add(y, total);
    cr_assert_not(uses(both, "softmax", true));
    cr_assert(uses(y, "softmax", true)); /* where the sum is not compiled, it is no user */
    cr_assert_not(uses(gradient(y, x, true), "softmax", true));
}

Test(rewrite, a_rewound_tape_is_as_it_was)
{
    bl_rng *rng = bl_rng_new(context, 1);
    bl_params_add(params, "w", BL_F64, BL_SHAPE(ROWS, COLUMNS), bl_init_normal(0, 1), rng);
    bl_rng_free(rng);
    bl_tensor *w = bl_param(graph, params, "w"), *y = softmax_by_hand(w, 1);
    bl_tensor *loss = bl_sum(bl_square(y), BL_ALL_AXES, false);
    bl_gradcheck_result result;
    cr_assert_eq(bl_gradcheck(loss, NULL, 0, NULL, 0, NULL, &result), BL_OK);
    cr_assert_eq(result.failed, 0);
    cr_assert_not(uses(loss, "softmax", false));
    cr_assert(uses(loss, "softmax", true));
    bl_graph_reset(graph);
    cr_assert(uses(softmax_by_hand(numbers(0), 1), "softmax", true));
}

/* x, used whole and by rows: what its rows give is added where the rest stands. */
Test(rewrite, rows_are_added_in_place)
{
    const int64_t few[] = {3, 1, 3, 0};
    bl_tensor *rows = bl_constant(graph, BL_I64, BL_SHAPE(4), few), *x = numbers(0);
    for (int kind = 0; kind < 3; kind++) {
        bl_tensor *picked = kind == 0 ? bl_embedding(x, rows) : bl_index_select(x, kind - 1, rows);
        bl_tensor *loss =
            bl_add(bl_sum(bl_square(picked), BL_ALL_AXES, false), bl_sum(bl_exp(x), BL_ALL_AXES, false));
        bl_tensor *g = bl_gradient(loss, x);
        static char text[1 << 16];
        bl_program *program = compile_rewriting(g, true);
        bl_program_format(program, text, sizeof(text));
        cr_assert_null(strstr(text, " add "), "%s", text);
        bl_program_free(program);
        expect_close(g, g, true);
    }
}

/* One step of a tied model, recorded anew; its loss. */
static double record_step(bl_optimizer *optimizer, const char *name)
{
    enum {
        TOKENS = 300
    };
    int64_t tokens[TOKENS];
    for (int i = 0; i < TOKENS; i++)
        tokens[i] = i * 37 % 200;
    bl_graph_reset(graph);
    bl_tensor *w = bl_param(graph, params, name), *ids = bl_constant(graph, BL_I64, BL_SHAPE(TOKENS), tokens);
    bl_tensor *x = softmax_by_hand(bl_embedding(w, ids), 1);
    bl_tensor *loss = bl_cross_entropy(bl_linear(x, w, NULL), ids);
    bl_program *step = bl_compile(context, loss, bl_minimize(optimizer, loss));
    cr_assert_eq(bl_run(step), BL_OK, "%s", error_text(bl_program_error(step)));
    char text[1 << 14];
    bl_program_format(step, text, sizeof(text));
    cr_assert(strstr(text, "linear_cross_entropy") && strstr(text, "softmax "), "%s", text);
    double value = bl_item(step, loss);
    bl_program_free(step);
    return value;
}

Test(rewrite, recorded_again_it_is_found_again)
{
    enum {
        STEPS = 6
    };
    double losses[2][STEPS];
    for (int kept = 0; kept < 2; kept++) {
        const char *name = kept ? "kept" : "anew";
        bl_rng *rng = bl_rng_new(context, 3);
        bl_params_add(params, name, BL_F32, BL_SHAPE(200, 32), bl_init_normal(0, 1), rng);
        bl_rng_free(rng);
        bl_optimizer *adam = bl_adam(context, NULL);
        for (int i = 0; i < STEPS; i++) {
            losses[kept][i] = record_step(adam, name);
            if (!kept)
                bl_context_cache_clear(context);
        }
        bl_optimizer_free(adam);
    }
    cr_assert_geq(bl_context_cache_info(context).hits, STEPS - 2);
    cr_assert_lt(losses[0][STEPS - 1], losses[0][0]);
    cr_assert_eq(memcmp(losses[0], losses[1], sizeof(losses[0])), 0);
}

/* ---- attention ---- */

enum {
    HEADS = 2,
    QUERIES = 5,
    KEYS = 6,
    WIDTH = 3
};

static bl_tensor *heads(int64_t rows, double phase)
{
    float data[HEADS * KEYS * WIDTH];
    for (int i = 0; i < HEADS * KEYS * WIDTH; i++)
        data[i] = (float)sin(i * 1.7 + phase);
    return bl_mul_scalar(bl_constant(graph, BL_F32, BL_SHAPE(HEADS, rows, WIDTH), data), 1);
}

static bl_tensor *number(double value)
{
    return bl_scalar(graph, BL_F32, value);
}

/* Where key j <= i + 1 of query i. */
static bl_tensor *causal_bools(void)
{
    bl_tensor *key = bl_arange(graph, BL_I64, 0, KEYS, 1),
              *query = bl_arange(graph, BL_I64, 1, QUERIES + 1, 1);
    return bl_less_equal(key, bl_reshape(query, BL_SHAPE(QUERIES, 1)));
}

/* The scores, masked in one of many ways. */
static bl_tensor *mask_by_hand(int way, bl_tensor *s)
{
    const double low = -(double)INFINITY;
    bool data[QUERIES * KEYS], odd[KEYS];
    for (int i = 0; i < QUERIES * KEYS; i++)
        data[i] = i % KEYS <= i / KEYS + 1;
    for (int i = 0; i < KEYS; i++)
        odd[i] = i % 2;
    bl_shape square = BL_SHAPE(QUERIES, KEYS);
    bl_tensor *constant = bl_constant(graph, BL_BOOL, square, data),
              *few = bl_constant(graph, BL_BOOL, BL_SHAPE(KEYS), odd);
    bl_tensor *ones = bl_ones(graph, BL_F32, square);
    switch (way) {
    case 0:
        return s;
    case 1:
        return bl_where(causal_bools(), s, number(low));
    case 2:
        return bl_where(bl_not_equal(bl_tril(ones, 1), number(0)), s, number(-1e9));
    case 3:
        return bl_masked_fill(s, bl_equal(bl_tril(ones, 1), number(0)), low);
    case 4:
        return bl_masked_fill(s, bl_not_equal(bl_triu(ones, 2), number(0)), low);
    case 5:
        return bl_add(s, bl_triu(bl_full(graph, BL_F32, square, low), 2));
    case 6:
        return bl_add(bl_where(constant, number(0), number(low)), s);
    case 7:
        return bl_masked_fill(s, bl_logical_not(constant), low);
    case 8:
        return bl_masked_fill(bl_where(few, s, number(low)), bl_equal(bl_tril(ones, 1), number(0)), low);
    case 9:
        return bl_masked_fill(s, few, low);
    case 10:
        return bl_add(s, bl_mul_scalar(ones, 0.5));
    default:
        return NULL;
    }
}

static bl_tensor *attention_by_hand(int way, bl_tensor *q, bl_tensor *k, bl_tensor *v)
{
    bl_tensor *s = bl_div_scalar(bl_matmul(q, bl_transpose(k, -1, -2)), 1.5);
    s = mask_by_hand(way, s);
    return s ? bl_matmul(bl_softmax(s, -1), v) : NULL;
}

Test(rewrite, attention_by_hand_is_found)
{
    bl_tensor *q = heads(QUERIES, 0), *k = heads(KEYS, 1), *v = heads(KEYS, 2), *weights = heads(QUERIES, 3),
              *y;
    for (int way = 0; (y = attention_by_hand(way, q, k, v)) != NULL; way++) {
        cr_assert(uses(y, "attention", true), "way %d", way);
        expect_close(y, y, true);
        bl_tensor *inputs[] = {q, k, v}, *found[3], *recorded[3];
        bl_graph_set_rewriting(graph, false);
        cr_assert_eq(bl_grad(&y, 1, &weights, inputs, 3, recorded), BL_OK);
        bl_graph_set_rewriting(graph, true);
        y = attention_by_hand(way, q, k, v);
        cr_assert_eq(bl_grad(&y, 1, &weights, inputs, 3, found), BL_OK);
        for (int i = 0; i < 3; i++) {
            cr_assert(uses(found[i], "attention_backward", false), "way %d", way);
            expect_close(found[i], recorded[i], false);
        }
    }
}

/* What the op would compute otherwise stays. */
Test(rewrite, what_is_no_attention_stays)
{
    bl_tensor *q = heads(QUERIES, 0), *k = heads(KEYS, 1), *v = heads(KEYS, 2);
    bl_tensor *s = bl_matmul(q, bl_transpose(k, -1, -2)), *w = bl_softmax(s, 1);
    bool odd[KEYS] = {0, 1};
    bl_tensor *few = bl_constant(graph, BL_BOOL, BL_SHAPE(KEYS), odd);
    cr_assert_not(uses(bl_matmul(w, v), "attention", true)); /* along the queries */
    cr_assert_not(uses(bl_matmul(bl_softmax(bl_where(few, s, number(-1)), -1), v), "attention", true));
    cr_assert_not(uses(bl_matmul(bl_softmax(bl_where(few, s, number(-1e9)), -1), v), "attention", true));
    cr_assert_not(uses(bl_matmul(bl_softmax(bl_tanh(s), -1), v), "attention", true));
    bl_tensor *weights = bl_softmax(bl_mul_scalar(s, 0.5), -1), *outputs[] = {bl_matmul(weights, v), weights};
    cr_assert_not(uses(bl_add(bl_sum(weights, BL_ALL_AXES, false), outputs[0]), "attention", true));
    cr_assert(uses(outputs[0], "attention", true));
}

/* Rows that may attend to nothing are NaN by hand, and stay it. */
Test(rewrite, rows_without_keys_stay_undefined)
{
    bl_tensor *q = heads(QUERIES, 0), *k = heads(KEYS, 1), *v = heads(KEYS, 2);
    bl_tensor *s = bl_matmul(q, bl_transpose(k, -1, -2)),
              *ones = bl_ones(graph, BL_F32, BL_SHAPE(QUERIES, KEYS));
    s = bl_masked_fill(s, bl_equal(bl_tril(ones, -1), number(0)), -(double)INFINITY);
    bl_program *program = compile_rewriting(bl_matmul(bl_softmax(s, -1), v), true);
    static char text[1 << 16];
    bl_program_format(program, text, sizeof(text));
    cr_assert_not_null(strstr(text, "attention"));
    bl_program_free(program);
    bl_tensor *missing =
        bl_sum(bl_cast(bl_isnan(bl_matmul(bl_softmax(s, -1), v)), BL_F32), BL_ALL_AXES, false);
    float count;
    cr_assert_eq(bl_eval(missing, &count, sizeof(count)), BL_OK);
    cr_assert_eq(count, HEADS * WIDTH);
}
