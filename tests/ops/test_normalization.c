/* Normalisation layers, and the updates of running statistics that batch_norm asks for. */
#include "check.h"
#include "support/failing_allocator.h"

TestSuite(normalization, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* ---- each row, group or image by itself ---- */

Test(normalization, normalize)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 0, 0, 0, 3, 0, 4);
    EXPECT(bl_normalize(x, 1), 0, 0, 0, 0.6, 0, 0.8);
    EXPECT(bl_gradient(bl_normalize(x, -1), x), 1e12, 1e12, 1e12, 0.032, 0.2, -0.024);
    EXPECT(bl_normalize_with(x, 1, &(bl_normalize_options){1, 1e-12}), 0, 0, 0, 3.0 / 7, 0, 4.0 / 7);
    EXPECT(bl_normalize_with(x, 1, &(bl_normalize_options){inf, 1e-12}), 0, 0, 0, 0.75, 0, 1);
    EXPECT(bl_normalize_with(x, 0, &(bl_normalize_options){2, 6}), 0, 0, 0, 0.5, 0, 4.0 / 6);
    EXPECT_TYPE(bl_normalize(EMPTY(BL_SHAPE(0, 3)), 0), BL_F64, BL_SHAPE(0, 3));
    EXPECT_ERROR(bl_normalize(x, 2), BL_ERR_ARGUMENT, "bl_normalize: axis 2 is outside the rank of [2,3]",
                 "test_normalization.c");
    EXPECT_ERROR(bl_normalize_with(x, 0, &(bl_normalize_options){0, 0}), BL_ERR_ARGUMENT, "p = 0 is below 1");
    EXPECT_ERROR(bl_normalize(bl_cast(x, BL_I32), 0), BL_ERR_DTYPE, "i32, not f32 or f64");
    cr_assert_null(bl_normalize(NULL, 0));
}

Test(normalization, layer_norm)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 3, -1, 7), *weight = REAL(BL_SHAPE(2), 2, 3);
    bl_tensor *bias = REAL(BL_SHAPE(2), 10, 20);
    EXPECT(bl_layer_norm(x, BL_SHAPE(2), NULL, NULL, 0), -1, 1, -1, 1);
    EXPECT(bl_layer_norm(x, BL_SHAPE(2), NULL, NULL, 3), -0.5, 0.5, -4 / sqrt(19), 4 / sqrt(19));
    EXPECT(bl_layer_norm(x, BL_SHAPE(2), weight, NULL, 0), -2, 3, -2, 3);
    EXPECT(bl_layer_norm(x, BL_SHAPE(2), NULL, bias, 0), 9, 21, 9, 21);
    EXPECT(bl_layer_norm(x, BL_SHAPE(2), weight, bias, 0), 8, 23, 8, 23);
    double root = sqrt((2.25 + 0.25 + 12.25 + 20.25) / 4); /* mean 2.5 */
    EXPECT(bl_layer_norm(x, BL_SHAPE(2, 2), NULL, NULL, 0), -1.5 / root, 0.5 / root, -3.5 / root, 4.5 / root);
    EXPECT(bl_layer_norm(bl_transpose(x, 0, 1), BL_SHAPE(2), NULL, NULL, 0), 1, -1, -1, 1);
    EXPECT(bl_layer_norm(REAL(BL_SHAPE(2, 1), 5, nan_), BL_SHAPE(1), NULL, NULL, 1e-5), 0, nan_);
    EXPECT_TYPE(bl_layer_norm(EMPTY(BL_SHAPE(2, 0)), BL_SHAPE(0), NULL, NULL, 1e-5), BL_F64, BL_SHAPE(2, 0));
    bl_tensor *none = EMPTY(BL_SHAPE(0, 2));
    EXPECT(bl_gradient(bl_sum(bl_layer_norm(none, BL_SHAPE(2), weight, bias, 1), BL_ALL_AXES, false), weight),
           0, 0);
}

