/* Exponential moving averages of parameters. */
#include "bowline/ema.h"
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "optim/shadows.h"

#include <string.h>

struct bl_ema {
    bl__shadows averages;
    bl_parameter *decay;   /* f64, scalar */
    bl_parameter *updates; /* i64, scalar: how many there were */
    bool warm_up;
};

bl_ema_options bl_ema_defaults(void)
{
    return (bl_ema_options){.decay = 0.999};
}

bl_ema *bl_ema_new(bl_context *context, const bl_ema_options *options)
{
    bl_ema_options chosen = options ? *options : bl_ema_defaults();
    if (!context)
        return NULL;
    if (!(chosen.decay >= 0 && chosen.decay <= 1)) {
        bl__report(context, NULL, BL_ERR_ARGUMENT, "ema_new", NULL, "decay is %g, not in [0, 1]",
                   chosen.decay);
        return NULL;
    }
    bl_ema *ema = bl__allocate(&context->allocator, 1, sizeof(*ema));
    bl_parameter *decay = bl__parameter_new(context, "ema.decay", BL_F64, BL_SCALAR, true);
    bl_parameter *updates = bl__parameter_new(context, "ema.updates", BL_I64, BL_SCALAR, true);
    if (!ema || !decay || !updates) {
        bl__report(context, NULL, BL_ERR_MEMORY, "ema_new", NULL, "no memory for averages");
        bl__parameter_release(decay);
        bl__parameter_release(updates);
        bl__release(&context->allocator, ema, 1, sizeof(*ema));
        return NULL;
    }
    memcpy(decay->data, &chosen.decay, sizeof(chosen.decay));
    bl__shadows_init(&ema->averages, bl__context_retain(context), "ema");
    ema->decay = decay;
    ema->updates = updates;
    ema->warm_up = chosen.warm_up;
    return ema;
}

void bl_ema_free(bl_ema *ema)
{
    if (!ema)
        return;
    bl_context *context = ema->averages.context;
    bl__shadows_free(&ema->averages);
    bl__parameter_release(ema->decay);
    bl__parameter_release(ema->updates);
    bl__release(&context->allocator, ema, 1, sizeof(*ema));
    bl__context_release(context);
}

/* ---- recording ---- */

/* The average of a parameter, begun at its values if it is new; NULL with the error reported. */
static const bl__shadow *average_of(bl_ema *ema, bl_graph *graph, bl_parameter *parameter)
{
    const char *op = "ema_update";
    bl__shadow *average = bl__shadow_find(&ema->averages, parameter);
    if (average)
        return average;
    if (!bl__parameter_enter(parameter, false)) {
        bl__fail(graph, BL_ERR_BUSY, op, "%s is in use by a run", parameter->name);
        return NULL;
    }
    average = bl__shadow_of(&ema->averages, parameter);
    if (average && parameter->bytes > 0)
        memcpy(average->buffer->data, parameter->data, parameter->bytes);
    bl__parameter_leave(parameter, false);
    if (!average)
        bl__fail(graph, BL_ERR_MEMORY, op, "no memory for the average of %s", parameter->name);
    return average;
}

/* 1 - decay of this update, f64; *updates becomes the count that includes it. */
static bl_tensor *rate_of(const bl_ema *ema, bl_graph *graph, bl_tensor **updates)
{
    bl_tensor *decay = bl_use(graph, ema->decay);
    *updates = bl_add_scalar(bl_use(graph, ema->updates), 1);
    if (ema->warm_up) {
        bl_tensor *n = bl_cast(*updates, BL_F64);
        decay = bl_minimum(decay, bl_div(bl_add_scalar(n, 1), bl_add_scalar(n, 10)));
    }
    return bl_scalar_sub(1, decay);
}

