/* The model of make_reference.py, trained and compared. */
#include "trajectory.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum {
    STEPS = 200,
    EVERY = 25
};

typedef struct reference {
    const char *name;
    bool tied;
    double losses[STEPS / EVERY];
    double w1[15], b1[5], w2[15]; /* tied, w2 is w1 */
} reference;

#include "reference.h"

static const reference *find(const char *name, bool tied)
{
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        if (strcmp(references[i].name, name) == 0 && references[i].tied == tied)
            return &references[i];
    }
    cr_assert_fail("no reference is called %s", name);
    return NULL;
}

/* Dyadic fractions in the order of make_reference.py, exact in either dtype. */
static const void *fractions(int count, int multiplier, int modulus, int offset, int scale, bl_dtype dtype)
{
    static double doubles[16];
    static float floats[16];
    for (int i = 0; i < count; i++) {
        doubles[i] = (double)(i * multiplier % modulus - offset) / scale;
        floats[i] = (float)doubles[i];
    }
    return dtype == BL_F64 ? (const void *)doubles : floats;
}

static void add(bl_params *params, const char *name, bl_shape shape, const void *values, bl_dtype dtype)
{
    bl_parameter *parameter = bl_params_add(params, name, dtype, shape, bl_init_zeros(), NULL);
    size_t bytes = (size_t)bl_shape_count(shape) * bl_dtype_size(dtype);
    cr_assert_eq(bl_parameter_write(parameter, values, bytes), BL_OK);
}

static bl_params *parameters(bl_context *context, bool tied, bl_dtype dtype)
{
    bl_params *params = bl_params_new(context);
    add(params, "w1", BL_SHAPE(5, 3), fractions(15, 7, 11, 5, 8, dtype), dtype);
    add(params, "b1", BL_SHAPE(5), fractions(5, 3, 5, 2, 16, dtype), dtype);
    add(params, "w2", BL_SHAPE(5, 3), fractions(15, 5, 13, 6, 8, dtype), dtype);
    if (tied)
        cr_assert_eq(bl_params_tie(params, "w2", "w1"), BL_OK);
    return params;
}

static bl_tensor *model(bl_graph *graph, bl_params *params, bl_dtype dtype)
{
    bl_tensor *x = bl_constant(graph, dtype, BL_SHAPE(4, 3), fractions(12, 5, 9, 4, 4, dtype));
    bl_tensor *target = bl_constant(graph, dtype, BL_SHAPE(4, 3), fractions(12, 4, 7, 3, 2, dtype));
    bl_tensor *h = bl_tanh(bl_linear(x, bl_param(graph, params, "w1"), bl_param(graph, params, "b1")));
    return bl_mse_loss(bl_matmul(h, bl_param(graph, params, "w2")), target);
}

/* The largest difference over the largest magnitude expected. */
static double distance(const double *expected, const void *data, bl_dtype dtype, int count)
{
    double largest = 0, worst = 0;
    for (int i = 0; i < count; i++) {
        double value = dtype == BL_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
        largest = fmax(largest, fabs(expected[i]));
        worst = isnan(value) ? INFINITY : fmax(worst, fabs(value - expected[i]));
    }
    return worst / largest;
}

static bl_program *compile(bl_context *context, bl_graph *graph, bl_params *params, bl_optimizer *optimizer,
                           bl_dtype dtype, bool negate, bl_tensor **loss)
{
    bl_graph_reset(graph);
    *loss = model(graph, params, dtype);
    return bl_compile(context, *loss, bl_minimize(optimizer, negate ? bl_neg(*loss) : *loss));
}

static void follow_one(const reference *expected, make_optimizer *make, bl_dtype dtype, training plan,
                       double tolerance)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = parameters(context, expected->tied, dtype);
    bl_graph *graph = bl_graph_new(context);
    bl_optimizer *optimizer = make(context, params);
    bl_tensor *loss;
    bl_parameter_set_trainable(bl_params_find(params, "w2"), plan.late == 0);
    bl_program *step = compile(context, graph, params, optimizer, dtype, plan.negate, &loss);
    cr_assert_not_null(step, "%s", bl_context_error(context)->message);
    double losses[STEPS / EVERY];
    for (int i = 0; i < STEPS; i++) {
        if (plan.late && i == plan.late) {
            bl_program_free(step);
            bl_parameter_set_trainable(bl_params_find(params, "w2"), true);
            step = compile(context, graph, params, optimizer, dtype, plan.negate, &loss);
        }
        if (plan.drop && i == plan.drop) {
            double lr = *(const double *)bl_parameter_data(bl_optimizer_lr(optimizer));
            cr_assert_eq(bl_optimizer_set_lr(optimizer, lr / 4), BL_OK);
        }
        cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(context)->message);
        losses[i / EVERY] = bl_item(step, loss);
    }
    double worst =
        fmax(fmax(distance(expected->losses, losses, BL_F64, STEPS / EVERY),
                  distance(expected->w1, bl_parameter_data(bl_params_find(params, "w1")), dtype, 15)),
             fmax(distance(expected->b1, bl_parameter_data(bl_params_find(params, "b1")), dtype, 5),
                  distance(expected->tied ? expected->w1 : expected->w2,
                           bl_parameter_data(bl_params_find(params, "w2")), dtype, 15)));
    cr_assert(worst <= tolerance, "%s, %s: %g", expected->name, expected->tied ? "tied" : "untied", worst);
    cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_optimizer_step(optimizer)), STEPS);
    bl_program_free(step);
    bl_optimizer_free(optimizer);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

void follow(const char *name, make_optimizer *make, bl_dtype dtype, training plan, double tolerance)
{
    follow_one(find(name, false), make, dtype, plan, tolerance);
    if (!plan.late)
        follow_one(find(name, true), make, dtype, plan, tolerance);
}
