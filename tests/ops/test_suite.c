/* Every op of the library on random samples: bl_op_check, and running out of memory. Looks at the table of
 * entries (ops/registry.h) and the sampler (ops/sampler.h). BOWLINE_SAMPLES asks for another number of
 * samples an op. */
#include "check.h"
#include "ops/registry.h"
#include "ops/sampler.h"
#include "support/counts.h"
#include "support/failing_allocator.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(suite, .init = open_all, .fini = close_all, .timeout = 600);

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

static bool is_asked_for(const bl_op *op)
{
    char name[80];
    const char *names = getenv("BOWLINE_OPS");
    snprintf(name, sizeof(name), "%s,", op->name);
    for (const char *at = names; at && (at = strstr(at, name)); at++) {
        if (at == names || at[-1] == ',')
            return true;
    }
    return !names;
}

EACH_OP(samples)
{
    char text[600];
    bl_op_check_result result;
    bl_op_check_options options = bl_op_check_defaults();
    const bl_op *op = bl__ops[*key - 1];
    const char *samples = getenv("BOWLINE_SAMPLES");
    if (samples)
        options.samples = atoi(samples);
    if (!is_asked_for(op))
        return;
    cr_assert_eq(op->key, *key);
    bl_op_check(context, op, &options, &result);
    bl_op_check_format(op, &result, text, sizeof(text));
    cr_assert(result.passed, "%s", text);
    counts_add("ops", 1);
    counts_add("op_samples", result.samples);
    counts_add("derivatives", result.derivatives);
}

static bool is_real(const bl_tensor *tensor)
{
    return bl_tensor_dtype(tensor) == BL_F32 || bl_tensor_dtype(tensor) == BL_F64;
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
