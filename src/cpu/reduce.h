/* Private. How reductions are made: a reducer for each op and dtype, and one walk for all (reduce.c). */
#ifndef BOWLINE_CPU_REDUCE_H
#define BOWLINE_CPU_REDUCE_H

#include "cpu/kernels.h"
#include "cpu/tile.h"

#include <string.h>

enum {
    BL__LANES = 8,
    BL__ROWS_AT_ONCE = 4,
    BL__REDUCE_BLOCK = 1 << 15, /* elements of one result that are added up apart from those that follow */
    BL__REDUCE_BLOCKS = 1 << 12 /* the most of them: beyond, blocks are longer */
};

/* The length of the blocks of a result of so many elements. */
static inline int64_t bl__reduce_block(int64_t count)
{
    const int64_t most = (int64_t)BL__REDUCE_BLOCK * BL__REDUCE_BLOCKS;
    return count <= most ? BL__REDUCE_BLOCK : ((count - 1) / most + 1) * BL__REDUCE_BLOCK;
}

/* How one op reduces one dtype. `lanes` are accumulators; `mask` is BL__LANES - 1, or 0 where there is one
 * lane.
 */
typedef struct bl__reducer {
    size_t bytes; /* of an accumulator */
    bool ordered; /* one lane only: the order of elements matters */
    void (*start)(int64_t n, void *lanes);
    /* n elements of one result, the first of which is element j. */
    void (*across)(void *lanes, int64_t mask, int64_t n, const void *x, int64_t stride, int64_t j);
    /* Element j of n results, whose accumulators stand side by side. */
    void (*down)(void *lane, int64_t n, const void *x, int64_t stride, int64_t j);
    /* Elements j .. j + rows - 1 of n results that lie side by side, `step` apart, into all lanes, which
     * begin where those of element 0 do; rows is a multiple of BL__ROWS_AT_ONCE for each lane. NULL where
     * there is only the way above. */
    void (*down_rows)(void *lanes, int64_t mask, int64_t n, const void *x, int64_t step, int64_t rows,
                      int64_t j);
    /* n results whose elements lie side by side, `count` of each, and begin `step` apart. NULL where there is
     * no quicker way than the above. */
    void (*rows)(int64_t n, void *out, const void *x, int64_t count, int64_t step, int64_t mask);
    /* n accumulators each take one of as many that come after them. */
    void (*join)(int64_t n, void *lanes, const void *after);
    /* n results; the lanes of each are `pitch` accumulators apart. */
    void (*finish)(int64_t n, void *out, const void *lanes, int64_t count, int64_t pitch);
    /* All of that at once for n results side by side, each of `rows` elements `step` apart; NULL where there
     * is no quicker way. */
    void (*columns)(int64_t n, void *out, const void *x, int64_t rows, int64_t step, int64_t mask);
} bl__reducer;

/* Plans a reduction by the reducer of the input's dtype (NULL: there is none), and runs it. */
bl_status bl__reduce_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes,
                             const bl__reducer *const *reducers);
bl_status bl__reduce_run(const bl__call *call);

/* A reducer op_name: lane = combine(lane, of(x)) for elements x of `type`, with accumulators of type `wide`
 * that begin at `begin`, and results of type `result`; with a quicker way for columns, or NULL. */
