/* standardize and standardize_backward against plain loops in f64, over the last axes of every layout. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

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

/* One case: the layouts of x and of weight and bias, the axes of a row, and which of the rest there are. */
typedef struct test_case {
    bl_dtype dtype;
    bl_shape shape;
    layout how, affine;
    bl__standardize_attributes attributes;
} test_case;

static int64_t row_size(const test_case *c, bl_shape *row, bl_shape *numbers)
{
    int64_t n = 1;
    int rows = c->shape.rank - (int)c->attributes.axes;
    *numbers = c->shape;
    row->rank = (int)c->attributes.axes;
    for (int d = rows; d < c->shape.rank; d++) {
        n *= row->size[d - rows] = c->shape.size[d];
        numbers->size[d] = 1;
    }
    return n;
}

static tensor *filled(bl_dtype dtype, bl_shape shape, layout how, double phase)
{
    tensor *t = new_tensor(dtype, shape, how);
    for (int64_t i = 0; i < t->operand.count; i++)
        set(t, i, sin((double)i * 1.7 + phase));
    return t;
}

static void expect(const tensor *t, int64_t i, double value, const char *what)
{
    double tolerance = t->operand.dtype == BL_F32 ? 2e-6 : 1e-14;
    cr_assert(fabs(get(t, i) - value) <= tolerance * fmax(fabs(value), 1) ||
                  (isnan(value) && isnan(get(t, i))),
              "%s %d: %.17g, not %.17g", what, (int)i, get(t, i), value);
}

static void check(const test_case *c, const tensor *x)
{
    bl_shape row_shape, numbers;
    int64_t n = row_size(c, &row_shape, &numbers);
    tensor *y = new_tensor(c->dtype, c->shape, PLAIN), *m = new_tensor(c->dtype, numbers, PLAIN),
           *r = new_tensor(c->dtype, numbers, PLAIN);
    tensor *w = filled(c->dtype, row_shape, c->affine, 1), *b = filled(c->dtype, row_shape, c->affine, 2);
    tensor *const outputs[] = {y, m, r}, *inputs[3] = {(tensor *)x};
    uint32_t count = 1;
    if (c->attributes.weighted)
        inputs[count++] = w;
    if (c->attributes.biased)
        inputs[count++] = b;
    cr_assert_eq(call_kernel_of_many(BL__KEY_standardize, inputs, count, outputs, 3, &c->attributes), BL_OK);
    for (int64_t row = 0; row < r->operand.count; row++) {
        double mean, scale;
        statistics(x, row * n, n, &c->attributes, &mean, &scale);
        expect(m, row, mean, "mean");
        expect(r, row, n == 0 ? (double)NAN : scale, "scale");
        for (int64_t i = 0; i < n; i++) {
            double weight = c->attributes.weighted ? get(w, i) : 1;
            double bias = c->attributes.biased ? get(b, i) : 0;
            expect(y, row * n + i, (get(x, row * n + i) - mean) * scale * weight + bias, "element");
        }
    }
    tensor *all[] = {y, m, r, w, b};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free_tensor(all[i]);
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
                for (int axes = 1; axes <= shapes[s].rank; axes++)
                    for (unsigned kind = 0; kind < 8; kind++) {
                        test_case c = {t, shapes[s], how, kind % 4 == 3 ? TURNED + how % 2 : PLAIN,
                                       .attributes = {.axes = axes,
                                                      .centered = kind & 4,
                                                      .eps = 0.25,
                                                      .weighted = kind & 1,
                                                      .biased = kind & 2}};
                        check(&c, x);
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
        tensor *y[2], *m = new_tensor(t, leading, PLAIN), *r = new_tensor(t, leading, PLAIN);
        for (unsigned how = PLAIN; how <= TURNED; how++) {
            tensor *x = new_tensor(t, shape, how);
            y[how] = new_tensor(t, shape, PLAIN);
            for (int64_t i = 0; i < x->operand.count; i++)
                set(x, i, sin((double)i));
            cr_assert_eq(
                call_kernel_of_many(BL__KEY_standardize, &x, 1, (tensor *[]){y[how], m, r}, 3, &attributes),
                BL_OK);
            free_tensor(x);
        }
        for (int64_t i = 0; i < y[0]->operand.count; i++)
            cr_assert_eq(get(y[PLAIN], i), get(y[TURNED], i));
        free_tensor(y[0]);
        free_tensor(y[1]);
        free_tensor(m);
        free_tensor(r);
    }
}

