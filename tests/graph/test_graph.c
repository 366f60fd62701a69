/* The tape: leaves, scopes, labels, places, NULL and foreign tensors, reset and recording again. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(graph, .init = open_all, .fini = close_all);

/* The builder gave the invalid tensor and this error; it is cleared for the next. */
static void expect_error(bl_tensor *tensor, bl_status code, const char *part)
{
    cr_expect_not_null(tensor, "a builder that knows its graph does not return NULL");
    cr_expect(!bl_tensor_valid(tensor));
    cr_expect(error_says(bl_graph_error(graph), code, part, NULL), "wanted %s with \"%s\", got %s",
              bl_status_name(code), part, error_text(bl_graph_error(graph)));
    cr_expect_not_null(bl_graph_error(graph)->file);
    bl_graph_clear_error(graph);
}

Test(graph, inputs)
{
    bl_tensor *x = bl_input(graph, "x", BL_BF16, BL_SHAPE(2, 0));
    cr_expect(bl_tensor_valid(x));
    cr_expect(bl_tensor_valid(bl_input(graph, "", BL_BOOL, BL_SCALAR)), "a name may be empty");
    expect_error(bl_input(graph, NULL, BL_F32, BL_SCALAR), BL_ERR_ARGUMENT, "name");
    expect_error(bl_input(graph, "x", BL_DTYPE_COUNT, BL_SCALAR), BL_ERR_DTYPE, "bl_input");
    expect_error(bl_input(graph, "x", (bl_dtype)-1, BL_SCALAR), BL_ERR_DTYPE, "bl_input");
    expect_error(bl_input(graph, "x", BL_F32, BL_SHAPE(2, -1)), BL_ERR_SHAPE, "[2,-1]");
    expect_error(bl_input(graph, "x", BL_F32, (bl_shape){.rank = 9}), BL_ERR_SHAPE, "bl_input");
    expect_error(bl_input(graph, "x", BL_F32, (bl_shape){.rank = -1}), BL_ERR_SHAPE, "bl_input");
    expect_error(bl_input(graph, "x", BL_BOOL, BL_SHAPE(INT64_MAX, 2)), BL_ERR_OVERFLOW, "bl_input");
    expect_error(bl_input(graph, "x", BL_BOOL, BL_SHAPE(INT64_MAX)), BL_ERR_OVERFLOW, "bl_input");
    cr_expect_eq(bl_graph_node_count(graph), 2, "what fails records nothing");
    cr_expect_null(bl_input(NULL, "x", BL_F32, BL_SCALAR));
}

Test(graph, constants)
{
    float values[] = {1, 2, 3, 4};
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(2, 2), values);
    values[3] = 99;
    float out[4];
    cr_assert_eq(bl_eval(x, out, sizeof(out)), BL_OK);
    cr_expect_eq(out[3], 4, "data is copied");
    cr_expect(bl_tensor_valid(bl_constant(graph, BL_F32, BL_SHAPE(0), NULL)));
    expect_error(bl_constant(graph, BL_F32, BL_SHAPE(1), NULL), BL_ERR_ARGUMENT, "NULL");
    expect_error(bl_constant(graph, BL_DTYPE_COUNT, BL_SHAPE(1), values), BL_ERR_DTYPE, "bl_constant");
    expect_error(bl_constant(graph, BL_F32, BL_SHAPE(-3), values), BL_ERR_SHAPE, "bl_constant");
    expect_error(bl_constant(graph, BL_F32, BL_SHAPE(INT64_MAX, INT64_MAX), values), BL_ERR_OVERFLOW,
                 "bl_constant");
    cr_expect_null(bl_constant(NULL, BL_F32, BL_SHAPE(1), values));

    uint16_t halves[] = {0x3f80, 0xc000}, back[2];
    bl_tensor *h = bl_constant(graph, BL_BF16, BL_SHAPE(2), halves);
    cr_assert_eq(bl_eval(h, back, sizeof(back)), BL_OK);
    cr_expect(back[0] == 0x3f80 && back[1] == 0xc000);
    cr_assert_eq(bl_eval(bl_cast(h, BL_F32), out, 2 * sizeof(float)), BL_OK);
    cr_expect(out[0] == 1 && out[1] == -2);
}

