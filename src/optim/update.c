/* Recording an update: for each parameter that a gradient reaches, the rule's formula and its effects. */
#include "bowline/grad.h"
#include "graph/parameter.h"
#include "graph/text.h"
#include "graph/use.h"
#include "ops/pending.h"
#include "optim/again.h"

bl_tensor *bl__decayed(const bl__update *update, double weight_decay)
{
    if (weight_decay == 0)
        return update->gradient;
    return bl_add(update->gradient, bl_mul_scalar(update->parameter, weight_decay));
}

/* ---- arguments ---- */

/* Whether entry `index` can be updated, and came but once in the call that `call` numbers. */
static bool check_entry(bl_graph *graph, bl_parameter *parameter, const bl_tensor *gradient, size_t index,
                        uint64_t call)
{
    const char *op = "optimizer_update";
    if (!parameter) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "parameter %zu is NULL", index);
        return false;
    }
    if (!bl__usable(graph, op, gradient))
        return false;
    bl_shape shape = bl_tensor_shape(gradient);
    bl_dtype dtype = bl_tensor_dtype(gradient);
    if (parameter->context != graph->context)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s belongs to another context", parameter->name);
    else if (parameter->buffer)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s is a buffer", parameter->name);
    else if (parameter->update == call)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s is given twice", parameter->name);
    else if (!bl_shape_equal(parameter->shape, shape))
        bl__fail(graph, BL_ERR_SHAPE, op, "the gradient of %s is %s, not %s", parameter->name,
                 BL__SHAPE_TEXT(shape), BL__SHAPE_TEXT(parameter->shape));
    else if (parameter->dtype != dtype)
        bl__fail(graph, BL_ERR_DTYPE, op, "the gradient of %s is %s, not %s", parameter->name,
                 bl_dtype_name(dtype), bl_dtype_name(parameter->dtype));
    else {
        parameter->update = call;
        return true;
    }
    return false;
}

static bool check(const bl_optimizer *optimizer, bl_graph *graph, bl_parameter *const *parameters,
                  bl_tensor *const *gradients, size_t count)
{
    uint64_t call = atomic_fetch_add_explicit(&graph->context->next_id, 1, memory_order_relaxed);
    if (optimizer->context != graph->context) {
        bl__fail(graph, BL_ERR_ARGUMENT, "optimizer_update", "the optimizer belongs to another context");
        return false;
    }
    if (!parameters) {
        bl__fail(graph, BL_ERR_ARGUMENT, "optimizer_update", "the parameters are NULL");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!check_entry(graph, parameters[i], gradients[i], i, call))
            return false;
    }
    return true;
}

/* ---- nodes ---- */

/* Appends the update of one parameter: at most BL__MAX_MOMENTS + 2 effects, counted in *effect_count. False
 * without memory for its state; what else goes wrong shows in the effects. */
static bool update_one(bl_optimizer *optimizer, bl_graph *graph, bl_parameter *parameter, bl_tensor *gradient,
                       bl_tensor **effects, size_t *effect_count)
{
    static const bl__parameter_state no_state;
    const bl__rule *rule = &optimizer->rule;
    const bl__parameter_state *state = &no_state;
    if (rule->moments[0] || rule->counted)
        state = bl__optimizer_state(optimizer, parameter);
    if (!state) {
        bl__fail(graph, BL_ERR_MEMORY, "optimizer_update", "no memory for the state of %s", parameter->name);
        return false;
    }
    bl__update update = {.options = optimizer->options,
                         .graph = graph,
                         .parameter = bl_use(graph, parameter),
                         .gradient = gradient,
                         .lr = bl_use(graph, optimizer->lr)};
    for (int i = 0; rule->moments[i]; i++)
        update.moments[i] = bl_use(graph, state->moments[i]);
    if (rule->counted) {
        bl_tensor *count = bl_add_scalar(bl_use(graph, state->count), 1);
        update.count = bl_cast(count, BL_F64);
        effects[(*effect_count)++] = bl_assign(state->count, count);
    }
    bl_tensor *value = rule->update(&update);
    for (int i = 0; rule->moments[i]; i++)
        effects[(*effect_count)++] = bl_assign(state->moments[i], update.moments[i]);
    effects[(*effect_count)++] = bl_assign(parameter, value);
    return true;
}

