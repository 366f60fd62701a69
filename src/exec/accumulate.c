/* A matrix product that is added to a value which nobody else needs is computed right into it: sums of
 * gradients need no second array and no pass of their own. The product then runs where the sum stands on the
 * tape. */
#include "exec/fuse.h"
#include "ops/keys.h"

/* The product that a term is, as it stands or in another shape, if only this sum uses it; NULL for none. */
static const bl__node *product_of(const uint32_t *uses, const bl_tensor *term)
{
    const bl__node *node = term->node;
    while (node->op->key == BL__KEY_reshape && uses[node->id] == 1)
        node = node->inputs[0]->node;
    return node->op->key == BL__KEY_matmul && uses[node->id] == 1 ? node : NULL;
}

/* Whether a term's memory may become the sum's. */
static bool may_be_added_to(const uint32_t *uses, const bl_tensor *term)
{
    const bl_op *op = term->node->op;
    return !op->view && !(op->flags & (BL_OP_LEAF | BL_OP_EFFECT)) && op->output_count == 1 &&
           uses[term->node->id] == 1;
}

static void join(bl__fusion *fusion, const bl__node *sum, const bl_tensor *term, const bl__node *product)
{
    fusion->nodes[sum->id].product = (uint32_t)product->id + 1;
    for (const bl__node *node = term->node; node != product; node = node->inputs[0]->node)
        fusion->nodes[node->id].is_joined = true;
    fusion->nodes[product->id].is_joined = true;
}

/* Of two terms that are products, the later one is added to the earlier. */
static void look_at(bl__fusion *fusion, const uint32_t *uses, const bl__node *sum)
{
    const bl_tensor *a = sum->inputs[0], *b = sum->inputs[1];
    bl_shape shape = bl_tensor_shape(&sum->outputs[0]);
    if (!bl_shape_equal(bl_tensor_shape(a), shape) || !bl_shape_equal(bl_tensor_shape(b), shape))
        return;
    const bl__node *left = may_be_added_to(uses, b) ? product_of(uses, a) : NULL;
    const bl__node *right = may_be_added_to(uses, a) ? product_of(uses, b) : NULL;
    if (left && right && left->id > right->id)
        right = NULL;
    if (right)
        join(fusion, sum, b, right);
    else if (left)
        join(fusion, sum, a, left);
}

void bl__join_products(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses)
{
    for (size_t id = 0; id < source->node_count; id++) {
        const bl__node *node = source->graph->nodes[id];
        if (source->needed[id] && node->op->key == BL__KEY_add)
            look_at(fusion, uses, node);
    }
}
