/* Dynamic loss scaling, as nodes of a program. */
#include "bowline/loss_scaler.h"
#include "bowline/ops.h"
#include "graph/parameter.h"
#include "ops/arguments.h"
#include "optim/optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct bl_loss_scaler {
    bl_context *context;
    bl_parameter *scale; /* f64, scalar */
    bl_parameter *good;  /* i64, scalar: steps since the scale changed */
    bl_loss_scaler_options options;
};

bl_loss_scaler_options bl_loss_scaler_defaults(void)
{
    return (bl_loss_scaler_options){.scale = 65536, .growth = 2, .backoff = 0.5, .interval = 2000};
}

static bool check_options(bl_context *context, const bl_loss_scaler_options *options)
{
    const char *complaint = NULL;
    if (!(options->scale > 0 && options->scale <= (double)FLT_MAX))
        complaint = "scale is not above 0 and below the largest f32";
    else if (!(options->growth > 1 && options->growth < INFINITY))
        complaint = "growth is not above 1 and finite";
    else if (!(options->backoff > 0 && options->backoff < 1))
        complaint = "backoff is not in (0, 1)";
    else if (options->interval < 1)
        complaint = "interval is below 1";
    if (complaint)
        bl__report(context, NULL, BL_ERR_ARGUMENT, "loss_scaler_new", NULL, "%s", complaint);
    return !complaint;
}

bl_loss_scaler *bl_loss_scaler_new(bl_context *context, const bl_loss_scaler_options *options)
{
    bl_loss_scaler_options chosen = options ? *options : bl_loss_scaler_defaults();
    if (!context || !check_options(context, &chosen))
        return NULL;
    bl_loss_scaler *scaler = bl__allocate(&context->allocator, 1, sizeof(*scaler));
    bl_parameter *scale = bl__parameter_new(context, "loss_scaler.scale", BL_F64, BL_SCALAR, true);
    bl_parameter *good = bl__parameter_new(context, "loss_scaler.good_steps", BL_I64, BL_SCALAR, true);
    if (!scaler || !scale || !good) {
        bl__report(context, NULL, BL_ERR_MEMORY, "loss_scaler_new", NULL, "no memory for a loss scaler");
        bl__parameter_release(scale);
        bl__parameter_release(good);
        bl__release(&context->allocator, scaler, 1, sizeof(*scaler));
        return NULL;
    }
    memcpy(scale->data, &chosen.scale, sizeof(chosen.scale));
    *scaler = (bl_loss_scaler){bl__context_retain(context), scale, good, chosen};
    return scaler;
}

void bl_loss_scaler_free(bl_loss_scaler *scaler)
{
    if (!scaler)
        return;
    bl_context *context = scaler->context;
    bl__parameter_release(scaler->scale);
    bl__parameter_release(scaler->good);
    bl__release(&context->allocator, scaler, 1, sizeof(*scaler));
    bl__context_release(context);
}

static bool check(const char *op, const bl_loss_scaler *scaler, bl_graph *graph)
{
    if (!scaler)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the loss scaler is NULL");
    else if (scaler->context != graph->context)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the loss scaler belongs to another context");
    else
        return true;
    return false;
}

static bool check_real(const char *op, bl_graph *graph, const bl_tensor *tensor)
{
    bl_dtype dtype = bl_tensor_dtype(tensor);
    if (dtype == BL_F32 || dtype == BL_F64)
        return true;
    bl__fail(graph, BL_ERR_DTYPE, op, "a tensor is %s, not f32 or f64", bl_dtype_name(dtype));
    return false;
}

bl_tensor *bl_loss_scaler_scale(bl_loss_scaler *scaler, bl_tensor *loss)
{
    const char *op = "loss_scaler_scale";
    bl_graph *graph = bl__graph_of(loss);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, op, loss) || !check(op, scaler, graph) || !check_real(op, graph, loss))
        return &graph->invalid;
    return bl_mul(loss, bl_cast(bl_use(graph, scaler->scale), bl_tensor_dtype(loss)));
}

