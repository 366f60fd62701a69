/* Rows of edges.h: normalisation, attention, dropout, regions of the graph. */
#include "bowline/transform.h"
#include "edges.h"
#include "ops/rules.h"

static bl_tensor *standardize(const bl_op *op, bl_tensor *const *x, size_t count)
{
    bl__standardize_attributes attributes = {.axes = 1, .centered = 1, .eps = 1e-5};
    return bl__apply(op, x, count, &attributes);
}

static bl_tensor *attention(const bl_op *op, bl_tensor *const *x, size_t count)
{
    bl__attention_attributes attributes = {.scale = 0.5};
    return bl__apply(op, x, count, &attributes);
}

static bl_tensor *checkpoint(bl_tensor *const *x)
{
    return bl_checkpoint(bl_mul(bl_exp(x[0]), x[0]), x, 1);
}

static void vjp(bl_vjp_call *call, void *data)
{
    (void)data;
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul_scalar(call->inputs[0], 2));
}

static bl_tensor *custom_gradient(bl_tensor *const *x)
{
    return bl_custom_gradient(bl_square(x[0]), x, 1, vjp, NULL);
}

/* clang-format off */
#define SAME ("r:abc", "r:1a11b1c1", NULL, "+", NULL)

#define ROWS(X) \
    X(standardize, ("r:abc", "r:11111abc", NULL, "-", NULL), standardize(&bl__op_standardize, x, 1)) \
    X(standardize_backward, ("r:abc r:abc r:ab1 p:ab1", "r:11111abc r:11111abc r:11111ab1 p:11111ab1", NULL, "-----", NULL), standardize(&bl__op_standardize_backward, x, 4)) \
    X(layer_norm, ("r:abc r:c r:c", "r:11111abc r:c r:c", NULL, "----", NULL), bl_layer_norm(x[0], edge_shape("c"), x[1], x[2], 1e-5)) \
    X(rms_norm, ("r:abc r:c", "r:11111abc r:c", NULL, "---", NULL), bl_rms_norm(x[0], edge_shape("c"), x[1], 1e-5)) \
    X(group_norm, ("r:acd r:c r:c", "r:ac11111d r:c r:c", NULL, "----", NULL), bl_group_norm(x[0], 2, x[1], x[2], 1e-5)) \
    X(instance_norm, ("r:acb r:c r:c", "r:ac11111b r:c r:c", NULL, "----", NULL), bl_instance_norm(x[0], x[1], x[2], 1e-5)) \
    X(local_response_norm, ("r:acd", "r:ac11111d", NULL, "-", NULL), bl_local_response_norm(x[0], 3)) \
    X(batch_norm, ("r:acd r:c r:c", "r:ac11111d r:c r:c", NULL, "----", NULL), bl_batch_norm(x[0], NULL, NULL, x[1], x[2], true)) \
    X(scaled_dot_product_attention, ("r:hqd r:hkd r:hke", "r:11111hqd r:11111hkd r:11111hke", "k=0 d=z", "----", "qe"), bl_scaled_dot_product_attention(x[0], x[1], x[2])) \
    X(attention, ("r:hqd r:hkd r:hke", "r:11111hqd r:11111hkd r:11111hke", "k=0 d=z", "----", "qe"), attention(&bl__op_attention, x, 3)) \
    X(attention_backward, ("r:hqd r:hkd r:hke r:hq1 r:hqe r:hqe r:hq1", "r:11111hqd r:11111hkd r:11111hke r:11111hq1 r:11111hqe r:11111hqe r:11111hq1", "k=0 e=z", "--------", NULL), attention(&bl__op_attention_backward, x, 7)) \
    X(rotary_embedding, ("r:atc n:t", "r:11111atc n:t", NULL, "-+-", NULL), bl_rotary_embedding(x[0], x[1])) \
    X(dropout, SAME, bl_dropout(x[0], 0.5, true, edge_random())) \
    X(stop_gradient, SAME, bl_stop_gradient(x[0])) \
    X(checkpoint, SAME, checkpoint(x)) \
    X(custom_gradient, SAME, custom_gradient(x))
/* clang-format on */

ROWS(EDGE_BUILD)

const edge_row edge_rows_layers[] = {ROWS(EDGE_ROW){0}};
