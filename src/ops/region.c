/* Regions of the tape with a derivative of their own: stopped, recomputed, given by the caller. Each is a
 * view of its first input, which is the region's output; through the other inputs gradients flow. */
#include "bowline/ops.h"
#include "bowline/transform.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <limits.h>
#include <string.h>

static bl_status infer(bl_infer_call *call)
{
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_in(call, 0));
}

static bool view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    (void)attributes;
    (void)shape;
    *output = *input;
    return true;
}

/* ---- stop_gradient ---- */

bl_tensor *bl_stop_gradient(bl_tensor *x)
{
    return bl__apply_1(&bl__op_stop_gradient, x, NULL);
}

/* Of constants only: its derivative is not what differences show. */
static bl_tensor *stop_gradient_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    return bl_stop_gradient(bl__sample_chance(sampler, 2) ? bl_sample_indices(sampler, shape, -9, 9)
                                                          : bl_sample_bools(sampler, shape));
}

const bl_op bl__op_stop_gradient = {BL__OP(stop_gradient, 1), .flags = BL_OP_PIECEWISE, .infer = infer,
                                    .view = view, .sample = stop_gradient_sample};

/* ---- checkpoint ---- */

/* A region while it is walked. For node id, needed[id - first] says that it lies inside and copies[id -
 * first] what it was recorded as again. */
typedef struct region {
    bl_graph *graph;
    const bl_tensor *output;
    bl_tensor *const *boundary; /* float tensors at which it ends */
    size_t boundary_count;
    int64_t first; /* nodes before it are outside */
    bool *needed;
    bl__node **copies;
} region;

static bool is_float(const bl_tensor *tensor)
{
    return tensor->dtype == BL_F32 || tensor->dtype == BL_F64 || tensor->dtype == BL_F16 ||
           tensor->dtype == BL_BF16;
}

/* Whether a tensor comes from outside: it is kept, not computed again. */
static bool is_outside(const region *r, const bl_tensor *tensor)
{
    if (tensor->node->id < r->first || tensor->node->input_count == 0)
        return true;
    for (size_t i = 0; i < r->boundary_count; i++) {
        if (r->boundary[i] == tensor)
            return true;
    }
    return false;
}

/* Marks the nodes inside, from the last to the first. False without memory, reported. */
static bool mark_region(region *r)
{
    size_t range = (size_t)(r->output->node->id - r->first) + 1;
    r->needed = bl__arena_take(&r->graph->scratch, range * sizeof(*r->needed));
    if (!r->needed) {
        bl__fail(r->graph, BL_ERR_MEMORY, "checkpoint", "no memory for the region");
        return false;
    }
    memset(r->needed, 0, range * sizeof(*r->needed));
    r->needed[range - 1] = !is_outside(r, r->output);
    for (size_t at = range; at-- > 0;) {
        const bl__node *node = r->graph->nodes[r->first + (int64_t)at];
        for (size_t i = 0; r->needed[at] && i < node->input_count; i++) {
            if (!is_outside(r, node->inputs[i]))
                r->needed[node->inputs[i]->node->id - r->first] = true;
        }
    }
    return true;
}

static bool contains(bl_tensor *const *tensors, size_t count, const bl_tensor *tensor)
{
    for (size_t i = 0; i < count; i++) {
        if (tensors[i] == tensor)
            return true;
    }
    return false;
}

/* Adds to the boundary the float tensors outside that the region uses: parameters, and what was recorded
 * before. Gives their number, room for all of which was made; SIZE_MAX without memory, reported. */
static size_t find_boundary(region *r, bl_tensor **boundary, size_t count)
{
    if (!mark_region(r))
        return SIZE_MAX;
    for (int64_t id = r->first; id <= r->output->node->id; id++) {
        const bl__node *node = r->graph->nodes[id];
        for (size_t i = 0; r->needed[id - r->first] && i < node->input_count; i++) {
            bl_tensor *input = node->inputs[i];
            if (is_float(input) && is_outside(r, input) && !contains(boundary, count, input))
                boundary[count++] = input;
        }
    }
    return count;
}

/* How many boundary tensors there can be. */
static size_t count_uses(const region *r)
{
    size_t uses = 0;
    for (int64_t id = r->first; id <= r->output->node->id; id++)
        uses += r->graph->nodes[id]->input_count;
    return uses;
}

