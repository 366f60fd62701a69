/* What the tests of ops share: a graph, constants on it, and comparing values and errors. */
#ifndef TESTS_OPS_CHECK_H
#define TESTS_OPS_CHECK_H

#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"
#include "support/numbers.h"

#include <criterion/criterion.h>
#include <math.h>

/* A constant of any dtype from doubles, which it must hold; NULL, as a failed assertion, when their number is
 * not that of the shape's elements. */
bl_tensor *constant(bl_dtype dtype, bl_shape shape, const double *values, size_t count);

#define NUMBERS(...)                (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double)
#define CONSTANT(dtype, shape, ...) constant(dtype, shape, NUMBERS(__VA_ARGS__))
#define REAL(shape, ...)            CONSTANT(BL_F64, shape, __VA_ARGS__)
#define EMPTY(shape)                bl_constant(graph, BL_F64, shape, NULL)

/* How many nodes of an op, named by its key (ops/keys.h), the graph has. */
int count_nodes(int key);

/* Why a tensor's values, row by row, are not these to within `tolerance` (of the value or of 1, whichever is
 * larger); NULL when they are. NaN equals NaN. */
const char *differs(bl_tensor *tensor, double tolerance, const double *values, size_t count);

#define EXPECT_NEAR(tensor, tolerance, ...)                                   \
    do {                                                                      \
        const char *wrong = differs(tensor, tolerance, NUMBERS(__VA_ARGS__)); \
        cr_assert(!wrong, "%s", wrong);                                       \
    } while (0)
#define EXPECT(tensor, ...) EXPECT_NEAR(tensor, 1e-12, __VA_ARGS__)

/* The tensor has this dtype and shape. */
#define EXPECT_TYPE(tensor, its_dtype, its_shape)                                   \
    do {                                                                            \
        bl_tensor *typed = (tensor);                                                \
        cr_assert(bl_tensor_valid(typed), "%s", error_text(bl_graph_error(graph))); \
        cr_assert_eq(bl_tensor_dtype(typed), its_dtype);                            \
        cr_assert(bl_shape_equal(bl_tensor_shape(typed), its_shape));               \
    } while (0)

/* The builder's result is the graph's invalid tensor and its error has the code and says all the parts. The
 * error is cleared. */
#define EXPECT_ERROR(result, code, ...)                                             \
    do {                                                                            \
        bl_tensor *refused = (result);                                              \
        cr_assert(refused != NULL && !bl_tensor_valid(refused));                    \
        cr_assert(error_says(bl_graph_error(graph), code, __VA_ARGS__, NULL), "%s", \
                  error_text(bl_graph_error(graph)));                               \
        bl_graph_clear_error(graph);                                                \
    } while (0)

#endif