Test(graph, full)
{
    double out[6];
    cr_assert_eq(bl_eval(bl_full(graph, BL_F64, BL_SHAPE(2, 3), 0.1), out, sizeof(out)), BL_OK);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(out[i], 0.1);
    float single;
    cr_assert_eq(bl_eval(bl_scalar(graph, BL_F32, 0.1), &single, sizeof(single)), BL_OK);
    cr_expect_eq(single, 0.1f);
    int64_t whole[2];
    cr_assert_eq(bl_eval(bl_full(graph, BL_I64, BL_SHAPE(2), -9007199254740992.0), whole, sizeof(whole)),
                 BL_OK);
    cr_expect(whole[0] == -9007199254740992 && whole[1] == whole[0]);
    int32_t small;
    cr_assert_eq(bl_eval(bl_scalar(graph, BL_I32, INT32_MIN), &small, sizeof(small)), BL_OK);
    cr_expect_eq(small, INT32_MIN);
    uint8_t truth[3];
    cr_assert_eq(bl_eval(bl_full(graph, BL_BOOL, BL_SHAPE(3), 1), truth, sizeof(truth)), BL_OK);
    cr_expect(truth[0] == 1 && truth[1] == 1 && truth[2] == 1);
    cr_expect_eq(bl_eval(bl_full(graph, BL_F32, BL_SHAPE(0), 1), NULL, 0), BL_OK);

    expect_error(bl_full(graph, BL_I32, BL_SCALAR, 0.5), BL_ERR_ARGUMENT, "i32");
    expect_error(bl_full(graph, BL_I32, BL_SCALAR, 2147483648.0), BL_ERR_ARGUMENT, "i32");
    expect_error(bl_full(graph, BL_I64, BL_SCALAR, 9223372036854775808.0), BL_ERR_ARGUMENT, "i64");
    expect_error(bl_full(graph, BL_I64, BL_SCALAR, (double)NAN), BL_ERR_ARGUMENT, "i64");
    expect_error(bl_scalar(graph, BL_BOOL, 2), BL_ERR_ARGUMENT, "bool");
    expect_error(bl_scalar(graph, BL_BF16, 1), BL_ERR_DTYPE, "bf16");
    expect_error(bl_full(graph, BL_F32, BL_SHAPE(-1), 0), BL_ERR_SHAPE, "bl_full");
    cr_expect_null(bl_full(NULL, BL_F32, BL_SCALAR, 0));
    cr_expect_null(bl_scalar(NULL, BL_F32, 0));
}