static bl_tensor *apply_checkpoint(bl_graph *graph, bl_tensor *output, bl_tensor *const *inputs, size_t count)
{
    bl__checkpoint_attributes attributes = {.first = output->node->id};
    for (size_t i = 0; i < count; i++) {
        int64_t id = inputs[i]->node->id;
        attributes.first = id < attributes.first ? id : attributes.first;
    }
    region r = {.graph = graph, .output = output, .boundary_count = count, .first = attributes.first};
    bl_tensor **all = bl__arena_take(&graph->scratch, (1 + count + count_uses(&r)) * sizeof(*all));
    if (!all)
        return bl__fail(graph, BL_ERR_MEMORY, "checkpoint", "no memory for the region");
    all[0] = output;
    if (count > 0)
        memcpy(all + 1, inputs, count * sizeof(*all));
    r.boundary = all + 1;
    size_t found = find_boundary(&r, all + 1, count);
    return found == SIZE_MAX ? &graph->invalid
                             : bl_apply(graph, &bl__op_checkpoint, all, 1 + found, &attributes);
}

/* Whether a region can be made of them; reported when not. */
static bool check_region(const char *op, bl_tensor *output, bl_tensor *const *inputs, size_t count)
{
    bl_graph *graph = bl__graph_of(output);
    if (!bl__known(op, output))
        return false;
    if (count == 0 || !inputs)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "a region needs inputs");
    for (size_t i = 0; inputs && i < count; i++) {
        if (!bl__usable(graph, op, inputs[i]))
            return false;
    }
    return count > 0 && inputs;
}

bl_tensor *bl_checkpoint(bl_tensor *output, bl_tensor *const *inputs, size_t input_count)
{
    if (!check_region("checkpoint", output, inputs, input_count))
        return bl__refused(output);
    bl_graph *graph = bl__graph_of(output);
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    bl_tensor *result = apply_checkpoint(graph, output, inputs, input_count);
    bl__arena_rewind(&graph->scratch, before);
    return result;
}

/* The tensor's value as the copy of the region has it. */
static bl_tensor *copied(const region *r, bl_tensor *tensor)
{
    if (is_outside(r, tensor))
        return tensor;
    return &r->copies[tensor->node->id - r->first]->outputs[tensor->output];
}

/* Records one node of the region again. */
static bool copy_node(region *r, const bl__node *node)
{
    bl_tensor **inputs = bl__arena_take(&r->graph->scratch, node->input_count * sizeof(*inputs));
    if (!inputs) {
        bl__fail(r->graph, BL_ERR_MEMORY, "checkpoint", "no memory for the region");
        return false;
    }
    for (size_t i = 0; i < node->input_count; i++)
        inputs[i] = copied(r, node->inputs[i]);
    bl_tensor *first = bl_apply(r->graph, node->op, inputs, node->input_count, bl__attributes(node));
    if (!bl_tensor_valid(first))
        return false;
    r->copies[node->id - r->first] = first->node;
    return true;
}

/* The region's output, computed again; NULL after an error. */
static bl_tensor *copy_region(region *r)
{
    int64_t last = r->output->node->id;
    if (!mark_region(r))
        return NULL;
    r->copies = bl__arena_take(&r->graph->scratch, (size_t)(last - r->first + 1) * sizeof(*r->copies));
    if (!r->copies) {
        bl__fail(r->graph, BL_ERR_MEMORY, "checkpoint", "no memory for the region");
        return NULL;
    }
    for (int64_t id = r->first; id <= last; id++) {
        if (r->needed[id - r->first] && !copy_node(r, r->graph->nodes[id]))
            return NULL;
    }
    return is_outside(r, r->output) ? NULL : &r->copies[last - r->first]->outputs[r->output->output];
}

