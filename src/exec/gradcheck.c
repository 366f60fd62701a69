/* Gradient checking: analytic derivatives against central differences, on private f64 copies. */
#include "bowline/gradcheck.h"
#include "bowline/grad.h"
#include "exec/program.h"
#include "graph/text.h"
#include "graph/use.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bl_gradcheck_options bl_gradcheck_defaults(void)
{
    return (bl_gradcheck_options){.eps = 1e-6, .atol = 1e-5, .rtol = 1e-3, .projections = 64};
}

/* One check. `forward` gives the output, `backward` the gradients for the cotangent that is its extra input;
 * each has private copies of its own. The output is seen through `rows` directions: its elements one by one,
 * or random projections. analytic[row * width + k] is the derivative of direction `row` by element k of all
 * leaves. */
typedef struct checker {
    bl_graph *graph;
    const bl_allocator *allocator;
    const bl_gradcheck_options *options;
    bl_gradcheck_result *result;
    bl_tensor *output;
    bl_tensor *cotangent;
    bl_tensor **leaves;
    bl_tensor **gradients;
    size_t leaf_count;
    bl_program *forward;
    bl_program *backward;
    int64_t count; /* elements of the output */
    int64_t rows;
    int64_t width; /* elements of all leaves */
    bool projected;
    double *direction; /* count elements: the direction in use */
    double *above;     /* count elements: the output for +eps */
    double *analytic;
    double worst; /* the factor by which the worst element exceeds its bound */
} checker;

static bl_status give_up(checker *c, const bl_error *error)
{
    c->result->error = *error;
    return c->result->status = error->code;
}

static bl_status refuse(checker *c, bl_status status, const char *text)
{
    bl__fail(c->graph, status, "gradcheck", "%s", text);
    return give_up(c, &c->graph->context->error);
}

/* ---- what is checked ---- */

/* Marks in `used` the nodes that the output needs. */
static void mark_used(const checker *c, bool *used)
{
    used[c->output->node->id] = true;
    for (int64_t id = c->output->node->id; id >= 0; id--) {
        const bl__node *node = c->graph->nodes[id];
        for (size_t i = 0; used[id] && i < node->input_count; i++)
            used[node->inputs[i]->node->id] = true;
    }
}

/* Every trainable parameter that the output uses: each is one node, so a tied one comes once. */
static bl_status find_leaves(checker *c)
{
    size_t nodes = (size_t)c->output->node->id + 1;
    bool *used = bl__allocate(c->allocator, nodes, sizeof(*used));
    c->leaves = bl__arena_take(&c->graph->arena, nodes * sizeof(*c->leaves));
    if (!used || !c->leaves) {
        bl__release(c->allocator, used, nodes, sizeof(*used));
        return refuse(c, BL_ERR_MEMORY, "no memory for the leaves");
    }
    mark_used(c, used);
    for (size_t id = 0; id < nodes; id++) {
        bl_tensor *tensor = &c->graph->nodes[id]->outputs[0];
        if (used[id] && bl_parameter_trainable(bl_tensor_parameter(tensor)))
            c->leaves[c->leaf_count++] = tensor;
    }
    bl__release(c->allocator, used, nodes, sizeof(*used));
    return BL_OK;
}

static bl_status take_leaves(checker *c, bl_tensor *const *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(c->graph, "gradcheck", leaves[i]))
            return give_up(c, &c->graph->error);
        int key = leaves[i]->node->op->key;
        if (key != BL__KEY_input && key != BL__KEY_constant && key != BL__KEY_parameter)
            return refuse(c, BL_ERR_ARGUMENT, "a leaf is not an input, constant or parameter");
        if (leaves[i]->dtype != BL_F32 && leaves[i]->dtype != BL_F64)
            return refuse(c, BL_ERR_DTYPE, "a leaf is not f32 or f64");
    }
    c->leaves = bl__arena_take(&c->graph->arena, count * sizeof(*c->leaves));
    if (!c->leaves)
        return refuse(c, BL_ERR_MEMORY, "no memory for the leaves");
    if (count > 0)
        memcpy(c->leaves, leaves, count * sizeof(*c->leaves));
    c->leaf_count = count;
    return BL_OK;
}

