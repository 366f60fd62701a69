/* Reverse-mode differentiation: one walk over the tape, backwards, appending gradient nodes. */
#include "bowline/grad.h"
#include "bowline/ops.h"
#include "graph/flow.h"
#include "graph/rewrite.h"
#include "graph/text.h"
#include "ops/joint.h"

#include <string.h>

/* The cotangents of a node's outputs, added up so far: NULL until the first arrives. */
typedef union slot {
    bl_tensor *only;     /* of a node with one output */
    bl_tensor **several; /* of the others */
} slot;

/* One call of bl_grad. Nodes below `low` and above `high` cannot lie between wrt and outputs. For node id,
 * depends[id - low] says that wrt flows into it, and slots[id - low] has its cotangents. `joints` are
 * cotangents that wait to be put together with more of their tensor, until it is visited or asked for. All
 * that the walk needs for its while stands in the graph's scratch arena, so that differentiating a second
 * time allocates nothing. `spelled` are the rewritten places that are walked as they were recorded, since
 * something inside them is asked for. */
typedef struct backward {
    bl_graph *graph;
    int64_t low, high;
    bool *depends;
    slot *slots;
    const bl__rewritten **spelled;
    int64_t spelled_count;
    bl__joint *joints;
    bl_status status;
} backward;

static bl__node *node_at(const backward *b, int64_t id)
{
    for (int64_t i = 0; i < b->spelled_count; i++) {
        if (b->spelled[i]->was->id == id)
            return b->spelled[i]->was;
    }
    return b->graph->nodes[id];
}

static bool is_real(const bl_tensor *tensor)
{
    return tensor->dtype == BL_F32 || tensor->dtype == BL_F64;
}

static void *out_of_memory(backward *b)
{
    bl__fail(b->graph, BL_ERR_MEMORY, "grad", "no memory for the backward walk");
    b->status = BL_ERR_MEMORY;
    return NULL;
}

/* How many outputs have cotangents of a node's id: of a place that is walked as it was recorded, those of the
 * fused op too, which the gradients of an earlier call may use. */
static int output_count_of(const backward *b, int64_t id)
{
    int walked = node_at(b, id)->op->output_count, is = b->graph->nodes[id]->op->output_count;
    return walked > is ? walked : is;
}

/* The cotangents of a node's outputs, of which there are several. */
static bl_tensor **several_slots_of(backward *b, const bl__node *node)
{
    slot *own = &b->slots[node->id - b->low];
    int count = output_count_of(b, node->id);
    if (count == 1)
        return &own->only;
    if (!own->several) {
        own->several = bl__arena_take(&b->graph->scratch, (size_t)count * sizeof(bl_tensor *));
        if (!own->several)
            return out_of_memory(b);
        for (int i = 0; i < count; i++)
            own->several[i] = NULL;
    }
    return own->several;
}

static inline bl_tensor **slots_of(backward *b, const bl__node *node)
{
    bool one = node->op->output_count == 1 && b->spelled_count == 0;
    return one ? &b->slots[node->id - b->low].only : several_slots_of(b, node);
}

/* A gradient as the tensor it belongs to has it: the one place where broadcasts are undone. */
static bl_tensor *make_fit(bl_tensor *gradient, const bl_tensor *tensor)
{
    bl_shape shape = bl_tensor_shape(tensor), both;
    bl_shape given = bl_tensor_shape(gradient);
    if (bl_shape_equal(given, shape))
        return gradient;
    if (bl_shape_broadcast(given, shape, &both) && bl_shape_equal(both, shape))
        return bl_expand(gradient, shape);
    return bl_reduce_to(gradient, shape);
}

/* The same, at once where it is so. */
static inline bl_tensor *fit(bl_tensor *gradient, const bl_tensor *tensor)
{
    bool fits = gradient->node && gradient->rank == tensor->rank && gradient->size == tensor->size;
    return fits ? gradient : make_fit(gradient, tensor);
}

