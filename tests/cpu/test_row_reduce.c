/* var, std, logsumexp and norm over any axes of any layout, against plain loops over the same elements. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static const bl_shape shapes[] = {{0}, {1, {1}}, {1, {203}}, {2, {3, 130}}, {3, {2, 0, 3}}};

/* The elements of x that go into element k of the result, row by row; how many. */
static int64_t elements_of(const tensor *x, uint32_t axes, int64_t k, double *values)
{
    int64_t n = 0;
    for (int64_t i = 0; i < x->operand.count; i++) {
        int64_t rest = i, kept = 0, block = 1;
        for (int d = x->operand.rank - 1; d >= 0; d--) {
            if (!(axes >> d & 1u)) {
                kept += rest % x->size[d] * block;
                block *= x->size[d];
            }
            rest /= x->size[d];
        }
        if (kept == k)
            values[n++] = get(x, i);
    }
    return n;
}

static double variance(int64_t n, const double *x, double correction)
{
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n == 0 ? (double)NAN : sum / fmax(0, (double)n - correction);
}

static double log_sum(int64_t n, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i]);
    return log(sum);
}

static double norm(int64_t n, const double *x, double p)
{
    double total = isinf(p) ? (p > 0 ? 0 : (double)INFINITY) : 0;
    for (int64_t i = 0; i < n; i++) {
        double size = fabs(x[i]);
        if (isinf(p))
            total = p > 0 ? fmax(total, size) : fmin(total, size);
        else
            total += p == 0 ? size != 0 : pow(size, p);
    }
    return isinf(p) || p == 0 ? total : pow(total, 1 / p);
}

/* One op with its one number, correction or p, which both stand behind the axes. */
static void check(tensor *x, uint32_t axes, int key, double number)
{
    const bl__var_attributes attributes = {{axes, 0}, number};
    bl_shape shape = BL_SCALAR;
    for (int d = 0; d < x->operand.rank; d++)
        if (!(axes >> d & 1u))
            shape.size[shape.rank++] = x->size[d];
    tensor *y = new_tensor(x->operand.dtype, shape, PLAIN);
    double *values = malloc((size_t)(x->operand.count + 1) * sizeof(*values));
    cr_assert_eq(call_kernel(key, &x, 1, y, &attributes), BL_OK);
    int64_t step = y->operand.count > 50 ? 37 : 1; /* of many results, some */
    for (int64_t k = 0; k < y->operand.count; k += step) {
        int64_t n = elements_of(x, axes, k, values);
        double expected = key == BL__KEY_var         ? variance(n, values, number)
                          : key == BL__KEY_std       ? sqrt(variance(n, values, number))
                          : key == BL__KEY_logsumexp ? log_sum(n, values)
                                                     : norm(n, values, number);
        double tolerance = x->operand.dtype == BL_F32 ? 1e-6 : 1e-13;
        cr_assert(same(get(y, k), expected) || fabs(get(y, k) - expected) <= tolerance * (1 + fabs(expected)),
                  "key %d %s axes %x number %g element %d: %.17g, not %.17g", key,
                  bl_dtype_name(x->operand.dtype), axes, number, (int)k, get(y, k), expected);
    }
    free(values);
    free_tensor(y);
}

static void check_all_axes(int key, const double *each, size_t count)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                tensor *x = new_tensor(t, shapes[s], how);
                set_all(x, 1009);
                for (uint32_t axes = 0; axes < 1u << shapes[s].rank; axes++)
                    for (size_t i = 0; i < count; i++)
                        if (!isinf(each[i]) || x->operand.count > 0)
                            check(x, axes, key, each[i]);
                free_tensor(x);
            }
}

Test(row_reduce, var_and_std)
{
    const double corrections[] = {1, 0};
    check_all_axes(BL__KEY_var, corrections, 2);
    check_all_axes(BL__KEY_std, corrections, 1);
}

Test(row_reduce, logsumexp)
{
    check_all_axes(BL__KEY_logsumexp, (const double[]){0}, 1);
}

Test(row_reduce, norm)
{
    const double each[] = {0, 1, 2, 3, (double)INFINITY, -(double)INFINITY};
    check_all_axes(BL__KEY_norm, each, sizeof(each) / sizeof(each[0]));
}

/* Numbers whose sum has other bits in another order. */
static void set_rough(tensor *x)
{
    for (int64_t i = 0; i < x->operand.count; i++)
        set(x, i, sin((double)i * 12.9898) * exp2((double)(i * 37 % 41)));
}