Test(normalization, rms_norm)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 3, 4, 0, 0), *weight = REAL(BL_SHAPE(2), 1, 2);
    double root = sqrt(12.5 + 1);
    EXPECT(bl_rms_norm(x, BL_SHAPE(2), NULL, 1), 3 / root, 4 / root, 0, 0);
    EXPECT(bl_rms_norm(x, BL_SHAPE(2), weight, 1), 3 / root, 8 / root, 0, 0);
    EXPECT(bl_slice(bl_gradient(bl_rms_norm(x, BL_SHAPE(2), NULL, 1), x), 0, 1, 2, 1), 1, 1);
}

/* The sizes of a group's row follow x; weight and bias go by channel. */
Test(normalization, group_and_instance_norm)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 4, 2), 1, 3, 1, 3, 5, 5, 9, 9);
    bl_tensor *weight = REAL(BL_SHAPE(4), 1, 2, 3, 4), *bias = REAL(BL_SHAPE(4), 0, 0, 0, 1);
    EXPECT(bl_group_norm(x, 2, NULL, NULL, 0), -1, 1, -1, 1, -1, -1, 1, 1);
    EXPECT(bl_group_norm(x, 2, weight, bias, 0), -1, 1, -2, 2, -3, -3, 5, 5);
    EXPECT(bl_group_norm(x, 4, NULL, NULL, 1), -sqrt(0.5), sqrt(0.5), -sqrt(0.5), sqrt(0.5), 0, 0, 0, 0);
    EXPECT(bl_instance_norm(x, NULL, bias, 1), -sqrt(0.5), sqrt(0.5), -sqrt(0.5), sqrt(0.5), 0, 0, 1, 1);
    EXPECT_TYPE(bl_group_norm(EMPTY(BL_SHAPE(0, 4, 3)), 2, weight, bias, 1), BL_F64, BL_SHAPE(0, 4, 3));
    EXPECT_TYPE(bl_group_norm(EMPTY(BL_SHAPE(2, 0, 3)), 2, NULL, NULL, 1), BL_F64, BL_SHAPE(2, 0, 3));
}

Test(normalization, local_response_norm)
{
    bl_local_response_norm_options options = {.alpha = 3, .beta = 0.5, .k = 1};
    bl_tensor *x = REAL(BL_SHAPE(1, 3, 1), 1, 2, 3);
    EXPECT(bl_local_response_norm_with(x, 3, &options), 1 / sqrt(6), 2 / sqrt(15), 3 / sqrt(14));
    options.alpha = 2; /* an even window reaches further back */
    EXPECT(bl_local_response_norm_with(x, 2, &options), 1 / sqrt(2), 2 / sqrt(6), 3 / sqrt(14));
    options.alpha = 1e18;
    options.k = 0;
    double all = sqrt(14);
    EXPECT(bl_local_response_norm_with(x, INT64_C(1000000000000000000), &options), 1 / all, 2 / all, 3 / all);
    EXPECT(bl_local_response_norm(x, 1), pow(1 + 1e-4, -0.75), 2 * pow(1 + 4e-4, -0.75),
           3 * pow(1 + 9e-4, -0.75));
    EXPECT_TYPE(bl_local_response_norm(EMPTY(BL_SHAPE(2, 0, 3)), 5), BL_F64, BL_SHAPE(2, 0, 3));
    EXPECT_ERROR(bl_local_response_norm(x, 0), BL_ERR_ARGUMENT,
                 "bl_local_response_norm: 0 neighbouring channels are too few");
    EXPECT_ERROR(bl_local_response_norm(REAL(BL_SHAPE(1, 1), 1), 1), BL_ERR_SHAPE,
                 "[1,1] has fewer than 3 axes");
}

