/* Private. Reductions that look at the elements of a result more than once, or at all of them together: each
 * result is a function of one contiguous row, which stands in scratch where it does not in memory. */
#ifndef BOWLINE_CPU_ROW_REDUCE_H
#define BOWLINE_CPU_ROW_REDUCE_H

#include "cpu/kernels.h"

/* One result from n >= 0 contiguous elements. */
typedef void bl__row_reduction(int64_t n, void *result, const void *x, const void *attributes);

/* Plans a reduction of f32 or f64 by the row function of its dtype; its attributes begin with
 * bl__reduce_attributes. */
bl_status bl__row_reduce_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes,
                                 bl__row_reduction *f32, bl__row_reduction *f64);
bl_status bl__row_reduce_run(const bl__call *call);

/* Results of `columns` neighbouring rows, 1 .. BL__COLUMNS: element i of all of them stands at x + i step. */
enum {
    BL__COLUMNS = 16
};
typedef void bl__column_reduction(int64_t n, int64_t step, int64_t columns, void *results, const void *x,
                                  const void *attributes);

/* After that: where elements of neighbouring rows are contiguous, they are not packed but reduced together,
 * by functions that give each the same bits as its row's alone. */
void bl__row_reduce_by_columns(const bl__call *call, size_t *scratch_bytes, bl__column_reduction *f32,
                               bl__column_reduction *f64);

/* The kernel of an op that counts so many operations an element. */
#define BL__ROW_REDUCE_KERNEL(op, operations)                                              \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        return bl__row_reduce_prepare(call, arena, scratch_bytes, op##_f32, op##_f64);     \
    }                                                                                      \
    static int64_t flops_##op(const bl__call *call)                                        \
    {                                                                                      \
        return bl__times(operations, call->inputs[0]->count);                              \
    }                                                                                      \
    const bl__kernel BL__KERNEL(op) = {BL__STRIDED, prepare_##op, bl__row_reduce_run, flops_##op};

#endif
