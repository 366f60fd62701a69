/* Rewriting spelled-out nodes to fused ops. */
#include "graph/rewrite.h"
#include "ops/keys.h"
#include "ops/spellings.h"

#include <string.h>

/* ---- for spellings ---- */

const bl__node *bl__match_inner(bl__match *match, const bl_tensor *tensor, const bl_op *op)
{
    const bl__node *node = tensor->node;
    if (node->op != op)
        return NULL;
    for (size_t i = 0; i < match->inner_count; i++) {
        if (match->inner[i] == node)
            return node;
    }
    if (match->inner_count == BL__MATCH_NODES)
        return NULL;
    match->inner[match->inner_count++] = node;
    return node;
}

void bl__match_op(bl__match *match, const bl_op *op, const void *attributes)
{
    match->op = op;
    if (op->attributes_size > 0)
        memcpy(match->attributes, attributes, op->attributes_size);
}

/* ---- finding ---- */

struct entry {
    int last;
    bl__spelling *spelling;
};

#define ENTRY(last, name) {BL__KEY_##last, bl__spelling_##name},
static const struct entry spellings[] = {BL__SPELLINGS(ENTRY)};
#undef ENTRY

/* Whether an op is the last of some spelling. */
static inline bool is_last(int key)
{
#define IS(last, name) || key == BL__KEY_##last
    return false BL__SPELLINGS(IS);
#undef IS
}

/* The match of the first spelling that fits a node; false when none does. */
static bool find_match(const bl__node *node, bl__match *match)
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
        if (spellings[i].last != node->op->key)
            continue;
        match->op = NULL;
        match->input_count = match->inner_count = 0;
        if (spellings[i].spelling(node, match))
            return true;
    }
    return false;
}

/* ---- users ---- */

/* One call of bl__rewrite: the number of users by node id, counted when the first match is found. */
typedef struct rewriter {
    bl_graph *graph;
    const uint32_t *needed;
    const bl__wanted *wanted;
    size_t wanted_count;
    int64_t limit; /* nodes from here on do not count */
    uint32_t *users;
} rewriter;

static bool counts(const rewriter *r, int64_t id)
{
    return id < r->limit && (!r->needed || r->needed[id]);
}

static void leave_inputs(rewriter *r, const bl__node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        r->users[node->inputs[i]->node->id]--;
}

/* Nodes that earlier rewriting has left without users use nothing. */
static void leave_dead(rewriter *r)
{
    for (const bl__rewritten *place = r->graph->rewritten; place; place = place->before) {
        for (size_t i = 0; i < place->inner_count; i++) {
            const bl__node *node = r->graph->nodes[place->inner[i]];
            if (r->users[node->id] == 0 && counts(r, node->id))
                leave_inputs(r, node);
        }
    }
}

static bool count_users(rewriter *r)
{
    const bl_graph *graph = r->graph;
    size_t bytes = (size_t)graph->node_count * sizeof(*r->users);
    if (r->users)
        return true;
    r->users = bl__arena_take(&r->graph->scratch, bytes);
    if (!r->users) {
        bl__fail(r->graph, BL_ERR_MEMORY, "rewrite", "no memory to count the users of nodes");
        return false;
    }
    memset(r->users, 0, bytes);
    for (int64_t id = 0; id < r->limit; id++) {
        const bl__node *node = graph->nodes[id];
        for (size_t i = 0; counts(r, id) && i < node->input_count; i++)
            r->users[node->inputs[i]->node->id]++;
    }
    for (size_t i = 0; i < r->wanted_count; i++) {
        for (size_t j = 0; j < r->wanted[i].count; j++)
            r->users[r->wanted[i].tensors[j]->node->id]++;
    }
    leave_dead(r);
    return true;
}

/* How many of a node's inputs are a given node's. */
static uint32_t count_uses(const bl__node *user, const bl__node *node)
{
    uint32_t uses = 0;
    for (size_t i = 0; i < user->input_count; i++)
        uses += user->inputs[i]->node->id == node->id;
    return uses;
}

/* Whether nothing but the spelling itself uses its inner nodes. */
static bool is_closed(const rewriter *r, const bl__node *last, const bl__match *match)
{
    for (size_t i = 0; i < match->inner_count; i++) {
        const bl__node *inner = match->inner[i];
        uint32_t uses = count_uses(last, inner);
        for (size_t j = 0; j < match->inner_count; j++)
            uses += count_uses(match->inner[j], inner);
        if (uses != r->users[inner->id])
            return false;
    }
    return true;
}

/* ---- taking a node's place ---- */

/* A node that took a place stays there: what it took is undone one record at a time. */
static bool took_place(const bl_graph *graph, const bl__node *node)
{
    for (const bl__rewritten *place = graph->rewritten; place; place = place->before) {
        if (place->is == node)
            return true;
    }
    return false;
}

/* Inner nodes from the last to the first, as leave_dead wants them. */
static void note_inner(bl__rewritten *place, const bl__match *match)
{
    for (size_t i = 0; i < match->inner_count; i++) {
        size_t at = place->inner_count++;
        for (; at > 0 && place->inner[at - 1] < match->inner[i]->id; at--)
            place->inner[at] = place->inner[at - 1];
        place->inner[at] = match->inner[i]->id;
    }
}

