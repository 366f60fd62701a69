/* Reductions by arithmetic: sum, prod, any, all, count_nonzero. f32 goes into f64, and integers wrap. */
#include "cpu/of_set.h"
#include "cpu/reduce.h"

#define SELF(x)        (x)
#define IS_TRUE(x)     ((x) != 0)
#define ADD(a, x)      ((a) + (x))
#define MULTIPLY(a, x) ((a) * (x))
#define EITHER(a, x)   ((a) | (x))
#define BOTH(a, x)     ((a) & (x))

/* Sums of columns that lie side by side, 8 at a time. The lanes are taken one after the other, each in a
 * register, and the order of all sums is that of the walk. */
typedef double wide_strip __attribute__((vector_size(64)));
typedef float strip_f32 __attribute__((vector_size(32)));
typedef double strip_f64 __attribute__((vector_size(64)));

#define SUM_COLUMNS(name, type)                                                                        \
    static void sum_columns_##name(int64_t n, void *out, const void *data, int64_t rows, int64_t step, \
                                   int64_t mask)                                                       \
    {                                                                                                  \
        const int64_t width = sizeof(strip_##name) / sizeof(type);                                     \
        const type *x = data;                                                                          \
        type *y = out;                                                                                 \
        int64_t i = 0;                                                                                 \
        for (; i + width <= n; i += width) {                                                           \
            wide_strip total = {0};                                                                    \
            strip_##name row;                                                                          \
            for (int64_t lane = 0; lane <= mask; lane++) {                                             \
                wide_strip sum = {0};                                                                  \
                for (int64_t j = lane; j < rows; j += mask + 1) {                                      \
                    memcpy(&row, x + i + j * step, sizeof(row));                                       \
                    sum += __builtin_convertvector(row, wide_strip);                                   \
                }                                                                                      \
                total = lane == 0 ? sum : total + sum;                                                 \
            }                                                                                          \
            row = __builtin_convertvector(total, strip_##name);                                        \
            memcpy(y + i, &row, sizeof(row));                                                          \
        }                                                                                              \
        for (; i < n; i++) {                                                                           \
            double total = 0;                                                                          \
            for (int64_t lane = 0; lane <= mask; lane++) {                                             \
                double sum = 0;                                                                        \
                for (int64_t j = lane; j < rows; j += mask + 1)                                        \
                    sum += (double)x[i + j * step];                                                    \
                total = lane == 0 ? sum : total + sum;                                                 \
            }                                                                                          \
            y[i] = (type)total;                                                                        \
        }                                                                                              \
    }
SUM_COLUMNS(f32, float)
SUM_COLUMNS(f64, double)

BL__REDUCER(sum, f32, float, double, float, 0, SELF, ADD, sum_columns_f32)
BL__REDUCER(sum, f64, double, double, double, 0, SELF, ADD, sum_columns_f64)
BL__REDUCER(sum, i32, int32_t, uint32_t, int32_t, 0, SELF, ADD, NULL)
BL__REDUCER(sum, i64, int64_t, uint64_t, int64_t, 0, SELF, ADD, NULL)

BL__REDUCER(prod, f32, float, double, float, 1, SELF, MULTIPLY, NULL)
BL__REDUCER(prod, f64, double, double, double, 1, SELF, MULTIPLY, NULL)
BL__REDUCER(prod, i32, int32_t, uint32_t, int32_t, 1, SELF, MULTIPLY, NULL)
BL__REDUCER(prod, i64, int64_t, uint64_t, int64_t, 1, SELF, MULTIPLY, NULL)

BL__REDUCER(any, bool, uint8_t, int, uint8_t, 0, IS_TRUE, EITHER, NULL)
BL__REDUCER(all, bool, uint8_t, int, uint8_t, 1, IS_TRUE, BOTH, NULL)

BL__REDUCER(count_nonzero, f32, float, int64_t, int64_t, 0, IS_TRUE, ADD, NULL)
BL__REDUCER(count_nonzero, f64, double, int64_t, int64_t, 0, IS_TRUE, ADD, NULL)
BL__REDUCER(count_nonzero, i32, int32_t, int64_t, int64_t, 0, IS_TRUE, ADD, NULL)
BL__REDUCER(count_nonzero, i64, int64_t, int64_t, int64_t, 0, IS_TRUE, ADD, NULL)
BL__REDUCER(count_nonzero, bool, uint8_t, int64_t, int64_t, 0, IS_TRUE, ADD, NULL)

const bl__reducer *const BL__SUM_REDUCERS[BL_DTYPE_COUNT] = {BL__NUMBER_REDUCERS(sum)};

BL__REDUCE_KERNEL(sum, BL__NUMBER_REDUCERS(sum))
BL__REDUCE_KERNEL(prod, BL__NUMBER_REDUCERS(prod))
BL__REDUCE_KERNEL(any, BL__BOOL_REDUCER(any))
BL__REDUCE_KERNEL(all, BL__BOOL_REDUCER(all))
BL__REDUCE_KERNEL(count_nonzero, BL__NUMBER_REDUCERS(count_nonzero), BL__BOOL_REDUCER(count_nonzero))
