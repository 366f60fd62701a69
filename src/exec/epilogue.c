/* Which matrix products make one instruction with the element-wise group that goes on with them: bias,
 * activation, residual. Such a product is computed where its group runs, so everything else that uses it must
 * come later. Not the updates of parameters: the product would be computed in the memory of a new value,
 * which then could not be written where the old one is, and updates run together (batch.h). */
#include "exec/fuse.h"
#include "ops/keys.h"

/* Where a product is used first, ... */
struct first_use {
    uint32_t place;        /* the id of the last node that runs with the one that uses it, + 1; 0 for none */
    uint32_t group;        /* ... an index + 1; 0 where it is no group's */
    const bl_tensor *seen; /* the one tensor as which the group uses it; NULL where there are several */
};

/* Whether a node is a product that runs alone, or the sum that a product is added into. */
static bool is_product(const bl__fusion *fusion, const bl__node *node)
{
    const bl__fusion_node *known = &fusion->nodes[node->id];
    return known->product || (node->op->key == BL__KEY_matmul && !known->is_joined);
}

/* ---- uses ---- */

static void note_use(struct first_use *use, uint32_t place, uint32_t group, const bl_tensor *tensor)
{
    if (use->place && use->place < place)
        return;
    if (use->place == place && use->seen != tensor)
        use->seen = NULL;
    else
        *use = (struct first_use){place, group, tensor};
}

static void note_states(bl__fusion *fusion, const bl__node *effect)
{
    for (size_t i = 0; i < effect->input_count; i++) {
        uint32_t group = fusion->nodes[bl__fusion_shown(effect->inputs[i])->id].group;
        if (group)
            fusion->groups[group - 1].has_states = true;
    }
}

/* A node that does not run in a group may yet run later than where it stands, but not earlier. */
static void note_uses(const bl__fusion *fusion, const bl__node *node, struct first_use *uses)
{
    uint32_t group = fusion->nodes[node->id].group, place = (uint32_t)node->id + 1;
    if (group) {
        const bl__fusion_group *own = &fusion->groups[group - 1];
        place = own->members[own->member_count - 1] + 1;
    }
    for (size_t i = 0; i < node->input_count; i++) {
        const bl__node *shown = bl__fusion_shown(node->inputs[i]);
        if (is_product(fusion, shown))
            note_use(&uses[shown->id], place, group, node->inputs[i]);
    }
}

/* ---- joining ---- */

/* Whether a tensor is all of a product in its order: as it stands, or through reshapes. */
static bool is_all_of(const bl_tensor *tensor, const bl__node *product)
{
    const bl__node *node = tensor->node;
    while (node != product && node->op->key == BL__KEY_reshape)
        node = node->inputs[0]->node;
    return node == product;
}

static int input_of(const bl__fusion_group *group, const bl_tensor *tensor)
{
    for (int i = 0; i < group->input_count; i++) {
        if (group->inputs[i] == tensor)
            return i;
    }
    return -1;
}

/* Views that only the group looks through. */
static void join_views(bl__fusion *fusion, const uint32_t *uses, const bl_tensor *seen,
                       const bl__node *product, int64_t members)
{
    const bl__node *node = seen->node;
    if (node == product || uses[node->id] != members)
        return;
    for (; node != product && (node == seen->node || uses[node->id] == 1); node = node->inputs[0]->node)
        fusion->nodes[node->id].is_joined = true;
}

/* How often members use an input. */
static int64_t uses_in(const bl__fusion_source *source, const bl__fusion_group *group,
                       const bl_tensor *tensor)
{
    int64_t count = 0;
    for (int m = 0; m < group->member_count; m++) {
        const bl__node *node = source->graph->nodes[group->members[m]];
        for (size_t i = 0; i < node->input_count; i++)
            count += node->inputs[i] == tensor;
    }
    return count;
}

static void look_at(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses,
                    const bl__node *product, const struct first_use *first)
{
    const bl_tensor *seen = first->seen;
    if (!first->group || !seen || !is_all_of(seen, product))
        return;
    bl__fusion_group *group = &fusion->groups[first->group - 1];
    const bl_tensor *member = &source->graph->nodes[group->members[0]]->outputs[0];
    int input = input_of(group, seen);
    if (group->product || group->has_states || input < 0 ||
        !bl_shape_equal(bl_tensor_shape(seen), bl_tensor_shape(member)))
        return;
    group->product = (uint32_t)product->id + 1;
    group->product_input = (uint8_t)input;
    fusion->nodes[product->id].group = first->group;
    join_views(fusion, uses, seen, product, uses_in(source, group, seen));
}

bool bl__join_epilogues(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses)
{
    size_t count = source->node_count;
    bool any = false;
    for (size_t id = 0; id < count && !any; id++)
        any = source->needed[id] && is_product(fusion, source->graph->nodes[id]);
    if (!any)
        return true;
    struct first_use *first = bl__allocate(fusion->allocator, count, sizeof(*first));
    if (!first)
        return false;
    for (size_t id = 0; id < count; id++) {
        const bl__node *node = source->graph->nodes[id];
        if (source->needed[id] && (node->op->flags & BL_OP_EFFECT))
            note_states(fusion, node);
        else if (source->needed[id] && !node->op->view)
            note_uses(fusion, node, first);
    }
    for (size_t id = count;
         id-- > 0;) { /* of two products the later one: what it needs lives on until then */
        if (source->needed[id] && is_product(fusion, source->graph->nodes[id]))
            look_at(fusion, source, uses, source->graph->nodes[id], &first[id]);
    }
    bl__release(fusion->allocator, first, count, sizeof(*first));
    return true;
}