/* Differentiates a copy of the region by those of its inputs that are asked for. */
static void checkpoint_vjp(bl_vjp_call *call)
{
    const bl__checkpoint_attributes *attributes = call->attributes;
    region r = {.graph = call->graph,
                .output = call->inputs[0],
                .boundary = call->inputs + 1,
                .boundary_count = call->input_count - 1,
                .first = attributes->first};
    bl_tensor **wrt = bl__arena_take(&call->graph->scratch, 2 * call->input_count * sizeof(*wrt));
    bl_tensor **gradients = wrt ? wrt + call->input_count : NULL;
    size_t count = 0;
    if (!wrt) {
        bl__fail(call->graph, BL_ERR_MEMORY, "checkpoint", "no memory for the region");
        return;
    }
    for (size_t i = 1; i < call->input_count; i++) {
        if (call->needed[i])
            wrt[count++] = call->inputs[i];
    }
    if (contains(r.boundary, r.boundary_count, r.output)) { /* an empty region */
        for (size_t i = 1; i < call->input_count; i++)
            call->gradients[i] = call->needed[i] && call->inputs[i] == r.output ? call->cotangents[0] : NULL;
        return;
    }
    bl_tensor *again = copy_region(&r);
    if (!again || bl_grad(&again, 1, &call->cotangents[0], wrt, count, gradients) != BL_OK)
        return;
    for (size_t i = call->input_count; i-- > 1;) {
        if (call->needed[i] && !bl_is_unreached(gradients[--count]))
            call->gradients[i] = gradients[count];
    }
}

static bl_tensor *checkpoint_sample(bl_sampler *sampler)
{
    bl_shape a, b;
    bl_sample_broadcast(sampler, &a, &b);
    bl_tensor *inputs[] = {bl_sample_real(sampler, a, -1, 1), bl_sample_real(sampler, b, -1, 1)};
    bl_tensor *weight = bl__sample_parameter(sampler, BL_SCALAR, 0.5, 1);
    bl_tensor *before = bl_exp(inputs[0]);
    bl_tensor *inner = bl_mul(bl_tanh(bl_add(before, inputs[1])), weight);
    size_t count = (size_t)bl_sample_int(sampler, 1, 2);
    return bl_checkpoint(bl_mul(inner, bl_square(inner)), inputs, count);
}

const bl_op bl__op_checkpoint = {BL__OP_BETWEEN(checkpoint, 1, INT_MAX),
                                 .attributes_size = sizeof(bl__checkpoint_attributes),
                                 .infer = infer,
                                 .vjp = checkpoint_vjp,
                                 .view = view,
                                 .sample = checkpoint_sample};

/* ---- custom_gradient ---- */

bl_tensor *bl_custom_gradient(bl_tensor *output, bl_tensor *const *inputs, size_t input_count,
                              bl_vjp_function vjp, void *data)
{
    bl__custom_gradient_attributes attributes = {.vjp = vjp, .data = data};
    if (!check_region("custom_gradient", output, inputs, input_count))
        return bl__refused(output);
    bl_graph *graph = bl__graph_of(output);
    if (!vjp)
        return bl__fail(graph, BL_ERR_ARGUMENT, "custom_gradient", "the vjp is NULL");
    bl_tensor **all = bl__arena_take(&graph->arena, (1 + input_count) * sizeof(*all));
    if (!all)
        return bl__fail(graph, BL_ERR_MEMORY, "custom_gradient", "no memory for the inputs");
    all[0] = output;
    memcpy(all + 1, inputs, input_count * sizeof(*all));
    return bl_apply(graph, &bl__op_custom_gradient, all, 1 + input_count, &attributes);
}

static void custom_gradient_vjp(bl_vjp_call *call)
{
    const bl__custom_gradient_attributes *attributes = call->attributes;
    bl_vjp_call own = *call;
    own.inputs++;
    own.input_count--;
    own.needed++;
    own.gradients++;
    attributes->vjp(&own, attributes->data);
}

/* The derivative of x^2, by hand. */
static void square_vjp(bl_vjp_call *call, void *data)
{
    (void)data;
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul_scalar(call->inputs[0], 2));
}

static bl_tensor *custom_gradient_sample(bl_sampler *sampler)
{
    bl_tensor *x = bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -1, 1);
    return bl_custom_gradient(bl_mul(x, x), &x, 1, square_vjp, NULL);
}

const bl_op bl__op_custom_gradient = {BL__OP_BETWEEN(custom_gradient, 2, INT_MAX),
                                      .attributes_size = sizeof(bl__custom_gradient_attributes),
                                      .infer = infer,
                                      .vjp = custom_gradient_vjp,
                                      .view = view,
                                      .sample = custom_gradient_sample};