/* Whether cotangents belong to a tensor: the 16-bit floats have them too, though nothing computes in them. */
static inline bool is_float(const bl_tensor *tensor)
{
    const unsigned floats = 1u << BL_F32 | 1u << BL_F64 | 1u << BL_BF16 | 1u << BL_F16;
    return floats >> tensor->dtype & 1;
}

/* a + b; where their dtype is storage only, in f32. */
static inline bl_tensor *add(bl_tensor *a, bl_tensor *b)
{
    bl_dtype dtype = (bl_dtype)a->dtype;
    if (dtype != BL_BF16 && dtype != BL_F16)
        return bl_add(a, b);
    return bl_cast(bl_add(bl_cast(a, BL_F32), bl_cast(b, BL_F32)), dtype);
}

/* Adds a cotangent to the sum of those that a tensor has. */
static inline void accumulate(backward *b, bl_tensor **slots, const bl_tensor *tensor, bl_tensor *cotangent)
{
    bl_tensor *sum = slots[tensor->output] ? add(slots[tensor->output], cotangent) : cotangent;
    if (!sum->node)
        b->status = b->graph->error.code;
    slots[tensor->output] = sum;
}

/* Adds what waits for a tensor. */
static void close_joint(backward *b, bl__joint **at)
{
    const bl__joint *joint = *at;
    *at = joint->next;
    accumulate(b, slots_of(b, joint->tensor->node), joint->tensor, bl__joint_sum(&b->graph->scratch, joint));
}

/* Whether cotangents of a node wait. */
static bool waits(const backward *b, int64_t id)
{
    const bl__joint *joint = b->joints;
    while (joint && joint->tensor->node->id != id)
        joint = joint->next;
    return joint != NULL;
}

static void close_joints_of(backward *b, const bl__node *node)
{
    for (bl__joint **at = &b->joints; *at && b->status == BL_OK;) {
        if ((*at)->tensor->node->id == node->id)
            close_joint(b, at);
        else
            at = &(*at)->next;
    }
}

/* Puts a cotangent to those that wait, or lets it be the first of new ones. */
static void join(backward *b, bl_tensor *tensor, bl_tensor *cotangent)
{
    bl__arena *arena = &b->graph->scratch;
    bl__joint **at = &b->joints, *joint;
    bool full = false;
    while (*at && (*at)->tensor != tensor)
        at = &(*at)->next;
    if (*at && bl__joint_take(arena, *at, cotangent, &full))
        return;
    if (*at && !full)
        close_joint(b, at);
    joint = full ? NULL : bl__joint_new(arena, tensor, cotangent);
    if (!joint) {
        out_of_memory(b);
        return;
    }
    joint->next = b->joints;
    b->joints = joint;
}

/* Adds a cotangent to those that a tensor has which wrt flows into. */
static inline void flow(backward *b, bl_tensor *tensor, bl_tensor *cotangent)
{
    bl_tensor **slots = slots_of(b, tensor->node);
    if (!slots)
        return;
    cotangent = fit(cotangent, tensor);
    if (cotangent->rank > 0 && bl__is_joinable(cotangent))
        join(b, tensor, cotangent);
    else
        accumulate(b, slots, tensor, cotangent);
}

/* Gradient nodes carry the place and scope of the node they differentiate. */
static inline void locate(backward *b, int64_t first, const bl__node *from)
{
    bl_graph *graph = b->graph;
    const bl__origin *shared = from->origin;
    if (shared->label) {
        bl__origin origin = *shared;
        origin.label = NULL;
        shared = bl__origin_of(graph, origin);
    }
    if (!shared) {
        out_of_memory(b);
        return;
    }
    for (int64_t id = first; id < graph->node_count; id++)
        graph->nodes[id]->origin = shared;
    graph->located = graph->node_count;
}

/* ---- ops that have only a decomposition ---- */

