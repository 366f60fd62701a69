/* Forms groups of element-wise nodes, in one walk in the order of the tape.
 *
 * A node joins the groups of its element-wise inputs, which become one, as long as they are open and of its
 * shape. A group runs where its last node stands, so it is closed by the first node outside that uses one of
 * its values: that node stands after all members, and what members use stands before it. Effects and outputs
 * are looked at after everything has run and close nothing; a view closes nothing either, but what uses the
 * view does. */
#include "exec/fuse.h"
#include "ops/keys.h"

#include <string.h>

void bl__fusion_free(bl__fusion *fusion)
{
    bl__release(fusion->allocator, fusion->nodes, fusion->node_count, sizeof(*fusion->nodes));
    bl__release(fusion->allocator, fusion->groups, fusion->group_capacity, sizeof(*fusion->groups));
    bl__release(fusion->allocator, fusion->results, fusion->result_capacity, sizeof(*fusion->results));
}

static bl__fusion_group *group_at(const bl__fusion *fusion, int64_t id)
{
    uint32_t group = fusion->nodes[id].group;
    return group ? &fusion->groups[group - 1] : NULL;
}

/* Whether the op is one of the user's that has no other kernel than that of a group. */
static bool has_tiles(const bl_op *op)
{
    return op->tile_f32 != NULL;
}

/* A group of one member runs as a single op, where the op can. */
static bl__fusion_group *if_together(const bl__fusion *fusion, int64_t id, const bl_op *op)
{
    bl__fusion_group *group = group_at(fusion, id);
    bool together = group && (group->member_count > 1 || group->reduction || group->product);
    return together || (group && has_tiles(op)) ? group : NULL;
}

bl__fusion_group *bl__fusion_base_of(const bl__fusion *fusion, const bl__node *view)
{
    const bl__node *node = view;
    while (node->op->view && node->input_count > 0)
        node = node->inputs[0]->node;
    return if_together(fusion, view->id, node->op);
}

/* ---- joining ---- */

static bl_dtype dtype_of(const bl__fusion_source *source, const bl_tensor *tensor)
{
    return tensor->dtype == BL_F32 && source->widens ? BL_F64 : (bl_dtype)tensor->dtype;
}

static bl__tile find_tile(const bl__kernel_set *kernels, const bl_op *op, bl_dtype last_input,
                          bl_dtype output)
{
    if (has_tiles(op))
        return output == BL_F32 ? op->tile_f32 : op->tile_f64;
    const bl__kernel *kernel = bl__cpu_kernel(kernels, op->key);
    if (!kernel || (kernel->flags & BL__CAN_FAIL)) /* it looks at its inputs before the tiles run */
        return NULL;
    return bl__tile_find(kernels, op->key, last_input, output);
}

const bl__known_tile *bl__find_tile(bl__fusion *fusion, bl__known_tile *place, const bl_op *op,
                                    bl_dtype last_input, bl_dtype output)
{
    *place = (bl__known_tile){op, find_tile(fusion->kernels, op, last_input, output), (uint8_t)last_input,
                              (uint8_t)output};
    return place;
}

static bool can_join(bl__fusion *fusion, const bl__fusion_source *source, const bl__node *node)
{
    const bl_op *op = node->op;
    if (!(op->flags & BL_OP_ELEMENTWISE) || op->view || op->compute || op->output_count != 1 ||
        node->input_count == 0 || node->input_count > BL__TILE_INPUTS)
        return false;
    const bl_tensor *last = node->inputs[node->input_count - 1];
    return bl__tile_of(fusion, op, dtype_of(source, last), dtype_of(source, &node->outputs[0])) != NULL;
}

static bool same_shape(const bl_tensor *a, const bl_tensor *b)
{
    return a->rank == b->rank &&
           (a->size == b->size || memcmp(a->size, b->size, a->rank * sizeof(*a->size)) == 0);
}

/* Whether a tensor is computed by a group. */
static bool is_member(const bl__fusion *fusion, uint32_t group, const bl_tensor *tensor)
{
    return fusion->nodes[tensor->node->id].group == group && !tensor->node->op->view;
}

/* Whether a tensor is one element, or contiguous in the group's shape: what a reduction goes through without
 * rows. */
