/* Derivatives of an op under check against central differences in f64. */
#include "bowline/ops.h"
#include "bowline/transform.h"
#include "exec/opcheck.h"
#include "exec/program.h"

#include <math.h>
#include <string.h>

static const double step = 1e-6, absolute = 1e-5, relative = 1e-3; /* those of bl_gradcheck */

/* Compares derivatives of one tensor by the leaves. */
static bool check(bl__op_checker *c, const bl__op_sample *s, const char *name, bl_tensor *output)
{
    char text[300];
    bl_gradcheck_result result;
    bl_gradcheck_options options = {.eps = step, .atol = absolute, .rtol = relative, .projections = 64};
    bl_gradcheck(output, s->leaves, s->leaf_count, s->inputs, s->input_count, &options, &result);
    c->result->derivatives += result.checked;
    if (result.passed)
        return true;
    if (result.status == BL_ERR_MEMORY)
        c->result->status = BL_ERR_MEMORY;
    bl_gradcheck_format(&result, text, sizeof(text));
    return bl__op_failed(c, s, name, "%s", text);
}

/* The outputs that have derivatives. */
static size_t real_outputs(const bl__op_sample *s, bl_tensor **outputs)
{
    size_t count = 0;
    for (size_t i = 0; i < s->output_count; i++) {
        if (bl__op_is_real(s->outputs[i]))
            outputs[count++] = s->outputs[i];
    }
    return s->leaf_count > 0 ? count : 0;
}

bool bl__op_gradients(bl__op_checker *c, const bl__op_sample *s, const char *name, bl_tensor *const *outputs,
                      size_t count, bl_tensor *const *cotangents, bl_tensor **gradients)
{
    if (bl_grad(outputs, count, cotangents, s->leaves, s->leaf_count, gradients) == BL_OK)
        return true;
    return bl__op_failed(c, s, name, "%s", bl_graph_error(s->graph)->message);
}

/* The gradient by one leaf does not depend on whether it is asked for with the others; `all` are those by
 * all. */
static bool check_alone(bl__op_checker *c, bl__op_sample *s, bl_tensor *const *outputs, size_t count,
                        bl_tensor *const *all)
{
    size_t i = (size_t)(s->seed / 2 % s->leaf_count);
    bl_tensor *alone;
    const char *name = "gradient alone";
    if (bl_grad(outputs, count, NULL, &s->leaves[i], 1, &alone) != BL_OK)
        return bl__op_failed(c, s, name, "%s", bl_graph_error(s->graph)->message);
    if (bl_is_unreached(alone) != bl_is_unreached(all[i]))
        return bl__op_failed(c, s, name, "leaf %zu is %sreached alone", i,
                             bl_is_unreached(alone) ? "not " : "");
    if (s->seed % 8 > 1 || bl_is_unreached(alone))
        return true;
    double tolerance = bl__sampler_dtype(s->sampler) == BL_F32 ? 1e-5 : 1e-12;
    return bl__op_values(c, s, name, all[i], c->values[0]) &&
           bl__op_values(c, s, name, alone, c->values[1]) &&
           bl__op_compare(c, s, name, c->values[1], c->values[0], alone->count, tolerance);
}

bool bl__op_check_gradient(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *outputs[BL_MAX_OUTPUTS], *gradients[BL__CHECK_LEAVES];
    size_t count = real_outputs(s, outputs);
    for (size_t i = 0; i < count; i++) {
        if (!check(c, s, "gradient", outputs[i]))
            return false;
    }
    if (count > 0 && !bl__op_gradients(c, s, "gradient", outputs, count, NULL, gradients))
        return false;
    for (size_t i = 0; count > 0 && i < s->leaf_count; i++)
        c->result->reached += !bl_is_unreached(gradients[i]);
    return count == 0 || s->leaf_count < 2 || check_alone(c, s, outputs, count, gradients);
}

