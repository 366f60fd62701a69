/* The gradients that training needs, their joint norm, and clipping. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(gradients, .init = open_all, .fini = close_all);

static bl_parameter *add(const char *name, bl_dtype dtype, bl_shape shape, double value)
{
    return bl_params_add(params, name, dtype, shape, bl_init_constant(value), NULL);
}

/* sum(scale p): the gradient is `scale` everywhere. */
static bl_tensor *plane(bl_parameter *p, double scale)
{
    return bl_sum(bl_mul_scalar(bl_use(graph, p), scale), BL_ALL_AXES, false);
}

Test(gradients, those_that_a_loss_reaches)
{
    bl_parameter *a = add("a", BL_F64, BL_SHAPE(2), 1), *frozen = add("frozen", BL_F64, BL_SHAPE(2), 1);
    bl_parameter *b = add("b", BL_F64, BL_SHAPE(3), 1), *unreached = add("unreached", BL_F64, BL_SHAPE(1), 1);
    bl_parameter_set_trainable(frozen, false);
    bl_use(graph, unreached);
    bl_tensor *loss = bl_add(plane(a, 2), plane(frozen, 5));
    loss = bl_add(loss, plane(b, 3));
    bl_gradients g = bl_trainable_gradients(loss);
    cr_assert_eq(g.count, 2);
    cr_assert(g.parameters[0] == a && g.parameters[1] == b);
    bl_program *p = bl_compile(context, g.tensors[0], g.tensors[1]);
    cr_assert_eq(bl_run(p), BL_OK);
    cr_assert_eq(bl_item_at(p, g.tensors[0], BL_SHAPE(1)), 2);
    cr_assert_eq(bl_item_at(p, g.tensors[1], BL_SHAPE(2)), 3);
    bl_program_free(p);

    bl_optimizer *sgd = bl_sgd(context, &(bl_sgd_options){.lr = 0.25});
    bl_program *step = bl_compile(context, bl_optimizer_update(sgd, g.parameters, g.tensors, g.count));
    cr_assert_eq(bl_run(step), BL_OK);
    cr_assert_eq(*(const double *)bl_parameter_data(a), 0.5);
    cr_assert_eq(*(const double *)bl_parameter_data(b), 0.25);
    cr_assert_eq(*(const double *)bl_parameter_data(frozen), 1);
    bl_program_free(step);
    bl_optimizer_free(sgd);
}

Test(gradients, refused_losses)
{
    bl_parameter *a = add("a", BL_F64, BL_SHAPE(2), 1);
    bl_optimizer *sgd = bl_sgd(context, NULL);
    cr_assert_eq(bl_trainable_gradients(NULL).count, 0);
    struct {
        bl_tensor *loss;
        bl_status status;
        const char *message;
    } cases[] = {
        {bl_use(graph, a), BL_ERR_SHAPE, "bl_trainable_gradients: the loss is [2], not of one element"},
        {bl_scalar(graph, BL_F64, 1), BL_ERR_ARGUMENT,
         "bl_trainable_gradients: the loss reaches no trainable parameter"},
        {bl_scalar(graph, BL_I64, 1), BL_ERR_DTYPE, "bl_grad: output 0 is i64, not f32 or f64"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bl_gradients g = bl_trainable_gradients(cases[i].loss);
        cr_assert_eq(g.count, 1);
        cr_assert_not(bl_tensor_valid(g.tensors[0]));
        cr_assert_null(g.parameters[0]);
        /* what is made from it keeps the first error */
        cr_assert_not(bl_tensor_valid(bl_clip_norm(g.tensors, g.count, 1, 2, g.tensors)));
        bl_tensor *update = bl_optimizer_update(sgd, g.parameters, g.tensors, g.count);
        cr_assert(update && !bl_tensor_valid(update));
        cr_assert(error_says(bl_graph_error(graph), cases[i].status, cases[i].message, NULL), "%s",
                  error_text(bl_graph_error(graph)));
        bl_graph_clear_error(graph);
    }
    bl_optimizer_free(sgd);
}

static double run_item(bl_tensor *tensor)
{
    double value = NAN;
    bl_program *p = bl_compile(context, tensor);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_context_error(context)));
    value = bl_item(p, tensor);
    bl_program_free(p);
    return value;
}