static bl__rewritten *new_place(bl_graph *graph, const bl__match *match)
{
    bl__rewritten *place =
        bl__arena_take(&graph->arena, sizeof(*place) + match->inner_count * sizeof(uint32_t));
    if (!place) {
        bl__fail(graph, BL_ERR_MEMORY, "rewrite", "no memory for a record");
        return NULL;
    }
    place->inner_count = 0;
    note_inner(place, match);
    return place;
}

/* Records the op and moves its node to where the last one of the spelling stands. */
static bool replace(rewriter *r, bl__node *last, const bl__match *match)
{
    bl_graph *graph = r->graph;
    bl__rewritten *place = new_place(graph, match);
    bl_tensor *output =
        place ? bl_apply(graph, match->op, match->inputs, match->input_count, match->attributes) : NULL;
    if (!bl_tensor_valid(output))
        return false;
    bl__node *node = output->node;
    graph->node_count--;
    node->id = last->id;
    node->origin = last->origin;
    graph->nodes[node->id] = node;
    last->outputs[0].node = node;
    place->was = last;
    place->is = node;
    place->before = graph->rewritten;
    graph->rewritten = place;

    leave_inputs(r, last);
    for (size_t i = 0; i < place->inner_count; i++)
        leave_inputs(r, graph->nodes[place->inner[i]]);
    for (size_t i = 0; i < node->input_count; i++)
        r->users[node->inputs[i]->node->id]++;
    return true;
}

int64_t bl__rewrite(bl_graph *graph, int64_t low, int64_t high, const uint32_t *needed,
                    const bl__wanted *wanted, size_t wanted_count)
{
    rewriter r = {.graph = graph,
                  .needed = needed,
                  .wanted = wanted,
                  .wanted_count = wanted_count,
                  .limit = needed ? high + 1 : graph->node_count};
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    int64_t places = 0;
    bl__match match;
    int64_t first = 0; /* before it there is nothing to be found */
    while (first <= high && !bl__is_more_than_elementwise(graph->nodes[first]->op))
        first++;
    for (int64_t id = low > first ? low : first; id <= high && places >= 0; id++) {
        bl__node *node = graph->nodes[id];
        if (!is_last(node->op->key) || (needed && !needed[id]) || !find_match(node, &match) ||
            took_place(graph, node))
            continue;
        if (!count_users(&r) || (is_closed(&r, node, &match) && !replace(&r, node, &match)))
            places = -1;
        else
            places += graph->nodes[id] != node;
    }
    bl__arena_rewind(&graph->scratch, before);
    return places;
}

/* ---- going back ---- */

void bl__rewrite_undo(bl_graph *graph, const bl__rewritten *until)
{
    for (; graph->rewritten != until; graph->rewritten = graph->rewritten->before) {
        bl__node *was = graph->rewritten->was;
        was->outputs[0].node = was;
        graph->nodes[was->id] = was;
    }
}

void bl__rewrite_redo(bl_graph *graph, bl__rewritten *newest)
{
    for (bl__rewritten *place = newest; place; place = place->before) {
        graph->nodes[place->is->id] = place->is;
        place->was->outputs[0].node = place->is;
    }
    graph->rewritten = newest;
}

static bool is_inner(const bl__rewritten *place, uint32_t id)
{
    for (size_t i = 0; i < place->inner_count; i++) {
        if (place->inner[i] == id)
            return true;
    }
    return false;
}

/* Whether a place is to be walked as it was recorded: one of the tensors, of which leaves never are inside,
 * or the node of one of the places found so far is an inner node of it. */
static bool is_between(const bl__rewritten *place, bl_tensor *const *tensors, size_t count,
                       const bl__rewritten *const *places, int64_t found)
{
    for (size_t i = 0; i < count; i++) {
        if (tensors[i]->node->input_count > 0 && is_inner(place, tensors[i]->node->id))
            return true;
    }
    for (int64_t i = 0; i < found; i++) {
        if (is_inner(place, places[i]->is->id))
            return true;
    }
    return false;
}

static bool is_among(const bl__rewritten *place, const bl__rewritten *const *places, int64_t found)
{
    for (int64_t i = 0; i < found; i++) {
        if (places[i] == place)
            return true;
    }
    return false;
}

int64_t bl__rewrite_between(bl_graph *graph, bl_tensor *const *tensors, size_t count,
                            const bl__rewritten ***places)
{
    int64_t found = 0, most = 0, before = -1;
    for (const bl__rewritten *place = graph->rewritten; place; place = place->before)
        most++;
    *places = bl__arena_take(&graph->scratch, (size_t)most * sizeof(**places));
    if (!*places) {
        bl__fail(graph, BL_ERR_MEMORY, "rewrite", "no memory for a list of places");
        return -1;
    }
    while (found != before) { /* an op that took a place may be inside one that took another */
        before = found;
        for (const bl__rewritten *place = graph->rewritten; place; place = place->before) {
            if (!is_among(place, *places, found) && is_between(place, tensors, count, *places, found))
                (*places)[found++] = place;
        }
    }
    return found;
}
