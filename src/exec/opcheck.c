/* Checking an op on samples: the order of the checks, and those of values. */
#include "exec/opcheck.h"
#include "bowline/ops.h"
#include "graph/text.h"

#include <string.h>

bl_op_check_options bl_op_check_defaults(void)
{
    return (bl_op_check_options){.seed = 0, .samples = 200};
}

/* ---- values ---- */

/* f32 computes what f64 does. */
static bool check_dtypes(bl__op_checker *c, const bl__op_sample *f32, const bl__op_sample *f64)
{
    for (size_t i = 0; i < f64->output_count; i++) {
        bl_tensor *narrow = f32->outputs[i], *wide = f64->outputs[i];
        if (!bl_shape_equal(bl_tensor_shape(narrow), bl_tensor_shape(wide)))
            return bl__op_failed(c, f64, "dtypes", "f32 and f64 have other shapes");
        if (!bl__op_values(c, f32, "dtypes", narrow, c->values[0]) ||
            !bl__op_values(c, f64, "dtypes", wide, c->values[1]) ||
            !bl__op_compare(c, f64, "dtypes", c->values[0], c->values[1], wide->count,
                            bl__op_is_real(wide) ? 1e-4 : 0))
            return false;
    }
    return true;
}

/* The same elements two apart, where there are any. */
static bl_tensor *spread(bl_tensor *x)
{
    bl_tensor *column = bl_reshape(x, BL_SHAPE(bl_tensor_count(x), 1)), *pair[] = {column, column};
    return bl_reshape(bl_slice(bl_concat(pair, 2, 1), 1, 0, 1, 1), bl_tensor_shape(x));
}

/* The bits do not depend on how the inputs lie. */
static bool check_strides(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *inputs[BL__CHECK_LEAVES];
    bl__node *node = s->node;
    if (!node || node->input_count > BL__CHECK_LEAVES || (c->op->flags & (BL_OP_EFFECT | BL_OP_LEAF)))
        return true;
    for (size_t i = 0; i < node->input_count; i++) {
        bool is_state = (c->op->flags & BL__OP_RANDOM) && i + 1 == node->input_count;
        inputs[i] = node->inputs[i]->count > 0 && !is_state ? spread(node->inputs[i]) : node->inputs[i];
    }
    bl_tensor *again = bl_apply(s->graph, node->op, inputs, node->input_count, bl__attributes(node));
    if (!bl_tensor_valid(again))
        return bl__op_failed(c, s, "strides", "%s", bl_graph_error(s->graph)->message);
    for (int i = 0; i < c->op->output_count; i++) {
        bl_tensor *output = &node->outputs[i];
        if (!bl__op_values(c, s, "strides", output, c->values[0]) ||
            !bl__op_values(c, s, "strides", &again->node->outputs[i], c->values[1]) ||
            !bl__op_compare(c, s, "strides", c->values[1], c->values[0], output->count, 0))
            return false;
    }
    return true;
}

/* A kernel, and its vjp, compute what the decomposition says. */
static bool check_decomposition(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *parts[BL_MAX_OUTPUTS] = {NULL}, *by_op[BL__CHECK_LEAVES], *by_parts[BL__CHECK_LEAVES];
    bl__node *node = s->node;
    const char *name = "decomposition";
    if (!node || !c->op->decompose)
        return true;
    double tolerance = bl__sampler_dtype(s->sampler) == BL_F32 ? 1e-5 : 1e-12;
    c->op->decompose(s->graph, node->inputs, node->input_count, bl__attributes(node), parts);
    for (int i = 0; i < c->op->output_count; i++) {
        if (bl_tensor_valid(parts[i]) &&
            !bl_shape_equal(bl_tensor_shape(parts[i]), bl_tensor_shape(&node->outputs[i])))
            return bl__op_failed(c, s, name, "output %d has another shape", i);
        if (!bl__op_values(c, s, name, &node->outputs[i], c->values[0]) ||
            !bl__op_values(c, s, name, parts[i], c->values[1]) ||
            !bl__op_compare(c, s, name, c->values[0], c->values[1], parts[i]->count, tolerance))
            return false;
    }
    if (!bl__op_is_real(parts[0]) || s->leaf_count == 0)
        return true;
    bl_tensor *own = &node->outputs[0], *weights = bl__op_weights(s, own, 1);
    if (!bl__op_gradients(c, s, name, &own, 1, &weights, by_op) ||
        !bl__op_gradients(c, s, name, &parts[0], 1, &weights, by_parts))
        return false;
    for (size_t i = 0; i < s->leaf_count; i++) {
        if (!bl__op_values(c, s, name, by_op[i], c->values[0]) ||
            !bl__op_values(c, s, name, by_parts[i], c->values[1]) ||
            !bl__op_compare(c, s, name, c->values[0], c->values[1], s->leaves[i]->count, tolerance))
            return false;
    }
    return true;
}

/* ---- inputs of other dtypes: refused in the op's name, or computed ---- */

