/* standardize against plain loops in f64, over the last axes of every layout. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

/* Mean, or 0, and 1 / sqrt(variance + eps) of the row that begins with element `first`. */
static void statistics(const tensor *x, int64_t first, int64_t n,
                       const bl__standardize_attributes *attributes, double *mean, double *scale)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += get(x, first + i);
    *mean = attributes->centered ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        squares += (get(x, first + i) - *mean) * (get(x, first + i) - *mean);
    *scale = 1 / sqrt(squares / (double)n + attributes->eps);
}

static void check(const tensor *x, int axes, bool centered)
{
    const bl__standardize_attributes attributes = {.axes = axes, .centered = centered, .eps = 0.25};
    double tolerance = x->operand.dtype == BL_F32 ? 1e-6 : 1e-14;
    bl_shape shape = bl_shape_of(x->operand.rank, x->size), leading = shape;
    int64_t n = 1;
    for (int d = shape.rank - axes; d < shape.rank; d++) {
        n *= shape.size[d];
        leading.size[d] = 1;
    }
    tensor *y = new_tensor(x->operand.dtype, shape, PLAIN), *r = new_tensor(x->operand.dtype, leading, PLAIN);
    tensor *const outputs[] = {y, r}, *const inputs[] = {(tensor *)x};
    cr_assert_eq(call_kernel_of_many(BL__KEY_standardize, inputs, 1, outputs, 2, &attributes), BL_OK);
    for (int64_t row = 0; row < r->operand.count; row++) {
        double mean, scale;
        statistics(x, row * n, n, &attributes, &mean, &scale);
        cr_assert(fabs(get(r, row) - scale) <= tolerance * scale || (n == 0 && isnan(get(r, row))));
        for (int64_t i = row * n; i < (row + 1) * n; i++) {
            double value = (get(x, i) - mean) * scale;
            cr_assert(fabs(get(y, i) - value) <= tolerance * fmax(fabs(value), 1),
                      "%d axes, element %d: %.17g, not %.17g", axes, (int)i, get(y, i), value);
        }
    }
    free_tensor(y);
    free_tensor(r);
}

Test(standardize, any_axes_of_any_layout)
{
    const bl_shape shapes[] = {BL_SHAPE(1),           BL_SHAPE(19),   BL_SHAPE(6, 10), BL_SHAPE(3, 40, 2),
                               BL_SHAPE(2, 5, 3, 20), BL_SHAPE(4, 1), BL_SHAPE(0, 3),  BL_SHAPE(3, 0)};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                tensor *x = new_tensor(t, shapes[s], how);
                set_all(x, 1000);
                for (int axes = 1; axes <= shapes[s].rank; axes++) {
                    check(x, axes, true);
                    check(x, axes, false);
                }
                free_tensor(x);
            }
}

/* The bits depend on the row alone, not on where its elements stand. */
Test(standardize, same_bits_in_every_layout)
{
    const bl__standardize_attributes attributes = {.axes = 2, .centered = 1, .eps = 1e-5};
    bl_shape shape = BL_SHAPE(3, 7, 11), leading = BL_SHAPE(3, 1, 1);
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        tensor *y[2], *r = new_tensor(t, leading, PLAIN);
        for (unsigned how = PLAIN; how <= TURNED; how++) {
            tensor *x = new_tensor(t, shape, how);
            y[how] = new_tensor(t, shape, PLAIN);
            for (int64_t i = 0; i < x->operand.count; i++)
                set(x, i, sin((double)i));
            cr_assert_eq(
                call_kernel_of_many(BL__KEY_standardize, &x, 1, (tensor *[]){y[how], r}, 2, &attributes),
                BL_OK);
            free_tensor(x);
        }
        for (int64_t i = 0; i < y[0]->operand.count; i++)
            cr_assert_eq(get(y[PLAIN], i), get(y[TURNED], i));
        free_tensor(y[0]);
        free_tensor(y[1]);
        free_tensor(r);
    }
}

/* A variance by the difference of squares would be lost here. */
Test(standardize, a_large_mean_leaves_the_variance)
{
    const bl__standardize_attributes attributes = {.axes = 1, .centered = 1, .eps = 0};
    tensor *x = new_tensor(BL_F64, BL_SHAPE(1, 4), PLAIN), *y = new_tensor(BL_F64, BL_SHAPE(1, 4), PLAIN);
    tensor *r = new_tensor(BL_F64, BL_SHAPE(1, 1), PLAIN);
    for (int64_t i = 0; i < 4; i++)
        set(x, i, 1e9 + (i % 2 ? 1 : -1));
    cr_assert_eq(call_kernel_of_many(BL__KEY_standardize, &x, 1, (tensor *[]){y, r}, 2, &attributes), BL_OK);
    for (int64_t i = 0; i < 4; i++)
        cr_assert_eq(get(y, i), i % 2 ? 1 : -1);
    cr_assert_eq(get(r, 0), 1);
    free_tensor(x);
    free_tensor(y);
    free_tensor(r);
}
