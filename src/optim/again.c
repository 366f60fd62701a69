/* Taking over what bl_minimize recorded before: see again.h. */
#include "optim/again.h"
#include "graph/parameter.h"
#include "graph/repeat.h"
#include "graph/rewrite.h"
#include "ops/keys.h"

typedef struct bl__minimized {
    uint64_t optimizer; /* its lr's id */
    size_t groups;      /* of the optimizer, and the names by which they claim parameters: its namings */
    uint64_t namings;
    bl__minimization done;
    bl__minimization_start start;
    int64_t end, located;
    uint64_t places;          /* at the end */
    bl__arena_mark arena;     /* behind it all */
    bl__rewritten *rewritten; /* the last place that was rewritten, none before it */
    uint32_t *leaves;         /* nodes of parameters that were not used before */
    size_t leaf_count;
} bl__minimized;

bl__minimization_start bl__minimize_begin(const bl_graph *graph)
{
    return (bl__minimization_start){.first = graph->node_count,
                                    .inputs = graph->inputs,
                                    .streams = graph->streams,
                                    .places = graph->places,
                                    .is_rewritten = graph->rewritten != NULL,
                                    .arena = bl__arena_position(&graph->arena)};
}

bool bl__is_trainable(const bl__node *node)
{
    return bl_parameter_trainable(bl_tensor_parameter(&node->outputs[0]));
}

/* ---- remembering ---- */

/* Whether gradients depend on nothing but the tape: functions of the user's may look at anything. */
static bool is_all_ours(const bl_graph *graph, int64_t node_count)
{
    for (int64_t id = 0; id < node_count; id++) {
        int key = graph->nodes[id]->op->key;
        if (key == 0 || key == BL__KEY_checkpoint || key == BL__KEY_custom_gradient)
            return false;
    }
    return true;
}

/* Whether the formulas of the optimizer and its groups go by their calls alone. */
static bool is_pure(const bl_optimizer *optimizer)
{
    bool pure = optimizer->rule.flags & BL_RULE_PURE;
    for (size_t i = 0; i < optimizer->group_count && pure; i++)
        pure = optimizer->groups[i].optimizer->rule.flags & BL_RULE_PURE;
    return pure;
}

void bl__minimize_remember(const bl_optimizer *optimizer, bl_graph *graph,
                           const bl__minimization_start *start, const bl__minimization *done)
{
    if (!is_pure(optimizer) || graph->pending || start->is_rewritten || start->streams != graph->streams ||
        start->inputs != graph->inputs || !is_all_ours(graph, start->first))
        return;
    size_t leaf_count = 0;
    for (int64_t id = start->first; id < graph->node_count; id++)
        leaf_count += graph->nodes[id]->op->key == BL__KEY_parameter;
    bl__minimized *record = bl__arena_take(&graph->arena, sizeof(*record));
    uint32_t *leaves = bl__arena_take(&graph->arena, leaf_count * sizeof(*leaves));
    if (!record || !leaves)
        return;
    *record = (bl__minimized){.optimizer = optimizer->lr->id,
                              .groups = optimizer->group_count,
                              .namings = optimizer->context->namings,
                              .done = *done,
                              .start = *start,
                              .end = graph->node_count,
                              .located = graph->located,
                              .places = graph->places,
                              .arena = bl__arena_position(&graph->arena),
                              .rewritten = graph->rewritten,
                              .leaves = leaves};
    for (int64_t id = start->first; id < graph->node_count; id++) {
        if (graph->nodes[id]->op->key == BL__KEY_parameter)
            leaves[record->leaf_count++] = (uint32_t)id;
    }
    graph->stretches[graph->next_stretch] =
        (bl__stretch){.lineage = graph->lineage, .first = start->first, .record = record};
    graph->next_stretch = (graph->next_stretch + 1) % BL__STRETCHES;
}

/* ---- again ---- */

static bool same_start(const bl__minimization_start *a, const bl__minimization_start *b)
{
    return a->first == b->first && a->inputs == b->inputs && a->streams == b->streams &&
           a->places == b->places && a->arena.chunk == b->arena.chunk && a->arena.used == b->arena.used;
}