/* ---- programs ---- */

static bl_status record_gradients(checker *c)
{
    bl_graph *graph = c->graph;
    c->cotangent = bl_input(graph, "cotangent", bl_tensor_dtype(c->output), bl_tensor_shape(c->output));
    c->gradients = bl__arena_take(&graph->arena, (c->leaf_count + 1) * sizeof(*c->gradients));
    if (!c->gradients)
        return refuse(c, BL_ERR_MEMORY, "no memory for the gradients");
    if (bl_grad(&c->output, 1, &c->cotangent, c->leaves, c->leaf_count, c->gradients) != BL_OK)
        return give_up(c, &graph->error);
    /* The cotangent among the outputs makes it an input of the program even where no gradient uses it. */
    c->gradients[c->leaf_count] = c->cotangent;
    return BL_OK;
}

static bl_status compile_both(checker *c)
{
    bl_context *context = c->graph->context;
    c->forward = bl__compile_frozen(context, &c->output, 1);
    if (!c->forward->head.valid)
        return give_up(c, bl_program_error(c->forward));
    c->backward = bl__compile_frozen(context, c->gradients, c->leaf_count + 1);
    if (!c->backward->head.valid)
        return give_up(c, bl_program_error(c->backward));
    return BL_OK;
}

/* Inputs go to whichever of the two programs use them; one that neither uses does not matter. */
static bl_status set_inputs(checker *c, const bl_gradcheck_input *inputs, size_t count)
{
    bl_program *programs[] = {c->forward, c->backward};
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(c->graph, "gradcheck", inputs[i].input))
            return give_up(c, &c->graph->error);
        if (inputs[i].input->node->op->key != BL__KEY_input)
            return refuse(c, BL_ERR_ARGUMENT, "a value is given for a tensor that is not an input");
        for (size_t k = 0; k < 2; k++) {
            if (!bl__frozen_has(programs[k], inputs[i].input))
                continue;
            if (bl_set_input(programs[k], inputs[i].input, inputs[i].data, inputs[i].bytes) != BL_OK)
                return give_up(c, bl_program_error(programs[k]));
        }
    }
    return BL_OK;
}

static bl_status run(checker *c, bl_program *program)
{
    return bl_run(program) == BL_OK ? BL_OK : give_up(c, bl_program_error(program));
}

/* ---- directions ---- */

/* The next of a fixed sequence of numbers in [-1, 1), by SplitMix64. Source: Steele, Lea and Flood 2014. */
static double next_number(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-52 - 1.0;
}

static void set_direction(checker *c, int64_t row)
{
    uint64_t state = (uint64_t)row;
    for (int64_t i = 0; i < c->count; i++)
        c->direction[i] = c->projected ? next_number(&state) : (i == row ? 1.0 : 0.0);
}

/* ---- derivatives ---- */

static bl_status fill_analytic(checker *c)
{
    for (int64_t row = 0; row < c->rows; row++) {
        set_direction(c, row);
        size_t bytes = (size_t)c->count * sizeof(double);
        if (bl_set_input(c->backward, c->cotangent, c->direction, bytes) != BL_OK)
            return give_up(c, bl_program_error(c->backward));
        if (run(c, c->backward) != BL_OK)
            return c->result->status;
        double *out = c->analytic + row * c->width;
        for (size_t i = 0; i < c->leaf_count; i++) {
            size_t n = (size_t)c->leaves[i]->count;
            if (bl_read(c->backward, c->gradients[i], out, n * sizeof(double)) != BL_OK)
                return give_up(c, bl_program_error(c->backward));
            out += n;
        }
    }
    return BL_OK;
}