/* Notes the gradients that were used, for bl_optimizer_gradient; NULL without memory. */
static bl__used_gradient *note_gradients(const bl_optimizer *optimizer, bl_graph *graph,
                                         bl_parameter *const *parameters, bl_tensor *const *gradients,
                                         size_t count)
{
    bl__used_gradient *notes = bl__arena_take(&graph->arena, count * sizeof(*notes));
    if (!notes)
        bl__fail(graph, BL_ERR_MEMORY, "optimizer_update", "no memory to note the gradients");
    for (size_t i = 0; notes && i < count; i++) {
        if (!bl_is_unreached(gradients[i]))
            bl__use_note_gradient(graph, parameters[i], optimizer->lr->id, gradients[i], &notes[i]);
    }
    return notes;
}

/* `loss`, where it is not NULL, brings the updates of the layers that it is made from. */
static bl_tensor *record(bl_optimizer *optimizer, bl_graph *graph, bl_parameter *const *parameters,
                         bl_tensor *const *gradients, size_t count, const bl_tensor *loss,
                         bl__used_gradient **notes)
{
    if (!check(optimizer, graph, parameters, gradients, count))
        return &graph->invalid;
    size_t effect_count = 0, states = optimizer->states.count;
    size_t most = count * (BL__MAX_MOMENTS + 2) + 1 + (loss ? bl__pending_count(graph) : 0);
    bl_tensor **effects = bl__arena_take(&graph->arena, most * sizeof(*effects));
    if (!effects || (loss && !bl__pending_effects(graph, loss, effects, &effect_count)))
        return bl__fail(graph, BL_ERR_MEMORY, "optimizer_update", "no memory for the effects");
    bool complete = true;
    for (size_t i = 0; i < count && complete; i++) {
        if (!bl_is_unreached(gradients[i]))
            complete = update_one(optimizer, graph, parameters[i], gradients[i], effects, &effect_count);
    }
    bl_tensor *result = &graph->invalid;
    if (complete) {
        bl_tensor *step = bl_add_scalar(bl_use(graph, optimizer->step), 1);
        effects[effect_count++] = bl_assign(optimizer->step, step);
        result = bl_group(graph, effects, effect_count);
    }
    if (bl_tensor_valid(result))
        *notes = note_gradients(optimizer, graph, parameters, gradients, count);
    if (!bl_tensor_valid(result) || !*notes) {
        bl__optimizer_forget(optimizer, states);
        return &graph->invalid;
    }
    return result;
}

/* The result, and the graph's error for the optimizer when it is invalid. */
static bl_tensor *kept(bl_optimizer *optimizer, bl_graph *graph, bl_tensor *result)
{
    if (!bl_tensor_valid(result) && optimizer->error.code == BL_OK)
        optimizer->error = graph->error;
    return result;
}

/* The graph of a call, or NULL when it cannot go on: then *result is what to return. */
static bl_graph *graph_of(bl_optimizer *optimizer, const char *op, bl_tensor *const *tensors, size_t count,
                          bl_tensor **result)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; tensors && i < count && !graph; i++)
        graph = bl__graph_of(tensors[i]);
    *result = NULL;
    if (graph && optimizer)
        return graph;
    if (graph)
        *result = bl__fail(graph, BL_ERR_ARGUMENT, op, "the optimizer is NULL");
    else if (optimizer)
        bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL, "no tensor was given");
    return NULL;
}

