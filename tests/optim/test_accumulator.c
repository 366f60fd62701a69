/* Micro-batches against one large batch, and what an accumulator refuses. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum {
    BATCH = 8,
    MICRO = 2,
    STEPS = 6
};

TestSuite(accumulator, .init = open_all, .fini = close_all);

static double fraction(int i, int multiplier, int modulus)
{
    return (i * multiplier % modulus - modulus / 2) / 8.0;
}

static void add(const char *name, bl_dtype dtype, int count, bl_shape shape)
{
    bl_parameter *made = bl_params_add(params, name, dtype, shape, bl_init_zeros(), NULL);
    double wide[16];
    float single[16];
    for (int i = 0; i < count; i++)
        single[i] = (float)(wide[i] = fraction(i, 7, 11));
    const void *data = dtype == BL_F64 ? (const void *)wide : single;
    cr_assert_eq(bl_parameter_write(made, data, (size_t)count * bl_dtype_size(dtype)), BL_OK);
}

/* An autoencoder of rows of 3, and a parameter that the loss does not reach. */
static void make_model(bool tied)
{
    add("w", BL_F64, 15, BL_SHAPE(5, 3));
    add("v", BL_F64, 15, BL_SHAPE(5, 3));
    add("b", BL_F32, 3, BL_SHAPE(3));
    add("unreached", BL_F64, 4, BL_SHAPE(4));
    if (tied)
        cr_assert_eq(bl_params_tie(params, "v", "w"), BL_OK);
}

static bl_tensor *record(bl_tensor **x, int64_t rows)
{
    *x = bl_input(graph, "x", BL_F64, BL_SHAPE(rows, 3));
    bl_param(graph, params, "unreached");
    bl_tensor *h = bl_tanh(bl_linear(*x, bl_param(graph, params, "w"), NULL));
    bl_tensor *y = bl_matmul(h, bl_param(graph, params, "v"));
    return bl_mse_loss(bl_add(y, bl_cast(bl_param(graph, params, "b"), BL_F64)), *x);
}

static bl_optimizer *make_optimizer(void)
{
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.05;
    options.weight_decay = 0.1;
    return bl_adam(context, &options);
}

static void fill(double *rows, int step)
{
    for (int i = 0; i < BATCH * 3; i++)
        rows[i] = fraction(i + 5 * step, 5, 9);
}

static void values_of(double values[32])
{
    const char *names[] = {"w", "v", "unreached"};
    int sizes[] = {15, 15, 4}, at = 0;
    for (int i = 0; i < 3; i++) {
        const double *data = bl_parameter_data(bl_params_find(params, names[i]));
        for (int k = 0; k < sizes[i] && at < 32; k++)
            values[at++] = data[k];
    }
}

static void train_whole(bool tied, double values[32], double norms[STEPS])
{
    make_model(tied);
    bl_optimizer *adam = make_optimizer();
    bl_tensor *x, *loss = record(&x, BATCH);
    bl_gradients g = bl_trainable_gradients(loss);
    bl_tensor *norm = bl_clip_norm(g.tensors, g.count, 0.25, 2, g.tensors);
    bl_program *step = bl_compile(context, norm, bl_optimizer_update(adam, g.parameters, g.tensors, g.count));
    for (int i = 0; i < STEPS; i++) {
        double rows[BATCH * 3];
        fill(rows, i);
        bl_set_input(step, x, rows, sizeof rows);
        cr_assert_eq(bl_run(step), BL_OK, "%s", error_text(bl_context_error(context)));
        norms[i] = bl_item(step, norm);
    }
    values_of(values);
    bl_program_free(step);
    bl_optimizer_free(adam);
    close_all();
    open_all();
}