static bool check_dtype(bl__op_checker *c, bl__op_sample *s, bl_tensor **inputs, size_t index, bl_dtype dtype)
{
    bl_tensor *own = inputs[index];
    bool stored = dtype == BL_BF16 || dtype == BL_F16;
    inputs[index] = bl_full(s->graph, stored ? BL_F32 : dtype, bl_tensor_shape(own), 0);
    inputs[index] = stored ? bl_cast(inputs[index], dtype) : inputs[index];
    bl_tensor *output =
        bl_apply(s->graph, s->node->op, inputs, s->node->input_count, bl__attributes(s->node));
    inputs[index] = own;
    if (bl_tensor_valid(output)) {
        bl_program *program = bl_compile_list(c->context, &output, 1, NULL);
        bl_status status = bl_program_error(program)->code;
        bl_program_free(program);
        return status != BL_ERR_UNSUPPORTED ||
               bl__op_failed(c, s, "arguments", "input %zu of %s is taken, but has no kernel", index,
                             bl_dtype_name(dtype));
    }
    const bl_error *error = bl_graph_error(s->graph);
    bool refused = error->code == BL_ERR_DTYPE || error->code == BL_ERR_ARGUMENT;
    if (!refused || !strstr(error->message, c->op->name))
        return bl__op_failed(c, s, "arguments", "input %zu of %s: %s", index, bl_dtype_name(dtype),
                             error->message);
    bl_graph_clear_error(s->graph);
    return true;
}

static bool check_arguments(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *inputs[BL__CHECK_LEAVES];
    bl__node *node = s->node;
    if (!node || node->input_count > BL__CHECK_LEAVES || (c->op->flags & BL_OP_EFFECT))
        return true;
    memcpy(inputs, node->inputs, node->input_count * sizeof(*inputs));
    for (size_t i = 0; i < node->input_count; i++) {
        for (int d = 0; d < BL_DTYPE_COUNT; d++) {
            if (d != (int)inputs[i]->dtype && !check_dtype(c, s, inputs, i, (bl_dtype)d))
                return false;
        }
    }
    return true;
}

/* ---- all of them ---- */

static bool check_sample(bl__op_checker *c, uint64_t seed)
{
    bl__op_sample f32 = {.seed = seed}, f64 = {.seed = seed};
    bool good = bl__op_draw(c, seed, BL_F32, &f32) && bl__op_draw(c, seed, BL_F64, &f64);
    bl__op_sample *one = seed % 2 ? &f32 : &f64, *other = seed % 2 ? &f64 : &f32;
    if (c->gradients_only) {
        good = good && bl__op_check_gradient(c, one) && bl__op_check_second_gradient(c, other);
    } else {
        good = good && check_dtypes(c, &f32, &f64) && check_strides(c, one) &&
               check_decomposition(c, other) && (seed % 8 > 0 || check_arguments(c, one)) &&
               bl__op_check_gradient(c, one) && bl__op_check_shared_input(c, other) &&
               bl__op_check_jvp(c, one) && bl__op_check_second_gradient(c, other);
    }
    bl__op_sample_free(&f32);
    bl__op_sample_free(&f64);
    c->result->samples++;
    return good;
}

static bl_status refuse(bl__op_checker *c, bl_status status, const char *text)
{
    bl__text out = {c->result->text, sizeof(c->result->text), 0};
    bl__text_add(&out, "%s", text);
    if (c->context)
        bl__report(c->context, NULL, status, "op_check", NULL, "%s", text);
    return c->result->status = status;
}

bl_status bl__op_check(bl__op_checker *c, const bl_op_check_options *options)
{
    bl_op_check_options chosen = options ? *options : bl_op_check_defaults();
    *c->result = (bl_op_check_result){.passed = false};
    if (!c->context || !c->op)
        return refuse(c, BL_ERR_ARGUMENT, "the context or the op is NULL");
    if (c->op->size != sizeof(bl_op) || !c->op->name || !c->op->sample || chosen.samples < 1)
        return refuse(c, BL_ERR_ARGUMENT, "the op has no name or no samples, or none is asked for");
    const size_t room = 3 * (size_t)BL__CHECK_VALUES;
    const bl_allocator *allocator = &c->context->allocator;
    double *values = bl__allocate(allocator, room, sizeof(*values));
    if (!values)
        return refuse(c, BL_ERR_MEMORY, "no memory for the values");
    for (size_t i = 0; i < 3; i++)
        c->values[i] = values + i * (size_t)BL__CHECK_VALUES;
    c->result->passed = true;
    for (int i = 0; i < chosen.samples && c->result->passed; i++)
        check_sample(c, chosen.seed + (uint64_t)i);
    bl__release(allocator, values, room, sizeof(*values));
    bool differentiable = c->op->vjp || c->op->decompose;
    if (c->result->passed && differentiable && (c->result->derivatives == 0 || c->result->reached == 0)) {
        bl__op_sample none = {.seed = chosen.seed};
        bl__op_failed(c, &none, "gradient", "no sample had a derivative to compare");
    }
    return c->result->status;
}

bl_status bl_op_check(bl_context *context, const bl_op *op, const bl_op_check_options *options,
                      bl_op_check_result *result)
{
    bl_op_check_result unused;
    bl__op_checker checker = {.context = context, .op = op, .result = result ? result : &unused};
    return bl__op_check(&checker, options);
}

size_t bl_op_check_format(const bl_op *op, const bl_op_check_result *result, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    if (size > 0)
        text[0] = '\0';
    if (!result)
        return 0;
    const char *name = op && op->name ? op->name : "the op";
    if (result->status != BL_OK)
        bl__text_add(&out, "%s could not be checked: %s", name, result->text);
    else if (!result->passed)
        bl__text_add(&out, "%s, %s, seed %llu: %s", name, result->check, (unsigned long long)result->seed,
                     result->text);
    else
        bl__text_add(&out, "%s: %d samples passed, %lld derivatives agree", name, result->samples,
                     (long long)result->derivatives);
    return out.length;
}
