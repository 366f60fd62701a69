/* Applying an op: the checks that all ops share, the shape rule, and the node. */
#include "graph/graph.h"
#include "graph/repeat.h"
#include "graph/shape.h"
#include "graph/text.h"

#include <string.h>

static bool check_op(bl_graph *graph, const bl_op *op)
{
    if (!op) {
        bl__fail(graph, BL_ERR_ARGUMENT, "apply", "the op is NULL");
        return false;
    }
    const char *name = op->size == sizeof(bl_op) && op->name ? op->name : "apply";
    if (op->size != sizeof(bl_op))
        bl__fail(graph, BL_ERR_ARGUMENT, name, "the op's size is %zu, not sizeof(bl_op)", op->size);
    else if (!op->name || !op->infer)
        bl__fail(graph, BL_ERR_ARGUMENT, name, "the op has no name or no shape rule");
    else if (op->output_count < 1 || op->output_count > BL_MAX_OUTPUTS)
        bl__fail(graph, BL_ERR_ARGUMENT, name, "%d outputs are not in 1..%d", op->output_count,
                 BL_MAX_OUTPUTS);
    else
        return true;
    return false;
}

static bool check_inputs(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t count)
{
    if (count < (size_t)op->min_inputs || count > (size_t)op->max_inputs || (count > 0 && !inputs)) {
        bl__fail(graph, BL_ERR_ARGUMENT, op->name, "%zu inputs are not in %d..%d", count, op->min_inputs,
                 op->max_inputs);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(graph, op->name, inputs[i]))
            return false;
        if ((inputs[i]->node->op->flags & BL_OP_EFFECT) && !(op->flags & BL_OP_EFFECT)) {
            bl__fail(graph, BL_ERR_ARGUMENT, op->name, "input %zu is an effect, which has no value", i);
            return false;
        }
    }
    return true;
}

static bool check_outputs(bl_graph *graph, const bl_op *op, const bl_infer_call *call)
{
    for (int i = 0; i < op->output_count; i++) {
        bl_status status = bl__shape_status(call->shape[i]);
        if (bl_dtype_size(call->dtype[i]) == 0)
            bl__fail(graph, BL_ERR_DTYPE, op->name, "output %d has no dtype", i);
        else if (status != BL_OK)
            bl__fail(graph, status, op->name,
                     status == BL_ERR_SHAPE ? "no tensor has the shape %s"
                                            : "the elements of %s cannot be counted",
                     BL__SHAPE_TEXT(call->shape[i]));
        else
            continue;
        return false;
    }
    return true;
}

/* What a tile function relies on: it is given neither shapes nor dtypes. */
static bool check_tiles(bl_graph *graph, const bl_op *op, const bl_infer_call *call)
{
    if (!op->tile_f32 && !op->tile_f64)
        return true;
    bl_shape shape = BL_SCALAR;
    bool fits = op->tile_f32 && op->tile_f64 && (op->flags & BL_OP_ELEMENTWISE) && op->output_count == 1 &&
                call->input_count >= 1 && call->input_count <= BL_MAX_TILE_INPUTS &&
                (call->dtype[0] == BL_F32 || call->dtype[0] == BL_F64);
    for (size_t i = 0; i < call->input_count && fits; i++)
        fits = bl_tensor_dtype(call->inputs[i]) == call->dtype[0] &&
               bl_shape_broadcast(shape, bl_tensor_shape(call->inputs[i]), &shape);
    if (!fits || !bl_shape_equal(shape, call->shape[0]))
        bl__fail(
            graph, BL_ERR_ARGUMENT, op->name,
            "tiles take one to %d inputs of one float dtype that broadcast to the output, and are for both",
            BL_MAX_TILE_INPUTS);
    return fits && bl_shape_equal(shape, call->shape[0]);
}

/* Records what a composite is made of in the place of a node of its own. */
static bl_tensor *apply_composite(bl_graph *graph, const bl_op *op, const bl_infer_call *call)
{
    bl_tensor *outputs[BL_MAX_OUTPUTS] = {NULL};
    op->decompose(graph, call->inputs, call->input_count, call->attributes, outputs);
    if (!bl_tensor_valid(outputs[0]))
        return graph->error.code != BL_OK
                   ? &graph->invalid
                   : bl__fail(graph, BL_ERR_ARGUMENT, op->name, "the decomposition gave no output");
    return outputs[0];
}

bool bl__is_composite(const bl_op *op)
{
    bool of_the_user =
        op->key == 0 && !op->compute && !op->tile_f32 && !op->view && !(op->flags & BL_OP_LEAF);
    return op->decompose && op->output_count == 1 && ((op->flags & BL__OP_COMPOSITE) || of_the_user);
}

bl_tensor *bl_apply(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                    const void *attributes)
{
    if (!graph)
        return NULL;
    bl__node *again = bl__repeat(graph, op, inputs, input_count, attributes);
    if (again)
        return &again->outputs[0];
    if (!check_op(graph, op) || !check_inputs(graph, op, inputs, input_count))
        return &graph->invalid;
    if (op->attributes_size > 0 && !attributes)
        return bl__fail(graph, BL_ERR_ARGUMENT, op->name, "the attributes are NULL");

    bl_infer_call call; /* large: what no rule looks at is not set */
    call.op = op;
    call.graph = graph;
    call.attributes = attributes;
    call.inputs = inputs;
    call.input_count = input_count;
    for (int i = 0; i < op->output_count; i++) {
        call.dtype[i] = BL_DTYPE_COUNT;
        call.shape[i].rank = 0;
    }
    bl_status status = op->infer(&call);
    if (status != BL_OK) {
        if (graph->error.code == BL_OK)
            bl__fail(graph, status, op->name, "the shape rule refused");
        return &graph->invalid;
    }
    if (!check_outputs(graph, op, &call) || !check_tiles(graph, op, &call))
        return &graph->invalid;
    if (bl__is_composite(op))
        return apply_composite(graph, op, &call);

    bl__node *node = bl__append(graph, op, inputs, input_count, attributes, call.dtype, call.shape);
    return node ? &node->outputs[0] : bl__fail(graph, BL_ERR_MEMORY, op->name, "no memory for a node");
}

bl_tensor *bl_output(bl_tensor *tensor, int index)
{
    bl_graph *graph = bl__graph_of(tensor);
    if (!graph || !bl__usable(graph, "output", tensor))
        return graph ? &graph->invalid : NULL;
    if (index < 0 || index >= tensor->node->op->output_count)
        return bl__fail(graph, BL_ERR_ARGUMENT, "output", "%s has no output %d", tensor->node->op->name,
                        index);
    return &tensor->node->outputs[index];
}

bl_status bl_infer_fail(bl_infer_call *call, bl_status status, const char *format, ...)
{
    bl_graph *graph = call->graph;
    va_list arguments;
    va_start(arguments, format);
    bl__report_list(graph->context, &graph->error, status, call->op->name,
                    graph->scope ? graph->scope->path : NULL, format, arguments);
    va_end(arguments);
    return status;
}