static void train_in_parts(bool tied, double values[32], double norms[STEPS])
{
    make_model(tied);
    bl_optimizer *adam = make_optimizer();
    bl_accumulator *sums = bl_accumulator_new(context);
    bl_tensor *x, *loss = record(&x, MICRO);
    bl_gradients g = bl_trainable_gradients(loss);
    bl_program *micro = bl_compile(context, bl_accumulator_add(sums, g.parameters, g.tensors, g.count));
    bl_gradients mean = bl_accumulator_mean(sums, graph);
    cr_assert_eq(mean.count, tied ? 2 : 3, "a tied parameter has one sum, an unreached one none");
    bl_tensor *norm = bl_clip_norm(mean.tensors, mean.count, 0.25, 2, mean.tensors);
    bl_tensor *update = bl_optimizer_update(adam, mean.parameters, mean.tensors, mean.count);
    bl_program *apply = bl_compile(context, norm, update, bl_accumulator_clear(sums, graph));
    for (int i = 0; i < STEPS; i++) {
        double rows[BATCH * 3];
        fill(rows, i);
        for (int k = 0; k < BATCH / MICRO; k++) {
            bl_set_input(micro, x, rows + (size_t)k * MICRO * 3, sizeof(double) * MICRO * 3);
            cr_assert_eq(bl_run(micro), BL_OK, "%s", error_text(bl_context_error(context)));
            cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_accumulator_count(sums)), k + 1);
        }
        cr_assert_eq(bl_run(apply), BL_OK, "%s", error_text(bl_context_error(context)));
        cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_accumulator_count(sums)), 0);
        norms[i] = bl_item(apply, norm);
    }
    values_of(values);
    bl_program_free(micro);
    bl_program_free(apply);
    bl_accumulator_free(sums);
    bl_optimizer_free(adam);
    close_all();
    open_all();
}

Test(accumulator, equals_one_large_batch)
{
    for (int tied = 0; tied < 2; tied++) {
        double whole[32], parts[32], norms[2][STEPS];
        train_whole(tied, whole, norms[0]);
        train_in_parts(tied, parts, norms[1]);
        for (int i = 0; i < 30; i++)
            cr_assert(fabs(whole[i] - parts[i]) <= 1e-5, "tied %d, %d: %.17g and %.17g", tied, i, whole[i],
                      parts[i]); /* b is f32, and its sums round there */
        for (int i = 30; i < 32; i++)
            cr_assert_eq(parts[i], fraction(i - 30, 7, 11), "what is not reached does not decay");
        for (int i = 0; i < STEPS; i++)
            cr_assert(fabs(norms[0][i] - norms[1][i]) <= 1e-5 && norms[0][i] > 0.25, "step %d", i);
    }
}

/* Exact numbers: sums, their mean, no micro-batch at all, and the buffers. */
Test(accumulator, sums_and_means)
{
    bl_parameter *p = bl_params_add(params, "p", BL_F64, BL_SHAPE(2), bl_init_zeros(), NULL), *owner;
    bl_accumulator *sums = bl_accumulator_new(context);
    bl_tensor *g = bl_input(graph, "g", BL_F64, BL_SHAPE(2));
    bl_program *micro = bl_compile(context, bl_accumulator_add(sums, &p, &g, 1));
    bl_gradients mean = bl_accumulator_mean(sums, graph), sum = bl_accumulator_sum(sums, graph);
    bl_program *look = bl_compile(context, mean.tensors[0], sum.tensors[0]);
    bl_program *clear = bl_compile(context, bl_accumulator_clear(sums, graph));
    cr_assert_eq(bl_run(look), BL_OK);
    cr_assert_eq(bl_item_at(look, mean.tensors[0], BL_SHAPE(0)), 0);
    for (int i = 0; i < 4; i++) {
        double value[] = {i, i == 0 ? INFINITY : 1};
        bl_set_input(micro, g, value, sizeof value);
        cr_assert_eq(bl_run(micro), BL_OK);
    }
    cr_assert_eq(bl_run(look), BL_OK);
    cr_assert_eq(bl_item_at(look, mean.tensors[0], BL_SHAPE(0)), 1.5);
    cr_assert_eq(bl_item_at(look, sum.tensors[0], BL_SHAPE(0)), 6);
    cr_assert(isinf(bl_item_at(look, sum.tensors[0], BL_SHAPE(1))));
    cr_assert_eq(bl_run(clear), BL_OK);
    cr_assert_eq(bl_run(look), BL_OK);
    cr_assert_eq(bl_item_at(look, sum.tensors[0], BL_SHAPE(1)), 0, "infinities are cleared too");
    bl_parameter *buffer = bl_accumulator_at(sums, 0, &owner);
    cr_assert(owner == p && mean.parameters[0] == p);
    cr_assert_str_eq(bl_parameter_name(buffer), "accumulator.sum.p");
    cr_assert_null(bl_accumulator_at(sums, 1, &owner));
    cr_assert_null(owner);
    bl_program_free(micro);
    bl_program_free(look);
    bl_program_free(clear);
    bl_accumulator_free(sums);
}