Test(normalization, layers_refuse)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6), *two = REAL(BL_SHAPE(2), 1, 1);
    EXPECT_ERROR(bl_layer_norm(x, BL_SHAPE(2), NULL, NULL, 0), BL_ERR_SHAPE,
                 "bl_layer_norm: [2] are not the last axes of [2,3]", "test_normalization.c");
    EXPECT_ERROR(bl_layer_norm(x, BL_SCALAR, NULL, NULL, 0), BL_ERR_SHAPE,
                 "[] are not the last axes of [2,3]");
    EXPECT_ERROR(bl_layer_norm(x, BL_SHAPE(1, 2, 3), NULL, NULL, 0), BL_ERR_SHAPE, "are not the last axes");
    EXPECT_ERROR(bl_layer_norm(x, BL_SHAPE(3), two, NULL, 0), BL_ERR_SHAPE, "the weight is [2], not [3]");
    EXPECT_ERROR(bl_layer_norm(x, BL_SHAPE(3), NULL, two, 0), BL_ERR_SHAPE, "the bias is [2], not [3]");
    EXPECT_ERROR(bl_layer_norm(x, BL_SHAPE(3), NULL, bl_cast(two, BL_F32), 0), BL_ERR_DTYPE, "dtypes differ");
    EXPECT_ERROR(bl_layer_norm(x, BL_SHAPE(3), NULL, NULL, -1), BL_ERR_ARGUMENT,
                 "eps = -1 is negative or not finite");
    EXPECT_ERROR(bl_rms_norm(bl_cast(x, BL_I64), BL_SHAPE(3), NULL, 0), BL_ERR_DTYPE,
                 "bl_rms_norm: the first operand is i64");
    EXPECT_ERROR(bl_group_norm(x, 2, NULL, NULL, 0), BL_ERR_ARGUMENT,
                 "bl_group_norm: the channels of [2,3] do not make 2 groups");
    EXPECT_ERROR(bl_group_norm(x, -1, NULL, NULL, 0), BL_ERR_ARGUMENT, "do not make -1 groups");
    EXPECT_ERROR(bl_group_norm(two, 1, NULL, NULL, 0), BL_ERR_SHAPE, "[2] has fewer than 2 axes");
    EXPECT_ERROR(bl_group_norm(x, 3, two, NULL, 0), BL_ERR_SHAPE, "the weight is [2], not [3]");
    EXPECT_ERROR(bl_instance_norm(x, NULL, NULL, 0), BL_ERR_SHAPE,
                 "bl_instance_norm: [2,3] has fewer than 3 axes");
    cr_assert_null(bl_layer_norm(NULL, BL_SHAPE(3), NULL, NULL, 0));
    cr_assert_null(bl_batch_norm(NULL, NULL, NULL, NULL, NULL, true));
}

/* ---- batch_norm ---- */

static bl_parameter *buffer(const char *name, bl_dtype dtype, bl_shape shape, const void *values,
                            size_t bytes)
{
    bl_parameter *made = bl_params_add_buffer(params, name, dtype, shape);
    cr_assert(made && bl_parameter_write(made, values, bytes) == BL_OK);
    return made;
}

static bl_parameter *running(const char *name, double first, double second)
{
    return buffer(name, BL_F64, BL_SHAPE(2), (const double[]){first, second}, 2 * sizeof(double));
}

static void expect_state(const bl_parameter *state, double first, double second)
{
    const double *values = bl_parameter_data(state);
    cr_assert(fabs(values[0] - first) <= 1e-12 && fabs(values[1] - second) <= 1e-12, "%s is [%.17g, %.17g]",
              bl_parameter_name(state), values[0], values[1]);
}

static void run(bl_tensor *output, bl_tensor *update)
{
    bl_program *program = bl_compile(context, output, update);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    bl_program_free(program);
}

/* Means 2 and 10, variances 1 and 0. */
static bl_tensor *batch(void)
{
    return REAL(BL_SHAPE(2, 2), 1, 10, 3, 10);
}

