/* cross_entropy of a linear layer's outputs, x w^T or x w^T + b, reshaped or not. Small ones are left alone,
 * whose logits are in the cache anyway: for them, cutting into blocks and chunks costs more than it saves. */
#include "ops/attributes.h"
#include "ops/registry.h"
#include "ops/spellings.h"

/* Multiplications of the linear layer. */
#define SMALL 262144.0

enum {
    LOGITS,
    TARGETS
};

static int64_t last_size(const bl_tensor *tensor)
{
    return tensor->rank > 0 ? tensor->size[tensor->rank - 1] : 0;
}

/* The tensor before reshapes that keep the rows. */
static const bl_tensor *before_reshapes(bl__match *match, const bl_tensor *tensor)
{
    while (tensor->node->op == &bl__op_reshape) {
        const bl_tensor *from = tensor->node->inputs[0];
        if (last_size(from) != last_size(tensor) || !bl__match_inner(match, tensor, &bl__op_reshape))
            break;
        tensor = from;
    }
    return tensor;
}

/* The w of w^T. */
static bl_tensor *turned(bl__match *match, const bl_tensor *tensor)
{
    const bl__node *node = tensor->rank == 2 ? bl__match_inner(match, tensor, &bl__op_permute) : NULL;
    return node && ((const bl__permute_attributes *)bl__attributes(node))->axis[0] == 1 ? node->inputs[0]
                                                                                        : NULL;
}

bool bl__spelling_linear_cross_entropy(const bl__node *loss, bl__match *match)
{
    const bl__loss_attributes *given = bl__attributes(loss);
    const bl_tensor *y = before_reshapes(match, loss->inputs[LOGITS]);
    bl_tensor *bias = NULL;
    if (bl__match_inner(match, y, &bl__op_add)) {
        bias = y->node->inputs[1];
        y = before_reshapes(match, y->node->inputs[0]);
    }
    const bl__node *product = bl__match_inner(match, y, &bl__op_matmul);
    bl_tensor *weight = product ? turned(match, product->inputs[1]) : NULL;
    if (!weight || y->rank != 2 || (bias && (bias->rank != 1 || bias->size[0] != weight->size[0])))
        return false;
    if ((double)y->count * (double)weight->size[1] < SMALL || y->size[0] != loss->inputs[TARGETS]->count)
        return false;
    const bl__linear_cross_entropy_attributes attributes = {
        .reduction = given->reduction, .ignore_index = given->ignore_index, .biased = bias != NULL};
    bl__match_op(match, &bl__op_linear_cross_entropy, &attributes);
    match->inputs[match->input_count++] = product->inputs[0];
    match->inputs[match->input_count++] = weight;
    match->inputs[match->input_count++] = loss->inputs[TARGETS];
    if (bias)
        match->inputs[match->input_count++] = bias;
    return true;
}
