/* Reductions to the largest or smallest element, or to its place: max, min, argmax, argmin. */
#include "cpu/of_set.h"
#include "cpu/reduce.h"

#include <math.h>

#define INF ((double)INFINITY)

#define SELF(x) (x)
/* The accumulator last: at a tie it stays, and a NaN in it does, since x > a is false. */
#define LARGER(a, x)  BL__LARGER(x, a)
#define SMALLER(a, x) ((((x) < (a)) | ((x) != (x))) ? (x) : (a))

BL__REDUCER(max, f32, float, float, float, -INFINITY, SELF, LARGER, NULL)
BL__REDUCER(max, f64, double, double, double, -INF, SELF, LARGER, NULL)
BL__REDUCER(max, i32, int32_t, int32_t, int32_t, INT32_MIN, SELF, LARGER, NULL)
BL__REDUCER(max, i64, int64_t, int64_t, int64_t, INT64_MIN, SELF, LARGER, NULL)

BL__REDUCER(min, f32, float, float, float, INFINITY, SELF, SMALLER, NULL)
BL__REDUCER(min, f64, double, double, double, INF, SELF, SMALLER, NULL)
BL__REDUCER(min, i32, int32_t, int32_t, int32_t, INT32_MAX, SELF, SMALLER, NULL)
BL__REDUCER(min, i64, int64_t, int64_t, int64_t, INT64_MAX, SELF, SMALLER, NULL)

/* The place of the first element beyond all others, or of the first NaN: what comes later must be beyond the
 * best so far, or a NaN before there is one. */
#define PLACE(op, name, type, begin, beyond)                                                               \
    struct op##_best_##name {                                                                              \
        type value;                                                                                        \
        int64_t index;                                                                                     \
    };                                                                                                     \
                                                                                                           \
    static inline void op##_take_##name(struct op##_best_##name *best, type x, int64_t j)                  \
    {                                                                                                      \
        if (x beyond best->value || ((x) != (x) && (best->value) == (best->value)))                        \
            *best = (struct op##_best_##name){x, j};                                                       \
    }                                                                                                      \
                                                                                                           \
    static void op##_start_##name(int64_t n, void *lanes)                                                  \
    {                                                                                                      \
        struct op##_best_##name *best = lanes;                                                             \
        for (int64_t i = 0; i < n; i++)                                                                    \
            best[i] = (struct op##_best_##name){(begin), 0};                                               \
    }                                                                                                      \
                                                                                                           \
    static void op##_across_##name(void *lanes, int64_t mask, int64_t n, const void *data, int64_t stride, \
                                   int64_t j)                                                              \
    {                                                                                                      \
        const type *x = data;                                                                              \
        (void)mask;                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                    \
            op##_take_##name(lanes, x[i * stride], j + i);                                                 \
    }                                                                                                      \
                                                                                                           \
    static void op##_down_##name(void *lanes, int64_t n, const void *data, int64_t stride, int64_t j)      \
    {                                                                                                      \
        const type *x = data;                                                                              \
        struct op##_best_##name *best = lanes;                                                             \
        for (int64_t i = 0; i < n; i++)                                                                    \
            op##_take_##name(&best[i], x[i * stride], j);                                                  \
    }                                                                                                      \
                                                                                                           \
    static void op##_join_##name(int64_t n, void *lanes, const void *after)                                \
    {                                                                                                      \
        const struct op##_best_##name *more = after;                                                       \
        struct op##_best_##name *best = lanes;                                                             \
        for (int64_t i = 0; i < n; i++)                                                                    \
            op##_take_##name(&best[i], more[i].value, more[i].index);                                      \
    }                                                                                                      \
                                                                                                           \
    static void op##_finish_##name(int64_t n, void *out, const void *lanes, int64_t count, int64_t pitch)  \
    {                                                                                                      \
        const struct op##_best_##name *best = lanes;                                                       \
        int64_t *y = out;                                                                                  \
        (void)count;                                                                                       \
        (void)pitch;                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                    \
            y[i] = best[i].index;                                                                          \
    }                                                                                                      \
                                                                                                           \
    static const bl__reducer op##_##name = {.bytes = sizeof(struct op##_best_##name),                      \
                                            .ordered = true,                                               \
                                            .start = op##_start_##name,                                    \
                                            .across = op##_across_##name,                                  \
                                            .down = op##_down_##name,                                      \
                                            .join = op##_join_##name,                                      \
                                            .finish = op##_finish_##name};

PLACE(argmax, f32, float, -INFINITY, >)
PLACE(argmax, f64, double, -INF, >)
PLACE(argmax, i32, int32_t, INT32_MIN, >)
PLACE(argmax, i64, int64_t, INT64_MIN, >)

PLACE(argmin, f32, float, INFINITY, <)
PLACE(argmin, f64, double, INF, <)
PLACE(argmin, i32, int32_t, INT32_MAX, <)
PLACE(argmin, i64, int64_t, INT64_MAX, <)

BL__REDUCE_KERNEL(max, BL__NUMBER_REDUCERS(max))
BL__REDUCE_KERNEL(min, BL__NUMBER_REDUCERS(min))
BL__REDUCE_KERNEL(argmax, BL__NUMBER_REDUCERS(argmax))
BL__REDUCE_KERNEL(argmin, BL__NUMBER_REDUCERS(argmin))