/* sum_i sum(gradient_i * fixed weights), over the leaves that are reached; NULL when none is. */
static bl_tensor *contract(const bl__op_sample *s, bl_tensor *const *gradients, size_t count)
{
    bl_tensor *total = NULL;
    for (size_t i = 0; i < count; i++) {
        if (bl_is_unreached(gradients[i]))
            continue;
        bl_tensor *part =
            bl_sum(bl_mul(gradients[i], bl__op_weights(s, gradients[i], 1)), BL_ALL_AXES, false);
        total = total ? bl_add(total, part) : part;
    }
    return total;
}

/* Derivatives of the gradient, by the leaves and by the cotangents that it is linear in. */
bool bl__op_check_second_gradient(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *outputs[BL_MAX_OUTPUTS], *cotangents[BL_MAX_OUTPUTS], *gradients[BL__CHECK_LEAVES];
    size_t count = real_outputs(s, outputs), leaves = s->leaf_count;
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        bl_dtype dtype = bl_tensor_dtype(outputs[i]);
        cotangents[i] = bl_sample_real(s->sampler, bl_tensor_shape(outputs[i]), -1, 1);
        if (bl_tensor_dtype(cotangents[i]) != dtype)
            cotangents[i] = bl_cast(cotangents[i], dtype);
    }
    if (!bl__op_gradients(c, s, "second gradient", outputs, count, cotangents, gradients) ||
        !bl__op_take_leaves(c, s))
        return false;
    bl_tensor *total = contract(s, gradients, leaves);
    return !total || check(c, s, "second gradient", total);
}

/* ---- along tangents ---- */

/* The leaves of a frozen program moved from where they were by `distance` along the tangents. */
static void move_leaves(bl_program *program, const bl__op_sample *s, const double *kept, double distance)
{
    for (size_t i = 0; i < s->leaf_count; i++) {
        double *values = bl__frozen_values(program, s->leaves[i]);
        for (int64_t k = 0; values && k < s->leaves[i]->count; k++)
            values[k] = kept[k] + distance * (double)(float)sin(1 + (double)i + 2.0 * (double)k);
        kept += s->leaves[i]->count;
    }
}

/* Runs and appends the values of tensors to `values`. */
static bool run_at(bl_program *program, bl_tensor *const *tensors, size_t count, double *values)
{
    if (bl_run(program) != BL_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (tensors[i]->count > 0)
            memcpy(values, bl_output_data(program, tensors[i]), (size_t)tensors[i]->count * sizeof(double));
        values += tensors[i]->count;
    }
    return true;
}

static int64_t total_count(bl_tensor *const *tensors, size_t count)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += tensors[i]->count;
    return total;
}

/* Compares the products with differences of the outputs; `kept` are the leaves' values. */
static bool compare_along(bl__op_checker *c, const bl__op_sample *s, bl_program *program,
                          bl_tensor *const *outputs, bl_tensor *const *products, size_t count,
                          const double *kept)
{
    double *analytic = c->values[0], *above = c->values[1], *below = c->values[2];
    bool ran = run_at(program, products, count, analytic);
    move_leaves(program, s, kept, step);
    ran = ran && run_at(program, outputs, count, above);
    move_leaves(program, s, kept, -step);
    ran = ran && run_at(program, outputs, count, below);
    if (!ran)
        return bl__op_failed(c, s, "jvp", "%s", bl_program_error(program)->message);
    int64_t total = total_count(outputs, count);
    for (int64_t i = 0; i < total; i++) {
        double numeric = (above[i] - below[i]) / (2 * step);
        bool same = isnan(numeric) || /* the value is no number, so it has no derivative */
                    fabs(analytic[i] - numeric) <= absolute + relative * fabs(numeric);
        if (!same)
            return bl__op_failed(c, s, "jvp", "element %lld is %.9g, numeric %.9g", (long long)i, analytic[i],
                                 numeric);
    }
    c->result->derivatives += total;
    return true;
}