Test(graph, scopes_labels_and_places)
{
    bl_params_add_buffer(params, "encoder.block.0.w", BL_F32, BL_SHAPE(2));
    bl_params_add_buffer(params, "encoder.b", BL_F32, BL_SHAPE(3));
    bl_scope_push(graph, "encoder");
    bl_scope_push(graph, "block.0");
    bl_tensor *w = bl_param(graph, params, "w");
    cr_expect(bl_tensor_valid(w), "%s", error_text(bl_graph_error(graph)));
    bl_tensor *b = bl_param(graph, params, "/encoder.b");
    cr_expect(bl_tensor_valid(b), "%s", error_text(bl_graph_error(graph)));
    int line = __LINE__ + 1;
    bl_add(w, b);
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_SHAPE, "(encoder/block.0, test_graph.c:", NULL), "%s",
              error_text(bl_graph_error(graph)));
    cr_expect_eq(bl_graph_error(graph)->line, line);
    cr_expect_str_eq(bl_graph_error(graph)->op, "add");
    cr_expect_str_eq(bl_graph_error(graph)->scope, "encoder/block.0");
    bl_graph_clear_error(graph);
    bl_scope_pop(graph);
    cr_expect(bl_tensor_valid(bl_param(graph, params, "b")));
    bl_param(graph, params, "w");
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_NOT_FOUND, "encoder.w", "(encoder, ", NULL));
    bl_graph_clear_error(graph);
    bl_scope_pop(graph);
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK);
    bl_scope_pop(graph);
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "scope_pop", NULL));
    bl_graph_clear_error(graph);

    /* An empty name is an error, and its pop closes it and no other. */
    bl_scope_push(graph, "outer");
    bl_scope_push(graph, "");
    cr_expect_eq(bl_graph_error(graph)->code, BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    bl_scope_push(graph, NULL);
    cr_expect_eq(bl_graph_error(graph)->code, BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    bl_scope_pop(graph);
    bl_scope_pop(graph);
    expect_error(bl_neg(bl_scalar(graph, BL_BOOL, 1)), BL_ERR_DTYPE, "(outer, ");
    bl_scope_pop(graph);
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK);
    bl_scope_push(NULL, "x");
    bl_scope_pop(NULL);

    bl_tensor *x = bl_scalar(graph, BL_F32, 1);
    char name[] = "first", text[80];
    cr_expect_eq(bl_label(x, name), x);
    name[0] = 'F';
    bl_tensor_format(x, text, sizeof(text));
    cr_expect_not_null(strstr(text, "(first)"), "the label is copied");
    expect_error(bl_at(bl_label(x, NULL), __FILE__, __LINE__), BL_ERR_ARGUMENT, "label");
    cr_expect_null(bl_label(NULL, "x"));
    cr_expect_null(bl_at(NULL, "x", 1));
    cr_expect(!bl_tensor_valid(bl_label(bl_add(w, b), "x")));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_SHAPE, "bl_add", NULL),
              "a label on an error changes nothing");
}

/* A helper that reports its caller's place, as bl_at is for. */
static bl_tensor *cube(bl_tensor *x)
{
    return (bl_mul)((bl_mul)(x, x), x);
}

#define cube(x) bl_at(cube(x), __FILE__, __LINE__)

Test(graph, a_helper_may_report_its_callers_place)
{
    bl_tensor *flag = bl_scalar(graph, BL_BOOL, 1);
    int line = __LINE__ + 1;
    bl_tensor *bad = cube(flag);
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_DTYPE, "bl_mul", NULL));
    cr_expect_eq(bl_graph_error(graph)->line, line);
    bl_neg(bad);
    cr_expect_eq(bl_graph_error(graph)->line, line, "the flow of an error does not move its place");
}

/* Every builder of tensors, called with x in the place of each tensor argument. Returns the results. */
static size_t build_all(bl_tensor *x, bl_tensor *good, bl_tensor **results)
{
    size_t n = 0;
    bl_tensor *pair[] = {good, x};
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
#define TRY(call)         results[n++] = (call)
#define TRY_BOTH(builder) TRY(builder(x, good)), TRY(builder(good, x))
    TRY_BOTH(bl_add);
    TRY_BOTH(bl_sub);
    TRY_BOTH(bl_mul);
    TRY_BOTH(bl_div);
    TRY_BOTH(bl_pow);
    TRY_BOTH(bl_maximum);
    TRY_BOTH(bl_equal);
    TRY_BOTH(bl_not_equal);
    TRY_BOTH(bl_less);
    TRY_BOTH(bl_less_equal);
    TRY_BOTH(bl_greater);
    TRY_BOTH(bl_greater_equal);
    TRY_BOTH(bl_matmul);
    TRY_BOTH(bl_embedding);
    TRY_BOTH(bl_mse_loss);
    TRY_BOTH(bl_cross_entropy);
    TRY_BOTH(bl_gradient);
    TRY(bl_embedding_padded(x, good, 0));
    TRY(bl_embedding_padded(good, x, 0));
    TRY(bl_mse_loss_reduced(x, good, BL_REDUCE_SUM));
    TRY(bl_mse_loss_reduced(good, x, BL_REDUCE_SUM));
    TRY(bl_cross_entropy_with(x, good, &options));
    TRY(bl_cross_entropy_with(good, x, NULL));
    TRY(bl_where(x, good, good));
    TRY(bl_where(good, x, good));
    TRY(bl_where(good, good, x));
    TRY(bl_linear(x, good, good));
    TRY(bl_linear(good, x, good));
    TRY(bl_linear(good, x, NULL));
    TRY(bl_concat(pair, 2, 0));
    return n;
}

