/* Regions with a derivative of their own: stopped, recomputed, by hand. */
#include "check.h"

TestSuite(region, .init = open_all, .fini = close_all);

Test(region, stop_gradient)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 2, 3);
    bl_tensor *y = bl_mul(x, bl_stop_gradient(x));
    EXPECT(y, 4, 9);
    EXPECT(bl_gradient(y, x), 2, 3);
    EXPECT(bl_gradient(bl_stop_gradient(x), x), 0, 0);
    EXPECT(bl_stop_gradient(CONSTANT(BL_I32, BL_SHAPE(2), 4, 5)), 4, 5);
    EXPECT_ERROR(bl_stop_gradient(bl_matmul(x, REAL(BL_SHAPE(3), 1, 2, 3))), BL_ERR_SHAPE, "bl_matmul");
}

/* ---- checkpoint ---- */

enum {
    DEPTH = 16,
    SIZE = 512
};

/* A chain of blocks of two products each; every value between them would be kept for the backward pass. */
static bl_tensor *chain(bl_tensor *x, bool checkpointed)
{
    for (int i = 0; i < DEPTH; i++) {
        bl_tensor *y = x;
        for (int k = 0; k < 4; k++)
            y = bl_tanh(bl_mul_scalar(bl_tanh(y), 1.5));
        x = checkpointed ? bl_checkpoint(y, &x, 1) : y;
    }
    return bl_sum(x, BL_ALL_AXES, false);
}

static void run_chain(bool checkpointed, double gradient[SIZE], size_t *bytes)
{
    double data[SIZE];
    for (int i = 0; i < SIZE; i++)
        data[i] = (i - SIZE / 2) * 0.01;
    bl_tensor *x = bl_constant(graph, BL_F64, BL_SHAPE(SIZE), data);
    bl_tensor *result = bl_gradient(chain(x, checkpointed), x);
    bl_program *program = bl_compile(context, result);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_context_error(context)));
    cr_assert_eq(bl_read(program, result, gradient, SIZE * sizeof(double)), BL_OK);
    *bytes = bl_program_workspace_bytes(program);
    bl_program_free(program);
}

Test(region, checkpoint_saves_memory_and_keeps_the_bits)
{
    static double plain[SIZE], again[SIZE];
    size_t plain_bytes, again_bytes;
    run_chain(false, plain, &plain_bytes);
    run_chain(true, again, &again_bytes);
    for (int i = 0; i < SIZE; i++)
        cr_assert_eq(plain[i], again[i]);
    cr_assert_lt(again_bytes * 3, plain_bytes, "%zu bytes, %zu without", again_bytes, plain_bytes);
}

/* The gradients of leaves inside, of an input used outside too, and of what was recorded before the inputs.
 */
Test(region, checkpoint_boundaries)
{
    bl_tensor *older = REAL(BL_SCALAR, 5), *inside = bl_square(older); /* 25, recorded before the input */
    bl_tensor *x = REAL(BL_SCALAR, 2), *leaf = REAL(BL_SCALAR, 3);
    bl_tensor *y = bl_mul(bl_mul(x, leaf), inside); /* 150 */
    bl_tensor *z = bl_add(bl_checkpoint(y, &x, 1), x);
    EXPECT(z, 152);
    EXPECT(bl_gradient(z, x), 76);
    EXPECT(bl_gradient(z, leaf), 50);
    EXPECT(bl_gradient(z, older), 60);
    EXPECT(bl_gradient(bl_checkpoint(x, &x, 1), x), 1); /* an empty region */
    bl_tensor *other = bl_add_scalar(x, 1), *both[] = {x, other};
    EXPECT(bl_gradient(bl_checkpoint(x, both, 2), x), 1); /* nothing by the other */
    bl_tensor *cube = bl_mul(x, bl_square(x));
    EXPECT(bl_gradient(bl_gradient(bl_checkpoint(cube, &x, 1), x), x), 12);
}

Test(region, checkpoint_errors)
{
    bl_tensor *x = REAL(BL_SCALAR, 2), *none = NULL;
    EXPECT_ERROR(bl_checkpoint(x, NULL, 0), BL_ERR_ARGUMENT, "bl_checkpoint", "inputs");
    EXPECT_ERROR(bl_checkpoint(x, &none, 1), BL_ERR_ARGUMENT, "bl_checkpoint", "NULL");
    cr_assert_null(bl_checkpoint(NULL, &x, 1));
}

/* ---- custom_gradient ---- */

static void scaled(bl_vjp_call *call, void *data)
{
    cr_assert_eq(call->input_count, 2);
    cr_assert(bl_tensor_valid(call->outputs[0]));
    if (call->needed[0])
        call->gradients[0] = bl_mul_scalar(call->cotangents[0], *(const double *)data);
    if (call->needed[1])
        call->gradients[1] = bl_mul(call->cotangents[0], call->inputs[0]);
}

Test(region, custom_gradient)
{
    static double factor = 10;
    bl_tensor *inputs[] = {REAL(BL_SHAPE(2), 1.4, 2.6), REAL(BL_SCALAR, 3)};
    bl_tensor *rounded = bl_cast(bl_cast(inputs[0], BL_I64), BL_F64);
    bl_tensor *y = bl_custom_gradient(bl_mul(rounded, inputs[1]), inputs, 2, scaled, &factor);
    EXPECT(y, 3, 6);
    EXPECT(bl_gradient(y, inputs[0]), 10, 10); /* straight through the rounding */
    EXPECT(bl_gradient(y, inputs[1]), 4);
    EXPECT(bl_gradient(bl_gradient(y, inputs[1]), inputs[0]), 1, 1);
}

static void wrong_dtype(bl_vjp_call *call, void *data)
{
    (void)data;
    call->gradients[0] = bl_cast(call->cotangents[0], BL_F32);
}

Test(region, custom_gradient_errors)
{
    bl_tensor *x = REAL(BL_SCALAR, 2), *none = NULL;
    EXPECT_ERROR(bl_custom_gradient(x, &x, 1, NULL, NULL), BL_ERR_ARGUMENT, "bl_custom_gradient", "NULL");
    EXPECT_ERROR(bl_custom_gradient(x, &none, 1, scaled, NULL), BL_ERR_ARGUMENT, "bl_custom_gradient",
                 "NULL");
    EXPECT_ERROR(bl_custom_gradient(x, &x, 0, scaled, NULL), BL_ERR_ARGUMENT, "bl_custom_gradient", "inputs");
    EXPECT_ERROR(bl_gradient(bl_custom_gradient(bl_square(x), &x, 1, wrong_dtype, NULL), x), BL_ERR_DTYPE,
                 "custom_gradient", "f32");
}
