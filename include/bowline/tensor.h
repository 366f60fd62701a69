/* Dtypes, shapes, axes, and what can be asked of a tensor. */
#ifndef BOWLINE_TENSOR_H
#define BOWLINE_TENSOR_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

BL_BEGIN_DECLS

/* The one place for dtypes: enumerator, name, bytes an element. */
#define BL_DTYPE_LIST(X)  \
    X(BL_F32, "f32", 4)   \
    X(BL_F64, "f64", 8)   \
    X(BL_I32, "i32", 4)   \
    X(BL_I64, "i64", 8)   \
    X(BL_BOOL, "bool", 1) \
    X(BL_BF16, "bf16", 2) \
    X(BL_F16, "f16", 2)

/* f32, f64, i32, i64 and bool (one byte, 0 or 1) compute; bf16 and f16 are storage: cast before computing. */
typedef enum bl_dtype {
#define BL_DTYPE_ENUM(dtype, name, bytes) dtype,
    BL_DTYPE_LIST(BL_DTYPE_ENUM)
#undef BL_DTYPE_ENUM
    BL_DTYPE_COUNT
} bl_dtype;

#define BL_MAX_RANK 8

/* A shape by value: sizes are >= 0, a rank of 0 is a scalar. */
typedef struct bl_shape {
    int rank;
    int64_t size[BL_MAX_RANK];
} bl_shape;

/* A list of axes by value; a negative axis counts from the end. `count` < 0 means all axes. */
typedef struct bl_axes {
    int count;
    int axis[BL_MAX_RANK];
} bl_axes;

/* One output of a node on a graph: a dtype and a shape; values exist only in a program that ran. */
typedef struct bl_tensor bl_tensor;

/* The name of a dtype, such as "f32"; "?" for an unknown value.
 * Returns: a constant string. Errors: none. Ownership: static. Threads: any. */
BL_API const char *bl_dtype_name(bl_dtype dtype);

/* Bytes of one element; 0 for an unknown value.
 * Returns: the bytes. Errors: none. Ownership: none. Threads: any. */
BL_API size_t bl_dtype_size(bl_dtype dtype);

/* A shape of `rank` sizes taken from an array.
 * Returns: the shape; one of rank -1, which every builder refuses, when rank is not in 0..8 or sizes is NULL.
 * Errors: none. Ownership: the array stays the caller's. Threads: any. */
BL_API bl_shape bl_shape_of(int rank, const int64_t *sizes);

/* The number of elements, the product of the sizes; -1 when the shape is invalid or the product overflows.
 * Returns: the count. Errors: none. Ownership: none. Threads: any. */
BL_API int64_t bl_shape_count(bl_shape shape);

/* Whether rank and sizes agree.
 * Returns: true when equal. Errors: none. Ownership: none. Threads: any. */
BL_API bool bl_shape_equal(bl_shape a, bl_shape b);

/* Writes a shape as "[2,3]" ("[]" for a scalar) into text, terminated when size > 0.
 * Returns: the length that the whole text needs. Errors: none. Ownership: the caller's buffer. Threads: any.
 */
BL_API size_t bl_shape_format(bl_shape shape, char *text, size_t size);

/* The shape of a tensor; rank -1 for NULL or an invalid tensor.
 * Returns: the shape. Errors: none. Ownership: a value. Threads: the context's. */
BL_API bl_shape bl_tensor_shape(const bl_tensor *tensor);

/* The dtype of a tensor; BL_DTYPE_COUNT for NULL or an invalid tensor.
 * Returns: the dtype. Errors: none. Ownership: none. Threads: the context's. */
BL_API bl_dtype bl_tensor_dtype(const bl_tensor *tensor);

/* The number of elements of a tensor; -1 for NULL or an invalid tensor.
 * Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API int64_t bl_tensor_count(const bl_tensor *tensor);

/* Whether a builder gave a real tensor: false for NULL and for a graph's invalid tensor.
 * Returns: true when valid. Errors: none. Ownership: none. Threads: the context's. */
BL_API bool bl_tensor_valid(const bl_tensor *tensor);

/* Writes "%12 = matmul f32 [2,10] (label)" into text, terminated when size > 0.
 * Returns: the length that the whole text needs. Errors: none. Ownership: the caller's buffer.
 * Threads: the context's. */
BL_API size_t bl_tensor_format(const bl_tensor *tensor, char *text, size_t size);

/* Writes values, laid out row by row, in nested brackets as NumPy prints them, floats by %.*g with
 * `precision` digits (0: enough to read the same value back), into text, terminated when size > 0. Returns:
 * the length that the whole text needs; 0 when the shape or dtype is invalid or data is NULL. Errors: none.
 * Ownership: everything stays the caller's. Threads: any. */
BL_API size_t bl_values_format(bl_dtype dtype, bl_shape shape, const void *data, int precision, char *text,
                               size_t size);

BL_END_DECLS

#ifdef __cplusplus
template <typename... bl_sizes> inline bl_shape bl_shape_list(bl_sizes... sizes)
{
    static_assert(sizeof...(sizes) <= BL_MAX_RANK, "a shape has at most 8 sizes");
    return bl_shape{static_cast<int>(sizeof...(sizes)), {static_cast<int64_t>(sizes)...}};
}
template <typename... bl_list> inline bl_axes bl_axes_list(bl_list... axes)
{
    static_assert(sizeof...(axes) <= BL_MAX_RANK, "there are at most 8 axes");
    return bl_axes{static_cast<int>(sizeof...(axes)), {static_cast<int>(axes)...}};
}
#define BL_SHAPE(...) bl_shape_list(__VA_ARGS__)
#define BL_AXES(...)  bl_axes_list(__VA_ARGS__)
#define BL_SCALAR     (bl_shape{0, {0}})
#define BL_ALL_AXES   (bl_axes{-1, {0}})
#else
/* BL_SHAPE(2, 3) and BL_AXES(0, -1) by value; a scalar's shape is BL_SCALAR. */
#define BL_SHAPE(...) ((bl_shape){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})
#define BL_AXES(...)  ((bl_axes){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}})
#define BL_SCALAR     ((bl_shape){0, {0}})
#define BL_ALL_AXES   ((bl_axes){-1, {0}})
#endif

#endif