static bl_status infer_same(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static void pass_back(bl_vjp_call *call)
{
    call->gradients[0] = call->cotangents[0];
}

static bool same_layout(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    (void)attributes;
    (void)shape;
    *output = *input;
    return true;
}

/* The same values as a tensor of its own. Where inputs of a decomposition are equal, or made from each other,
 * it tells the paths that begin at one from those that only pass through it. */
static const bl_op stand_in = {.size = sizeof(bl_op),
                               .name = "stand_in",
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .output_count = 1,
                               .infer = infer_same,
                               .vjp = pass_back,
                               .view = same_layout};

/* That of the decomposition, recorded for the purpose over stand-ins of the inputs. */
void bl__decomposed_vjp(const bl_vjp_call *call)
{
    bl_graph *graph = call->graph;
    bl_tensor *outputs[BL_MAX_OUTPUTS] = {NULL};
    bl_tensor *used[BL_MAX_OUTPUTS], *cotangents[BL_MAX_OUTPUTS];
    size_t n = call->input_count, used_count = 0, wrt_count = 0;
    bl_tensor **inputs = bl__arena_take(&graph->scratch, 3 * n * sizeof(*inputs));
    if (!inputs) {
        bl__fail(graph, BL_ERR_MEMORY, "grad", "no memory for the inputs of %s", call->op->name);
        return;
    }
    bl_tensor **wrt = inputs + n, **gradients = inputs + 2 * n;
    for (size_t i = 0; i < n; i++) {
        inputs[i] = call->inputs[i];
        if (call->needed[i])
            inputs[i] = wrt[wrt_count++] = bl_apply(graph, &stand_in, &call->inputs[i], 1, NULL);
    }
    bool as_recorded = graph->as_recorded;
    graph->as_recorded = true; /* or the decomposition would become the op again */
    call->op->decompose(graph, inputs, n, call->attributes, outputs);
    for (int i = 0; i < call->op->output_count; i++) {
        if (!call->cotangents[i])
            continue;
        used[used_count] = outputs[i];
        cotangents[used_count++] = call->cotangents[i];
    }
    bl_status status = bl_grad(used, used_count, cotangents, wrt, wrt_count, gradients);
    graph->as_recorded = as_recorded;
    for (size_t i = n; i-- > 0 && status == BL_OK;) {
        if (call->needed[i] && !gradients[--wrt_count]->unreached)
            call->gradients[i] = gradients[wrt_count];
    }
}

/* Whether the node stops the flow: it is no error that it has no vjp. */
static inline bool stops(backward *b, const bl__node *node)
{
    if (node->input_count == 0 || (node->op->flags & BL_OP_PIECEWISE))
        return true;
    if (node->op->vjp || node->op->decompose)
        return false;
    bl__fail(b->graph, BL_ERR_GRADIENT, "grad", "%s has no derivative", node->op->name);
    if (node->origin->file)
        bl__report_place(b->graph->context, &b->graph->error, node->origin->file, node->origin->line);
    b->status = BL_ERR_GRADIENT;
    return true;
}

/* What a vjp gave must be a tensor of the graph and of the input's dtype; shapes are made to fit. */
static inline bool check_gradient(bl_graph *graph, const bl__node *node, const bl_tensor *gradient,
                                  const bl_tensor *input)
{
    if (gradient->node && gradient->node->origin->graph == graph && gradient->dtype == input->dtype)
        return true;
    if (!bl__usable(graph, node->op->name, gradient))
        return false;
    if (gradient->dtype != input->dtype)
        bl__fail(graph, BL_ERR_DTYPE, node->op->name, "the vjp gave %s for an input of %s",
                 bl_dtype_name((bl_dtype)gradient->dtype), bl_dtype_name((bl_dtype)input->dtype));
    return gradient->dtype == input->dtype;
}

/* The cotangents that a vjp takes; false where there are none. `further`: not that of the first output. */
static bool choose_cotangents(const bl__node *node, bl_tensor *const *slots, bool further,
                              bl_tensor **cotangents)
{
    bool any = false;
    for (int i = 0; i < node->op->output_count; i++) {
        cotangents[i] = i == 0 && further ? NULL : slots[i];
        any = any || cotangents[i];
    }
    return any;
}

/* The cotangents of a node's inputs from those of its outputs, or of its further outputs alone. */
static void visit(backward *b, bl__node *node, bool further)
{
    bl_tensor *few_gradients[4];
    bool few_needed[4], any = false;
    size_t count = node->input_count;
    bl_tensor **gradients =
        count <= 4 ? few_gradients : bl__arena_take(&b->graph->scratch, count * sizeof(*gradients));
    bool *needed = count <= 4 ? few_needed : bl__arena_take(&b->graph->scratch, count);
    if (!gradients || !needed) {
        out_of_memory(b);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const bl_tensor *input = node->inputs[i];
        int64_t id = input->node->id;
        gradients[i] = NULL;
        needed[i] = is_float(input) && id >= b->low && b->depends[id - b->low];
        any = any || needed[i];
    }
    if (!any || stops(b, node))
        return;

    bl_graph *graph = b->graph;
    int64_t first = graph->node_count;
    bl_tensor *outputs[BL_MAX_OUTPUTS], *cotangents[BL_MAX_OUTPUTS];
    if (b->joints)
        close_joints_of(b, node);
    bl_tensor **slots = slots_of(b, node);
    if (b->status != BL_OK || !choose_cotangents(node, slots, further, cotangents))
        return;
    for (int i = 0; i < node->op->output_count; i++)
        outputs[i] = &node->outputs[i];
    bl_vjp_call call = {node->op, graph,    bl__attributes(node), node->inputs, count, outputs, cotangents,
                        needed,   gradients};
    if (node->op->vjp)
        node->op->vjp(&call);
    else
        bl__decomposed_vjp(&call);
    for (size_t i = 0; i < count && b->status == BL_OK; i++) {
        if (needed[i] && gradients[i] && check_gradient(graph, node, gradients[i], node->inputs[i]))
            flow(b, node->inputs[i], gradients[i]);
        if (graph->error.code != BL_OK)
            b->status = graph->error.code;
    }
    locate(b, first, node);
}

static void walk(backward *b)
{
    for (int64_t id = b->high; id >= b->low && b->status == BL_OK; id--) {
        bool arrived = b->slots[id - b->low].only != NULL;
        if (!arrived && !(b->joints && waits(b, id)))
            continue;
        bl__node *walked = node_at(b, id), *is = b->graph->nodes[id];
        if (walked != is) /* which alone has further outputs */
            visit(b, is, true);
        if (b->status == BL_OK)
            visit(b, walked, false);
    }
}

/* ---- arguments ---- */

static bool check(bl_graph *graph, bl_tensor *const *tensors, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(graph, "grad", tensors[i]))
            return false;
        if (!is_real(tensors[i])) {
            bl__fail(graph, BL_ERR_DTYPE, "grad", "%s %zu is %s, not f32 or f64", what, i,
                     bl_dtype_name((bl_dtype)tensors[i]->dtype));
            return false;
        }
    }
    return true;
}

