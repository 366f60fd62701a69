/* The cross-entropy kernel against plain loops in f64, and the targets it refuses. */
#include "bowline/ops.h"
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

enum {
    ROWS = 6,
    CLASSES = 10
};

static double loss_of(const tensor *logits, int64_t row, int64_t target)
{
    double sum = 0; /* the logits are small: no maximum is needed */
    for (int64_t k = 0; k < CLASSES; k++)
        sum += exp(get(logits, row * CLASSES + k));
    return log(sum) - get(logits, row * CLASSES + target);
}

/* Targets row % CLASSES, but for `ignored` rows from the first on, whose target is the ignored one. */
static void check(bl_dtype real, bl_dtype integer, int64_t ignored, int64_t ignore_index)
{
    tensor *in[2] = {new_tensor(real, BL_SHAPE(2, 3, CLASSES), PLAIN),
                     new_tensor(integer, BL_SHAPE(2, 3), PLAIN)};
    tensor *each = new_tensor(real, BL_SHAPE(2, 3), PLAIN), *all = new_tensor(real, BL_SCALAR, PLAIN);
    double tolerance = real == BL_F32 ? 2e-6 : 1e-14, total = 0;
    set_all(in[0], 60);
    for (int64_t i = 0; i < ROWS; i++) {
        set(in[1], i, (double)(i < ignored ? ignore_index : (i + 4) % CLASSES));
        if (i < ignored)
            set(in[0], i * CLASSES, (double)NAN);
    }
    bl__loss_attributes attributes = {BL_REDUCE_NONE, ignore_index};
    cr_assert_eq(call_kernel(BL__KEY_cross_entropy, in, 2, each, &attributes), BL_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        double expected = i < ignored ? 0 : loss_of(in[0], i, (i + 4) % CLASSES);
        cr_assert_float_eq(get(each, i), expected, tolerance * (1 + fabs(expected)));
        total += expected;
    }
    attributes.reduction = BL_REDUCE_SUM;
    cr_assert_eq(call_kernel(BL__KEY_cross_entropy, in, 2, all, &attributes), BL_OK);
    cr_assert_float_eq(get(all, 0), total, tolerance * (1 + total));
    attributes.reduction = BL_REDUCE_MEAN;
    cr_assert_eq(call_kernel(BL__KEY_cross_entropy, in, 2, all, &attributes), BL_OK);
    if (ignored == ROWS)
        cr_assert(isnan(get(all, 0)));
    else
        cr_assert_float_eq(get(all, 0), total / (double)(ROWS - ignored), tolerance * (1 + total));
    for (int k = 0; k < 2; k++)
        free_tensor(in[k]);
    free_tensor(each);
    free_tensor(all);
}

Test(cross_entropy, every_reduction_and_dtype)
{
    for (bl_dtype real = BL_F32; real <= BL_F64; real++)
        for (bl_dtype integer = BL_I32; integer <= BL_I64; integer++)
            for (int64_t ignored = 0; ignored <= ROWS; ignored += 2) {
                check(real, integer, ignored, -100);
                check(real, integer, ignored, 1); /* a class can be the one to ignore */
            }
}

Test(cross_entropy, no_targets_and_large_logits)
{
    bl__loss_attributes attributes = {BL_REDUCE_MEAN, -100};
    tensor *none[2] = {new_tensor(BL_F32, BL_SHAPE(0, 3), PLAIN), new_tensor(BL_I64, BL_SHAPE(0), PLAIN)};
    tensor *one[2] = {new_tensor(BL_F32, BL_SHAPE(2), PLAIN), new_tensor(BL_I64, BL_SCALAR, PLAIN)};
    tensor *loss = new_tensor(BL_F32, BL_SCALAR, PLAIN);
    set(loss, 0, 7);
    cr_assert_eq(call_kernel(BL__KEY_cross_entropy, none, 2, loss, &attributes), BL_OK);
    cr_assert(isnan(get(loss, 0)));
    attributes.reduction = BL_REDUCE_SUM;
    cr_assert_eq(call_kernel(BL__KEY_cross_entropy, none, 2, loss, &attributes), BL_OK);
    cr_assert_eq(get(loss, 0), 0);
    set(one[0], 0, 1000);
    set(one[0], 1, 3000);
    set(one[1], 0, 0);
    cr_assert_eq(call_kernel(BL__KEY_cross_entropy, one, 2, loss, &attributes), BL_OK);
    cr_assert_eq(get(loss, 0), 2000);
    for (int k = 0; k < 2; k++) {
        free_tensor(none[k]);
        free_tensor(one[k]);
    }
    free_tensor(loss);
}

Test(cross_entropy, targets_out_of_range)
{
    const double wrong[] = {-1, CLASSES, 12};
    const char *const texts[] = {"target -1 at [1,2] is outside 0..9", "target 10 at [1,2] is outside 0..9",
                                 "target 12 at [1,2] is outside 0..9"};
    const bl__loss_attributes attributes = {BL_REDUCE_NONE, -100};
    tensor *in[2] = {new_tensor(BL_F32, BL_SHAPE(2, 3, CLASSES), PLAIN),
                     new_tensor(BL_I32, BL_SHAPE(2, 3), PLAIN)};
    tensor *out = new_tensor(BL_F32, BL_SHAPE(2, 3), PLAIN);
    set_all(in[0], 60);
    for (int64_t i = 0; i < ROWS; i++)
        set(in[1], i, 0);
    for (int w = 0; w < 3; w++) {
        set(in[1], 5, wrong[w]);
        cr_assert_eq(call_kernel(BL__KEY_cross_entropy, in, 2, out, &attributes), BL_ERR_INDEX);
        cr_assert_str_eq(reason, texts[w]);
        cr_assert(isnan(get(out, 0)), "nothing is written before all targets have been looked at");
    }
    for (int k = 0; k < 2; k++)
        free_tensor(in[k]);
    free_tensor(out);
}