Test(row_reduce, the_same_bits_in_any_layout)
{
    const bl__var_attributes over_two = {{5, 0}, 2};
    const int keys[] = {BL__KEY_var, BL__KEY_norm};
    for (size_t o = 0; o < 2; o++) {
        tensor *results[SPREAD];
        for (unsigned how = 0; how < SPREAD; how++) {
            tensor *x = new_tensor(BL_F64, BL_SHAPE(17, 31, 13), how);
            set_rough(x);
            results[how] = new_tensor(BL_F64, BL_SHAPE(31), PLAIN);
            cr_assert_eq(call_kernel(keys[o], &x, 1, results[how], &over_two), BL_OK);
            free_tensor(x);
        }
        for (unsigned how = 1; how < SPREAD; how++)
            for (int64_t k = 0; k < 31; k++)
                cr_assert_eq(get(results[how], k), get(results[0], k), "layout %u", how);
        for (unsigned how = 0; how < SPREAD; how++)
            free_tensor(results[how]);
    }
}

/* logsumexp along an axis whose neighbours lie side by side, of infinities and NaN too, and along the same
 * axis when it is the last. */
Test(row_reduce, logsumexp_of_columns)
{
    const int64_t lengths[] = {2, 37, 9000};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (size_t l = 0; l < 3; l++)
            for (int64_t shift = BL__SHIFT_FINITE; shift <= BL__SHIFT_NONE; shift++) {
                const bl__logsumexp_attributes down = {{1, 0}, shift}, along = {{2, 0}, shift};
                tensor *x = new_tensor(t, BL_SHAPE(lengths[l], 21), PLAIN), *turned;
                tensor *columns = new_tensor(t, BL_SHAPE(21), PLAIN),
                       *rows = new_tensor(t, BL_SHAPE(21), PLAIN);
                for (int64_t i = 0; i < x->operand.count; i++)
                    set(x, i, sin((double)i * 12.9898) * 9);
                for (int64_t i = 0; i < lengths[l]; i++) {
                    set(x, i * 21, -(double)INFINITY);
                    set(x, i * 21 + 19, i == 1 ? (double)NAN : -(double)INFINITY);
                    set(x, i * 21 + 20, i == 1 ? (double)NAN : 1);
                }
                set(x, 3, (double)INFINITY);
                set(x, 4, 1000);
                turned = new_tensor(t, BL_SHAPE(21, lengths[l]), PLAIN);
                for (int64_t i = 0; i < x->operand.count; i++)
                    set(turned, i % 21 * lengths[l] + i / 21, get(x, i));
                cr_assert_eq(call_kernel(BL__KEY_logsumexp, &x, 1, columns, &down), BL_OK);
                cr_assert_eq(call_kernel(BL__KEY_logsumexp, &turned, 1, rows, &along), BL_OK);
                for (int64_t k = 0; k < 21; k++)
                    cr_assert(same(get(columns, k), get(rows, k)), "%d of %d, shift %d: %.17g, not %.17g",
                              (int)k, (int)lengths[l], (int)shift, get(columns, k), get(rows, k));
                cr_assert(isnan(get(rows, 19)) && isnan(get(rows, 20)));
                cr_assert(shift == BL__SHIFT_MOST ? isnan(get(rows, 0)) : get(rows, 0) == -(double)INFINITY);
                tensor *all[] = {x, turned, columns, rows};
                for (size_t i = 0; i < 4; i++)
                    free_tensor(all[i]);
            }
}

/* Of long rows, fewer are brought into scratch together; of very long ones, one. */
Test(row_reduce, long_rows)
{
    const int64_t lengths[] = {700, 9000};
    const bl__norm_attributes sizes = {{1, 0}, 1};
    for (size_t l = 0; l < 2; l++)
        for (unsigned how = 0; how < SPREAD; how++) {
            tensor *x = new_tensor(BL_F64, BL_SHAPE(lengths[l], 21), how);
            tensor *y = new_tensor(BL_F64, BL_SHAPE(21), PLAIN);
            set_all(x, 1009);
            cr_assert_eq(call_kernel(BL__KEY_norm, &x, 1, y, &sizes), BL_OK);
            for (int64_t k = 0; k < 21; k++) {
                double total = 0;
                for (int64_t i = 0; i < lengths[l]; i++)
                    total += fabs(get(x, i * 21 + k));
                cr_assert_eq(get(y, k), total, "layout %u column %d", how, (int)k);
            }
            free_tensor(x);
            free_tensor(y);
        }
}
