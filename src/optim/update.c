/* Recording an update: for each parameter that a gradient reaches, the rule's formula and its effects. */
#include "bowline/grad.h"
#include "bowline/ops.h"
#include "graph/parameter.h"
#include "graph/text.h"
#include "graph/use.h"
#include "ops/pending.h"
#include "optim/again.h"

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
    if (optimizer->context != graph->context || optimizer->owner) {
        bl__fail(graph, BL_ERR_ARGUMENT, "optimizer_update", "the optimizer %s",
                 optimizer->owner ? "is a group of another, which has it updated"
                                  : "belongs to another context");
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

/* An update being recorded. */
typedef struct recording {
    bl_optimizer *optimizer;
    bl_graph *graph;
    bl_parameter *const *parameters;
    bl_tensor *const *gradients;
    size_t count;
    bl_optimizer **targets; /* which update them: the optimizer or a group of its */
    bl_tensor **effects;
    size_t effect_count;
    bl__used_update *notes; /* one a parameter, the unreached ones' unused; and one for each step count */
} recording;

static void assign(recording *r, bl_parameter *state, bl_tensor *value)
{
    r->effects[r->effect_count++] = bl_assign(state, value);
}

/* Asks the rule for the update of a parameter; the slots that it changes are assigned. */
static bl_tensor *apply_rule(recording *r, const bl_optimizer *by, const bl__parameter_state *state,
                             bl_parameter *parameter, bl_tensor *gradient)
{
    bl_tensor *before[BL_RULE_SLOTS] = {NULL};
    bl_update_call call = {.graph = r->graph,
                           .options = by->options,
                           .target = parameter,
                           .parameter = bl_use(r->graph, parameter),
                           .gradient = gradient,
                           .lr = bl_use(r->graph, by->lr),
                           .rule = by->rule.name};
    for (int i = 0; state && i < BL_RULE_SLOTS; i++) {
        if (state->slots[i])
            call.state[i] = before[i] = bl_use(r->graph, state->slots[i]);
    }
    if (state && state->count) {
        bl_tensor *count = bl_add_scalar(bl_use(r->graph, state->count), 1);
        call.count = bl_cast(count, BL_F64);
        assign(r, state->count, count);
    }
    bl_tensor *value = by->rule.update(&call);
    for (int i = 0; state && i < BL_RULE_SLOTS; i++) {
        if (call.state[i] != before[i])
            assign(r, state->slots[i], call.state[i]);
    }
    return value;
}

/* Appends the update of parameter `index`: at most BL_RULE_SLOTS + 2 effects. False without memory for its
 * state or when the rule gives nothing; what else goes wrong shows in the effects. */
static bool update_one(recording *r, size_t index)
{
    bl_status status = BL_OK;
    char why[sizeof(r->graph->error.message)];
    const bl__parameter_state *state = NULL;
    bl_parameter *parameter = r->parameters[index];
    bl_optimizer *by = bl__optimizer_for(r->optimizer, parameter, &status, why, sizeof(why));
    r->targets[index] = by;
    if (by && bl__optimizer_has_state(by))
        state = bl__optimizer_state(by, parameter, &status, why, sizeof(why));
    if (status != BL_OK) {
        bl__fail(r->graph, status, "optimizer_update", "%s", why);
        return false;
    }
    bl_tensor *value = apply_rule(r, by, state, parameter, r->gradients[index]);
    if (!bl__usable(r->graph, by->rule.name, value))
        return false;
    assign(r, parameter, value);
    r->notes[index].value = value;
    return true;
}

/* Appends the counting of an update by the optimizer or a group of its. */
static void count_step(recording *r, const bl_optimizer *by, bl__used_update *note)
{
    note->value = bl_add_scalar(bl_use(r->graph, by->step), 1);
    assign(r, by->step, note->value);
}

/* Appends all of it; the invalid tensor when anything went wrong. */
static bl_tensor *update_all(recording *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (!bl_is_unreached(r->gradients[i]) && !update_one(r, i))
            return &r->graph->invalid;
    }
    count_step(r, r->optimizer, &r->notes[r->count]);
    for (size_t i = 0; i < r->optimizer->group_count; i++)
        count_step(r, r->optimizer->groups[i].optimizer, &r->notes[r->count + 1 + i]);
    return bl_group(r->graph, r->effects, r->effect_count);
}

void bl__note_updates(const bl_optimizer *optimizer, bl_graph *graph, bl_parameter *const *parameters,
                      bl_tensor *const *gradients, size_t count, bl__used_update *notes)
{
    uint64_t id = optimizer->lr->id;
    for (size_t i = 0; i < count; i++) {
        if (!bl_is_unreached(gradients[i]))
            bl__use_note_update(graph, parameters[i], id, gradients[i], notes[i].value, &notes[i]);
    }
    notes += count;
    bl__use_note_update(graph, optimizer->step, id, NULL, notes->value, notes);
    for (size_t i = 0; i < optimizer->group_count; i++) {
        notes++;
        bl__use_note_update(graph, optimizer->groups[i].optimizer->step, id, NULL, notes->value, notes);
    }
}