/* A variance by the difference of squares would be lost here. */
Test(standardize, a_large_mean_leaves_the_variance)
{
    const bl__standardize_attributes attributes = {.axes = 1, .centered = 1, .eps = 0};
    tensor *x = new_tensor(BL_F64, BL_SHAPE(1, 4), PLAIN), *y = new_tensor(BL_F64, BL_SHAPE(1, 4), PLAIN);
    tensor *m = new_tensor(BL_F64, BL_SHAPE(1, 1), PLAIN), *r = new_tensor(BL_F64, BL_SHAPE(1, 1), PLAIN);
    for (int64_t i = 0; i < 4; i++)
        set(x, i, 1e9 + (i % 2 ? 1 : -1));
    cr_assert_eq(call_kernel_of_many(BL__KEY_standardize, &x, 1, (tensor *[]){y, m, r}, 3, &attributes),
                 BL_OK);
    for (int64_t i = 0; i < 4; i++)
        cr_assert_eq(get(y, i), i % 2 ? 1 : -1);
    cr_assert_eq(get(r, 0), 1);
    free_tensor(x);
    free_tensor(y);
    free_tensor(m);
    free_tensor(r);
}

/* ---- backward ---- */

enum {
    BY_X,
    BY_WEIGHT,
    BY_BIAS
};

/* What flows back, of rows whose m and r are any numbers, into the outputs that a mask names. */
static void check_backward(const test_case *c, unsigned outputs)
{
    bl_shape row_shape, numbers;
    int64_t n = row_size(c, &row_shape, &numbers);
    const bl__standardize_attributes *a = &c->attributes;
    tensor *g = filled(c->dtype, c->shape, PLAIN, 0), *x = filled(c->dtype, c->shape, PLAIN, 3);
    tensor *m = filled(c->dtype, numbers, PLAIN, 4), *r = filled(c->dtype, numbers, PLAIN, 5);
    tensor *w = filled(c->dtype, row_shape, PLAIN, 6), *inputs[] = {g, x, m, r, w};
    tensor *out[] = {new_tensor(c->dtype, c->shape, PLAIN), new_tensor(c->dtype, row_shape, PLAIN),
                     new_tensor(c->dtype, row_shape, PLAIN)};
    double *sums = calloc(2 * (size_t)n + 1, sizeof(double));
    for (unsigned i = 0; i < 3; i++)
        out[i]->operand.unused = !(outputs >> i & 1);
    cr_assert_eq(call_kernel_of_many(BL__KEY_standardize_backward, inputs, a->weighted ? 5 : 4, out, 3, a),
                 BL_OK);
    for (int64_t row = 0; row < r->operand.count; row++) {
        double mean = 0, mean_z = 0, scale = get(r, row), off = a->centered ? get(m, row) : 0;
        for (int64_t i = 0; i < n; i++) {
            double h = get(g, row * n + i) * (a->weighted ? get(w, i) : 1);
            double z = (get(x, row * n + i) - off) * scale;
            mean += a->centered ? h / (double)n : 0;
            mean_z += h * z / (double)n;
            sums[i] += get(g, row * n + i) * z;
            sums[n + i] += get(g, row * n + i);
        }
        for (int64_t i = 0; i < n && (outputs & 1); i++) {
            double h = get(g, row * n + i) * (a->weighted ? get(w, i) : 1);
            double z = (get(x, row * n + i) - off) * scale;
            expect(out[BY_X], row * n + i, scale * (h - mean - z * mean_z), "dx");
        }
    }
    for (int64_t i = 0; i < n; i++) {
        if (outputs & 2)
            expect(out[BY_WEIGHT], i, sums[i], "dw");
        if (outputs & 4)
            expect(out[BY_BIAS], i, sums[n + i], "db");
    }
    tensor *all[] = {g, x, m, r, w, out[0], out[1], out[2]};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free_tensor(all[i]);
    free(sums);
}

/* More rows than a block has, fewer than there are elements, and none of either. */
Test(standardize, what_flows_back)
{
    const bl_shape shapes[] = {BL_SHAPE(19),      BL_SHAPE(1, 8),    BL_SHAPE(300, 10), BL_SHAPE(3, 9000),
                               BL_SHAPE(9000, 1), BL_SHAPE(6, 5, 3), BL_SHAPE(0, 3),    BL_SHAPE(3, 0)};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (int axes = 1; axes <= shapes[s].rank; axes++)
                for (unsigned kind = 0; kind < 4; kind++)
                    for (unsigned outputs = 1; outputs < 8; outputs++) {
                        test_case c = {
                            t, shapes[s], PLAIN, PLAIN,
                            .attributes = {.axes = axes, .centered = kind & 1, .weighted = kind & 2}};
                        check_backward(&c, outputs);
                    }
}