/* Those of one tensor, whose graph only that tensor knows. */
static size_t build_alone(bl_tensor *x, bl_tensor **results)
{
    size_t n = 0;
    TRY(bl_add_scalar(x, 1));
    TRY(bl_sub_scalar(x, 1));
    TRY(bl_mul_scalar(x, 1));
    TRY(bl_div_scalar(x, 1));
    TRY(bl_pow_scalar(x, 2));
    TRY(bl_maximum_scalar(x, 0));
    TRY(bl_scalar_sub(1, x));
    TRY(bl_scalar_div(1, x));
    TRY(bl_neg(x));
    TRY(bl_exp(x));
    TRY(bl_log(x));
    TRY(bl_sqrt(x));
    TRY(bl_square(x));
    TRY(bl_abs(x));
    TRY(bl_sign(x));
    TRY(bl_relu(x));
    TRY(bl_tanh(x));
    TRY(bl_sigmoid(x));
    TRY(bl_cast(x, BL_F64));
    TRY(bl_sum(x, BL_ALL_AXES, false));
    TRY(bl_mean(x, BL_AXES(0), true));
    TRY(bl_max(x, BL_AXES(-1), false));
    TRY(bl_argmax(x, BL_AXES(-1), false));
    TRY(bl_reshape(x, BL_SHAPE(-1)));
    TRY(bl_permute(x, BL_AXES(0, 1)));
    TRY(bl_transpose(x, 0, 1));
    TRY(bl_expand(x, BL_SHAPE(2, 2)));
    TRY(bl_slice(x, 0, 0, 1, 1));
    TRY(bl_concat(&x, 1, 0));
    TRY(bl_one_hot(x, 3, BL_F32));
    TRY(bl_softmax(x, -1));
    TRY(bl_log_softmax(x, -1));
    TRY(bl_reduce_to(x, BL_SCALAR));
    TRY(bl_output(x, 0));
    TRY(bl_gradient(x, x));
    int64_t sizes[] = {1, 1};
    bl_tensor *parts[2] = {NULL, NULL};
    cr_expect_neq(bl_split(x, sizes, 2, 0, parts), BL_OK);
    TRY(parts[0]);
    TRY(parts[1]);
    return n;
#undef TRY
#undef TRY_BOTH
}