bl_tensor *bl_optimizer_update(bl_optimizer *optimizer, bl_parameter *const *parameters,
                               bl_tensor *const *gradients, size_t count)
{
    bl_tensor *result;
    bl__used_gradient *notes;
    bl_graph *graph = graph_of(optimizer, "optimizer_update", gradients, count, &result);
    if (!graph)
        return result;
    return kept(optimizer, graph, record(optimizer, graph, parameters, gradients, count, NULL, &notes));
}

/* ---- sugar ---- */

/* The trainable parameters recorded before the loss, in the order of the tape, as tensors; their number. */
static size_t trainable(const bl_graph *graph, const bl_tensor *loss, bl_tensor **tensors)
{
    size_t count = 0;
    for (int64_t id = 0; id <= loss->node->id; id++) {
        if (bl__is_trainable(graph->nodes[id]))
            tensors[count++] = &graph->nodes[id]->outputs[0];
    }
    return count;
}

/* Records the whole of it; what it worked on and came to stands in *done. */
static bl_tensor *minimize_anew(bl_optimizer *optimizer, bl_graph *graph, bl_tensor *loss,
                                bl__minimization *done)
{
    const char *op = "minimize";
    size_t bytes = graph->use_count * sizeof(bl_tensor *);
    *done = (bl__minimization){.loss = loss,
                               .tensors = bl__arena_take(&graph->arena, bytes),
                               .gradients = bl__arena_take(&graph->arena, bytes),
                               .parameters = bl__arena_take(&graph->arena, bytes)};
    if (!done->tensors || !done->gradients || !done->parameters)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu parameters", graph->use_count);
    done->count = trainable(graph, loss, done->tensors);
    if (bl_grad(&loss, 1, NULL, done->tensors, done->count, done->gradients) != BL_OK)
        return &graph->invalid;
    for (size_t i = 0; i < done->count; i++) {
        if (bl_is_unreached(done->gradients[i]))
            continue;
        done->gradients[done->reached] = done->gradients[i];
        done->parameters[done->reached++] = bl_tensor_parameter(done->tensors[i]);
    }
    if (done->reached == 0)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the loss reaches no trainable parameter");
    return record(optimizer, graph, done->parameters, done->gradients, done->reached, loss, &done->notes);
}

static bl_tensor *minimize(bl_optimizer *optimizer, bl_graph *graph, bl_tensor *loss)
{
    const char *op = "minimize";
    if (!bl__usable(graph, op, loss))
        return &graph->invalid;
    if (loss->count != 1)
        return bl__fail(graph, BL_ERR_SHAPE, op, "the loss is %s, not of one element",
                        BL__SHAPE_TEXT(bl_tensor_shape(loss)));
    bl_tensor *again = bl__minimize_again(optimizer, graph, loss);
    if (again)
        return again;
    bl__minimization_start start = bl__minimize_begin(graph);
    bl__minimization done;
    done.result = minimize_anew(optimizer, graph, loss, &done);
    if (bl_tensor_valid(done.result))
        bl__minimize_remember(optimizer, graph, &start, &done);
    return done.result;
}

bl_tensor *bl_minimize(bl_optimizer *optimizer, bl_tensor *loss)
{
    bl_tensor *result;
    bl_graph *graph = graph_of(optimizer, "minimize", &loss, 1, &result);
    if (!graph)
        return result;
    return kept(optimizer, graph, minimize(optimizer, graph, loss));
}

bl_tensor *bl_optimizer_gradient(bl_optimizer *optimizer, bl_graph *graph, const bl_parameter *parameter)
{
    const char *op = "optimizer_gradient";
    if (!graph)
        return NULL;
    if (!optimizer || !parameter)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the %s is NULL", optimizer ? "parameter" : "optimizer");
    bl_tensor *gradient = bl__use_gradient(graph, parameter, optimizer->lr->id);
    if (gradient)
        return gradient;
    return kept(optimizer, graph,
                bl__fail(graph, BL_ERR_NOT_FOUND, op, "no update on this graph used a gradient of %s",
                         parameter->name));
}