/* 0 where all elements are finite, else NaN: a sum that ends the pass over them. */
static bl_tensor *badness(bl_tensor *gradient)
{
    return bl_cast(bl_sum(bl_mul_scalar(gradient, 0), BL_ALL_AXES, false), BL_F64);
}

static bl_tensor *unscale(const bl_loss_scaler *scaler, bl_graph *graph, bl_tensor *const *gradients,
                          size_t count, bl_tensor **unscaled)
{
    const char *op = "loss_scaler_unscale";
    bl_tensor **bad = bl__arena_take(&graph->scratch, (count + 1) * sizeof(*bad));
    if (!bad)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu gradients", count);
    bl_tensor *inverse = bl_reciprocal(bl_use(graph, scaler->scale));
    size_t bad_count = 1;
    bad[0] = bl_scalar(graph, BL_F64, 0);
    for (size_t i = 0; i < count; i++) {
        bl_tensor *gradient = gradients[i];
        if (!check_real(op, graph, gradient))
            return &graph->invalid;
        unscaled[i] = gradient;
        if (bl_is_unreached(gradient))
            continue;
        bad[bad_count++] = badness(gradient);
        unscaled[i] = bl_mul(gradient, bl_cast(inverse, bl_tensor_dtype(gradient)));
        if (!bl_tensor_valid(unscaled[i]))
            return &graph->invalid;
    }
    return bl_isfinite(bl_sum(bl_stack(bad, bad_count, 0), BL_ALL_AXES, false));
}

bl_tensor *bl_loss_scaler_unscale(bl_loss_scaler *scaler, bl_tensor *const *gradients, size_t count,
                                  bl_tensor **unscaled)
{
    const char *op = "loss_scaler_unscale";
    bl_graph *graph = bl__graph_of_list(gradients, count);
    if (!graph)
        return NULL;
    if (!unscaled)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the array for the unscaled gradients is NULL");
    bl_tensor *finite = &graph->invalid;
    bl__arena_mark scratch = bl__arena_position(&graph->scratch);
    if (check(op, scaler, graph) && bl__all_known(op, graph, gradients, count))
        finite = unscale(scaler, graph, gradients, count, unscaled);
    bl__arena_rewind(&graph->scratch, scratch);
    bl__give_list(graph, bl_tensor_valid(finite), unscaled, count);
    return finite;
}

bl_tensor *bl_loss_scaler_step(bl_loss_scaler *scaler, bl_tensor *finite, bl_tensor *effects)
{
    const char *op = "loss_scaler_step";
    bl_graph *graph = bl__graph_of_list((bl_tensor *[]){finite, effects}, 2);
    if (!graph)
        return NULL;
    if (!check(op, scaler, graph))
        return &graph->invalid;
    bl_tensor *step = bl_when(finite, effects);
    if (!bl_tensor_valid(step))
        return step;
    const bl_loss_scaler_options *options = &scaler->options;
    bl_tensor *scale = bl_use(graph, scaler->scale), *none = bl_scalar(graph, BL_I64, 0);
    bl_tensor *good = bl_add_scalar(bl_use(graph, scaler->good), 1);
    bl_tensor *is_due = bl_equal(good, bl_scalar(graph, BL_I64, (double)options->interval));
    bl_tensor *grown = bl_mul_scalar(scale, options->growth);
    bl_tensor *fits = bl_less_equal(grown, bl_scalar(graph, BL_F64, (double)FLT_MAX));
    bl_tensor *after = bl_where(bl_logical_and(is_due, fits), grown, scale);
    after = bl_where(finite, after, bl_mul_scalar(scale, options->backoff));
    good = bl_where(bl_logical_and(finite, bl_logical_not(is_due)), good, none);
    bl_tensor *all[] = {step, bl_assign(scaler->scale, after), bl_assign(scaler->good, good)};
    return bl_group(graph, all, 3);
}

bl_parameter *bl_loss_scaler_value(bl_loss_scaler *scaler)
{
    return scaler ? scaler->scale : NULL;
}

bl_parameter *bl_loss_scaler_good_steps(bl_loss_scaler *scaler)
{
    return scaler ? scaler->good : NULL;
}
