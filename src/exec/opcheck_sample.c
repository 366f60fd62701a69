/* Samples of an op under check: drawing them, running them, comparing what comes out. */
#include "exec/opcheck.h"
#include "exec/program.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool bl__op_failed(bl__op_checker *c, const bl__op_sample *s, const char *check, const char *format, ...)
{
    bl_op_check_result *result = c->result;
    va_list arguments;
    result->passed = false;
    result->seed = s->seed;
    snprintf(result->check, sizeof(result->check), "%s", check);
    va_start(arguments, format);
    vsnprintf(result->text, sizeof(result->text), format, arguments);
    va_end(arguments);
    return false;
}

bool bl__op_is_real(const bl_tensor *tensor)
{
    bl_dtype dtype = bl_tensor_dtype(tensor);
    return dtype == BL_F32 || dtype == BL_F64;
}

/* ---- drawing ---- */

bool bl__op_take_leaves(bl__op_checker *c, bl__op_sample *s)
{
    s->leaf_count = bl__sampler_leaf_count(s->sampler);
    s->input_count = 0;
    if (s->leaf_count > BL__CHECK_LEAVES)
        return bl__op_failed(c, s, "sample", "%zu leaves are too many", s->leaf_count);
    for (size_t i = 0; i < s->leaf_count; i++) {
        const bl__sample_leaf *leaf = bl__sampler_leaf(s->sampler, i);
        s->leaves[i] = leaf->tensor;
        if (!bl_tensor_parameter(leaf->tensor))
            s->inputs[s->input_count++] =
                (bl_gradcheck_input){leaf->tensor, leaf->values, (size_t)leaf->count * sizeof(double)};
    }
    return true;
}

/* The last node of the op; NULL when there is none. */
static bl__node *find_node(const bl_graph *graph, const bl_op *op)
{
    for (int64_t id = graph->node_count - 1; id >= 0; id--) {
        if (graph->nodes[id]->op == op)
            return graph->nodes[id];
    }
    return NULL;
}

/* The outputs that are looked at: the sample's, and where it is the op's first, the op's others. */
static bool take_outputs(bl__op_checker *c, bl__op_sample *s, bl_tensor *output)
{
    s->outputs[0] = output;
    s->output_count = 1;
    if (s->node && output == &s->node->outputs[0]) {
        for (int i = 1; i < c->op->output_count; i++)
            s->outputs[s->output_count++] = &s->node->outputs[i];
    }
    for (size_t i = 0; i < s->output_count; i++) {
        if (bl_tensor_count(s->outputs[i]) > BL__CHECK_VALUES)
            return bl__op_failed(c, s, "sample", "output %zu has more than %d elements", i, BL__CHECK_VALUES);
    }
    return true;
}

/* FNV-1a: samples depend on the op's name alone, whatever other ops there are. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}

bool bl__op_draw(bl__op_checker *c, uint64_t seed, bl_dtype dtype, bl__op_sample *s)
{
    *s = (bl__op_sample){.seed = seed};
    s->sampler = bl__sampler_new(c->context, seed * 1000003 + hash_of(c->op->name), dtype);
    if (!s->sampler) {
        c->result->status = BL_ERR_MEMORY;
        return bl__op_failed(c, s, "sample", "no memory for a sample");
    }
    s->graph = bl_sampler_graph(s->sampler);
    bl_tensor *output = c->op->sample(s->sampler);
    const bl_error *error = bl_graph_error(s->graph);
    if (!bl_tensor_valid(output) || error->code != BL_OK) {
        c->result->status = error->code == BL_ERR_MEMORY ? BL_ERR_MEMORY : c->result->status;
        return bl__op_failed(c, s, "sample", "%s",
                             error->code ? error->message : "the sample gave no tensor");
    }
    s->node = find_node(s->graph, c->op);
    if ((s->node == NULL) != bl__is_composite(c->op))
        return bl__op_failed(c, s, "sample", "the sample records another op");
    if (s->node && c->recorded)
        c->recorded(s->node, c->data);
    return take_outputs(c, s, output) && bl__op_take_leaves(c, s);
}

void bl__op_sample_free(bl__op_sample *s)
{
    bl__sampler_free(s->sampler);
}

/* ---- running ---- */

