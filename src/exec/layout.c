/* Where the results of an op stand whose kernel writes them in rows that may be apart (BL__ROWS_APART). If
 * something takes them in another order of axes, they stand in that order: heads of attention as parts of
 * the rows of a layer, say. Results that are all parts of one concat, and nothing else, stand there. */
#include "exec/fuse.h"
#include "ops/attributes.h"
#include "ops/keys.h"

/* Whether results of a node may stand apart; for now only ops of several results do. */
static bool is_apart(const bl__fusion *fusion, const bl__node *node)
{
    if (node->op->output_count == 1 || node->op->compute)
        return false;
    const bl__kernel *kernel = bl__cpu_kernel(fusion->kernels, node->op->key);
    return kernel && (kernel->flags & BL__ROWS_APART) && !(kernel->flags & BL__CAN_FAIL);
}

static bool has_rows(const bl_layout *layout)
{
    int last = layout->shape.rank - 1;
    return last >= 0 && (layout->stride[last] == 1 || layout->shape.size[last] == 1);
}

static bl_layout contiguous(bl_shape shape)
{
    bl_layout layout = {.shape = shape};
    int64_t stride = 1;
    for (int d = shape.rank - 1; d >= 0; d--) {
        layout.stride[d] = stride;
        stride *= shape.size[d];
    }
    return layout;
}

/* ---- views backwards ---- */

static bool is_rearranged(const bl__node *node)
{
    return node->op->key == BL__KEY_reshape || node->op->key == BL__KEY_permute;
}

/* The layout of what a view shows, from that of the view; false where strides cannot say it. */
static bool turn_back(const bl__node *view, const bl_layout *layout, bl_layout *shown)
{
    bl_shape shape = bl_tensor_shape(view->inputs[0]);
    if (view->op->key == BL__KEY_reshape)
        return view->op->view(layout, bl__attributes(view), shape, shown);
    const bl__permute_attributes *permutation = bl__attributes(view);
    *shown = (bl_layout){.shape = shape, .offset = layout->offset};
    for (int d = 0; d < shape.rank; d++)
        shown->stride[permutation->axis[d]] = layout->stride[d];
    return true;
}

bool bl__layout_of_result(const bl__fusion *fusion, const bl__node *node, int output, bl_layout *layout)
{
    uint32_t index = bl__fusion_at(fusion, node->id)->results;
    const bl__node *reader = index ? fusion->results[index - 1].reader[output] : NULL;
    if (!reader)
        return false;
    bl_layout read = contiguous(bl_tensor_shape(&reader->outputs[0]));
    return turn_back(reader, &read, layout) && has_rows(layout);
}

const bl_tensor *bl__layout_in_concat(const bl__node *concat, size_t input, bl_layout *layout)
{
    const bl__axis_attributes *attributes = bl__attributes(concat);
    const bl_tensor *tensor = concat->inputs[input];
    *layout = contiguous(bl_tensor_shape(&concat->outputs[0]));
    layout->shape = bl_tensor_shape(tensor);
    for (size_t i = 0; i < input; i++)
        layout->offset += concat->inputs[i]->size[attributes->axis] * layout->stride[attributes->axis];
    while (is_rearranged(tensor->node)) {
        bl_layout shown;
        if (!turn_back(tensor->node, layout, &shown))
            return NULL;
        *layout = shown;
        tensor = tensor->node->inputs[0];
    }
    return has_rows(layout) ? tensor : NULL;
}

/* ---- concats ---- */

/* Whether a tensor is used once, and what it shows too. */
static bool is_used_once(const uint32_t *uses, const bl_tensor *tensor)
{
    const bl__node *node = tensor->node;
    while (is_rearranged(node) && uses[node->id] == 1)
        node = node->inputs[0]->node;
    return !is_rearranged(node);
}

/* The node of which a concat has all results, each once; NULL where there is none. */
static const bl__node *maker_of(const bl__fusion *fusion, const uint32_t *uses, const bl__node *concat)
{
    const bl__node *maker = NULL;
    unsigned seen = 0;
    for (size_t i = 0; i < concat->input_count; i++) {
        bl_layout layout;
        const bl_tensor *part =
            is_used_once(uses, concat->inputs[i]) ? bl__layout_in_concat(concat, i, &layout) : NULL;
        if (!part || (maker && part->node != maker) || (seen >> part->output & 1) || part->count == 0)
            return NULL;
        maker = part->node;
        seen |= 1u << part->output;
    }
    bool all = maker && is_apart(fusion, maker) && concat->input_count == (size_t)maker->op->output_count &&
               uses[maker->id] == concat->input_count;
    return all ? maker : NULL;
}

static void join(bl__fusion *fusion, const bl__node *concat, const bl__node *maker)
{
    fusion->nodes[concat->id].parts_of = (uint32_t)maker->id + 1;
    fusion->nodes[maker->id].is_joined = true;
    for (size_t i = 0; i < concat->input_count; i++) {
        for (const bl__node *node = concat->inputs[i]->node; node != maker; node = node->inputs[0]->node)
            fusion->nodes[node->id].is_joined = true;
    }
}

/* ---- the walk ---- */

/* Notes a use of a result that may stand apart: it has to be by a node that takes strides. */
static void note_use(bl__fusion *fusion, const bl__node *user, const bl_tensor *result)
{
    uint32_t index = fusion->nodes[result->node->id].results;
    if (!index)
        return;
    bl__fusion_results *results = &fusion->results[index - 1];
    if (user->op->key == BL__KEY_permute) {
        if (!results->reader[result->output])
            results->reader[result->output] = user;
        results->strided_uses++;
    } else if (!user->op->view && !user->op->compute && !(user->op->flags & BL_OP_ELEMENTWISE)) {
        const bl__kernel *kernel = bl__cpu_kernel(fusion->kernels, user->op->key);
        results->strided_uses += kernel && (kernel->flags & BL__STRIDED);
    }
}

bool bl__lay_out_results(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses)
{
    for (size_t id = 0; id < source->node_count; id++) {
        const bl__node *node = source->graph->nodes[id];
        if (!source->needed[id])
            continue;
        for (size_t i = 0; i < node->input_count; i++) {
            if (!node->inputs[i]->node->op->view && node->inputs[i]->node->op->output_count > 1)
                note_use(fusion, node, node->inputs[i]);
        }
        if (node->op->key == BL__KEY_concat) {
            const bl__node *maker = maker_of(fusion, uses, node);
            if (maker)
                join(fusion, node, maker);
        } else if (is_apart(fusion, node)) {
            if (fusion->result_count == fusion->result_capacity &&
                !bl__grow(fusion->allocator, &fusion->results, &fusion->result_capacity,
                          sizeof(*fusion->results)))
                return false;
            fusion->results[fusion->result_count++] = (bl__fusion_results){.node = (uint32_t)id};
            fusion->nodes[id].results = (uint32_t)fusion->result_count;
        }
    }
    for (size_t i = 0; i < fusion->result_count; i++) {
        const bl__fusion_results *results = &fusion->results[i];
        if (results->strided_uses != uses[results->node])
            fusion->nodes[results->node].results = 0;
    }
    return true;
}