Test(gradients, norms)
{
    const double values[] = {3, -4, 12, 0, 84};
    bl_tensor *wide = bl_constant(graph, BL_F64, BL_SHAPE(2), values);
    bl_tensor *single = bl_cast(bl_constant(graph, BL_F64, BL_SHAPE(1, 3), values + 2), BL_F32);
    bl_tensor *list[] = {wide, single, bl_full(graph, BL_F32, BL_SHAPE(0, 2), 1)};
    cr_assert_eq(bl_tensor_dtype(bl_global_norm(list, 3, 2)), BL_F64);
    cr_assert_float_eq(run_item(bl_global_norm(list, 3, 2)), 85, 1e-5); /* one of them is rounded to f32 */
    cr_assert_eq(run_item(bl_global_norm(list, 3, 1)), 103);
    cr_assert_eq(run_item(bl_global_norm(list, 3, INFINITY)), 84);
    cr_assert_eq(run_item(bl_global_norm(list, 3, 0)), 4);
    cr_assert_float_eq(run_item(bl_global_norm(list, 2, 3)), cbrt(27 + 64 + 1728 + 592704), 1e-5);
    cr_assert_eq(run_item(bl_global_norm(list + 2, 1, 2)), 0);
    /* squares would overflow in f32 */
    bl_tensor *large = bl_full(graph, BL_F32, BL_SHAPE(4), 0x1p100);
    cr_assert_eq(run_item(bl_global_norm(&large, 1, 2)), 0x1p101);
}

/* Below the limit nothing changes but for the 1e-6 that PyTorch adds; above, the direction stays. */
Test(gradients, clipping_by_norm)
{
    const double values[] = {3, 4};
    bl_parameter *p = add("p", BL_F64, BL_SHAPE(2), 1);
    bl_tensor *other = bl_sum(bl_use(graph, p), BL_ALL_AXES, false),
              *leaf[] = {bl_use(graph, add("q", BL_F64, BL_SHAPE(2), 0))};
    bl_tensor *list[3] = {bl_constant(graph, BL_F64, BL_SHAPE(2), values),
                          bl_cast(bl_full(graph, BL_F64, BL_SHAPE(1), 12), BL_F32)};
    cr_assert_eq(bl_grad(&other, 1, NULL, leaf, 1, &list[2]), BL_OK);
    bl_tensor *clipped[3], *free[3];
    bl_tensor *norm = bl_clip_norm(list, 3, 6.5, 2, clipped), *same = bl_clip_norm(list, 3, 13.5, 2, free);
    cr_assert(bl_is_unreached(clipped[2]), "an unreached gradient stays one");
    cr_assert_eq(bl_tensor_dtype(clipped[1]), BL_F32);
    bl_program *run = bl_compile(context, norm, same, clipped[0], clipped[1], free[0]);
    cr_assert_eq(bl_run(run), BL_OK);
    cr_assert_eq(bl_item(run, norm), 13);
    double factor = 6.5 / (13 + 1e-6);
    cr_assert_eq(bl_item_at(run, clipped[0], BL_SHAPE(0)), 3 * factor);
    cr_assert_eq(bl_item_at(run, clipped[0], BL_SHAPE(1)), 4 * factor);
    cr_assert_eq(bl_item_at(run, clipped[1], BL_SHAPE(0)), (double)(12 * (float)factor));
    cr_assert_eq(bl_item_at(run, free[0], BL_SHAPE(1)), 4);
    bl_program_free(run);

    list[0] = bl_full(graph, BL_F64, BL_SHAPE(2), NAN);
    norm = bl_clip_norm(list, 2, 1, 2, list);
    run = bl_compile(context, norm, list[0], list[1]);
    cr_assert_eq(bl_run(run), BL_OK);
    cr_assert(isnan(bl_item(run, norm)) && isnan(bl_item_at(run, list[1], BL_SHAPE(0))));
    bl_program_free(run);
}

