/* Checking an op on samples: an op that is right passes, and each way of being wrong fails in the check for
 * it. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(opcheck, .init = open_all, .fini = close_all);

/* ---- y = x^3, as its author would write it, with ways of being wrong ---- */

typedef enum fault_kind {
    RIGHT,
    F32_DIFFERS,
    GRADIENT_WRONG,
    SECOND_GRADIENT_WRONG,
    DECOMPOSITION_WRONG,
    RUN_FAILS,
    REFUSAL_WRONG
} fault_kind;

static fault_kind with;

static bl_status infer(bl_infer_call *call)
{
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    if (dtype != BL_F32 && dtype != BL_F64)
        return bl_infer_fail(call, with == REFUSAL_WRONG ? BL_ERR_STATE : BL_ERR_DTYPE, "%s is no float",
                             bl_dtype_name(dtype));
    call->dtype[0] = dtype;
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static bl_status compute(const bl_compute_call *call)
{
    int64_t count = bl_shape_count(call->output_shapes[0]);
    for (int64_t i = 0; i < count; i++) {
        if (call->output_dtypes[0] == BL_F64) {
            double x = ((const double *)call->inputs[0])[i];
            ((double *)call->outputs[0])[i] = x * x * x;
        } else {
            float x = ((const float *)call->inputs[0])[i];
            ((float *)call->outputs[0])[i] = x * x * x + (with == F32_DIFFERS ? 0.01f : 0);
        }
    }
    return with == RUN_FAILS ? BL_ERR_ARGUMENT : BL_OK;
}

static void vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0];
    if (with == SECOND_GRADIENT_WRONG) /* right to the first order alone */
        x = bl_stop_gradient(x);
    call->gradients[0] =
        bl_mul(call->cotangents[0], bl_mul_scalar(bl_square(x), with == GRADIENT_WRONG ? 3.01 : 3));
}

static void decompose(bl_graph *on, bl_tensor *const *inputs, size_t count, const void *attributes,
                      bl_tensor **outputs)
{
    (void)on, (void)count, (void)attributes;
    outputs[0] = bl_pow_scalar(inputs[0], with == DECOMPOSITION_WRONG ? 3.001 : 3);
}

static bl_tensor *sample(bl_sampler *sampler);

static const bl_op cube = {.size = sizeof(bl_op),
                           .name = "cube",
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .output_count = 1,
                           .flags = BL_OP_ELEMENTWISE,
                           .infer = infer,
                           .vjp = vjp,
                           .decompose = decompose,
                           .compute = compute,
                           .sample = sample};

static bl_tensor *sample(bl_sampler *sampler)
{
    bl_tensor *x = bl_sample_real(sampler, bl_sample_shape(sampler, 0, 4), 0.5, 2);
    return bl_apply(bl_sampler_graph(sampler), &cube, &x, 1, NULL);
}

static bl_op_check_result check(fault_kind fault, const char **text)
{
    static char line[600];
    bl_op_check_result result;
    with = fault;
    cr_assert_eq(bl_op_check(context, &cube, NULL, &result), BL_OK);
    bl_op_check_format(&cube, &result, line, sizeof(line));
    *text = line;
    return result;
}

Test(opcheck, passes_what_is_right)
{
    const char *text;
    bl_op_check_result result = check(RIGHT, &text);
    cr_assert(result.passed, "%s", text);
    cr_assert_eq(result.samples, 200);
    cr_assert_gt(result.derivatives, 1000);
    cr_assert(strstr(text, "cube: 200 samples passed"), "%s", text);
}

Test(opcheck, catches_what_is_wrong)
{
    static const struct {
        fault_kind fault;
        const char *check;
    } faults[] = {{F32_DIFFERS, "dtypes"},
                  {GRADIENT_WRONG, "decomposition"},
                  {SECOND_GRADIENT_WRONG, "second gradient"},
                  {DECOMPOSITION_WRONG, "decomposition"},
                  {RUN_FAILS, "dtypes"},
                  {REFUSAL_WRONG, "arguments"}};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const char *text;
        bl_op_check_result result = check(faults[i].fault, &text);
        cr_assert(!result.passed);
        cr_assert_str_eq(result.check, faults[i].check, "%s", text);
        cr_assert(strstr(text, faults[i].check) && strstr(text, "cube"), "%s", text);
    }
}

/* Without a decomposition to compare with, it is the differences that tell. */
Test(opcheck, catches_a_wrong_gradient_by_differences)
{
    bl_op_check_result result;
    static bl_op alone;
    alone = cube;
    alone.decompose = NULL;
    with = GRADIENT_WRONG;
    bl_op_check(context, &cube, NULL, &result);
    cr_assert(!result.passed);
    bl_op_check(context, &alone, NULL, &result); /* its samples record `cube` */
    cr_assert_str_eq(result.check, "sample");
}

static bl_tensor *no_leaf(bl_sampler *sampler)
{
    bl_tensor *x = bl_full(bl_sampler_graph(sampler), BL_F64, BL_SHAPE(2), 1);
    return bl_exp(x);
}

Test(opcheck, errors)
{
    bl_op_check_result result;
    char text[200];
    bl_op wrong = cube;
    bl_op_check_options none = {.seed = 0, .samples = 0};
    cr_assert_eq(bl_op_check(NULL, &cube, NULL, &result), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_op_check(context, NULL, NULL, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_op_check(context, &cube, &none, &result), BL_ERR_ARGUMENT);
    wrong.sample = NULL;
    cr_assert_eq(bl_op_check(context, &wrong, NULL, &result), BL_ERR_ARGUMENT);
    cr_assert(!result.passed);
    bl_op_check_format(&wrong, &result, text, sizeof(text));
    cr_assert(strstr(text, "no samples"), "%s", text);
    wrong.sample = no_leaf;
    wrong.name = NULL;
    cr_assert_eq(bl_op_check(context, &wrong, NULL, &result), BL_ERR_ARGUMENT);
    wrong.name = "wrong";
    cr_assert_eq(bl_op_check(context, &wrong, NULL, &result), BL_OK);
    cr_assert(!result.passed);
    cr_assert_str_eq(result.check, "sample");
}