static bl_tensor *update(bl_ema *ema, bl_graph *graph, bl_parameter *const *parameters,
                         bl_tensor *const *values, size_t count)
{
    bl_tensor **effects = bl__arena_take(&graph->scratch, (count + 1) * sizeof(*effects));
    if (!effects)
        return bl__fail(graph, BL_ERR_MEMORY, "ema_update", "no memory for the effects");
    bl_tensor *updates, *rate = rate_of(ema, graph, &updates);
    for (size_t i = 0; i < count; i++) {
        const bl__shadow *average = average_of(ema, graph, parameters[i]);
        if (!average)
            return &graph->invalid;
        bl_tensor *old = bl_use(graph, average->buffer);
        bl_tensor *way = bl_mul(bl_sub(values[i], old), bl_cast(rate, average->buffer->dtype));
        effects[i] = bl_assign(average->buffer, bl_add(old, way));
    }
    effects[count] = bl_assign(ema->updates, updates);
    return bl_group(graph, effects, count + 1);
}

bl_tensor *bl_ema_update(bl_ema *ema, bl_parameter *const *parameters, bl_tensor *const *values, size_t count)
{
    const char *op = "ema_update";
    bl_graph *graph = bl__graph_of_list(values, count);
    if (!graph)
        return NULL;
    if (!ema)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the averages are NULL");
    if (!bl__shadows_check(&ema->averages, op, graph, parameters, values, count, "value"))
        return &graph->invalid;
    size_t before = ema->averages.table.count;
    bl__arena_mark scratch = bl__arena_position(&graph->scratch);
    bl_tensor *effect = update(ema, graph, parameters, values, count);
    bl__arena_rewind(&graph->scratch, scratch);
    if (!bl_tensor_valid(effect))
        bl__shadows_forget(&ema->averages, before);
    return effect;
}

/* The trainable parameters of a registry and their values, in arrays that have room for all; false after an
 * error. */
static bool collect(bl_graph *graph, bl_optimizer *optimizer, const bl_params *params,
                    bl_parameter **parameters, bl_tensor **values, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < bl_params_count(params); i++) {
        bl_parameter *parameter = bl_params_at(params, i);
        if (!bl_parameter_trainable(parameter))
            continue;
        bl_tensor *value =
            optimizer ? bl_optimizer_value(optimizer, graph, parameter) : bl_use(graph, parameter);
        if (!bl_tensor_valid(value))
            return false;
        parameters[*count] = parameter;
        values[(*count)++] = value;
    }
    return true;
}

bl_tensor *bl_ema_follow(bl_ema *ema, bl_graph *graph, bl_optimizer *optimizer, const bl_params *params)
{
    const char *op = "ema_follow";
    if (!graph)
        return NULL;
    if (!ema || !params)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the %s NULL", ema ? "registry is" : "averages are");
    size_t count = bl_params_count(params);
    bl__arena_mark scratch = bl__arena_position(&graph->scratch);
    bl_parameter **parameters = bl__arena_take(&graph->scratch, count * sizeof(bl_parameter *));
    bl_tensor **values = bl__arena_take(&graph->scratch, count * sizeof(bl_tensor *));
    bl_tensor *effect = &graph->invalid;
    if (!parameters || !values)
        bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu parameters", count);
    else if (collect(graph, optimizer, params, parameters, values, &count))
        effect = count > 0 ? bl_ema_update(ema, parameters, values, count)
                           : bl__fail(graph, BL_ERR_ARGUMENT, op, "the registry has no trainable parameter");
    bl__arena_rewind(&graph->scratch, scratch);
    return effect;
}

bl_tensor *bl_ema_value(bl_ema *ema, bl_graph *graph, bl_parameter *parameter)
{
    const char *op = "ema_value";
    if (!graph)
        return NULL;
    if (!ema || !parameter)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the %s NULL", ema ? "parameter is" : "averages are");
    const bl__shadow *average = bl__shadow_find(&ema->averages, parameter);
    return bl_use(graph, average ? average->buffer : parameter);
}

/* ---- values ---- */