static bool is_plain(const bl__fusion_source *source, const bl__fusion_group *group, const bl_tensor *tensor)
{
    const bl_tensor *first = &source->graph->nodes[group->members[0]]->outputs[0];
    const bl__node *node = tensor->node;
    bool expanded = node->op->key == BL__KEY_expand && node->inputs[0]->count == 1;
    return tensor->count == 1 || expanded || node->op->key == BL__KEY_full ||
           (!node->op->view && same_shape(tensor, first));
}

static bool all_plain(const bl__fusion_source *source, const bl__fusion_group *group)
{
    for (int i = 0; i < group->input_count; i++) {
        if (!is_plain(source, group, group->inputs[i]))
            return false;
    }
    return true;
}

/* Adds an input unless it is there; false when there is no room. */
static bool add_input(bl__fusion_group *group, const bl_tensor *tensor)
{
    for (int i = 0; i < group->input_count; i++) {
        if (group->inputs[i] == tensor)
            return true;
    }
    if (group->input_count == BL__GROUP_INPUTS)
        return false;
    group->inputs[group->input_count++] = tensor;
    return true;
}

/* Takes a node, which stands after all members, into a group; false, and nothing changed, when there is no
 * room. */
static bool take_node(bl__fusion *fusion, const bl__fusion_source *source, uint32_t index,
                      const bl__node *node)
{
    bl__fusion_group *group = &fusion->groups[index - 1];
    uint8_t inputs = group->input_count;
    bool fits = group->member_count < BL__GROUP_STEPS;
    for (size_t i = 0; i < node->input_count && fits; i++)
        fits = is_member(fusion, index, node->inputs[i]) ||
               ((!group->reduction || is_plain(source, group, node->inputs[i])) &&
                add_input(group, node->inputs[i]));
    if (!fits) {
        group->input_count = inputs;
        return false;
    }
    group->members[group->member_count++] = node->id;
    fusion->nodes[node->id].group = index;
    return true;
}

/* The group that a node makes alone. */
static bool start_group(bl__fusion *fusion, const bl__fusion_source *source, const bl__node *node)
{
    if (fusion->group_count == fusion->group_capacity &&
        !bl__grow(fusion->allocator, &fusion->groups, &fusion->group_capacity, sizeof(*fusion->groups)))
        return false;
    bl__fusion_group *group = &fusion->groups[fusion->group_count++];
    group->first_view = group->reduction = group->product = 0;
    group->member_count = group->input_count = 0;
    group->has_states = false;
    group->open = true;
    return take_node(fusion, source, (uint32_t)fusion->group_count, node); /* into a new one it fits */
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

/* The inputs of both, without those that the other computes; false when there is no room. */
static bool merge_inputs(const bl__fusion *fusion, uint32_t own, uint32_t other, bl__fusion_group *both)
{
    const uint32_t sides[] = {own, other};
    both->input_count = 0;
    for (int s = 0; s < 2; s++) {
        const bl__fusion_group *group = &fusion->groups[sides[s] - 1];
        for (int i = 0; i < group->input_count; i++) {
            if (!is_member(fusion, sides[1 - s], group->inputs[i]) && !add_input(both, group->inputs[i]))
                return false;
        }
    }
    return true;
}

/* Takes an open group into another, as far as they fit into one. */
static void merge(bl__fusion *fusion, const bl__fusion_source *source, uint32_t own, uint32_t other)
{
    bl__fusion_group *to = &fusion->groups[own - 1], *from = &fusion->groups[other - 1], both = *to;
    if (!from->open || to->member_count + from->member_count > BL__GROUP_STEPS ||
        !merge_inputs(fusion, own, other, &both) || (to->reduction && from->reduction))
        return;
    both.reduction = to->reduction ? to->reduction : from->reduction;
    if (both.reduction && !all_plain(source, &both))
        return;
    if (from->reduction)
        fusion->nodes[from->reduction - 1].group = own;
    from->reduction = 0;
    merge_members(&both, from);
    for (int i = 0; i < from->member_count; i++)
        fusion->nodes[from->members[i]].group = own;
    *to = both;
    from->member_count = 0;
    from->open = false;
}

/* ---- the walk ---- */

const bl__node *bl__fusion_shown(const bl_tensor *tensor)
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

/* Whether a group can take in a node that uses a value of its: it is open, and the value, which is no view of
 * it, of the node's shape. */
static bool can_take_in(const bl__fusion *fusion, uint32_t group, const bl__node *node,
                        const bl_tensor *input)
{
    return fusion->groups[group - 1].open && !input->node->op->view && same_shape(input, &node->outputs[0]);
}

/* Puts the node into the groups of its inputs, which become one, or into a new one. */
static bool take_in(bl__fusion *fusion, const bl__fusion_source *source, const bl__node *node)
{
    uint32_t own = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        uint32_t group = fusion->nodes[node->inputs[i]->node->id].group;
        if (group == 0 || group == own || !can_take_in(fusion, group, node, node->inputs[i]))
            continue;
        if (own)
            merge(fusion, source, own, group);
        else if (take_node(fusion, source, group, node))
            own = group;
    }
    return own || start_group(fusion, source, node);
}

