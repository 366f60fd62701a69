/* Gradient accumulation: sums of gradients in buffers, and their mean. */
#include "bowline/accumulator.h"
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "optim/gradients.h"
#include "optim/shadows.h"

struct bl_accumulator {
    bl__shadows sums;
    bl_parameter *count; /* i64, scalar: the micro-batches in the sums */
};

bl_accumulator *bl_accumulator_new(bl_context *context)
{
    if (!context)
        return NULL;
    bl_accumulator *made = bl__allocate(&context->allocator, 1, sizeof(*made));
    bl_parameter *count = bl__parameter_new(context, "accumulator.count", BL_I64, BL_SCALAR, true);
    if (!made || !count) {
        bl__report(context, NULL, BL_ERR_MEMORY, "accumulator_new", NULL, "no memory for an accumulator");
        bl__parameter_release(count);
        bl__release(&context->allocator, made, 1, sizeof(*made));
        return NULL;
    }
    bl__shadows_init(&made->sums, bl__context_retain(context), "accumulator.sum");
    made->count = count;
    return made;
}

void bl_accumulator_free(bl_accumulator *accumulator)
{
    if (!accumulator)
        return;
    bl_context *context = accumulator->sums.context;
    bl__shadows_free(&accumulator->sums);
    bl__parameter_release(accumulator->count);
    bl__release(&context->allocator, accumulator, 1, sizeof(*accumulator));
    bl__context_release(context);
}

/* ---- adding ---- */

static bl_tensor *add(bl_accumulator *accumulator, bl_graph *graph, bl_parameter *const *parameters,
                      bl_tensor *const *gradients, size_t count)
{
    size_t effect_count = 0;
    bl_tensor **effects = bl__arena_take(&graph->scratch, (count + 1) * sizeof(*effects));
    bool has_memory = effects != NULL;
    for (size_t i = 0; i < count && has_memory; i++) {
        if (bl_is_unreached(gradients[i]))
            continue;
        const bl__shadow *sum = bl__shadow_of(&accumulator->sums, parameters[i]);
        has_memory = sum != NULL;
        if (sum)
            effects[effect_count++] =
                bl_assign(sum->buffer, bl_add(bl_use(graph, sum->buffer), gradients[i]));
    }
    if (!has_memory)
        return bl__fail(graph, BL_ERR_MEMORY, "accumulator_add", "no memory for the sums");
    bl_tensor *more = bl_add_scalar(bl_use(graph, accumulator->count), 1);
    effects[effect_count++] = bl_assign(accumulator->count, more);
    return bl_group(graph, effects, effect_count);
}

bl_tensor *bl_accumulator_add(bl_accumulator *accumulator, bl_parameter *const *parameters,
                              bl_tensor *const *gradients, size_t count)
{
    const char *op = "accumulator_add";
    bl_graph *graph = bl__graph_of_list(gradients, count);
    if (!graph)
        return NULL;
    if (!accumulator)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the accumulator is NULL");
    if (!bl__shadows_check(&accumulator->sums, op, graph, parameters, gradients, count, "gradient"))
        return &graph->invalid;
    size_t before = accumulator->sums.table.count;
    bl__arena_mark scratch = bl__arena_position(&graph->scratch);
    bl_tensor *effect = add(accumulator, graph, parameters, gradients, count);
    bl__arena_rewind(&graph->scratch, scratch);
    if (!bl_tensor_valid(effect))
        bl__shadows_forget(&accumulator->sums, before);
    return effect;
}

/* ---- reading and clearing ---- */

static bool check(const char *op, const bl_accumulator *accumulator, bl_graph *graph)
{
    if (!accumulator)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the accumulator is NULL");
    else if (accumulator->sums.context != graph->context)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the accumulator belongs to another context");
    else
        return true;
    return false;
}

/* The sums over a divisor, f64 and scalar, unless it is NULL. */
static bl_gradients read_sums(const char *op, bl_accumulator *accumulator, bl_graph *graph,
                              bl_tensor *divisor)
{
    size_t count = accumulator->sums.table.count;
    if (count == 0) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "nothing was recorded to be added");
        return bl__no_gradients(graph);
    }
    bl_gradients found = {.count = count,
                          .parameters = bl__arena_take(&graph->arena, count * sizeof(bl_parameter *)),
                          .tensors = bl__arena_take(&graph->arena, count * sizeof(bl_tensor *))};
    if (!found.parameters || !found.tensors) {
        bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu gradients", count);
        return bl__no_gradients(graph);
    }
    for (size_t i = 0; i < count; i++) {
        const bl__shadow *sum = bl__shadow_at(&accumulator->sums, i);
        bl_tensor *value = bl_use(graph, sum->buffer);
        found.parameters[i] = sum->parameter;
        found.tensors[i] = divisor ? bl_div(value, bl_cast(divisor, sum->parameter->dtype)) : value;
        if (!bl_tensor_valid(found.tensors[i]))
            return bl__no_gradients(graph);
    }
    return found;
}

bl_gradients bl_accumulator_mean(bl_accumulator *accumulator, bl_graph *graph)
{
    const char *op = "accumulator_mean";
    if (!graph)
        return (bl_gradients){0};
    if (!check(op, accumulator, graph))
        return bl__no_gradients(graph);
    bl_tensor *count = bl_maximum_scalar(bl_use(graph, accumulator->count), 1);
    return read_sums(op, accumulator, graph, bl_cast(count, BL_F64));
}

bl_gradients bl_accumulator_sum(bl_accumulator *accumulator, bl_graph *graph)
{
    const char *op = "accumulator_sum";
    if (!graph)
        return (bl_gradients){0};
    return check(op, accumulator, graph) ? read_sums(op, accumulator, graph, NULL) : bl__no_gradients(graph);
}

bl_tensor *bl_accumulator_clear(bl_accumulator *accumulator, bl_graph *graph)
{
    const char *op = "accumulator_clear";
    if (!graph)
        return NULL;
    if (!check(op, accumulator, graph))
        return &graph->invalid;
    size_t count = accumulator->sums.table.count;
    bl__arena_mark scratch = bl__arena_position(&graph->scratch);
    bl_tensor **effects = bl__arena_take(&graph->scratch, (count + 1) * sizeof(*effects));
    if (!effects)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for the effects");
    for (size_t i = 0; i < count; i++) {
        bl_parameter *sum = bl__shadow_at(&accumulator->sums, i)->buffer;
        effects[i] = bl_assign(sum, bl_full(graph, sum->dtype, sum->shape, 0));
    }
    effects[count] = bl_assign(accumulator->count, bl_scalar(graph, BL_I64, 0));
    bl_tensor *effect = bl_group(graph, effects, count + 1);
    bl__arena_rewind(&graph->scratch, scratch);
    return effect;
}

bl_parameter *bl_accumulator_count(bl_accumulator *accumulator)
{
    return accumulator ? accumulator->count : NULL;
}

bl_parameter *bl_accumulator_at(bl_accumulator *accumulator, size_t index, bl_parameter **parameter)
{
    const bl__shadow *sum = accumulator ? bl__shadow_at(&accumulator->sums, index) : NULL;
    if (parameter)
        *parameter = sum ? sum->parameter : NULL;
    return sum ? sum->buffer : NULL;
}