/* What was recorded before from this place of the tape on; its memory has not been touched since. */
static const bl__minimized *find(const bl_graph *graph)
{
    if (!bl__in_step(graph) || graph->pending || graph->rewritten || graph->error.code != BL_OK)
        return NULL;
    bl__minimization_start here = bl__minimize_begin(graph);
    for (int i = 0; i < BL__STRETCHES; i++) {
        const bl__stretch *stretch = &graph->stretches[i];
        if (stretch->lineage == graph->lineage && stretch->first == here.first &&
            stretch->record->end <= graph->last_count && same_start(&stretch->record->start, &here))
            return stretch->record;
    }
    return NULL;
}

/* Whether it was this optimizer, and what its groups claim is what they claimed. */
static bool same_optimizer(const bl_optimizer *optimizer, const bl__minimized *record)
{
    return record->optimizer == optimizer->lr->id && record->groups == optimizer->group_count &&
           (record->groups == 0 || record->namings == optimizer->context->namings);
}

static bool same_trainable(const bl_graph *graph, const bl__minimization *done)
{
    size_t count = 0;
    for (int64_t id = 0; id <= done->loss->node->id; id++) {
        const bl__node *node = graph->nodes[id];
        if (bl__is_trainable(node) && (count == done->count || done->tensors[count++] != &node->outputs[0]))
            return false;
    }
    return count == done->count;
}

/* Uses a buffer of the optimizer as the update did: it was used already, or the next new node is its. */
static bool use(bl_graph *graph, const bl__minimized *record, size_t *leaf, bl_parameter *buffer)
{
    if (!buffer || bl__is_used(graph, buffer))
        return true;
    if (*leaf == record->leaf_count)
        return false;
    return bl__use_again(graph, buffer, graph->nodes[record->leaves[(*leaf)++]]);
}

/* Uses what the update of one parameter used. */
static bool use_state(bl_graph *graph, const bl__minimized *record, size_t *leaf, size_t index)
{
    const bl_optimizer *by = record->done.targets[index];
    const bl__parameter_state *state = bl__optimizer_find_state(by, record->done.parameters[index]);
    bool done = use(graph, record, leaf, by->lr);
    for (int k = 0; state && k < BL_RULE_SLOTS && done; k++)
        done = use(graph, record, leaf, state->slots[k]);
    return done && use(graph, record, leaf, state ? state->count : NULL);
}

/* Uses all that the update used, in its order; false when any of it is not what it was. */
static bool use_all(bl_optimizer *optimizer, bl_graph *graph, const bl__minimized *record)
{
    size_t leaf = 0;
    bool done = true;
    for (size_t i = 0; i < record->done.reached && done; i++)
        done = use_state(graph, record, &leaf, i);
    done = done && use(graph, record, &leaf, optimizer->step);
    for (size_t i = 0; i < optimizer->group_count && done; i++)
        done = use(graph, record, &leaf, optimizer->groups[i].optimizer->step);
    return done && leaf == record->leaf_count;
}

bl_tensor *bl__minimize_again(bl_optimizer *optimizer, bl_graph *graph, const bl_tensor *loss)
{
    const bl__origin *origin = bl__origin_here(graph); /* first: it may be new in the arena */
    const bl__minimized *record = origin ? find(graph) : NULL;
    if (!record || record->done.loss != loss || !same_optimizer(optimizer, record) ||
        !same_trainable(graph, &record->done))
        return NULL;
    if (!use_all(optimizer, graph, record)) {
        bl__uses_rewind(graph, graph->node_count);
        return NULL;
    }
    graph->node_count = graph->repeated = record->end;
    bl__arena_rewind(&graph->arena, record->arena);
    for (int64_t id = record->located; id < record->end; id++) /* to be told by the caller's bl_at */
        graph->nodes[id]->origin = origin;
    graph->located = record->located;
    graph->places = record->places;
    bl__rewrite_redo(graph, record->rewritten);
    const bl__minimization *done = &record->done;
    bl__note_updates(optimizer, graph, done->parameters, done->gradients, done->reached, done->notes);
    return record->done.result;
}