/* Gives a program the values of the inputs, in the dtype they were recorded in. */
static bl_status set_inputs(const bl__op_sample *s, bl_program *program)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < s->input_count && status == BL_OK; i++) {
        const bl_tensor *input = s->inputs[i].input;
        size_t count = (size_t)bl_tensor_count(input);
        const double *wide = s->inputs[i].data;
        float *narrow = bl__arena_take(&s->graph->arena, (count + 1) * sizeof(*narrow));
        if (!narrow)
            return BL_ERR_MEMORY;
        for (size_t k = 0; k < count; k++)
            narrow[k] = (float)wide[k];
        bool single = bl_tensor_dtype(input) == BL_F32;
        status = bl_set_input(program, input, single ? (const void *)narrow : wide,
                              count * (single ? sizeof(float) : sizeof(double)));
    }
    return status;
}

bool bl__op_values(bl__op_checker *c, const bl__op_sample *s, const char *check, bl_tensor *tensor,
                   double *values)
{
    bl_tensor *outputs[BL__CHECK_LEAVES + 1] = {
        tensor}; /* the leaves too, so that all inputs are the program's */
    if (!bl_tensor_valid(tensor))
        return bl__op_failed(c, s, check, "%s", bl_graph_error(s->graph)->message);
    for (size_t i = 0; i < s->leaf_count; i++)
        outputs[i + 1] = s->leaves[i];
    bl_program *program = bl_compile_list(c->context, outputs, s->leaf_count + 1, NULL);
    bl_status status = bl_program_error(program)->code;
    status = status == BL_OK ? set_inputs(s, program) : status;
    bl__sampler_rewind(s->sampler); /* all programs of a sample draw the same */
    status = status == BL_OK ? bl_run(program) : status;
    if (status != BL_OK)
        bl__op_failed(c, s, check, "%s", bl_program_error(program)->message);
    const void *data = status == BL_OK ? bl_output_data(program, tensor) : NULL;
    for (int64_t i = 0; data && i < tensor->count; i++)
        values[i] = bl__element_as_double((bl_dtype)tensor->dtype, data, i);
    if (status == BL_ERR_MEMORY)
        c->result->status = status;
    bl_program_free(program);
    return status == BL_OK;
}

/* ---- comparing ---- */

bool bl__op_compare(bl__op_checker *c, const bl__op_sample *s, const char *check, const double *a,
                    const double *b, int64_t count, double tolerance)
{
    for (int64_t i = 0; i < count; i++) {
        double scale = fabs(b[i]) > 1 ? fabs(b[i]) : 1;
        bool same = a[i] == b[i] || (isnan(a[i]) && isnan(b[i])) || fabs(a[i] - b[i]) <= tolerance * scale;
        if (!same)
            return bl__op_failed(c, s, check, "element %lld is %.17g, not %.17g", (long long)i, a[i], b[i]);
    }
    return true;
}

bl_tensor *bl__op_weights(const bl__op_sample *s, const bl_tensor *like, double phase)
{
    size_t count = (size_t)bl_tensor_count(like);
    bl_dtype dtype = bl_tensor_dtype(like);
    double *wide = bl__arena_take(&s->graph->arena, (count + 1) * sizeof(*wide));
    float *narrow = bl__arena_take(&s->graph->arena, (count + 1) * sizeof(*narrow));
    if (!wide || !narrow)
        return bl__fail(s->graph, BL_ERR_MEMORY, "op_check", "no memory for the weights");
    for (size_t i = 0; i < count; i++) {
        wide[i] = sin(phase + 2.0 * (double)i);
        narrow[i] = (float)wide[i];
    }
    return bl_constant(s->graph, dtype, bl_tensor_shape(like), dtype == BL_F32 ? (const void *)narrow : wide);
}
