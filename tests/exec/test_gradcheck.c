/* The gradient check: what it finds, what it refuses, and that it leaves everything as it was. Looks at
 * graph/graph.h for where nodes say they come from. */
#include "bowline/bowline.h"
#include "graph/graph.h"
#include "support/errors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static bl_context *context;
static bl_graph *graph;
static bl_params *params;
static bl_rng *rng;

static void open_all(void)
{
    context = bl_context_new(NULL);
    graph = bl_graph_new(context);
    params = bl_params_new(context);
    rng = bl_rng_new(context, 3);
}

static void close_all(void)
{
    bl_rng_free(rng);
    bl_params_free(params);
    bl_graph_free(graph);
    bl_context_free(context);
}

TestSuite(gradcheck, .init = open_all, .fini = close_all);

static const char *text_of(const bl_gradcheck_result *result)
{
    static char text[500];
    bl_gradcheck_format(result, text, sizeof(text));
    return text;
}

/* A model recorded in f32 with tied rows: embedding, two layers, softmax, a loss over integer targets. */
static bl_tensor *model(bl_tensor **tokens, bl_tensor **targets, bool reduce)
{
    *tokens = bl_input(graph, "tokens", BL_I64, BL_SHAPE(2, 2));
    *targets = bl_input(graph, "targets", BL_I32, BL_SHAPE(2, 2));
    bl_tensor *rows = bl_embedding(bl_param(graph, params, "embedding.weight"), *tokens);
    bl_tensor *hidden = bl_tanh(
        bl_linear(rows, bl_param(graph, params, "layer.weight"), bl_param(graph, params, "layer.bias")));
    bl_tensor *logits = bl_linear(hidden, bl_param(graph, params, "head.weight"), NULL);
    return reduce ? bl_cross_entropy(logits, *targets) : bl_softmax(logits, -1);
}

static void make_parameters(void)
{
    cr_assert_eq(bl_embedding_params(params, "embedding", 5, 3, rng), BL_OK);
    cr_assert_eq(bl_linear_params(params, "layer", 3, 3, true, rng), BL_OK);
    cr_assert_eq(bl_params_register(params, "head.weight", bl_params_find(params, "embedding.weight")),
                 BL_OK);
}