static void leave_first(const bl_ema *ema, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        const bl__shadow *average = bl__shadow_at(&ema->averages, i);
        bl__parameter_leave(average->parameter, true);
        bl__parameter_leave(average->buffer, true);
    }
}

/* Enters all parameters and averages, or none of them. */
static bl_status enter_all(const bl_ema *ema, const char *op)
{
    for (size_t i = 0; i < ema->averages.table.count; i++) {
        const bl__shadow *average = bl__shadow_at(&ema->averages, i);
        bool first = bl__parameter_enter(average->parameter, true);
        if (first && bl__parameter_enter(average->buffer, true))
            continue;
        if (first)
            bl__parameter_leave(average->parameter, true);
        leave_first(ema, i);
        return bl__report(ema->averages.context, NULL, BL_ERR_BUSY, op, NULL, "%s is in use by a run",
                          first ? average->buffer->name : average->parameter->name);
    }
    return BL_OK;
}

static void exchange(bl_parameter *a, bl_parameter *b)
{
    unsigned char kept[4096], *left = a->data, *right = b->data;
    for (size_t done = 0; done < a->bytes;) {
        size_t part = a->bytes - done < sizeof(kept) ? a->bytes - done : sizeof(kept);
        memcpy(kept, left + done, part);
        memcpy(left + done, right + done, part);
        memcpy(right + done, kept, part);
        done += part;
    }
}

static void copy(bl_parameter *to, const bl_parameter *from)
{
    if (to->bytes > 0)
        memcpy(to->data, from->data, to->bytes);
}

bl_status bl_ema_swap(bl_ema *ema)
{
    bl_status status = ema ? enter_all(ema, "ema_swap") : BL_ERR_ARGUMENT;
    size_t count = status == BL_OK ? ema->averages.table.count : 0;
    for (size_t i = 0; i < count; i++) {
        const bl__shadow *average = bl__shadow_at(&ema->averages, i);
        exchange(average->parameter, average->buffer);
    }
    if (status == BL_OK)
        leave_first(ema, count);
    return status;
}

bl_status bl_ema_copy_to_parameters(bl_ema *ema)
{
    bl_status status = ema ? enter_all(ema, "ema_copy_to_parameters") : BL_ERR_ARGUMENT;
    size_t count = status == BL_OK ? ema->averages.table.count : 0;
    for (size_t i = 0; i < count; i++) {
        const bl__shadow *average = bl__shadow_at(&ema->averages, i);
        copy(average->parameter, average->buffer);
    }
    if (status == BL_OK)
        leave_first(ema, count);
    return status;
}

bl_status bl_ema_reset(bl_ema *ema)
{
    const char *op = "ema_reset";
    bl_status status = ema ? enter_all(ema, op) : BL_ERR_ARGUMENT;
    if (status != BL_OK)
        return status;
    size_t count = ema->averages.table.count;
    if (bl__parameter_enter(ema->updates, true)) {
        for (size_t i = 0; i < count; i++) {
            const bl__shadow *average = bl__shadow_at(&ema->averages, i);
            copy(average->buffer, average->parameter);
        }
        memset(ema->updates->data, 0, ema->updates->bytes);
        bl__parameter_leave(ema->updates, true);
    } else {
        status = bl__report(ema->averages.context, NULL, BL_ERR_BUSY, op, NULL, "%s is in use by a run",
                            ema->updates->name);
    }
    leave_first(ema, count);
    return status;
}

/* ---- looking at them ---- */

bl_parameter *bl_ema_decay(bl_ema *ema)
{
    return ema ? ema->decay : NULL;
}

bl_parameter *bl_ema_updates(bl_ema *ema)
{
    return ema ? ema->updates : NULL;
}

bl_parameter *bl_ema_at(bl_ema *ema, size_t index, bl_parameter **parameter)
{
    const bl__shadow *average = ema ? bl__shadow_at(&ema->averages, index) : NULL;
    if (parameter)
        *parameter = average ? average->parameter : NULL;
    return average ? average->buffer : NULL;
}