static void leaf_name(const bl_tensor *leaf, char *name, size_t size)
{
    const bl_parameter *parameter = bl_tensor_parameter(leaf);
    if (parameter)
        snprintf(name, size, "%s", parameter->name);
    else if (leaf->node->op->key == BL__KEY_input)
        snprintf(name, size, "%s", ((const bl__input_attributes *)bl__attributes(leaf->node))->name);
    else
        snprintf(name, size, "%%%lld", (long long)leaf->node->id);
}

static void compare(checker *c, size_t leaf, int64_t element, int64_t row, double analytic, double numeric)
{
    bl_gradcheck_result *result = c->result;
    double bound = c->options->atol + c->options->rtol * fabs(numeric);
    double factor = fabs(analytic - numeric) / bound;
    bool same = analytic == numeric || (isnan(analytic) && isnan(numeric));
    if (same)
        factor = 0;
    else if (isnan(factor))
        factor = HUGE_VAL;
    result->checked++;
    if (factor > 1)
        result->failed++;
    if (result->checked > 1 && factor <= c->worst)
        return;
    c->worst = factor;
    leaf_name(c->leaves[leaf], result->leaf, sizeof(result->leaf));
    result->leaf_index = leaf;
    result->element = element;
    result->output = row;
    result->analytic = analytic;
    result->numeric = numeric;
}

/* Central differences for one element of one leaf, along every direction. */
static bl_status check_element(checker *c, size_t leaf, int64_t element, double *value, int64_t column)
{
    double kept = *value, eps = c->options->eps;
    *value = kept + eps;
    if (run(c, c->forward) != BL_OK)
        return c->result->status;
    if (c->count > 0)
        memcpy(c->above, bl_output_data(c->forward, c->output), (size_t)c->count * sizeof(double));
    *value = kept - eps;
    bl_status status = run(c, c->forward);
    *value = kept;
    if (status != BL_OK)
        return status;
    const double *below = bl_output_data(c->forward, c->output);
    for (int64_t row = 0; row < c->rows; row++) {
        double numeric = 0;
        if (c->projected) {
            set_direction(c, row);
            for (int64_t i = 0; i < c->count; i++)
                numeric += c->direction[i] * ((c->above[i] - below[i]) / (2 * eps));
        } else {
            numeric = (c->above[row] - below[row]) / (2 * eps);
        }
        compare(c, leaf, element, row, c->analytic[row * c->width + column], numeric);
    }
    return BL_OK;
}

static bl_status check_leaves(checker *c)
{
    int64_t column = 0;
    for (size_t leaf = 0; leaf < c->leaf_count; leaf++) {
        double *values = bl__frozen_values(c->forward, c->leaves[leaf]);
        for (int64_t k = 0; k < c->leaves[leaf]->count; k++, column++) {
            /* A leaf that the output does not use has no value here, and derivatives of zero. */
            double unused = 0;
            bl_status status = check_element(c, leaf, k, values ? &values[k] : &unused, column);
            if (status != BL_OK)
                return status;
        }
    }
    return BL_OK;
}

/* Everything between the arguments and the verdict. */
static bl_status compare_all(checker *c)
{
    c->count = c->output->count;
    c->projected = c->count > c->options->projections;
    c->rows = c->projected ? c->options->projections : c->count;
    for (size_t i = 0; i < c->leaf_count; i++)
        c->width += c->leaves[i]->count;
    int64_t cells;
    if (!bl__multiply(c->rows, c->width, &cells))
        return refuse(c, BL_ERR_OVERFLOW, "too many derivatives");
    size_t n = (size_t)c->count + 1, total = (size_t)cells + 1; /* never 0 */
    c->direction = bl__allocate(c->allocator, n, sizeof(double));
    c->above = bl__allocate(c->allocator, n, sizeof(double));
    c->analytic = bl__allocate(c->allocator, total, sizeof(double));
    bl_status status = BL_OK;
    if (!c->direction || !c->above || !c->analytic)
        status = refuse(c, BL_ERR_MEMORY, "no memory for the derivatives");
    if (status == BL_OK)
        status = fill_analytic(c);
    if (status == BL_OK)
        status = check_leaves(c);
    bl__release(c->allocator, c->direction, n, sizeof(double));
    bl__release(c->allocator, c->above, n, sizeof(double));
    bl__release(c->allocator, c->analytic, total, sizeof(double));
    return status;
}

