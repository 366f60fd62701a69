/* Dynamic loss scaling. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

TestSuite(loss_scaler, .init = open_all, .fini = close_all);

static double f64(const bl_parameter *p)
{
    return *(const double *)bl_parameter_data(p);
}

static int64_t i64(const bl_parameter *p)
{
    return *(const int64_t *)bl_parameter_data(p);
}

/* What torch.cuda.amp.GradScaler does to its scale, written down once more. */
typedef struct model {
    double scale;
    int64_t good;
} model;

static void follow(model *m, const bl_loss_scaler_options *options, bool finite)
{
    if (!finite) {
        m->scale *= options->backoff;
        m->good = 0;
    } else if (++m->good == options->interval) {
        if (m->scale * options->growth <= (double)FLT_MAX)
            m->scale *= options->growth;
        m->good = 0;
    }
}

/* Steps with a gradient x, some of them not finite: those change neither parameter nor moments nor counts. */
Test(loss_scaler, skips_bad_steps)
{
    bl_loss_scaler_options options = bl_loss_scaler_defaults();
    cr_assert(options.scale == 65536 && options.growth == 2 && options.backoff == 0.5 &&
              options.interval == 2000);
    options.scale = 0x1p125;
    options.interval = 3;
    bl_loss_scaler *scaler = bl_loss_scaler_new(context, &options);
    bl_parameter *p = bl_params_add(params, "p", BL_F32, BL_SHAPE(3), bl_init_constant(0), NULL);
    bl_parameter *q = bl_params_add(params, "q", BL_F64, BL_SHAPE(2), bl_init_constant(0), NULL);
    bl_tensor *x = bl_input(graph, "x", BL_F64, BL_SCALAR);
    bl_tensor *first = bl_sum(bl_mul(bl_use(graph, p), bl_cast(x, BL_F32)), BL_ALL_AXES, false);
    bl_tensor *loss = bl_add(bl_cast(first, BL_F64), bl_sum(bl_use(graph, q), BL_ALL_AXES, false));
    bl_optimizer *sgd = bl_sgd(context, &(bl_sgd_options){.lr = 1, .momentum = 0.5});
    bl_gradients g = bl_trainable_gradients(bl_loss_scaler_scale(scaler, loss));
    bl_tensor *finite = bl_loss_scaler_unscale(scaler, g.tensors, g.count, g.tensors);
    bl_tensor *update = bl_optimizer_update(sgd, g.parameters, g.tensors, g.count);
    bl_program *step = bl_compile(context, finite, bl_loss_scaler_step(scaler, finite, update));
    const double xs[] = {1, 1, 1, NAN, 0.25, 1, INFINITY, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0x1p20, 1, 1, 1, 1};
    model expected = {options.scale, 0};
    double momentum = 0, value = 0;
    int64_t steps = 0;
    for (size_t i = 0; i < sizeof(xs) / sizeof(xs[0]); i++) {
        bool good = isfinite((float)(xs[i] * expected.scale)); /* the scaled gradient must be f32 */
        bl_set_input(step, x, &xs[i], sizeof xs[i]);
        cr_assert_eq(bl_run(step), BL_OK, "%s", error_text(bl_context_error(context)));
        cr_assert_eq(bl_item(step, finite) != 0, good, "step %zu", i);
        if (good) {
            momentum = 0.5 * momentum + xs[i];
            value -= momentum;
            steps++;
        }
        follow(&expected, &options, good);
        cr_assert_eq(((const float *)bl_parameter_data(p))[2], (float)value, "step %zu", i);
        cr_assert_eq(i64(bl_optimizer_step(sgd)), steps);
        cr_assert_eq(f64(bl_loss_scaler_value(scaler)), expected.scale, "step %zu", i);
        cr_assert_eq(i64(bl_loss_scaler_good_steps(scaler)), expected.good);
    }
    cr_assert_lt(steps, 19);
    bl_program_free(step);
    bl_optimizer_free(sgd);
    bl_loss_scaler_free(scaler);
}

/* The scale does not grow beyond f32. */
Test(loss_scaler, stays_in_f32)
{
    bl_loss_scaler_options options = {.scale = 0x1p126, .growth = 2, .backoff = 0.5, .interval = 1};
    bl_loss_scaler *scaler = bl_loss_scaler_new(context, &options);
    bl_tensor *nothing = bl_group(graph, NULL, 0), *good = bl_full(graph, BL_BOOL, BL_SCALAR, 1);
    bl_program *step = bl_compile(context, bl_loss_scaler_step(scaler, good, nothing));
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bl_run(step), BL_OK);
        cr_assert_eq(f64(bl_loss_scaler_value(scaler)), 0x1p127);
        cr_assert_eq(i64(bl_loss_scaler_good_steps(scaler)), 0);
    }
    bl_program_free(step);
    bl_loss_scaler_free(scaler);
}

Test(loss_scaler, refusals)
{
    bl_loss_scaler_options bad[] = {
        {.scale = 0, .growth = 2, .backoff = 0.5, .interval = 1},
        {.scale = INFINITY, .growth = 2, .backoff = 0.5, .interval = 1},
        {.scale = 1, .growth = 1, .backoff = 0.5, .interval = 1},
        {.scale = 1, .growth = 2, .backoff = 1, .interval = 1},
        {.scale = 1, .growth = 2, .backoff = NAN, .interval = 1},
        {.scale = 1, .growth = 2, .backoff = 0.5, .interval = 0},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_null(bl_loss_scaler_new(context, &bad[i]));
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
    }
    cr_assert_null(bl_loss_scaler_new(NULL, NULL));
    bl_loss_scaler *scaler = bl_loss_scaler_new(context, NULL);
    bl_tensor *g = bl_full(graph, BL_F64, BL_SHAPE(2), 1), *whole = bl_full(graph, BL_I32, BL_SHAPE(2), 1);
    bl_tensor *mixed[] = {g, whole}, *out[2];
    bl_tensor *finite = bl_loss_scaler_unscale(scaler, mixed, 2, out);
    cr_assert(!bl_tensor_valid(finite) && out[0] == finite && out[1] == finite);
    cr_assert(error_says(bl_graph_error(graph), BL_ERR_DTYPE,
                         "bl_loss_scaler_unscale: a tensor is i32, not f32 or f64", NULL));
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_loss_scaler_unscale(scaler, &g, 1, NULL)));
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_loss_scaler_scale(scaler, whole)));
    cr_assert_eq(bl_graph_error(graph)->code, BL_ERR_DTYPE);
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_loss_scaler_scale(NULL, g)));
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_loss_scaler_step(scaler, g, g)));
    cr_assert_eq(bl_graph_error(graph)->code, BL_ERR_DTYPE);
    cr_assert_null(bl_loss_scaler_scale(scaler, NULL));
    cr_assert_null(bl_loss_scaler_unscale(scaler, NULL, 2, out));
    cr_assert_null(bl_loss_scaler_step(scaler, NULL, NULL));
    cr_assert(!bl_loss_scaler_value(NULL) && !bl_loss_scaler_good_steps(NULL));
    bl_loss_scaler_free(NULL);
    bl_loss_scaler_free(scaler);
}
