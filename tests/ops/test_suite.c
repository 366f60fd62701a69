/* Every op of the library on random samples: dtypes, decompositions, first and second derivatives, and
 * running out of memory. Looks at the table of entries (ops/registry.h), the sampler (ops/sampler.h) and,
 * to find an op's own node, at graph/graph.h. */
#include "check.h"
#include "graph/graph.h"
#include "ops/registry.h"
#include "ops/sampler.h"
#include "support/failing_allocator.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

enum {
    SAMPLES = 24,
    MOST_LEAVES = 40,
    MOST_VALUES = 4096
};

TestSuite(suite, .init = open_all, .fini = close_all, .timeout = 120);

static int keys[] = {
#define KEY(name) BL__KEY_##name,
    BL__OPS(KEY)
#undef KEY
};

#define EACH_OP(test)                                                          \
    ParameterizedTestParameters(suite, test)                                   \
    {                                                                          \
        return cr_make_param_array(int, keys, sizeof(keys) / sizeof(keys[0])); \
    }                                                                          \
    ParameterizedTest(int *key, suite, test)

/* ---- one sample ---- */

/* An op recorded on one set of random arguments. `leaves` are the sampler's. */
typedef struct sample {
    const bl_op *op;
    uint64_t seed;
    bl_sampler *sampler;
    bl_graph *graph;
    bl_tensor *output;
    bl_tensor *leaves[MOST_LEAVES];
    bl_gradcheck_input inputs[MOST_LEAVES];
    size_t leaf_count, input_count;
} sample;

/* Takes the leaves that the sampler has by now. */
static void take_leaves(sample *s)
{
    s->leaf_count = bl__sampler_leaf_count(s->sampler);
    s->input_count = 0;
    cr_assert_lt(s->leaf_count, (size_t)MOST_LEAVES);
    for (size_t i = 0; i < s->leaf_count; i++) {
        const bl__sample_leaf *leaf = bl__sampler_leaf(s->sampler, i);
        s->leaves[i] = leaf->tensor;
        if (!bl_tensor_parameter(leaf->tensor))
            s->inputs[s->input_count++] =
                (bl_gradcheck_input){leaf->tensor, leaf->values, (size_t)leaf->count * sizeof(double)};
    }
}

static sample draw(int key, uint64_t seed, bl_dtype dtype)
{
    sample s = {.op = bl__ops[key - 1], .seed = seed};
    cr_assert(s.op->sample, "%s has no samples", s.op->name);
    s.sampler = bl__sampler_new(context, seed * 1000003 + (uint64_t)key, dtype);
    cr_assert(s.sampler);
    s.graph = bl_sampler_graph(s.sampler);
    s.output = s.op->sample(s.sampler);
    cr_assert(bl_tensor_valid(s.output), "%s, seed %d: %s", s.op->name, (int)seed,
              error_text(bl_graph_error(s.graph)));
    take_leaves(&s);
    return s;
}

static bool is_real(const bl_tensor *tensor)
{
    return bl_tensor_dtype(tensor) == BL_F32 || bl_tensor_dtype(tensor) == BL_F64;
}

/* The node of the op in the sample; NULL when it has none, as a composite. */
static bl__node *node_of(const sample *s)
{
    for (int64_t id = s->graph->node_count - 1; id >= 0; id--) {
        if (s->graph->nodes[id]->op == s->op)
            return s->graph->nodes[id];
    }
    return NULL;
}

/* ---- running ---- */

/* Gives a program the values of the inputs, in the dtype they were recorded in. */
static void set_inputs(const sample *s, bl_program *program)
{
    float narrow[MOST_VALUES];
    for (size_t i = 0; i < s->input_count; i++) {
        const bl_tensor *input = s->inputs[i].input;
        size_t count = (size_t)bl_tensor_count(input);
        const double *wide = s->inputs[i].data;
        cr_assert_leq(count, (size_t)MOST_VALUES);
        for (size_t k = 0; k < count; k++)
            narrow[k] = (float)wide[k];
        const void *data = bl_tensor_dtype(input) == BL_F32 ? (const void *)narrow : wide;
        cr_assert_eq(bl_set_input(program, input, data, count * bl_dtype_size(bl_tensor_dtype(input))),
                     BL_OK);
    }
}

/* Compiles a tensor and the leaves, so that all inputs are the program's, runs it and reads the tensor. */
static void values_of(const sample *s, bl_tensor *tensor, double *values)
{
    bl_tensor *outputs[MOST_LEAVES + 1] = {tensor};
    for (size_t i = 0; i < s->leaf_count; i++)
        outputs[i + 1] = s->leaves[i];
    bl_program *program = bl_compile_list(context, outputs, s->leaf_count + 1, NULL);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s, seed %d: %s", s->op->name, (int)s->seed,
                 error_text(bl_program_error(program)));
    set_inputs(s, program);
    bl__sampler_rewind(s->sampler); /* every program of a sample draws the same */
    cr_assert_eq(bl_run(program), BL_OK, "%s, seed %d: %s", s->op->name, (int)s->seed,
                 error_text(bl_program_error(program)));
    size_t count = (size_t)bl_tensor_count(tensor);
    cr_assert_leq(count, (size_t)MOST_VALUES);
    if (!(tensor->node->op->flags & BL_OP_EFFECT) && count > 0)
        to_doubles(bl_tensor_dtype(tensor), bl_output_data(program, tensor), count, values);
    bl_program_free(program);
}