Test(normalization, batch_norm_in_training)
{
    bl_parameter *mean = running("mean", 0, 100), *variance = running("variance", 1, 1);
    bl_batch_norm_options options = {.momentum = 0.25, .eps = 3};
    bl_tensor *weight = REAL(BL_SHAPE(2), 4, 5), *bias = REAL(BL_SHAPE(2), 6, 7), *x = batch();
    bl_tensor *y = bl_batch_norm_with(x, mean, variance, weight, bias, true, &options);
    EXPECT(y, 4, 7, 8, 7);
    EXPECT(bl_gradient(y, bias), 2, 2);
    EXPECT(bl_batch_norm_with(x, NULL, NULL, NULL, NULL, true, &options), -0.5, 0, 0.5, 0);
    expect_state(mean, 0, 100); /* nothing has committed the update */
    run(y, bl_graph_updates(graph));
    expect_state(mean, 0.5, 77.5);
    expect_state(variance, 0.75 + 0.25 * 2, 0.75); /* unbiased: 2 / (2 - 1) times the variance */
}

Test(normalization, batch_norm_in_evaluation)
{
    bl_parameter *mean = running("mean", 1, 8), *variance = running("variance", 3, 0);
    bl_batch_norm_options options = {.momentum = 0.25, .eps = 1};
    bl_tensor *weight = REAL(BL_SHAPE(2), 4, 5), *bias = REAL(BL_SHAPE(2), 6, 7), *x = batch();
    bl_tensor *y = bl_batch_norm_with(x, mean, variance, weight, bias, false, &options);
    EXPECT(y, 6, 17, 10, 17);
    EXPECT(bl_gradient(y, x), 2, 5, 2, 5);
    EXPECT(bl_batch_norm_with(x, mean, variance, NULL, bias, false, &options), 6, 9, 7, 9);
    run(y, bl_graph_updates(graph)); /* of none */
    expect_state(mean, 1, 8);
    EXPECT_TYPE(bl_batch_norm(REAL(BL_SHAPE(1, 2), 1, 2), mean, variance, NULL, NULL, false), BL_F64,
                BL_SHAPE(1, 2));
}

/* Applied twice to one state, the second goes on from the first, as two calls in PyTorch do. */
Test(normalization, batch_norm_applied_twice)
{
    bl_parameter *mean = running("mean", 0, 0), *variance = running("variance", 1, 1);
    bl_batch_norm_options options = {.momentum = 0.5, .eps = 1};
    bl_tensor *first = bl_batch_norm_with(batch(), mean, variance, NULL, NULL, true, &options);
    bl_tensor *again = bl_batch_norm_with(first, mean, variance, NULL, NULL, true, &options);
    run(again, bl_graph_updates(graph));
    expect_state(mean, 0.5, 2.5); /* 1 and 5, then half of it: the second batch has mean 0 */
    expect_state(variance, (1.5 + 1) / 2, 0.25);
}

/* A batch of nothing has nothing to tell; one element a channel has no variance. */
Test(normalization, batch_norm_of_few)
{
    bl_parameter *mean = running("mean", 1, 2), *variance = running("variance", 3, 4);
    bl_tensor *none = bl_batch_norm(EMPTY(BL_SHAPE(0, 2, 3)), mean, variance, NULL, NULL, true);
    EXPECT_TYPE(none, BL_F64, BL_SHAPE(0, 2, 3));
    run(none, bl_graph_updates(graph));
    expect_state(mean, 1, 2);
    expect_state(variance, 3, 4);
    bl_tensor *weight = REAL(BL_SHAPE(2), 1, 1);
    EXPECT(bl_gradient(bl_batch_norm(EMPTY(BL_SHAPE(0, 2)), NULL, NULL, weight, NULL, true), weight), 0, 0);
    EXPECT_ERROR(bl_batch_norm(REAL(BL_SHAPE(1, 2, 1), 1, 2), mean, variance, NULL, NULL, true), BL_ERR_SHAPE,
                 "bl_batch_norm: [1,2,1] has one element for each channel, and no variance");
}