static bool check_cotangents(bl_graph *graph, bl_tensor *const *outputs, size_t count,
                             bl_tensor *const *cotangents)
{
    for (size_t i = 0; cotangents && i < count; i++) {
        if (!cotangents[i])
            continue;
        if (!bl__usable(graph, "grad", cotangents[i]))
            return false;
        bl_shape want = bl_tensor_shape(outputs[i]), have = bl_tensor_shape(cotangents[i]);
        if (!bl_shape_equal(want, have)) {
            bl__fail(graph, BL_ERR_SHAPE, "grad", "cotangent %zu is %s for an output of %s", i,
                     BL__SHAPE_TEXT(have), BL__SHAPE_TEXT(want));
            return false;
        }
        if (cotangents[i]->dtype != outputs[i]->dtype) {
            bl__fail(graph, BL_ERR_DTYPE, "grad", "cotangent %zu is %s for an output of %s", i,
                     bl_dtype_name((bl_dtype)cotangents[i]->dtype),
                     bl_dtype_name((bl_dtype)outputs[i]->dtype));
            return false;
        }
    }
    return true;
}

/* Finds the range of nodes that can matter. */
static void find_range(backward *b, const bl__wanted *outputs, const bl__wanted *wrt)
{
    b->low = INT64_MAX;
    b->high = -1;
    for (size_t i = 0; i < wrt->count; i++)
        b->low = wrt->tensors[i]->node->id < b->low ? wrt->tensors[i]->node->id : b->low;
    for (size_t i = 0; i < outputs->count; i++)
        b->high = outputs->tensors[i]->node->id > b->high ? outputs->tensors[i]->node->id : b->high;
}

