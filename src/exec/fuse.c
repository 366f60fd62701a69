/* Forms groups of element-wise nodes, in one walk in the order of the tape.
 *
 * A node joins the groups of its element-wise inputs, which become one, as long as they are open and of its
 * shape. A group runs where its last node stands, so it is closed by the first node outside that uses one of
 * its values: that node stands after all members, and what members use stands before it. Effects and outputs
 * are looked at after everything has run and close nothing; a view closes nothing either, but what uses the
 * view does. */
#include "exec/fuse.h"

#include <string.h>

void bl__fusion_free(bl__fusion *fusion)
{
    bl__release(fusion->allocator, fusion->nodes, fusion->node_count, sizeof(*fusion->nodes));
    bl__release(fusion->allocator, fusion->groups, fusion->group_capacity, sizeof(*fusion->groups));
}

static bl__fusion_group *group_at(const bl__fusion *fusion, int64_t id)
{
    uint32_t group = fusion->nodes[id].group;
    return group ? &fusion->groups[group - 1] : NULL;
}

bl__fusion_group *bl__fusion_group_of(const bl__fusion *fusion, const bl__node *node)
{
    bl__fusion_group *group = node->op->view ? NULL : group_at(fusion, node->id);
    return group && group->member_count > 1 ? group : NULL;
}

bl__fusion_group *bl__fusion_base_of(const bl__fusion *fusion, const bl__node *view)
{
    bl__fusion_group *group = group_at(fusion, view->id);
    return group && group->member_count > 1 ? group : NULL;
}

/* ---- joining ---- */

static bl_dtype dtype_of(const bl__fusion_source *source, const bl_tensor *tensor)
{
    return tensor->dtype == BL_F32 && source->widens ? BL_F64 : (bl_dtype)tensor->dtype;
}

static bool can_join(const bl__fusion_source *source, const bl__node *node)
{
    const bl_op *op = node->op;
    if (!(op->flags & BL_OP_ELEMENTWISE) || op->view || op->compute || op->output_count != 1 ||
        node->input_count == 0 || node->input_count > BL__TILE_INPUTS)
        return false;
    const bl__kernel *kernel = bl__cpu_kernel(op->key);
    if (!kernel || (kernel->flags & BL__CAN_FAIL)) /* it looks at its inputs before the tiles run */
        return false;
    const bl_tensor *last = node->inputs[node->input_count - 1];
    return bl__tile_find(op->key, dtype_of(source, last), dtype_of(source, &node->outputs[0])) != NULL;
}

static bool same_shape(const bl_tensor *a, const bl_tensor *b)
{
    return a->rank == b->rank &&
           (a->size == b->size || memcmp(a->size, b->size, a->rank * sizeof(*a->size)) == 0);
}

static bool has_member(const bl__fusion_group *group, uint32_t id)
{
    for (int i = 0; i < group->member_count; i++) {
        if (group->members[i] == id)
            return true;
    }
    return false;
}

/* Adds an input unless it is there or a member's; false when there is no room. */
static bool add_input(bl__fusion_group *group, const bl_tensor *tensor)
{
    if (!tensor->node->op->view && has_member(group, tensor->node->id))
        return true;
    for (int i = 0; i < group->input_count; i++) {
        if (group->inputs[i] == tensor)
            return true;
    }
    if (group->input_count == BL__GROUP_INPUTS)
        return false;
    group->inputs[group->input_count++] = tensor;
    return true;
}

/* Members of two groups in one, ascending. */
static void merge_members(bl__fusion_group *to, const bl__fusion_group *from)
{
    int a = to->member_count, b = from->member_count, at = a + b;
    to->member_count = (uint8_t)at;
    while (b > 0) {
        bool later = a > 0 && to->members[a - 1] > from->members[b - 1];
        to->members[--at] = later ? to->members[--a] : from->members[--b];
    }
}

/* The union of two groups in `to`; false, and nothing changed, when it is too large. */
static bool merge(bl__fusion_group *to, const bl__fusion_group *from)
{
    if (to->member_count + from->member_count > BL__GROUP_STEPS)
        return false;
    bl__fusion_group both = *to;
    merge_members(&both, from);
    both.input_count = 0;
    for (int i = 0; i < to->input_count; i++)
        add_input(&both, to->inputs[i]); /* there is room: they are the group's own */
    for (int i = 0; i < from->input_count; i++) {
        if (!add_input(&both, from->inputs[i]))
            return false;
    }
    *to = both;
    return true;
}