Test(normalization, batch_norm_refuses)
{
    bl_parameter *mean = running("mean", 1, 2), *variance = running("variance", 3, 4);
    bl_parameter *narrow = buffer("narrow", BL_F32, BL_SHAPE(2), (const float[]){0, 0}, 2 * sizeof(float));
    bl_parameter *longer = bl_params_add_buffer(params, "longer", BL_F64, BL_SHAPE(3));
    bl_tensor *x = batch();
    EXPECT_ERROR(bl_batch_norm(x, NULL, NULL, NULL, NULL, false), BL_ERR_ARGUMENT,
                 "bl_batch_norm: the running statistics are NULL, but not in training",
                 "test_normalization.c");
    EXPECT_ERROR(bl_batch_norm(x, mean, NULL, NULL, NULL, true), BL_ERR_ARGUMENT,
                 "one of the running statistics is NULL");
    EXPECT_ERROR(bl_batch_norm(x, mean, mean, NULL, NULL, true), BL_ERR_ARGUMENT,
                 "both running statistics are mean");
    EXPECT_ERROR(bl_batch_norm(x, mean, narrow, NULL, NULL, true), BL_ERR_DTYPE, "narrow is f32, x is f64");
    EXPECT_ERROR(bl_batch_norm(x, longer, variance, NULL, NULL, true), BL_ERR_SHAPE,
                 "longer is [3], not [2]");
    EXPECT_ERROR(bl_batch_norm(x, mean, variance, REAL(BL_SHAPE(1), 1), NULL, true), BL_ERR_SHAPE,
                 "the weight is [1], not [2]");
    EXPECT_ERROR(bl_batch_norm(REAL(BL_SHAPE(2), 1, 2), mean, variance, NULL, NULL, true), BL_ERR_SHAPE,
                 "[2] has fewer than 2 axes");
    bl_context *other = bl_context_new(NULL);
    bl_params *foreign = bl_params_new(other);
    bl_parameter *there = bl_params_add_buffer(foreign, "there", BL_F64, BL_SHAPE(2));
    EXPECT_ERROR(bl_batch_norm(x, mean, there, NULL, NULL, true), BL_ERR_ARGUMENT,
                 "there belongs to another context");
    bl_params_free(foreign);
    bl_context_free(other);
}

/* ---- pending updates ---- */

/* minimize brings the updates of the layers that its loss is made from, and no others. */
Test(normalization, minimize_updates_what_the_loss_is_made_from)
{
    bl_parameter *mine[] = {running("mine.mean", 0, 0), running("mine.var", 1, 1)};
    bl_parameter *other[] = {running("other.mean", 0, 0), running("other.var", 1, 1)};
    bl_tensor *weight = bl_use(graph, bl_params_add(params, "w", BL_F64, BL_SHAPE(2), bl_init_ones(), NULL));
    bl_tensor *y = bl_batch_norm(batch(), mine[0], mine[1], weight, NULL, true);
    bl_batch_norm(batch(), other[0], other[1], weight, NULL, true);
    bl_optimizer *sgd = bl_sgd(context, NULL);
    bl_tensor *loss = bl_sum(bl_square(y), BL_ALL_AXES, false), *update = bl_minimize(sgd, loss);
    run(loss, update);
    expect_state(mine[0], 0.2, 1);
    expect_state(mine[1], 0.9 + 0.1 * 2, 0.9);
    expect_state(other[0], 0, 0);
    run(update, bl_graph_updates(graph)); /* the same effect in both is one */
    expect_state(mine[0], 0.38, 1.9);
    expect_state(other[0], 0.2, 1);
    bl_optimizer_free(sgd);
}

/* A graph that is reset, or checked, has no updates left over. */
Test(normalization, pending_updates_go_with_the_graph)
{
    bl_parameter *mean = running("mean", 0, 0), *variance = running("variance", 1, 1);
    bl_tensor *x = batch(), *y = bl_batch_norm(x, mean, variance, NULL, NULL, true);
    bl_gradcheck_result result;
    cr_assert_eq(bl_gradcheck(y, &x, 1, NULL, 0, NULL, &result), BL_OK);
    cr_assert(result.passed);
    run(y, bl_graph_updates(graph));
    expect_state(mean, 0.2, 1);
    bl_graph_reset(graph);
    run(batch(), bl_graph_updates(graph));
    expect_state(mean, 0.2, 1);
    cr_assert_null(bl_graph_updates(NULL));
}