/* Keeps in mind how much state there is before an update is recorded, and goes back to that. */
static void keep_states(bl_optimizer *optimizer)
{
    optimizer->kept_states = optimizer->states.count;
    for (size_t i = 0; i < optimizer->group_count; i++)
        keep_states(optimizer->groups[i].optimizer);
}

static void restore_states(bl_optimizer *optimizer)
{
    bl__optimizer_forget(optimizer, optimizer->kept_states);
    for (size_t i = 0; i < optimizer->group_count; i++)
        restore_states(optimizer->groups[i].optimizer);
}

/* `loss`, where it is not NULL, brings the updates of the layers that it is made from. In *targets and *notes
 * what bl__minimization keeps. */
static bl_tensor *record(bl_optimizer *optimizer, bl_graph *graph, bl_parameter *const *parameters,
                         bl_tensor *const *gradients, size_t count, const bl_tensor *loss,
                         bl_optimizer ***targets, bl__used_update **notes)
{
    if (!check(optimizer, graph, parameters, gradients, count))
        return &graph->invalid;
    size_t steps = 1 + optimizer->group_count;
    size_t most = count * (BL_RULE_SLOTS + 2) + steps + (loss ? bl__pending_count(graph) : 0);
    recording r = {.optimizer = optimizer,
                   .graph = graph,
                   .parameters = parameters,
                   .gradients = gradients,
                   .count = count,
                   .targets = bl__arena_take(&graph->arena, count * sizeof(*r.targets)),
                   .effects = bl__arena_take(&graph->arena, most * sizeof(*r.effects)),
                   .notes = bl__arena_take(&graph->arena, (count + steps) * sizeof(*r.notes))};
    if (!r.targets || !r.effects || !r.notes ||
        (loss && !bl__pending_effects(graph, loss, r.effects, &r.effect_count)))
        return bl__fail(graph, BL_ERR_MEMORY, "optimizer_update", "no memory for the effects");
    keep_states(optimizer);
    bl_tensor *result = update_all(&r);
    if (bl_tensor_valid(result))
        bl__note_updates(optimizer, graph, parameters, gradients, count, r.notes);
    else
        restore_states(optimizer);
    *targets = r.targets;
    *notes = r.notes;
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
    bl_optimizer **targets;
    bl__used_update *notes;
    bl_graph *graph = graph_of(optimizer, "optimizer_update", gradients, count, &result);
    if (!graph)
        return result;
    return kept(optimizer, graph,
                record(optimizer, graph, parameters, gradients, count, NULL, &targets, &notes));
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
    return record(optimizer, graph, done->parameters, done->gradients, done->reached, loss, &done->targets,
                  &done->notes);
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

/* ---- what came of it ---- */

/* The id under which updates by an optimizer, or by the one that it is a group of, are noted. */
static uint64_t noted_as(const bl_optimizer *optimizer)
{
    return optimizer->owner ? optimizer->owner->lr->id : optimizer->lr->id;
}

/* Whether there is an optimizer to ask about a parameter; reported where there is not. */
static bool check_question(bl_optimizer *optimizer, bl_graph *graph, const char *op,
                           const bl_parameter *parameter)
{
    if (optimizer && parameter)
        return true;
    bl__fail(graph, BL_ERR_ARGUMENT, op, "the %s is NULL", optimizer ? "parameter" : "optimizer");
    return false;
}

bl_tensor *bl_optimizer_gradient(bl_optimizer *optimizer, bl_graph *graph, const bl_parameter *parameter)
{
    const char *op = "optimizer_gradient";
    if (!graph)
        return NULL;
    if (!check_question(optimizer, graph, op, parameter))
        return &graph->invalid;
    const bl__used_update *update = bl__use_update(graph, parameter, noted_as(optimizer));
    if (update && update->gradient)
        return update->gradient;
    return kept(optimizer, graph,
                bl__fail(graph, BL_ERR_NOT_FOUND, op, "no update on this graph used a gradient of %s",
                         parameter->name));
}

bl_tensor *bl_optimizer_value(bl_optimizer *optimizer, bl_graph *graph, bl_parameter *parameter)
{
    const char *op = "optimizer_value";
    if (!graph)
        return NULL;
    if (!check_question(optimizer, graph, op, parameter))
        return &graph->invalid;
    if (!bl__use_update(graph, optimizer->step, noted_as(optimizer)))
        return kept(optimizer, graph,
                    bl__fail(graph, BL_ERR_NOT_FOUND, op, "%s recorded no update on this graph",
                             optimizer->rule.name));
    const bl__used_update *update = bl__use_update(graph, parameter, noted_as(optimizer));
    return update ? update->value : kept(optimizer, graph, bl_use(graph, parameter));
}
