/* Reductions by arithmetic: sum, prod, any, all, count_nonzero. f32 goes into f64, and integers wrap. */
#include "cpu/of_set.h"
#include "cpu/reduce.h"

#define SELF(x)        (x)
#define IS_TRUE(x)     ((x) != 0)
#define ADD(a, x)      ((a) + (x))
#define MULTIPLY(a, x) ((a) * (x))
#define EITHER(a, x)   ((a) | (x))
#define BOTH(a, x)     ((a) & (x))

BL__REDUCER(sum, f32, float, double, float, 0, SELF, ADD)
BL__REDUCER(sum, f64, double, double, double, 0, SELF, ADD)
BL__REDUCER(sum, i32, int32_t, uint32_t, int32_t, 0, SELF, ADD)
BL__REDUCER(sum, i64, int64_t, uint64_t, int64_t, 0, SELF, ADD)

BL__REDUCER(prod, f32, float, double, float, 1, SELF, MULTIPLY)
BL__REDUCER(prod, f64, double, double, double, 1, SELF, MULTIPLY)
BL__REDUCER(prod, i32, int32_t, uint32_t, int32_t, 1, SELF, MULTIPLY)
BL__REDUCER(prod, i64, int64_t, uint64_t, int64_t, 1, SELF, MULTIPLY)

BL__REDUCER(any, bool, uint8_t, int, uint8_t, 0, IS_TRUE, EITHER)
BL__REDUCER(all, bool, uint8_t, int, uint8_t, 1, IS_TRUE, BOTH)

BL__REDUCER(count_nonzero, f32, float, int64_t, int64_t, 0, IS_TRUE, ADD)
BL__REDUCER(count_nonzero, f64, double, int64_t, int64_t, 0, IS_TRUE, ADD)
BL__REDUCER(count_nonzero, i32, int32_t, int64_t, int64_t, 0, IS_TRUE, ADD)
BL__REDUCER(count_nonzero, i64, int64_t, int64_t, int64_t, 0, IS_TRUE, ADD)
BL__REDUCER(count_nonzero, bool, uint8_t, int64_t, int64_t, 0, IS_TRUE, ADD)

const bl__reducer *const BL__SUM_REDUCERS[BL_DTYPE_COUNT] = {BL__NUMBER_REDUCERS(sum)};

BL__REDUCE_KERNEL(sum, BL__NUMBER_REDUCERS(sum))
BL__REDUCE_KERNEL(prod, BL__NUMBER_REDUCERS(prod))
BL__REDUCE_KERNEL(any, BL__BOOL_REDUCER(any))
BL__REDUCE_KERNEL(all, BL__BOOL_REDUCER(all))
BL__REDUCE_KERNEL(count_nonzero, BL__NUMBER_REDUCERS(count_nonzero), BL__BOOL_REDUCER(count_nonzero))