Test(gradcheck, a_model_recorded_in_f32)
{
    make_parameters();
    bl_tensor *tokens, *targets, *loss = model(&tokens, &targets, true);
    int64_t token_values[] = {0, 4, 4, 1};
    int32_t target_values[] = {1, 2, -100, 0};
    bl_gradcheck_input inputs[] = {{tokens, token_values, sizeof(token_values)},
                                   {targets, target_values, sizeof(target_values)}};
    float before[15], after[15];
    bl_parameter *shared = bl_params_find(params, "head.weight");
    bl_parameter_read(shared, before, sizeof(before));
    int64_t nodes = bl_graph_node_count(graph);
    bl_gradcheck_result r;
    cr_assert_eq(bl_gradcheck(loss, NULL, 0, inputs, 2, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed && r.status == BL_OK && r.failed == 0, "%s", text_of(&r));
    cr_expect_eq(r.checked, 15 + 9 + 3, "the tied parameter is perturbed once");
    cr_expect_not_null(strstr(text_of(&r), "all 27 derivatives agree"), "%s", text_of(&r));
    cr_expect_eq(bl_graph_node_count(graph), nodes, "the graph is left as it was");
    bl_parameter_read(shared, after, sizeof(after));
    cr_expect_arr_eq(before, after, sizeof(before), "parameters do not change");

    /* One at a time and in any order, frozen ones left out when nothing is said. */
    bl_tensor *leaves[] = {bl_param(graph, params, "layer.bias"), bl_param(graph, params, "head.weight")};
    cr_assert_eq(bl_gradcheck(loss, leaves, 2, inputs, 2, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed && r.checked == 18, "%s", text_of(&r));
    bl_parameter_set_trainable(shared, false);
    cr_assert_eq(bl_gradcheck(loss, NULL, 0, inputs, 2, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed && r.checked == 12, "%s", text_of(&r));
    cr_assert_eq(bl_gradcheck(loss, leaves, 0, inputs, 2, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed && r.checked == 0, "%s", text_of(&r));
    cr_expect_eq(bl_gradcheck(loss, NULL, 0, inputs, 2, NULL, NULL), BL_OK, "nobody has to look");
}

Test(gradcheck, many_outputs_are_projected)
{
    make_parameters();
    bl_tensor *tokens, *targets, *y = model(&tokens, &targets, false); /* [2,2,5]: 20 outputs */
    int64_t token_values[] = {0, 4, 4, 1};
    bl_gradcheck_input inputs[] = {{tokens, token_values, sizeof(token_values)}};
    bl_gradcheck_result r;
    cr_assert_eq(bl_gradcheck(y, NULL, 0, inputs, 1, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed, "%s", text_of(&r));
    cr_expect_eq(r.checked, 20 * 27);
    bl_gradcheck_options options = bl_gradcheck_defaults();
    cr_expect(options.eps == 1e-6 && options.atol == 1e-5 && options.rtol == 1e-3 &&
              options.projections == 64);
    options.projections = 4;
    cr_assert_eq(bl_gradcheck(y, NULL, 0, inputs, 1, &options, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed, "%s", text_of(&r));
    cr_expect_eq(r.checked, 4 * 27);
}

/* ---- wrong gradients ---- */

static bl_status infer_first(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static void decompose_square(bl_graph *g, bl_tensor *const *inputs, size_t count, const void *attributes,
                             bl_tensor **outputs)
{
    (void)g, (void)count, (void)attributes;
    outputs[0] = bl_square(inputs[0]);
}

static bl_status compute_square(const bl_compute_call *call)
{
    for (int64_t i = 0; i < bl_shape_count(call->output_shapes[0]); i++) {
        double x = ((const double *)call->inputs[0])[i];
        ((double *)call->outputs[0])[i] = x * x;
    }
    return BL_OK;
}

/* Right but for one element, number 3, whose slope comes out at three times x instead of twice. */
static void vjp_nearly(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0];
    double factors[] = {2, 2, 2, 3, 2};
    bl_tensor *factor = bl_cast(bl_constant(call->graph, BL_F64, BL_SHAPE(5), factors), bl_tensor_dtype(x));
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul(factor, x));
}

static void vjp_nothing(bl_vjp_call *call)
{
    (void)call;
}

static void vjp_nan(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul_scalar(call->cotangents[0], (double)NAN);
}

static bl_op square_op(void (*vjp)(bl_vjp_call *call))
{
    return (bl_op){.size = sizeof(bl_op),
                   .name = "my_square",
                   .min_inputs = 1,
                   .max_inputs = 1,
                   .output_count = 1,
                   .infer = infer_first,
                   .vjp = vjp,
                   .compute = compute_square};
}

Test(gradcheck, a_wrong_gradient_is_found)
{
    float values[] = {0.5f, -1, 2, 4, 1};
    bl_params_add(params, "fine", BL_F32, BL_SHAPE(5), bl_init_ones(), NULL);
    bl_parameter *w = bl_params_add(params, "block.wrong", BL_F32, BL_SHAPE(5), bl_init_zeros(), NULL);
    bl_parameter_write(w, values, sizeof(values));
    bl_tensor *x = bl_use(graph, w), *ones = bl_param(graph, params, "fine");
    bl_op op = square_op(vjp_nearly);
    bl_tensor *y = bl_mul(bl_apply(graph, &op, &x, 1, NULL), ones);
    bl_gradcheck_result r;
    bl_tensor *leaves[] = {ones, x};
    cr_assert_eq(bl_gradcheck(y, leaves, 2, NULL, 0, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(!r.passed);
    cr_expect_eq(r.status, BL_OK, "the check could be made");
    cr_expect_eq(r.checked, 50);
    cr_expect_eq(r.failed, 1);
    cr_expect_str_eq(r.leaf, "block.wrong");
    cr_expect_eq(r.leaf_index, 1);
    cr_expect_eq(r.element, 3);
    cr_expect_eq(r.output, 3);
    cr_expect_float_eq(r.analytic, 12, 1e-9);
    cr_expect_float_eq(r.numeric, 8, 1e-6);
    cr_expect_not_null(strstr(text_of(&r), "1 of 50 derivatives differ"), "%s", text_of(&r));
    cr_expect_not_null(strstr(text_of(&r), "block.wrong[3]"), "%s", text_of(&r));
    /* Projections find it too. */
    bl_gradcheck_options options = bl_gradcheck_defaults();
    options.projections = 2;
    cr_assert_eq(bl_gradcheck(y, leaves, 2, NULL, 0, &options, &r), BL_OK);
    cr_expect(!r.passed && r.element == 3 && strcmp(r.leaf, "block.wrong") == 0, "%s", text_of(&r));
    /* As does a looser tolerance not. */
    options = bl_gradcheck_defaults();
    options.rtol = 0.51;
    cr_assert_eq(bl_gradcheck(y, leaves, 2, NULL, 0, &options, &r), BL_OK);
    cr_expect(r.passed, "%s", text_of(&r));

    op = square_op(vjp_nothing);
    cr_assert_eq(bl_gradcheck(bl_apply(graph, &op, &x, 1, NULL), NULL, 0, NULL, 0, NULL, &r), BL_OK, "%s",
                 text_of(&r));
    cr_expect_eq(r.failed, 5, "a gradient forgotten: %s", text_of(&r));
    op = square_op(vjp_nan);
    cr_assert_eq(bl_gradcheck(bl_apply(graph, &op, &x, 1, NULL), NULL, 0, NULL, 0, NULL, &r), BL_OK, "%s",
                 text_of(&r));
    cr_expect_eq(r.failed, 25, "NaN agrees with no number, nor with zero: %s", text_of(&r));
    op = square_op(NULL);
    op.decompose = decompose_square;
    cr_assert_eq(bl_gradcheck(bl_apply(graph, &op, &x, 1, NULL), NULL, 0, NULL, 0, NULL, &r), BL_OK, "%s",
                 text_of(&r));
    cr_expect(r.passed && r.checked == 25, "%s", text_of(&r));
}

/* ---- leaves and inputs ---- */

static const bl_parameter *watched[2];
static long watches;

/* The identity, which fails when a watched parameter does not hold what it held before the check. */
static bl_status compute_watch(const bl_compute_call *call)
{
    const float *narrow = bl_parameter_data(watched[0]);
    const double *wide = bl_parameter_data(watched[1]);
    memcpy(call->outputs[0], call->inputs[0],
           (size_t)bl_shape_count(call->output_shapes[0]) * sizeof(double));
    watches++;
    return narrow[0] == 0.5f && wide[0] == 0.25 ? BL_OK : BL_ERR_STATE;
}

static void vjp_watch(bl_vjp_call *call)
{
    call->gradients[0] = call->cotangents[0];
}

Test(gradcheck, the_parameters_themselves_are_never_perturbed)
{
    bl_parameter *narrow = bl_params_add(params, "narrow", BL_F32, BL_SHAPE(2), bl_init_constant(0.5), NULL);
    bl_parameter *wide = bl_params_add(params, "wide", BL_F64, BL_SHAPE(2), bl_init_constant(0.25), NULL);
    bl_op watch = square_op(vjp_watch);
    watch.compute = compute_watch;
    watched[0] = narrow;
    watched[1] = wide;
    bl_tensor *product = bl_mul(bl_cast(bl_use(graph, narrow), BL_F64), bl_use(graph, wide));
    bl_gradcheck_result r;
    cr_assert_eq(bl_gradcheck(bl_apply(graph, &watch, &product, 1, NULL), NULL, 0, NULL, 0, NULL, &r), BL_OK,
                 "%s", text_of(&r));
    cr_expect(r.passed && r.checked == 8, "%s", text_of(&r));
    cr_expect_eq(watches, 8, "each of 4 elements up and down");
}

Test(gradcheck, leaves_of_every_kind)
{
    double data[] = {0.3, -0.4};
    bl_tensor *c = bl_constant(graph, BL_F64, BL_SHAPE(2), data),
              *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2));
    bl_tensor *unused = bl_input(graph, "unused", BL_F32, BL_SHAPE(3)), *view = bl_slice(x, 0, 1, 2, 1);
    bl_tensor *y = bl_add(bl_mul(bl_cast(bl_exp(x), BL_F64), c), bl_cast(view, BL_F64));
    bl_tensor *leaves[] = {c, x, unused};
    double in[] = {0.7, 0.2};
    bl_gradcheck_input inputs[] = {{x, in, sizeof(in)}};
    bl_gradcheck_result r;
    cr_assert_eq(bl_gradcheck(y, leaves, 3, inputs, 1, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed && r.checked == 2 * 7, "%s", text_of(&r));
    cr_expect(in[0] == 0.7 && data[1] == -0.4);
    float out[2];
    cr_assert_eq(bl_eval(bl_cast(c, BL_F32), out, sizeof(out)), BL_OK);
    cr_expect_eq(out[0], 0.3f, "the constant on the graph is not perturbed");
    /* Of an output that has no elements there is nothing to compare. */
    bl_tensor *none = bl_slice(bl_mul(c, c), 0, 1, 1, 1);
    cr_assert_eq(bl_gradcheck(none, &c, 1, NULL, 0, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_expect(r.passed && r.checked == 0);
}

static void expect_refused(bl_tensor *output, bl_tensor *const *leaves, size_t count,
                           const bl_gradcheck_input *inputs, size_t input_count,
                           const bl_gradcheck_options *options, bl_status code, const char *part)
{
    bl_gradcheck_result r;
    int64_t nodes = bl_graph_node_count(graph);
    cr_expect_eq(bl_gradcheck(output, leaves, count, inputs, input_count, options, &r), code, "%s",
                 text_of(&r));
    cr_expect_eq(r.status, code);
    cr_expect(!r.passed);
    cr_expect(error_says(&r.error, code, part, NULL), "wanted %s with \"%s\", got %s", bl_status_name(code),
              part, error_text(&r.error));
    cr_expect_not_null(strstr(text_of(&r), "could not be made"));
    cr_expect_eq(bl_graph_node_count(graph), nodes);
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK, "the graph is left as it was");
}

static bl_op no_derivative;

Test(gradcheck, refusals)
{
    bl_graph *elsewhere = bl_graph_new(context);
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_tensor *t = bl_use(graph, w), *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2)),
              *n = bl_full(graph, BL_I64, BL_SHAPE(2), 1);
    bl_tensor *y = bl_mul(t, x), *foreign = bl_scalar(elsewhere, BL_F32, 1), *effect = bl_assign(w, y);
    bl_tensor *indices = bl_input(graph, "indices", BL_I64, BL_SHAPE(1)),
              *rows = bl_embedding(bl_reshape(t, BL_SHAPE(2, 1)), indices);
    double two[] = {1, 2};
    int64_t seven[] = {7};
    bl_gradcheck_input good = {x, two, sizeof(two)}, short_one = {x, two, 8}, null_one = {NULL, two, 16},
                       not_input = {y, two, 16}, of_elsewhere = {foreign, two, 8},
                       bad_index = {indices, seven, 8};
    expect_refused(effect, NULL, 0, NULL, 0, NULL, BL_ERR_STATE, "effect");
    expect_refused(y, NULL, 0, NULL, 0, NULL, BL_ERR_STATE, "\"x\" was never set");
    expect_refused(y, NULL, 0, &short_one, 1, NULL, BL_ERR_ARGUMENT, "16 bytes, not 8");
    expect_refused(y, NULL, 0, &null_one, 1, NULL, BL_ERR_ARGUMENT, "NULL");
    expect_refused(y, NULL, 0, &not_input, 1, NULL, BL_ERR_ARGUMENT, "not an input");
    expect_refused(y, NULL, 0, &of_elsewhere, 1, NULL, BL_ERR_ARGUMENT, "another graph");
    expect_refused(y, NULL, 0, NULL, 1, NULL, BL_ERR_ARGUMENT, "NULL");
    expect_refused(rows, NULL, 0, &bad_index, 1, NULL, BL_ERR_INDEX, "7");
    expect_refused(n, NULL, 0, NULL, 0, NULL, BL_ERR_DTYPE, "i64");
    bl_tensor *integer = bl_constant(graph, BL_I64, BL_SHAPE(1), seven);
    bl_tensor *null = NULL;
    expect_refused(y, &n, 1, &good, 1, NULL, BL_ERR_ARGUMENT, "leaf");
    expect_refused(y, &y, 1, &good, 1, NULL, BL_ERR_ARGUMENT, "leaf");
    expect_refused(y, &integer, 1, &good, 1, NULL, BL_ERR_DTYPE, "leaf");
    expect_refused(y, &null, 1, &good, 1, NULL, BL_ERR_ARGUMENT, "NULL");
    expect_refused(y, &foreign, 1, &good, 1, NULL, BL_ERR_ARGUMENT, "another graph");
    static const bl_gradcheck_options bad[] = {
        {0, 1e-5, 1e-3, 64}, {1e-6, -1, 1e-3, 64}, {1e-6, 1e-5, -1, 64}, {1e-6, 1e-5, 1e-3, 0}};
    for (size_t i = 0; i < 4; i++)
        expect_refused(y, NULL, 0, &good, 1, &bad[i], BL_ERR_ARGUMENT, "option");
    bl_gradcheck_options nan = bl_gradcheck_defaults();
    nan.eps = (double)NAN;
    expect_refused(y, NULL, 0, &good, 1, &nan, BL_ERR_ARGUMENT, "option");
    no_derivative = square_op(NULL);
    expect_refused(bl_apply(graph, &no_derivative, &t, 1, NULL), NULL, 0, NULL, 0, NULL, BL_ERR_GRADIENT,
                   "my_square");

    bl_gradcheck_result r;
    cr_expect_eq(bl_gradcheck(NULL, NULL, 0, NULL, 0, NULL, &r), BL_ERR_ARGUMENT);
    cr_expect(!r.passed && r.status == BL_ERR_ARGUMENT && r.error.code == BL_ERR_ARGUMENT);
    cr_expect_eq(bl_gradcheck_format(NULL, NULL, 0), 0);
    cr_expect_eq(bl_gradcheck_format(&r, NULL, 0), strlen(text_of(&r)));

    /* The result of an error, with the error still there, cleared from the context, and cleared from both. */
    bl_tensor *invalid = bl_add(t, n), *leaves[] = {invalid};
    cr_expect_eq(bl_gradcheck(invalid, NULL, 0, NULL, 0, NULL, &r), BL_ERR_DTYPE);
    bl_context_clear_error(context);
    cr_expect_eq(bl_gradcheck(y, leaves, 1, &good, 1, NULL, &r), BL_ERR_DTYPE);
    bl_context_clear_error(context);
    bl_gradcheck_input of_invalid = {invalid, two, 16};
    cr_expect_neq(bl_gradcheck(y, NULL, 0, &of_invalid, 1, NULL, &r), BL_OK);
    cr_expect_neq(r.error.code, BL_OK);
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_gradcheck(y, leaves, 1, &good, 1, NULL, &r), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_gradcheck(y, NULL, 0, &good, 1, NULL, &r), BL_OK, "%s", text_of(&r));
    bl_graph_free(elsewhere);
}

static void vjp_with_places(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul_scalar(bl_mul(call->inputs[0], call->cotangents[0]), 2);
}

/* A vjp whose builders are the macros names places, but not those of what was recorded before the check: they
 * would be gone after it. */
Test(gradcheck, gives_no_places_to_older_nodes)
{
    double two[] = {1, 2};
    bl_tensor *x = (bl_input)(graph, "x", BL_F64, BL_SHAPE(2));
    bl_op op = square_op(vjp_with_places);
    bl_tensor *y = (bl_apply)(graph, &op, &x, 1, NULL);
    const bl__origin *before = y->node->origin;
    bl_gradcheck_input input = {x, two, sizeof(two)};
    bl_gradcheck_result r;
    cr_assert_eq((bl_gradcheck)(y, &x, 1, &input, 1, NULL, &r), BL_OK, "%s", text_of(&r));
    cr_assert(r.passed && r.checked == 4, "%s", text_of(&r));
    cr_assert_eq(y->node->origin, before);
}