/* The group that a node makes alone. */
static bool start_group(bl__fusion *fusion, const bl__node *node)
{
    if (fusion->group_count == fusion->group_capacity &&
        !bl__grow(fusion->allocator, &fusion->groups, &fusion->group_capacity, sizeof(*fusion->groups)))
        return false;
    bl__fusion_group *group = &fusion->groups[fusion->group_count++];
    *group = (bl__fusion_group){.members = {node->id}, .member_count = 1, .open = true};
    for (size_t i = 0; i < node->input_count; i++)
        add_input(group, node->inputs[i]);
    fusion->nodes[node->id].group = (uint32_t)fusion->group_count;
    return true;
}

/* Takes the node's group, which is the newest, into that of an input. */
static void join(bl__fusion *fusion, const bl__node *node, uint32_t other)
{
    bl__fusion_node *own = &fusion->nodes[node->id];
    bl__fusion_group *from = &fusion->groups[own->group - 1], *to = &fusion->groups[other - 1];
    if (own->group == other || !to->open || !merge(to, from))
        return;
    for (int i = 0; i < from->member_count; i++)
        fusion->nodes[from->members[i]].group = other;
    from->member_count = 0;
    from->open = false;
}

/* ---- the walk ---- */

/* The node whose value a tensor shows, through views. */
static const bl__node *base_of(const bl_tensor *tensor)
{
    const bl__node *node = tensor->node;
    while (node->op->view && node->input_count > 0)
        node = node->inputs[0]->node;
    return node;
}

static void close(bl__fusion *fusion, const bl__node *node)
{
    uint32_t group = fusion->nodes[node->id].group;
    if (group)
        fusion->groups[group - 1].open = false;
}

/* A new group for the node, and those of its inputs where they can be joined. */
static bool take_in(bl__fusion *fusion, const bl__node *node)
{
    if (!start_group(fusion, node))
        return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const bl__node *input = node->inputs[i]->node;
        uint32_t group = fusion->nodes[input->id].group;
        if (group && !input->op->view && same_shape(node->inputs[i], &node->outputs[0]))
            join(fusion, node, group);
    }
    return true;
}

static bool visit(bl__fusion *fusion, const bl__fusion_source *source, const bl__node *node)
{
    if ((node->op->flags & (BL_OP_LEAF | BL_OP_EFFECT)) || node->input_count == 0 || node->op->view)
        return true;
    for (size_t i = 0; i < node->input_count; i++) { /* before the node could join what it sees a view of */
        if (node->inputs[i]->node->op->view)
            close(fusion, base_of(node->inputs[i]));
    }
    if (can_join(source, node) && !take_in(fusion, node))
        return false;
    uint32_t own = fusion->nodes[node->id].group;
    for (size_t i = 0; i < node->input_count; i++) {
        const bl__node *input = node->inputs[i]->node;
        if (!own || fusion->nodes[input->id].group != own)
            close(fusion, input);
    }
    return true;
}

/* A view waits for the group whose value it shows. */
static void settle_views(bl__fusion *fusion, const bl__fusion_source *source)
{
    for (size_t id = 0; id < source->node_count; id++) {
        const bl__node *node = source->graph->nodes[id];
        if (source->needed[id] && node->op->view && node->input_count > 0)
            fusion->nodes[id].group = fusion->nodes[node->inputs[0]->node->id].group;
    }
}

/* Marks the members whose values must be in memory. */
static void mark_used(bl__fusion *fusion, const bl__fusion_source *source)
{
    for (size_t id = 0; id < source->node_count; id++) {
        const bl__node *node = source->graph->nodes[id];
        for (size_t i = 0; source->needed[id] && i < node->input_count; i++) {
            bl__fusion_node *input = &fusion->nodes[node->inputs[i]->node->id];
            if (node->op->view || input->group != fusion->nodes[id].group)
                input->is_used = true;
        }
    }
    for (size_t i = 0; i < source->output_count; i++)
        fusion->nodes[source->outputs[i]->node->id].is_used = true;
}

bool bl__fuse(bl__fusion *fusion, const bl__fusion_source *source)
{
    fusion->nodes = bl__allocate(fusion->allocator, source->node_count, sizeof(*fusion->nodes));
    fusion->node_count = fusion->nodes ? source->node_count : 0;
    if (!fusion->nodes)
        return false;
    for (size_t id = 0; id < source->node_count && !source->alone; id++) {
        if (source->needed[id] && !visit(fusion, source, source->graph->nodes[id]))
            return false;
    }
    settle_views(fusion, source);
    mark_used(fusion, source);
    return true;
}