static bl_status check(checker *c, bl_tensor *const *leaves, size_t leaf_count,
                       const bl_gradcheck_input *inputs, size_t input_count)
{
    const bl_gradcheck_options *o = c->options;
    if (!bl__usable(c->graph, "gradcheck", c->output))
        return give_up(c, &c->graph->error);
    if (c->output->node->op->flags & BL_OP_EFFECT)
        return refuse(c, BL_ERR_STATE, "the output is an effect");
    if (!(o->eps > 0) || !(o->atol >= 0) || !(o->rtol >= 0) || o->projections < 1)
        return refuse(c, BL_ERR_ARGUMENT, "an option is out of range");
    bl_status status = leaves ? take_leaves(c, leaves, leaf_count) : find_leaves(c);
    if (status == BL_OK)
        status = record_gradients(c);
    if (status == BL_OK)
        status = compile_both(c);
    if (status == BL_OK)
        status = set_inputs(c, inputs, input_count);
    return status == BL_OK ? compare_all(c) : status;
}

bl_status bl_gradcheck(bl_tensor *output, bl_tensor *const *leaves, size_t leaf_count,
                       const bl_gradcheck_input *inputs, size_t input_count,
                       const bl_gradcheck_options *options, bl_gradcheck_result *result)
{
    bl_graph *graph = bl__graph_of(output);
    bl_gradcheck_result unused;
    result = result ? result : &unused;
    *result = (bl_gradcheck_result){.status = BL_ERR_ARGUMENT};
    if (!graph || (input_count > 0 && !inputs)) {
        bl__report(graph ? graph->context : NULL, &result->error, BL_ERR_ARGUMENT, "gradcheck", NULL,
                   "the output or the inputs are NULL");
        return BL_ERR_ARGUMENT;
    }
    bl_gradcheck_options chosen = options ? *options : bl_gradcheck_defaults();
    checker c = {.graph = graph,
                 .allocator = &graph->context->allocator,
                 .options = &chosen,
                 .result = result,
                 .output = output};
    bl__graph_mark mark = bl__graph_position(graph);
    graph->located = graph->node_count; /* a place that a vjp gives is gone when this is over */
    result->status = check(&c, leaves, leaf_count, inputs, input_count);
    result->passed = result->status == BL_OK && result->failed == 0;
    bl_program_free(c.forward);
    bl_program_free(c.backward);
    bl__graph_rewind(graph, &mark);
    return result->status;
}

size_t bl_gradcheck_format(const bl_gradcheck_result *result, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    if (size > 0)
        text[0] = '\0';
    if (!result)
        return 0;
    if (result->status != BL_OK) {
        bl__text_add(&out, "the gradient check could not be made: %s", result->error.message);
        return out.length;
    }
    if (result->passed)
        bl__text_add(&out, "all %lld derivatives agree", (long long)result->checked);
    else
        bl__text_add(&out, "%lld of %lld derivatives differ", (long long)result->failed,
                     (long long)result->checked);
    if (result->checked > 0) {
        bl__text_add(&out, "; worst: d output[%lld] / d %s[%lld]: analytic ", (long long)result->output,
                     result->leaf, (long long)result->element);
        bl__text_number(&out, result->analytic, BL_F64, 9);
        bl__text_add(&out, ", numeric ");
        bl__text_number(&out, result->numeric, BL_F64, 9);
    }
    return out.length;
}