static void compare(const sample *s, const char *what, const double *a, const double *b, int64_t count,
                    double tolerance)
{
    for (int64_t i = 0; i < count; i++) {
        double scale = fabs(b[i]) > 1 ? fabs(b[i]) : 1;
        bool same = a[i] == b[i] || (isnan(a[i]) && isnan(b[i])) || fabs(a[i] - b[i]) <= tolerance * scale;
        cr_assert(same, "%s, seed %d, %s, element %d: %.17g and %.17g", s->op->name, (int)s->seed, what,
                  (int)i, a[i], b[i]);
    }
}

/* ---- the tests ---- */

/* A sample records its op, as the entry describes it, and f32 computes what f64 does. */
EACH_OP(dtypes)
{
    static double narrow[MOST_VALUES], wide[MOST_VALUES];
    for (uint64_t seed = 0; seed < SAMPLES; seed++) {
        sample f32 = draw(*key, seed, BL_F32), f64 = draw(*key, seed, BL_F64);
        cr_assert_eq(f64.op->key, *key);
        cr_assert_eq(f64.op->size, sizeof(bl_op));
        cr_assert((node_of(&f64) == NULL) == ((f64.op->flags & BL__OP_COMPOSITE) != 0),
                  "%s, seed %d: the sample records another op", f64.op->name, (int)seed);
        cr_assert(bl_shape_equal(bl_tensor_shape(f32.output), bl_tensor_shape(f64.output)));
        values_of(&f32, f32.output, narrow);
        values_of(&f64, f64.output, wide);
        compare(&f64, "f32 and f64", narrow, wide, bl_tensor_count(f64.output),
                is_real(f64.output) ? 1e-4 : 0);
        bl__sampler_free(f32.sampler);
        bl__sampler_free(f64.sampler);
    }
}

/* The gradients by all leaves, for a cotangent, or ones. */
static void record_gradients(sample *s, bl_tensor *output, bl_tensor *cotangent, bl_tensor **gradients)
{
    cr_assert_eq(bl_grad(&output, 1, &cotangent, s->leaves, s->leaf_count, gradients), BL_OK,
                 "%s, seed %d: %s", s->op->name, (int)s->seed, error_text(bl_graph_error(s->graph)));
}

/* A kernel, and its vjp, compute what the decomposition says. */
EACH_OP(decompositions)
{
    static double kernel[MOST_VALUES], parts[MOST_VALUES];
    if (!bl__ops[*key - 1]->decompose || (bl__ops[*key - 1]->flags & BL__OP_COMPOSITE))
        return;
    for (uint64_t seed = 0; seed < SAMPLES; seed++) {
        bl_dtype dtype = seed % 2 ? BL_F32 : BL_F64;
        double tolerance = dtype == BL_F32 ? 1e-5 : 1e-12;
        sample s = draw(*key, seed, dtype);
        bl__node *node = node_of(&s);
        bl_tensor *decomposed, *by_kernel[MOST_LEAVES], *by_parts[MOST_LEAVES];
        s.op->decompose(s.graph, node->inputs, node->input_count, node->attributes, &decomposed);
        cr_assert(bl_tensor_valid(decomposed), "%s", error_text(bl_graph_error(s.graph)));
        cr_assert(bl_shape_equal(bl_tensor_shape(decomposed), bl_tensor_shape(s.output)));
        values_of(&s, s.output, kernel);
        values_of(&s, decomposed, parts);
        compare(&s, "decomposition", kernel, parts, bl_tensor_count(s.output), tolerance);
        bl_tensor *cotangent = bl_sample_real(s.sampler, bl_tensor_shape(s.output), -1, 1);
        record_gradients(&s, s.output, cotangent, by_kernel);
        record_gradients(&s, decomposed, cotangent, by_parts);
        size_t leaves = s.leaf_count;
        take_leaves(&s); /* the cotangent too */
        for (size_t i = 0; i < leaves; i++) {
            values_of(&s, by_kernel[i], kernel);
            values_of(&s, by_parts[i], parts);
            compare(&s, "gradient of the decomposition", kernel, parts, bl_tensor_count(s.leaves[i]),
                    tolerance);
        }
        bl__sampler_free(s.sampler);
    }
}

/* Compares derivatives by the leaves with central differences; how many there were. */
static int64_t check_gradient(const sample *s, bl_tensor *output)
{
    char text[256];
    bl_gradcheck_result result;
    bl_gradcheck(output, s->leaves, s->leaf_count, s->inputs, s->input_count, NULL, &result);
    bl_gradcheck_format(&result, text, sizeof(text));
    cr_assert(result.passed, "%s, seed %d: %s", s->op->name, (int)s->seed, text);
    return result.checked;
}