Test(gradients, clipping_by_value)
{
    const double values[] = {-3, 0.25, NAN, 4};
    bl_tensor *list[] = {bl_constant(graph, BL_F64, BL_SHAPE(4), values)};
    cr_assert_eq(bl_clip_value(list, 1, 2, list), BL_OK);
    double got[4];
    cr_assert_eq(bl_eval(list[0], got, sizeof got), BL_OK);
    cr_assert(got[0] == -2 && got[1] == 0.25 && isnan(got[2]) && got[3] == 2);
}

Test(gradients, refused_clipping)
{
    bl_tensor *good = bl_full(graph, BL_F64, BL_SHAPE(2), 1), *whole = bl_full(graph, BL_I64, BL_SHAPE(2), 1);
    bl_tensor *out[2];
    bl_tensor *mixed[] = {good, whole}, *holed[] = {good, NULL};
    struct {
        bl_tensor *const *list;
        double most, p;
        const char *message;
        bl_status status;
    } cases[] = {
        {mixed, 1, 2, "bl_clip_norm: tensor 1 is i64, not f32 or f64", BL_ERR_DTYPE},
        {holed, 1, 2, "bl_clip_norm: a tensor is NULL", BL_ERR_ARGUMENT},
        {&good, -1, 2, "bl_clip_norm: the limit -1 is negative or NaN", BL_ERR_ARGUMENT},
        {&good, NAN, 2, "bl_clip_norm: the limit nan is negative or NaN", BL_ERR_ARGUMENT},
        {&good, 1, -2, "bl_clip_norm: p is -2, which is no norm of several tensors", BL_ERR_ARGUMENT},
        {&good, 1, NAN, "bl_clip_norm: p is nan, which is no norm of several tensors", BL_ERR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t count = cases[i].list == &good ? 1 : 2;
        memset(out, 0, sizeof out);
        bl_tensor *norm = bl_clip_norm(cases[i].list, count, cases[i].most, cases[i].p, out);
        cr_assert(norm && !bl_tensor_valid(norm));
        cr_assert(out[0] == norm && (count == 1 || out[1] == norm), "every entry is the invalid tensor");
        cr_assert(error_says(bl_graph_error(graph), cases[i].status, cases[i].message, NULL), "%s",
                  error_text(bl_graph_error(graph)));
        bl_graph_clear_error(graph);
    }
    cr_assert_eq(bl_clip_value(mixed, 2, 1, out), BL_ERR_DTYPE);
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_clip_value(&good, 1, NAN, out), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_clip_value(&good, 1, 1, NULL), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_clip_norm(&good, 1, 1, 2, NULL)));
    cr_assert_null(bl_clip_norm(NULL, 0, 1, 2, out));
    cr_assert_null(bl_global_norm(NULL, 3, 2));
    cr_assert_eq(bl_clip_value(NULL, 0, 1, out), BL_ERR_ARGUMENT);
}

/* tanh(x w^T) v: w and v [5,3] are one parameter or two with the same values. */
static bl_tensor *autoencoder(bool tied)
{
    double first[15], x[12];
    for (int i = 0; i < 15; i++)
        first[i] = (i * 7 % 11 - 5) / 8.0;
    for (int i = 0; i < 12; i++)
        x[i] = (i * 5 % 9 - 4) / 4.0;
    const char *names[] = {"w", "v"};
    for (int i = 0; i < 2; i++)
        bl_parameter_write(add(names[i], BL_F64, BL_SHAPE(5, 3), 0), first, sizeof first);
    if (tied)
        cr_assert_eq(bl_params_tie(params, "v", "w"), BL_OK);
    bl_tensor *in = bl_constant(graph, BL_F64, BL_SHAPE(4, 3), x);
    bl_tensor *h = bl_tanh(bl_linear(in, bl_param(graph, params, "w"), NULL));
    return bl_mse_loss(bl_matmul(h, bl_param(graph, params, "v")), in);
}