/* Has fused ops take the places that their vjps serve; false after an error. */
static bool rewrite(backward *b, const bl__wanted *outputs, const bl__wanted *wrt)
{
    const bl__wanted wanted[] = {*outputs, *wrt};
    if (!b->graph->as_recorded && bl__rewrite(b->graph, b->low, b->high, NULL, wanted, 2) < 0)
        return false;
    if (b->graph->rewritten)
        b->spelled_count = bl__rewrite_between(b->graph, wrt->tensors, wrt->count, &b->spelled);
    return b->spelled_count >= 0;
}

/* Marks the nodes that wrt flows into. */
static bool mark_dependents(backward *b, bl_tensor *const *wrt, size_t wrt_count)
{
    if (b->high < b->low)
        return true; /* nothing is reached */
    size_t range = (size_t)(b->high - b->low) + 1;
    b->depends = bl__arena_take(&b->graph->scratch, range * sizeof(*b->depends));
    b->slots = bl__arena_take(&b->graph->scratch, range * sizeof(*b->slots));
    if (!b->depends || !b->slots) {
        out_of_memory(b);
        return false;
    }
    memset(b->depends, 0, range * sizeof(*b->depends));
    for (size_t i = 0; i < range; i++)
        b->slots[i].only = NULL;
    for (size_t i = 0; i < wrt_count; i++) {
        if (wrt[i]->node->id <= b->high)
            b->depends[wrt[i]->node->id - b->low] = true;
    }
    for (int64_t id = b->low; id <= b->high; id++) {
        const bl__node *node = node_at(b, id);
        bool *depends = &b->depends[id - b->low];
        for (size_t i = 0; i < node->input_count && !*depends; i++) {
            int64_t input = node->inputs[i]->node->id;
            *depends = input >= b->low && b->depends[input - b->low];
        }
    }
    return true;
}

static void seed(backward *b, bl_tensor *const *outputs, size_t count, bl_tensor *const *cotangents)
{
    for (size_t i = 0; i < count && b->status == BL_OK; i++) {
        bl_tensor *output = outputs[i];
        if (output->node->id < b->low || !b->depends[output->node->id - b->low])
            continue;
        bl_tensor *cotangent = cotangents ? cotangents[i] : NULL;
        if (!cotangent)
            cotangent = bl_full(b->graph, (bl_dtype)output->dtype, bl_tensor_shape(output), 1.0);
        flow(b, output, cotangent);
    }
}

/* The cotangent that arrived at a tensor, or zeros that say that none did. */
static bl_tensor *collect(backward *b, bl_tensor *tensor)
{
    int64_t id = tensor->node->id, first = b->graph->node_count;
    close_joints_of(b, tensor->node);
    if (b->graph->node_count > first)
        locate(b, first, tensor->node);
    if (b->status != BL_OK)
        return NULL;
    bl_tensor **cotangents = id <= b->high && b->slots[id - b->low].only ? slots_of(b, tensor->node) : NULL;
    if (cotangents && cotangents[tensor->output])
        return cotangents[tensor->output];
    bl_tensor *zeros = bl_full(b->graph, (bl_dtype)tensor->dtype, bl_tensor_shape(tensor), 0.0);
    if (bl_tensor_valid(zeros))
        zeros->unreached = true;
    else
        b->status = b->graph->error.code;
    return zeros;
}