/* Records a step with a layer that has updates; the code of the first error. */
static bl_status record_step(bl_context *own)
{
    bl_graph *g = own ? bl_graph_new(own) : NULL;
    bl_params *made = own ? bl_params_new(own) : NULL;
    bl_optimizer *sgd = own ? bl_sgd(own, NULL) : NULL;
    bl_status status = BL_ERR_MEMORY;
    if (g && made && sgd && bl_batch_norm_params(made, "norm", 2) == BL_OK) {
        bl_tensor *y =
            bl_batch_norm(bl_full(g, BL_F32, BL_SHAPE(3, 2), 1), bl_params_find(made, "norm.running_mean"),
                          bl_params_find(made, "norm.running_var"), bl_param(g, made, "norm.weight"),
                          bl_param(g, made, "norm.bias"), true);
        bl_minimize(sgd, bl_sum(y, BL_ALL_AXES, false));
        bl_graph_updates(g);
        status = bl_graph_error(g)->code;
    }
    bl_optimizer_free(sgd);
    bl_params_free(made);
    bl_graph_free(g);
    return status;
}

Test(normalization, updates_without_memory)
{
    bl_status status = BL_ERR_MEMORY;
    long k = 0;
    while (status != BL_OK) {
        failing_allocator allocator;
        char text[200];
        failing_allocator_init(&allocator);
        failing_allocator_fail(&allocator, ++k, true);
        bl_context *own = failing_allocator_context(&allocator);
        status = record_step(own);
        bl_context_free(own);
        cr_assert(failing_allocator_clean(&allocator, text, sizeof(text)), "call %ld: %s", k, text);
        cr_assert(status == BL_ERR_MEMORY || (status == BL_OK && !failing_allocator_has_failed(&allocator)));
    }
    cr_assert_gt(k, 20);
}

/* ---- parameters ---- */

Test(normalization, parameters_of_layers)
{
    cr_assert_eq(bl_layer_norm_params(params, "layer", BL_SHAPE(2, 3)), BL_OK);
    cr_assert_eq(bl_rms_norm_params(params, "rms", BL_SHAPE(3)), BL_OK);
    cr_assert_eq(bl_batch_norm_params(params, "batch", 2), BL_OK);
    cr_assert_eq(bl_params_count(params), 7);
    cr_assert_eq(bl_params_unique_elements(params), 6 + 6 + 3 + 2 + 2);
    const float *ones = bl_parameter_data(bl_params_find(params, "layer.weight"));
    const float *zeros = bl_parameter_data(bl_params_find(params, "layer.bias"));
    const bl_parameter *mean = bl_params_find(params, "batch.running_mean");
    const bl_parameter *variance = bl_params_find(params, "batch.running_var");
    cr_assert(ones[0] == 1 && ones[5] == 1 && zeros[0] == 0 && zeros[5] == 0);
    cr_assert(bl_parameter_is_buffer(mean) && bl_parameter_is_buffer(variance));
    cr_assert_eq(((const float *)bl_parameter_data(mean))[1], 0);
    cr_assert_eq(((const float *)bl_parameter_data(variance))[1], 1);
    cr_assert_eq(bl_batch_norm_params(params, "batch", 2), BL_ERR_EXISTS);
    bl_params_clear_error(params);
    bl_params_add_buffer(params, "half.running_var", BL_F32, BL_SHAPE(1));
    cr_assert_eq(bl_batch_norm_params(params, "half", 2), BL_ERR_EXISTS);
    cr_assert(
        error_says(bl_params_error(params), BL_ERR_EXISTS, "bl_batch_norm_params: half.running_var", NULL));
    cr_assert_eq(bl_params_count(params), 8, "a refused layer left something behind");
    bl_params_clear_error(params);
    cr_assert_eq(bl_layer_norm_params(params, "x", BL_SHAPE(-1)), BL_ERR_SHAPE);
    cr_assert_eq(bl_rms_norm_params(NULL, "x", BL_SHAPE(1)), BL_ERR_ARGUMENT);
}