Test(graph, null_foreign_and_invalid_tensors_go_to_every_builder)
{
    bl_graph *other = bl_graph_new(context);
    bl_tensor *good = bl_input(graph, "good", BL_F32, BL_SHAPE(2, 2));
    bl_tensor *bad = bl_add(good, bl_input(graph, "three", BL_F32, BL_SHAPE(3)));
    bl_graph_clear_error(graph);
    bl_tensor *foreign = bl_input(other, "foreign", BL_F32, BL_SHAPE(2, 2));
    bl_tensor *foreign_bad = bl_add(foreign, NULL);
    bl_tensor *arguments[] = {NULL, bad, foreign, foreign_bad}, *results[64];
    int64_t nodes = bl_graph_node_count(graph);
    for (size_t k = 0; k < 4; k++) {
        bl_graph_clear_error(graph);
        bl_graph_clear_error(other);
        size_t count = build_all(arguments[k], good, results);
        for (size_t i = 0; i < count; i++) {
            cr_expect_not_null(results[i], "result %zu of argument %zu: one argument knows its graph", i, k);
            cr_expect(!bl_tensor_valid(results[i]), "result %zu of argument %zu", i, k);
        }
        cr_expect_eq(bl_graph_error(graph)->code == BL_OK && bl_graph_error(other)->code == BL_OK, false);
    }
    for (size_t k = 0; k < 2; k++) {
        bl_graph_clear_error(graph);
        size_t count = build_alone(arguments[k], results);
        for (size_t i = 0; i < count; i++)
            cr_expect_eq(results[i], arguments[k], "result %zu of %s", i, k ? "the invalid tensor" : "NULL");
    }
    cr_expect_eq(bl_graph_error(graph)->code, BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_expect(bl_tensor_valid(bl_neg(good)));
    cr_expect_leq(bl_graph_node_count(graph), nodes + 40, "nothing but views of `good` was recorded");

    /* Builders that take a graph or a parameter besides tensors. */
    bl_parameter *state = bl_params_add_buffer(params, "s", BL_F32, BL_SHAPE(2, 2));
    bl_tensor *effects[] = {NULL};
    expect_error(bl_group(graph, effects, 1), BL_ERR_ARGUMENT, "group");
    expect_error(bl_group(graph, NULL, 1), BL_ERR_ARGUMENT, "group");
    effects[0] = good;
    expect_error(bl_group(graph, effects, 1), BL_ERR_ARGUMENT, "effect");
    expect_error(bl_assign(NULL, good), BL_ERR_ARGUMENT, "assign");
    expect_error(bl_assign_slice(NULL, 0, 0, good), BL_ERR_ARGUMENT, "assign");
    expect_error(bl_assign_slice(state, 2, 0, good), BL_ERR_ARGUMENT, "axis");
    expect_error(bl_assign_slice(state, 0, 1, good), BL_ERR_SHAPE, "[2,2]");
    expect_error(bl_assign_slice(state, 0, -1, good), BL_ERR_SHAPE, "s");
    expect_error(bl_assign(state, bl_cast(good, BL_F64)), BL_ERR_DTYPE, "s");
    expect_error(bl_assign(state, bl_sum(good, BL_AXES(0), false)), BL_ERR_SHAPE, "[2]");
    expect_error(bl_assign(state, bad), BL_ERR_ARGUMENT, "");
    cr_expect_null(bl_assign(state, NULL));
    cr_expect_null(bl_assign(NULL, NULL));
    cr_expect_null(bl_group(NULL, effects, 1));
    expect_error(bl_use(graph, NULL), BL_ERR_ARGUMENT, "use");
    expect_error(bl_param(graph, NULL, "s"), BL_ERR_ARGUMENT, "param");
    expect_error(bl_param(graph, params, NULL), BL_ERR_ARGUMENT, "param");
    cr_expect_null(bl_use(NULL, state));
    cr_expect_null(bl_param(NULL, params, "s"));
    bl_optimizer *sgd = bl_sgd(context, NULL);
    expect_error(bl_minimize(sgd, bad), BL_ERR_ARGUMENT, "");
    expect_error(bl_minimize(NULL, good), BL_ERR_ARGUMENT, "");
    cr_expect_null(bl_minimize(sgd, NULL));
    bl_optimizer_free(sgd);
    bl_graph_free(other);
}

Test(graph, an_effect_has_no_value)
{
    bl_parameter *state = bl_params_add_buffer(params, "s", BL_BOOL, BL_SHAPE(0));
    bl_tensor *effect = bl_assign(state, bl_full(graph, BL_BOOL, BL_SHAPE(0), 0));
    cr_assert(bl_tensor_valid(effect), "%s", error_text(bl_graph_error(graph)));
    expect_error(bl_cast(effect, BL_F32), BL_ERR_ARGUMENT, "effect");
    expect_error(bl_equal(effect, effect), BL_ERR_ARGUMENT, "effect");
    expect_error(bl_reshape(effect, BL_SHAPE(0, 1)), BL_ERR_ARGUMENT, "effect");
    expect_error(bl_assign(state, effect), BL_ERR_ARGUMENT, "effect");
    expect_error(bl_gradient(effect, effect), BL_ERR_DTYPE, "bool");
}

/* A little training step with a dynamic part: what it needs of memory depends on nothing but `depth`. */
static bl_tensor *record(bl_graph *g, bl_params *p, bl_tensor **x, int depth)
{
    *x = bl_input(g, "x", BL_F32, BL_SHAPE(4, 3));
    bl_tensor *h = *x;
    for (int i = 0; i < depth; i++) {
        bl_scope_push(g, "layer");
        h = bl_label(bl_tanh(bl_linear(h, bl_param(g, p, "/w"), NULL)), "hidden");
        bl_scope_pop(g);
    }
    bl_tensor *loss = bl_mean(bl_square(h), BL_ALL_AXES, false);
    return bl_gradient(loss, bl_param(g, p, "/w"));
}

Test(graph, reset_and_record_again)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    bl_context *counted = failing_allocator_context(&counting);
    bl_graph *g = bl_graph_new(counted);
    bl_params *own = bl_params_new(counted);
    bl_rng *rng = bl_rng_new(counted, 5);
    bl_params_add(own, "w", BL_F32, BL_SHAPE(3, 3), bl_init_kaiming_uniform(), rng);
    float data[12], first[9], again[9];
    for (int i = 0; i < 12; i++)
        data[i] = (float)i / 7 - 1;
    bl_tensor *x, *gradient = record(g, own, &x, 6);
    int64_t nodes = bl_graph_node_count(g);
    bl_program *program = bl_compile(counted, gradient);
    cr_assert_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK, "%s",
                 error_text(bl_program_error(program)));
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    cr_assert_eq(bl_read(program, gradient, first, sizeof(first)), BL_OK);

    long calls = 0;
    for (int round = 0; round < 4; round++) {
        bl_scope_push(g, "left open");
        bl_add(gradient, NULL); /* an error, which goes with the reset */
        calls = counting.calls;
        bl_graph_reset(g);
        cr_expect_eq(bl_graph_node_count(g), 0);
        cr_expect_eq(bl_graph_error(g)->code, BL_OK);
        gradient = record(g, own, &x, round == 1 ? 3 : 6);
        cr_expect(bl_tensor_valid(gradient), "%s", error_text(bl_graph_error(g)));
        if (round == 1)
            continue;
        cr_expect_eq(counting.calls, calls, "recording again made %ld allocations", counting.calls - calls);
        cr_expect_eq(bl_graph_node_count(g), nodes);
        /* The same recording repeated gives handles for the program of the first. */
        cr_expect_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK);
        cr_expect_eq(bl_run(program), BL_OK);
        cr_expect_eq(bl_read(program, gradient, again, sizeof(again)), BL_OK);
        cr_expect_arr_eq(again, first, sizeof(first));
        bl_program *fresh = bl_compile(counted, gradient);
        cr_expect_eq(bl_set_input(fresh, x, data, sizeof(data)), BL_OK);
        cr_expect_eq(bl_run(fresh), BL_OK);
        cr_expect_eq(bl_read(fresh, gradient, again, sizeof(again)), BL_OK);
        cr_expect_arr_eq(again, first, sizeof(first));
        bl_program_free(fresh);
    }
    bl_graph_reset(NULL);
    bl_graph_free(NULL);
    cr_expect_eq(bl_graph_node_count(NULL), 0);
    char text[200];
    bl_program_free(program);
    bl_rng_free(rng);
    bl_params_free(own);
    bl_graph_free(g);
    bl_context_free(counted);
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);
}