/* Tied, the one gradient is the sum of the two, and its norm counts once; clipping twice would show. */
Test(gradients, a_tied_parameter_counts_once)
{
    bl_gradients two = bl_trainable_gradients(autoencoder(false));
    cr_assert_eq(two.count, 2);
    double parts[2][15], norm[2], sum = 0, apart = 0;
    bl_tensor *clipped[2];
    bl_tensor *total = bl_clip_norm(two.tensors, 2, 0.125, 2, clipped);
    bl_program *run = bl_compile(context, two.tensors[0], two.tensors[1], total);
    cr_assert_eq(bl_run(run), BL_OK);
    for (int i = 0; i < 2; i++)
        bl_read(run, two.tensors[i], parts[i], sizeof parts[i]);
    norm[0] = bl_item(run, total);
    bl_program_free(run);
    for (int i = 0; i < 15; i++) {
        sum += (parts[0][i] + parts[1][i]) * (parts[0][i] + parts[1][i]);
        apart += parts[0][i] * parts[0][i] + parts[1][i] * parts[1][i];
    }
    cr_assert_float_eq(norm[0], sqrt(apart), 1e-14);

    close_all();
    open_all();
    bl_tensor *loss = autoencoder(true);
    bl_gradients one = bl_trainable_gradients(loss);
    cr_assert_eq(one.count, 1);
    bl_optimizer *sgd = bl_sgd(context, &(bl_sgd_options){.lr = 1});
    total = bl_clip_norm(one.tensors, 1, 0.125, 2, one.tensors);
    bl_tensor *update = bl_optimizer_update(sgd, one.parameters, one.tensors, 1);
    double before[15], after[15];
    bl_parameter *w = bl_params_find(params, "w");
    bl_parameter_read(w, before, sizeof before);
    run = bl_compile(context, update, total);
    cr_assert_eq(bl_run(run), BL_OK);
    norm[1] = bl_item(run, total);
    bl_parameter_read(w, after, sizeof after);
    bl_program_free(run);
    bl_optimizer_free(sgd);
    cr_assert_float_eq(norm[1], sqrt(sum), 1e-14);
    for (int i = 0; i < 15; i++)
        cr_assert_float_eq(before[i] - after[i], (parts[0][i] + parts[1][i]) * 0.125 / (sqrt(sum) + 1e-6),
                           1e-14);
}

/* Two large matrices clipped and updated by Adam: apart from making the gradients, one pass each for the norm
 * and one for the update, in which the factor is; nothing is copied or kept besides. */
Test(gradients, clipping_costs_one_pass)
{
    enum {
        ROWS = 96
    };
    bl_parameter *a = add("a", BL_F32, BL_SHAPE(ROWS, ROWS), 1),
                 *b = add("b", BL_F32, BL_SHAPE(ROWS, ROWS), 2);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(8, ROWS));
    bl_tensor *y = bl_matmul(bl_tanh(bl_matmul(x, bl_use(graph, a))), bl_use(graph, b));
    bl_tensor *loss = bl_mean(bl_square(y), BL_ALL_AXES, false);
    bl_optimizer *adam = bl_adam(context, NULL);
    bl_program *plain = bl_compile(context, bl_minimize(adam, loss));
    bl_gradients g = bl_trainable_gradients(loss);
    bl_tensor *norm = bl_clip_norm(g.tensors, g.count, 1, 2, g.tensors);
    bl_program *clip = bl_compile(context, bl_optimizer_update(adam, g.parameters, g.tensors, g.count), norm);
    bl_program_info without = bl_program_describe(plain), with = bl_program_describe(clip);
    int64_t gradient = ROWS * ROWS * (int64_t)sizeof(float);
    int64_t more_read = with.bytes_read - without.bytes_read;
    int64_t more_written = with.bytes_written - without.bytes_written;
    cr_assert(more_read >= 2 * gradient && more_read < 2 * gradient + 1024, "%lld", (long long)more_read);
    cr_assert(more_written < 1024, "%lld", (long long)more_written);
    cr_assert_leq(with.workspace_bytes, without.workspace_bytes + (size_t)gradient + 4096,
                  "both gradients are there at once, and nothing more");
    bl_program_free(plain);
    bl_program_free(clip);
    bl_optimizer_free(adam);
}