/* Whether a cotangent is to flow through the op to some leaf. */
static bool differentiable(const bl_op *op)
{
    return op->vjp || op->decompose;
}

EACH_OP(gradients)
{
    const bl_op *op = bl__ops[*key - 1];
    int64_t checked = 0, reached = 0;
    for (uint64_t seed = 0; seed < SAMPLES; seed++) {
        sample s = draw(*key, seed, seed % 2 ? BL_F32 : BL_F64);
        if (is_real(s.output) && s.leaf_count > 0) {
            bl_tensor *gradients[MOST_LEAVES];
            checked += check_gradient(&s, s.output);
            record_gradients(&s, s.output, NULL, gradients);
            for (size_t i = 0; i < s.leaf_count; i++)
                reached += !bl_is_unreached(gradients[i]);
        }
        bl__sampler_free(s.sampler);
    }
    if (differentiable(op)) {
        cr_assert_gt(checked, 0, "%s: nothing was compared", op->name);
        cr_assert_gt(reached, 0, "%s: no leaf is reached", op->name);
    }
}

/* Numbers that are anything but equal, as many as a tensor has. */
static bl_tensor *fixed_weights(const sample *s, bl_tensor *like)
{
    double wide[MOST_VALUES];
    float narrow[MOST_VALUES];
    for (int64_t i = 0; i < bl_tensor_count(like); i++) {
        wide[i] = sin(1.0 + 2.0 * (double)i);
        narrow[i] = (float)wide[i];
    }
    bl_dtype dtype = bl_tensor_dtype(like);
    return bl_constant(s->graph, dtype, bl_tensor_shape(like), dtype == BL_F32 ? (const void *)narrow : wide);
}

/* sum_i sum(gradient_i * fixed weights), over the leaves that are reached; NULL when none is. */
static bl_tensor *contract(const sample *s, bl_tensor *const *gradients, size_t count)
{
    bl_tensor *total = NULL;
    for (size_t i = 0; i < count; i++) {
        if (bl_is_unreached(gradients[i]))
            continue;
        bl_tensor *part = bl_sum(bl_mul(gradients[i], fixed_weights(s, gradients[i])), BL_ALL_AXES, false);
        total = total ? bl_add(total, part) : part;
    }
    return total;
}

/* Derivatives of the gradient, by the leaves and by the cotangent that it is linear in. */
EACH_OP(second_gradients)
{
    const bl_op *op = bl__ops[*key - 1];
    int64_t checked = 0;
    for (uint64_t seed = 0; seed < SAMPLES; seed++) {
        sample s = draw(*key, seed, seed % 2 ? BL_F64 : BL_F32);
        if (is_real(s.output) && s.leaf_count > 0) {
            bl_tensor *gradients[MOST_LEAVES];
            size_t leaves = s.leaf_count;
            bl_tensor *cotangent = bl_sample_real(s.sampler, bl_tensor_shape(s.output), -1, 1);
            if (bl_tensor_dtype(cotangent) != bl_tensor_dtype(s.output))
                cotangent = bl_cast(cotangent, bl_tensor_dtype(s.output));
            record_gradients(&s, s.output, cotangent, gradients);
            take_leaves(&s);
            bl_tensor *total = contract(&s, gradients, leaves);
            checked += total ? check_gradient(&s, total) : 0;
        }
        bl__sampler_free(s.sampler);
    }
    if (differentiable(op))
        cr_assert_gt(checked, 0, "%s: nothing was compared", op->name);
}

/* Samples an op and differentiates it in a context of its own; the code of the first error. */
static bl_status record_all(failing_allocator *allocator, int key, uint64_t seed)
{
    bl_context *own = failing_allocator_context(allocator);
    bl_sampler *sampler = bl__sampler_new(own, seed, BL_F32);
    bl_status status = BL_ERR_MEMORY;
    if (sampler && bl__ops[key - 1]->sample) {
        bl_tensor *output = bl__ops[key - 1]->sample(sampler);
        if (is_real(output) && bl__sampler_leaf_count(sampler) > 0)
            bl_gradient(output, bl__sampler_leaf(sampler, 0)->tensor);
        status = bl_graph_error(bl_sampler_graph(sampler))->code;
    }
    bl__sampler_free(sampler);
    bl_context_free(own);
    return status;
}

/* Whichever allocation fails, that is the error, and nothing is lost. */
EACH_OP(memory)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        bl_status status = BL_ERR_MEMORY;
        for (long k = 1; status != BL_OK; k++) {
            failing_allocator allocator;
            char text[200];
            failing_allocator_init(&allocator);
            failing_allocator_fail(&allocator, k, true);
            status = record_all(&allocator, *key, seed);
            cr_assert(failing_allocator_clean(&allocator, text, sizeof(text)), "%s, call %ld: %s",
                      bl__ops[*key - 1]->name, k, text);
            cr_assert(status == BL_ERR_MEMORY || !failing_allocator_has_failed(&allocator));
            cr_assert(status == BL_ERR_MEMORY || status == BL_OK, "%s, call %ld: %s", bl__ops[*key - 1]->name,
                      k, bl_status_name(status));
            cr_assert_lt(k, 1000);
        }
    }
}