/* A sum of all elements of a value that an open group computes belongs to the group, which stays open: the
 * sum needs no more than the members do. Not where a member wants the sum, of course; see visit. */
static bool take_sum(bl__fusion *fusion, const bl__fusion_source *source, const bl__node *node)
{
    const bl_tensor *x = node->inputs[0];
    if (node->op->key != BL__KEY_sum || node->outputs[0].count != 1 || x->count < 2 || x->node->op->view ||
        (x->dtype != BL_F32 && x->dtype != BL_F64))
        return false;
    bl__fusion_group *group = group_at(fusion, x->node->id);
    if (!group || !group->open || group->reduction || !all_plain(source, group))
        return false;
    group->reduction = (uint32_t)node->id + 1;
    fusion->has_reductions = true;
    fusion->nodes[node->id].group = fusion->nodes[x->node->id].group;
    return true;
}

/* Whether a tensor is the sum that ends a group. */
static bool is_reduction(const bl__fusion *fusion, const bl_tensor *tensor)
{
    const bl__fusion_group *group = group_at(fusion, tensor->node->id);
    return group && group->reduction == tensor->node->id + 1;
}

static bool visit(bl__fusion *fusion, const bl__fusion_source *source, const bl__node *node)
{
    if ((node->op->flags & (BL_OP_LEAF | BL_OP_EFFECT)) || node->input_count == 0 || node->op->view)
        return true;
    bool sums_product = fusion->nodes[node->id].product != 0;
    bool ends_groups = source->has_views || fusion->has_reductions;
    /* before the node could join what it sees a view of */
    for (size_t i = 0; i < node->input_count && ends_groups; i++) {
        if (node->inputs[i]->node->op->view || is_reduction(fusion, node->inputs[i]))
            close(fusion, bl__fusion_shown(node->inputs[i]));
    }
    if (take_sum(fusion, source, node))
        return true;
    if (!sums_product && can_join(fusion, source, node) && !take_in(fusion, source, node))
        return false;
    uint32_t own = fusion->nodes[node->id].group;
    for (size_t i = 0; i < node->input_count; i++) {
        const bl__node *input = node->inputs[i]->node;
        if (!own || fusion->nodes[input->id].group != own)
            close(fusion, input);
    }
    return true;
}

