/* A check finds nothing where there is nothing to find: every op on random samples, forward and backward.
 * Looks at the table of entries and at how samples are drawn (exec/opcheck.h). */
#include "exec/opcheck.h"
#include "ops/registry.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(check_ops, .init = open_all, .fini = close_all, .timeout = 600);

static bool are_finite(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return false;
    }
    return true;
}

/* Runs a sample; the status, and whether all outputs are finite. */
static bl_status run_sample(const bl__op_sample *s, bl_tensor *const *outputs, size_t count, bl_check check,
                            bool *finite)
{
    bl_compile_options options = bl_compile_defaults();
    options.check = check;
    bl_program *program = bl_compile_list(context, outputs, count, &options);
    for (size_t i = 0; i < s->input_count; i++) {
        const bl_gradcheck_input *input = &s->inputs[i];
        bl_set_input(program, input->input, input->data, input->bytes);
    }
    bl__sampler_rewind(s->sampler); /* both draw the same */
    bl_status status = bl_run(program);
    *finite = status == BL_OK;
    for (size_t i = 0; i < count && *finite; i++)
        *finite = are_finite(bl_output_data(program, outputs[i]), bl_tensor_count(outputs[i]));
    bl_program_free(program);
    return status;
}

/* False where the sample says nothing: it has no real outputs, no derivative, or values that are not finite.
 */
static bool look_at_sample(const bl_op *op, uint64_t seed)
{
    bl_op_check_result result = {.passed = true};
    bl__op_checker c = {.context = context, .op = op, .result = &result};
    bl__op_sample s;
    bl_tensor *outputs[BL_MAX_OUTPUTS + BL__CHECK_LEAVES] = {NULL}, *gradients[BL__CHECK_LEAVES];
    size_t count = 0;
    bool finite = false;
    bool drawn = bl__op_draw(&c, seed, BL_F64, &s);
    for (size_t i = 0; drawn && i < s.output_count; i++) {
        if (bl_tensor_dtype(s.outputs[i]) == BL_F64)
            outputs[count++] = s.outputs[i];
    }
    if (count > 0 && s.leaf_count > 0 &&
        bl_grad(outputs, count, NULL, s.leaves, s.leaf_count, gradients) == BL_OK) {
        for (size_t i = 0; i < s.leaf_count; i++)
            outputs[count++] = gradients[i];
    } else
        bl_graph_clear_error(s.graph);
    if (count > 0 && run_sample(&s, outputs, count, BL_CHECK_NOTHING, &finite) == BL_OK && finite)
        cr_expect_eq(run_sample(&s, outputs, count, BL_CHECK_FINITE, &finite), BL_OK, "%s, sample %llu: %s",
                     op->name, (unsigned long long)seed, error_text(bl_context_error(context)));
    bl__op_sample_free(&s);
    return finite;
}

Test(check_ops, no_false_alarms)
{
    enum {
        SAMPLES = 20
    };
    int seen = 0;
    for (int key = 1; key <= (int)BL__OP_COUNT; key++) {
        for (uint64_t seed = 1; seed <= SAMPLES && bl__ops[key - 1]->sample; seed++)
            seen += look_at_sample(bl__ops[key - 1], seed);
    }
    cr_expect_gt(seen, 2000, "%d", seen);
}