Test(accumulator, refusals)
{
    bl_context *elsewhere = bl_context_new(NULL);
    bl_accumulator *sums = bl_accumulator_new(context), *foreign = bl_accumulator_new(elsewhere);
    bl_parameter *p = bl_params_add(params, "p", BL_F64, BL_SHAPE(2), bl_init_zeros(), NULL);
    bl_parameter *buffer = bl_params_add_buffer(params, "buffer", BL_F64, BL_SHAPE(2));
    bl_parameter *twice[] = {p, p}, *none = NULL;
    bl_tensor *g = bl_full(graph, BL_F64, BL_SHAPE(2), 1), *both[] = {g, g};
    bl_tensor *wide = bl_full(graph, BL_F64, BL_SHAPE(3), 1),
              *single = bl_full(graph, BL_F32, BL_SHAPE(2), 1);
    struct {
        bl_accumulator *sums;
        bl_parameter *const *parameters;
        bl_tensor *const *gradients;
        size_t count;
        bl_status status;
        const char *message;
    } cases[] = {
        {sums, twice, both, 2, BL_ERR_ARGUMENT, "bl_accumulator_add: p is given twice"},
        {sums, &buffer, &g, 1, BL_ERR_ARGUMENT, "bl_accumulator_add: buffer is a buffer"},
        {sums, &none, &g, 1, BL_ERR_ARGUMENT, "bl_accumulator_add: a parameter is NULL"},
        {sums, NULL, &g, 1, BL_ERR_ARGUMENT, "bl_accumulator_add: the parameters or their tensors are NULL"},
        {sums, &p, &wide, 1, BL_ERR_SHAPE, "bl_accumulator_add: the gradient of p is [3], not [2]"},
        {sums, &p, &single, 1, BL_ERR_DTYPE, "bl_accumulator_add: the gradient of p is f32, not f64"},
        {foreign, &p, &g, 1, BL_ERR_ARGUMENT, "bl_accumulator_add: the graph belongs to another context"},
        {NULL, &p, &g, 1, BL_ERR_ARGUMENT, "bl_accumulator_add: the accumulator is NULL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bl_tensor *effect =
            bl_accumulator_add(cases[i].sums, cases[i].parameters, cases[i].gradients, cases[i].count);
        cr_assert(effect && !bl_tensor_valid(effect));
        cr_assert(error_says(bl_graph_error(graph), cases[i].status, cases[i].message, NULL), "%s",
                  error_text(bl_graph_error(graph)));
        bl_graph_clear_error(graph);
    }
    bl_gradients mean = bl_accumulator_mean(sums, graph);
    cr_assert(mean.count == 1 && !bl_tensor_valid(mean.tensors[0]), "nothing is left of the refusals");
    cr_assert(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT,
                         "bl_accumulator_mean: nothing was recorded to be added", NULL));
    cr_assert_not(bl_tensor_valid(bl_accumulator_clear(NULL, graph)));
    cr_assert_eq(bl_accumulator_sum(foreign, graph).count, 1);
    cr_assert_eq(bl_accumulator_sum(sums, NULL).count, 0);
    cr_assert_null(bl_accumulator_clear(sums, NULL));
    cr_assert_null(bl_accumulator_add(sums, &p, NULL, 1));
    cr_assert_null(bl_accumulator_new(NULL));
    cr_assert_null(bl_accumulator_count(NULL));
    cr_assert_null(bl_accumulator_at(NULL, 0, NULL));
    bl_accumulator_free(NULL);
    bl_accumulator_free(sums);
    bl_accumulator_free(foreign);
    bl_context_free(elsewhere);
}