/* Marks the members of groups that run as such. */
static void settle_groups(bl__fusion *fusion, const bl__fusion_source *source)
{
    for (size_t i = 0; i < fusion->group_count; i++) {
        const bl__fusion_group *group = &fusion->groups[i];
        uint32_t last = group->member_count > 0 ? group->members[group->member_count - 1] : 0;
        if (group->member_count == 0 || !if_together(fusion, last, source->graph->nodes[last]->op))
            continue;
        for (int m = 0; m < group->member_count; m++)
            fusion->nodes[group->members[m]].is_grouped = true;
        if (group->reduction)
            fusion->nodes[group->reduction - 1].is_grouped = true;
        if (group->product)
            fusion->nodes[group->product - 1].is_grouped = true;
        fusion->nodes[last].is_last = true;
    }
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
static void mark_used_in(bl__fusion *fusion, const bl__fusion_source *source, int64_t first, int64_t end)
{
    for (int64_t id = first; id < end; id++) {
        const bl__node *node = source->graph->nodes[id];
        for (size_t i = 0; source->needed[id] && i < node->input_count; i++) {
            bl__fusion_node *input = &fusion->nodes[node->inputs[i]->node->id];
            if (node->op->view && fusion->nodes[id].is_joined)
                continue;
            if (node->op->view || input->group != fusion->nodes[id].group)
                input->is_used = true;
        }
    }
}

static void mark_used(bl__fusion *fusion, const bl__fusion_source *source)
{
    const bl__scripts *scripts = source->scripts;
    int64_t done = 0;
    for (size_t i = 0; i < scripts->count; i++) {
        mark_used_in(fusion, source, done, scripts->script[i].first);
        done = scripts->script[i].last + 1;
    }
    mark_used_in(fusion, source, done, (int64_t)source->node_count);
    for (size_t i = 0; i < scripts->inputs.count; i++)
        fusion->nodes[scripts->inputs.value[i].tensor->node->id].is_used = true;
    for (size_t i = 0; i < source->output_count; i++)
        fusion->nodes[source->outputs[i]->node->id].is_used = true;
}

/* How often each node is used, by needed nodes and by the caller; NULL without memory. */
static uint32_t *count_uses(const bl__fusion *fusion, const bl__fusion_source *source)
{
    uint32_t *uses = bl__allocate(fusion->allocator, source->node_count, sizeof(*uses));
    for (size_t id = 0; uses && id < source->node_count; id++) {
        const bl__node *node = source->graph->nodes[id];
        for (size_t i = 0; source->needed[id] && i < node->input_count; i++)
            uses[node->inputs[i]->node->id]++;
    }
    for (size_t i = 0; uses && i < source->output_count; i++)
        uses[source->outputs[i]->node->id]++;
    return uses;
}

/* Puts nodes first .. end-1 into groups. */
static bool form_range(bl__fusion *fusion, const bl__fusion_source *source, int64_t first, int64_t end)
{
    for (int64_t id = first; id < end; id++) {
        const bl__node *node = source->graph->nodes[id];
        bool skipped = !source->needed[id] || (source->alone && !has_tiles(node->op));
        if (!skipped && !(source->alone ? start_group(fusion, source, node) : visit(fusion, source, node)))
            return false;
    }
    return true;
}

/* Forms the groups, and finds the products that do not run alone; `uses` is NULL where there are none. */
static bool form(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses)
{
    const bl__scripts *scripts = source->scripts;
    int64_t done = 0;
    if (uses)
        bl__join_products(fusion, source, uses);
    for (size_t i = 0; i < scripts->count; i++) {
        const bl__scripted *scripted = &scripts->script[i];
        if (!form_range(fusion, source, done, scripted->first))
            return false;
        for (size_t k = 0; k < scripted->input_count; k++) /* the script uses them */
            close(fusion, bl__fusion_shown(scripts->inputs.value[scripted->input_begin + k].tensor));
        done = scripted->last + 1;
    }
    if (!form_range(fusion, source, done, (int64_t)source->node_count))
        return false;
    if (!source->alone && uses && !bl__join_epilogues(fusion, source, uses))
        return false;
    if (!source->alone && uses && source->has_several && !bl__lay_out_results(fusion, source, uses))
        return false;
    settle_groups(fusion, source);
    return true;
}

/* Whether scripts have all nodes that are neither leaves nor unneeded. */
static bool are_all_scripted(const bl__fusion_source *source)
{
    size_t done = 0;
    for (size_t i = 0; i <= source->scripts->count && source->scripts->count > 0; i++) {
        const bl__scripted *next = i < source->scripts->count ? &source->scripts->script[i] : NULL;
        size_t end = next ? (size_t)next->first : source->node_count;
        for (size_t id = done; id < end; id++) {
            if (source->needed[id] && !(source->graph->nodes[id]->op->flags & BL_OP_LEAF))
                return false;
        }
        done = next ? (size_t)next->last + 1 : end;
    }
    return done > 0;
}

bool bl__fuse(bl__fusion *fusion, const bl__fusion_source *source)
{
    bool has_uses = source->joins && (source->has_products || source->has_several);
    if (are_all_scripted(source))
        return true;
    fusion->nodes = bl__allocate(fusion->allocator, source->node_count, sizeof(*fusion->nodes));
    fusion->node_count = fusion->nodes ? source->node_count : 0;
    if (!fusion->nodes ||
        !bl__reserve(fusion->allocator, &fusion->groups, &fusion->group_capacity,
                     source->node_count / (BL__GROUP_STEPS / 2) + 4, sizeof(*fusion->groups)))
        return false;
    uint32_t *uses = has_uses ? count_uses(fusion, source) : NULL;
    bool formed = (uses || !has_uses) && form(fusion, source, uses);
    bl__release(fusion->allocator, uses, source->node_count, sizeof(*uses));
    if (!formed)
        return false;
    if (source->has_views)
        settle_views(fusion, source);
    mark_used(fusion, source);
    return true;
}