/* The graph of the first tensor that knows one. */
static bl_graph *graph_of_any(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *wrt,
                              size_t wrt_count)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; outputs && i < output_count && !graph; i++)
        graph = bl__graph_of(outputs[i]);
    for (size_t i = 0; wrt && i < wrt_count && !graph; i++)
        graph = bl__graph_of(wrt[i]);
    return graph;
}

bl_status bl_grad(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *cotangents,
                  bl_tensor *const *wrt, size_t wrt_count, bl_tensor **gradients)
{
    bl_graph *graph = graph_of_any(outputs, output_count, wrt, wrt_count);
    for (size_t i = 0; gradients && i < wrt_count; i++)
        gradients[i] = graph ? &graph->invalid : NULL;
    if (!graph)
        return BL_ERR_ARGUMENT;
    if (!outputs || output_count == 0 || (wrt_count > 0 && (!wrt || !gradients))) {
        bl__fail(graph, BL_ERR_ARGUMENT, "grad", "outputs, wrt or gradients is NULL or empty");
        return graph->error.code;
    }
    if (!check(graph, outputs, output_count, "output") || !check(graph, wrt, wrt_count, "wrt") ||
        !check_cotangents(graph, outputs, output_count, cotangents))
        return graph->error.code;
    if (wrt_count == 0 || graph->error.code != BL_OK)
        return graph->error.code;

    backward b = {.graph = graph};
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    const bl__wanted of = {outputs, output_count}, by = {wrt, wrt_count};
    find_range(&b, &of, &by);
    if (!rewrite(&b, &of, &by))
        b.status = graph->error.code;
    else if (mark_dependents(&b, wrt, wrt_count)) {
        seed(&b, outputs, output_count, cotangents);
        walk(&b);
    }
    for (size_t i = 0; i < wrt_count && b.status == BL_OK; i++)
        gradients[i] = collect(&b, wrt[i]);
    for (size_t i = 0; i < wrt_count && b.status != BL_OK; i++)
        gradients[i] = &graph->invalid;
    bl__arena_rewind(&graph->scratch, before);
    return b.status;
}

bl_tensor *bl_gradient(bl_tensor *output, bl_tensor *wrt)
{
    bl_tensor *gradient = NULL;
    bl_grad(&output, 1, NULL, &wrt, 1, &gradient);
    return gradient;
}

bool bl_is_unreached(const bl_tensor *gradient)
{
    return bl_tensor_valid(gradient) && gradient->unreached;
}

/* ---- a single node ---- */

bl_tensor *bl__flow_through(bl_graph *graph, bl__node *node, size_t input, bl_tensor **cotangents)
{
    backward b = {.graph = graph};
    bl_tensor *target = node->inputs[input], *outputs[BL_MAX_OUTPUTS], *gradient = NULL;
    size_t count = node->input_count;
    bl_tensor **gradients = bl__arena_take(&graph->scratch, count * sizeof(*gradients));
    bool *needed = bl__arena_take(&graph->scratch, count * sizeof(*needed));
    if (!gradients || !needed) {
        out_of_memory(&b);
        return &graph->invalid;
    }
    for (size_t i = 0; i < count; i++) {
        gradients[i] = NULL;
        needed[i] = i == input;
    }
    int64_t first = graph->node_count;
    if (!stops(&b, node)) {
        for (int i = 0; i < node->op->output_count; i++)
            outputs[i] = &node->outputs[i];
        bl_vjp_call call = {node->op,     graph,  bl__attributes(node),
                            node->inputs, count,  outputs,
                            cotangents,   needed, gradients};
        if (node->op->vjp)
            node->op->vjp(&call);
        else
            bl__decomposed_vjp(&call);
        gradient = gradients[input];
    }
    if (graph->error.code == BL_OK && gradient && check_gradient(graph, node, gradient, target))
        gradient = fit(gradient, target);
    if (graph->error.code == BL_OK)
        locate(&b, first, node);
    return graph->error.code == BL_OK ? gradient : &graph->invalid;
}
