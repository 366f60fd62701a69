/* sort and topk along any axis of any layout against a slow and plain selection; take_sorted and put_sorted
 * by the places that come of it. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static const bl_shape shapes[] = {{1, {1}},       {1, {700}},           {2, {3, 150}}, {2, {131, 5}},
                                  {3, {2, 9, 5}}, {5, {2, 1, 3, 2, 4}}, {2, {3, 0}},   {2, {0, 3}}};

static bool stands_before(double a, double b, bool descending)
{
    if (isnan(a) || isnan(b))
        return isnan(a) != isnan(b) && isnan(a) == descending;
    return descending ? a > b : a < b;
}

/* The distance of neighbours along an axis, and element 0 of row r. */
static int64_t row_start(const tensor *x, int axis, int64_t r, int64_t *step)
{
    *step = 1;
    for (int d = x->operand.rank - 1; d > axis; d--)
        *step *= x->size[d];
    return r / *step * *step * x->size[axis] + r % *step;
}

/* The places of one row in order: each is the first of those left that nothing left stands before. */
static void select_places(const tensor *x, int axis, int64_t r, bool descending, int64_t *places)
{
    int64_t n = x->size[axis], step, start = row_start(x, axis, r, &step);
    bool *taken = calloc((size_t)n + 1, sizeof(*taken));
    for (int64_t i = 0; i < n; i++) {
        int64_t best = -1;
        for (int64_t k = 0; k < n; k++)
            if (!taken[k] && (best < 0 || stands_before(get(x, start + k * step), get(x, start + best * step),
                                                        descending)))
                best = k;
        taken[best] = true;
        places[i] = best;
    }
    free(taken);
}

/* What is taken from the places are the values, and put back they stand where they stood. */
static void check_moves(tensor *x, int axis, tensor *values, tensor *places)
{
    const bl__take_attributes take = {axis, x->size[axis]};
    tensor *taking[] = {x, places}, *putting[] = {values, places};
    tensor *taken = new_tensor(x->operand.dtype, bl_shape_of(x->operand.rank, values->size), PLAIN);
    tensor *put = new_tensor(x->operand.dtype, bl_shape_of(x->operand.rank, x->size), PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_take_sorted, taking, 2, taken, &take), BL_OK);
    for (int64_t i = 0; i < values->operand.count; i++)
        cr_assert(same(get(taken, i), get(values, i)), "element %d", (int)i);
    cr_assert_eq(call_kernel(BL__KEY_put_sorted, putting, 2, put, &take), BL_OK);
    int64_t found = 0;
    for (int64_t i = 0; i < put->operand.count; i++) {
        bool back = same(get(put, i), get(x, i));
        cr_assert(back || get(put, i) == 0);
        found += back;
    }
    cr_assert_geq(found, values->operand.count);
    free_tensor(taken);
    free_tensor(put);
}

static void check(tensor *x, int axis, int64_t k, bool descending)
{
    int64_t n = x->size[axis], step, *expected = calloc((size_t)n + 1, sizeof(*expected));
    bl_shape shape = bl_shape_of(x->operand.rank, x->size);
    shape.size[axis] = k;
    const bl__sort_attributes attributes = {axis, descending, k};
    tensor *values = new_tensor(x->operand.dtype, shape, PLAIN), *places = new_tensor(BL_I64, shape, PLAIN);
    tensor *outputs[] = {values, places};
    cr_assert_eq(call_kernel_of_many(k == n ? BL__KEY_sort : BL__KEY_topk, &x, 1, outputs, 2, &attributes),
                 BL_OK);
    int64_t rows = n > 0 ? x->operand.count / n : 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t from = row_start(x, axis, r, &step), to = k > 0 ? row_start(values, axis, r, &step) : 0;
        select_places(x, axis, r, descending, expected);
        for (int64_t i = 0; i < k; i++) {
            cr_assert_eq(get(places, to + i * step), (double)expected[i], "axis %d k %d row %d element %d",
                         axis, (int)k, (int)r, (int)i);
            cr_assert(same(get(values, to + i * step), get(x, from + expected[i] * step)));
        }
    }
    check_moves(x, axis, values, places);
    free(expected);
    free_tensor(values);
    free_tensor(places);
}

static void check_each_k(bl_dtype dtype, bl_shape shape, layout how)
{
    tensor *x = new_tensor(dtype, shape, how);
    set_all(x, 1009);
    if (dtype <= BL_F64 && how != SPREAD)
        for (int64_t i = 3; i < x->operand.count; i += 29)
            set(x, i, i % 2 ? (double)NAN : (double)INFINITY);
    for (int axis = 0; axis < shape.rank; axis++)
        for (int descending = 0; descending < 2; descending++) {
            int64_t n = shape.size[axis], some[] = {0, 1, 3, n / 3, n};
            for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
                if (some[i] <= n)
                    check(x, axis, some[i], descending);
        }
    free_tensor(x);
}

Test(sort, along_any_axis_of_any_layout)
{
    const bl_dtype numbers[] = {BL_F32, BL_F64, BL_I32, BL_I64};
    cr_assert(BL_F32 < BL_F64 && BL_F64 < BL_I32);
    for (size_t t = 0; t < 4; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++)
                check_each_k(numbers[t], shapes[s], how);
}

/* Every length around those at which runs are merged, of rows that are all but sorted one way or the other.
 */
Test(sort, lengths)
{
    for (int64_t n = 1; n < 70; n++)
        for (int64_t turn = 1; turn < 4; turn++) {
            tensor *x = new_tensor(BL_I64, BL_SHAPE(n), PLAIN);
            for (int64_t i = 0; i < n; i++)
                set(x, i, (double)(turn == 1 ? i : turn == 2 ? n - i : i * 7919 % 13));
            check(x, 0, n, false);
            check(x, 0, n, true);
            free_tensor(x);
        }
}