/* Reads where the leaves stand, runs, and compares. */
static bool run_along(bl__op_checker *c, const bl__op_sample *s, bl_tensor *const *outputs,
                      bl_tensor *const *products, size_t count)
{
    bl_tensor *all[2 * BL_MAX_OUTPUTS + BL__CHECK_LEAVES];
    memcpy(all, products, count * sizeof(*all));
    memcpy(all + count, outputs, count * sizeof(*all));
    memcpy(all + 2 * count, s->leaves, s->leaf_count * sizeof(*all));
    int64_t leaves = total_count(s->leaves, s->leaf_count);
    double *kept = bl__arena_take(&s->graph->arena, ((size_t)leaves + 1) * sizeof(*kept)), *next = kept;
    bl_program *program = bl__compile_frozen(c->context, all, 2 * count + s->leaf_count);
    bl_status status = kept ? bl_program_error(program)->code : BL_ERR_MEMORY;
    for (size_t i = 0; i < s->input_count && status == BL_OK; i++)
        status = bl_set_input(program, s->inputs[i].input, s->inputs[i].data, s->inputs[i].bytes);
    for (size_t i = 0; i < s->leaf_count && status == BL_OK; i++) {
        size_t n = (size_t)s->leaves[i]->count;
        const double *values = bl__frozen_values(program, s->leaves[i]);
        if (values && n > 0)
            memcpy(next, values, n * sizeof(double));
        next += n;
    }
    bool good = status == BL_OK ? compare_along(c, s, program, outputs, products, count, kept)
                                : bl__op_failed(c, s, "jvp", "%s", bl_program_error(program)->message);
    if (status == BL_ERR_MEMORY)
        c->result->status = status;
    bl_program_free(program);
    return good;
}

bool bl__op_check_jvp(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *outputs[BL_MAX_OUTPUTS], *products[BL_MAX_OUTPUTS], *tangents[BL__CHECK_LEAVES];
    size_t count = real_outputs(s, outputs);
    if (count == 0 || total_count(outputs, count) > BL__CHECK_VALUES)
        return true;
    for (size_t i = 0; i < s->leaf_count; i++)
        tangents[i] = bl__op_weights(s, s->leaves[i], 1 + (double)i);
    if (bl_jvp(outputs, count, s->leaves, s->leaf_count, tangents, products) != BL_OK)
        return bl__op_failed(c, s, "jvp", "%s", bl_graph_error(s->graph)->message);
    return run_along(c, s, outputs, products, count);
}

/* ---- one tensor given twice ---- */

/* The first two float inputs of one dtype and shape; false when there are none. */
static bool find_pair(const bl__node *node, size_t *first, size_t *second)
{
    for (size_t i = 0; i < node->input_count; i++) {
        for (size_t j = i + 1; j < node->input_count; j++) {
            const bl_tensor *a = node->inputs[i], *b = node->inputs[j];
            if (a != b && bl__op_is_real(a) && a->dtype == b->dtype &&
                bl_shape_equal(bl_tensor_shape(a), bl_tensor_shape(b))) {
                *first = i;
                *second = j;
                return true;
            }
        }
    }
    return false;
}

bool bl__op_check_shared_input(bl__op_checker *c, bl__op_sample *s)
{
    bl_tensor *inputs[BL__CHECK_LEAVES];
    size_t first, second;
    if (!s->node || s->node->input_count > BL__CHECK_LEAVES || (c->op->flags & (BL_OP_EFFECT | BL_OP_LEAF)) ||
        s->node->op->view || !find_pair(s->node, &first, &second))
        return true;
    memcpy(inputs, s->node->inputs, s->node->input_count * sizeof(*inputs));
    inputs[second] = inputs[first];
    bl_tensor *output =
        bl_apply(s->graph, s->node->op, inputs, s->node->input_count, bl__attributes(s->node));
    if (!bl_tensor_valid(output)) /* the op may refuse it */
        return bl_graph_clear_error(s->graph), true;
    return !bl__op_is_real(output) || check(c, s, "shared input", output);
}