#define BL__REDUCER(op, name, type, wide, result, begin, of, combine, all)                                  \
    static void op##_start_##name(int64_t n, void *lanes)                                                   \
    {                                                                                                       \
        wide *lane = lanes;                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                                     \
            lane[i] = (begin);                                                                              \
    }                                                                                                       \
                                                                                                            \
    static void op##_across_##name(void *lanes, int64_t mask, int64_t n, const void *data, int64_t stride,  \
                                   int64_t j)                                                               \
    {                                                                                                       \
        const type *x = data;                                                                               \
        wide *lane = lanes, local[BL__LANES];                                                               \
        int64_t i = 0;                                                                                      \
        for (; i < n && (mask == 0 || stride != 1 || ((j + i) & mask) != 0); i++)                           \
            lane[(j + i) & mask] = combine(lane[(j + i) & mask], (wide)of(x[i * stride]));                  \
        if (n - i >= BL__LANES) {                                                                           \
            memcpy(local, lane, sizeof(local));                                                             \
            for (; i + BL__LANES <= n; i += BL__LANES)                                                      \
                for (int k = 0; k < BL__LANES; k++)                                                         \
                    local[k] = combine(local[k], (wide)of(x[i + k]));                                       \
            memcpy(lane, local, sizeof(local));                                                             \
        }                                                                                                   \
        for (; i < n; i++)                                                                                  \
            lane[(j + i) & mask] = combine(lane[(j + i) & mask], (wide)of(x[i]));                           \
    }                                                                                                       \
                                                                                                            \
    static void op##_down_##name(void *lanes, int64_t n, const void *data, int64_t stride, int64_t j)       \
    {                                                                                                       \
        const type *x = data;                                                                               \
        wide *lane = lanes;                                                                                 \
        (void)j;                                                                                            \
        if (stride == 1)                                                                                    \
            for (int64_t i = 0; i < n; i++)                                                                 \
                lane[i] = combine(lane[i], (wide)of(x[i]));                                                 \
        else                                                                                                \
            for (int64_t i = 0; i < n; i++)                                                                 \
                lane[i] = combine(lane[i], (wide)of(x[i * stride]));                                        \
    }                                                                                                       \
                                                                                                            \
    static void op##_down_rows_##name(void *lanes, int64_t mask, int64_t n, const void *data, int64_t step, \
                                      int64_t rows, int64_t j)                                              \
    {                                                                                                       \
        const int64_t apart = (mask + 1) * step, ahead = BL__ROWS_AT_ONCE * apart;                          \
        const type *x = data;                                                                               \
        for (int64_t end = j + rows; j < end; j += BL__ROWS_AT_ONCE * (mask + 1), x += ahead)               \
            for (int64_t k = 0; k <= mask; k++) {                                                           \
                const type *a = x + k * step, *b = a + apart, *c = b + apart, *d = c + apart;               \
                wide *lane = (wide *)lanes + ((j + k) & mask) * n;                                          \
                BL__EACH_ALONE                                                                              \
                for (int64_t i = 0; i < n; i++) {                                                           \
                    wide sum = combine(lane[i], (wide)of(a[i]));                                            \
                    sum = combine(sum, (wide)of(b[i]));                                                     \
                    sum = combine(sum, (wide)of(c[i]));                                                     \
                    lane[i] = combine(sum, (wide)of(d[i]));                                                 \
                }                                                                                           \
            }                                                                                               \
    }                                                                                                       \
                                                                                                            \
    static void op##_rows_##name(int64_t n, void *out, const void *data, int64_t count, int64_t step,       \
                                 int64_t mask)                                                              \
    {                                                                                                       \
        const type *x = data;                                                                               \
        result *y = out;                                                                                    \
        for (int64_t r = 0; r < n; r++, x += step) {                                                        \
            wide lane[BL__LANES] = {begin, begin, begin, begin, begin, begin, begin, begin}, total;         \
            int64_t i = 0;                                                                                  \
            if (mask > 0) {                                                                                 \
                for (; i + BL__LANES <= count; i += BL__LANES)                                              \
                    for (int k = 0; k < BL__LANES; k++)                                                     \
                        lane[k] = combine(lane[k], (wide)of(x[i + k]));                                     \
                for (int k = 0; i + k < count; k++)                                                         \
                    lane[k] = combine(lane[k], (wide)of(x[i + k]));                                         \
                total = lane[0];                                                                            \
                for (int k = 1; k < BL__LANES; k++)                                                         \
                    total = combine(total, lane[k]);                                                        \
            } else {                                                                                        \
                total = lane[0];                                                                            \
                for (; i < count; i++)                                                                      \
                    total = combine(total, (wide)of(x[i]));                                                 \
            }                                                                                               \
            y[r] = (result)total;                                                                           \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void op##_join_##name(int64_t n, void *lanes, const void *after)                                 \
    {                                                                                                       \
        const wide *more = after;                                                                           \
        wide *lane = lanes;                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                                     \
            lane[i] = combine(lane[i], more[i]);                                                            \
    }                                                                                                       \
                                                                                                            \
    static void op##_finish_##name(int64_t n, void *out, const void *lanes, int64_t count, int64_t pitch)   \
    {                                                                                                       \
        const wide *lane = lanes;                                                                           \
        result *y = out;                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            wide total = lane[i];                                                                           \
            for (int64_t k = 1; k < count; k++)                                                             \
                total = combine(total, lane[k * pitch + i]);                                                \
            y[i] = (result)total;                                                                           \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static const bl__reducer op##_##name = {.bytes = sizeof(wide),                                          \
                                            .start = op##_start_##name,                                     \
                                            .across = op##_across_##name,                                   \
                                            .down = op##_down_##name,                                       \
                                            .down_rows = op##_down_rows_##name,                             \
                                            .rows = op##_rows_##name,                                       \
                                            .join = op##_join_##name,                                       \
                                            .finish = op##_finish_##name,                                   \
                                            .columns = all};

/* The kernel of an op, and lists of the reducers that it can have. */
#define BL__REDUCE_KERNEL(op, ...)                                                         \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        static const bl__reducer *const reducers[BL_DTYPE_COUNT] = {__VA_ARGS__};          \
        return bl__reduce_prepare(call, arena, scratch_bytes, reducers);                   \
    }                                                                                      \
    const bl__kernel BL__KERNEL(op) = {BL__STRIDED, prepare_##op, bl__reduce_run, bl__flops_input};
#define BL__NUMBER_REDUCERS(op) \
    [BL_F32] = &op##_f32, [BL_F64] = &op##_f64, [BL_I32] = &op##_i32, [BL_I64] = &op##_i64
#define BL__BOOL_REDUCER(op) [BL_BOOL] = &op##_bool

#endif
