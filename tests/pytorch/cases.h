/* What PyTorch computed, case by case, and the builders that record the same: see make_fixtures.py for the
 * files. A family is a table of rows in cases_<family>.c, a module cases_<family>.py and a file
 * fixtures/<family>.txt. */
#ifndef TESTS_PYTORCH_CASES_H
#define TESTS_PYTORCH_CASES_H

#include "bowline/bowline.h"
#include "ops/keys.h" /* whether LAPACK is built in */

#include <stddef.h>

/* The list of families. */
/* clang-format off */
#if BL__LAPACK
#define LAPACK_FAMILIES(X) X(factorizations)
#else
#define LAPACK_FAMILIES(X)
#endif

#define FAMILIES(X) \
    X(activations) X(arithmetic) X(basics) X(convolution) X(functions) X(indexing) X(linalg) \
    X(losses) X(normalization) X(pooling) X(reductions) X(sequence) X(shapes) LAPACK_FAMILIES(X)
/* clang-format on */

enum {
    MOST_ATTRIBUTES = 64,
    MOST_INPUTS = 32,
    MOST_OUTPUTS = 8
};

/* One case as a builder sees it: it records output[0], and further ones where PyTorch gives several. */
typedef struct pytorch_case {
    bl_graph *graph;
    double attribute[MOST_ATTRIBUTES];
    size_t attribute_count;
    bl_tensor *input[MOST_INPUTS]; /* NULL beyond input_count */
    size_t input_count;
    bl_tensor *output[MOST_OUTPUTS];
} pytorch_case;

/* A row: the builder of a name, and tolerances where they differ from the usual (0: the usual), each with its
 * reason beside it. They are relative to the larger of 1 and PyTorch's value. */
typedef struct pytorch_builder {
    const char *name;
    void (*build)(pytorch_case *c);
    double forward_f32, gradient_f32, forward_f64, gradient_f64;
} pytorch_builder;

/* The tables, each ended by a row without a name. */
#define DECLARE_FAMILY(family) extern const pytorch_builder pytorch_##family[];
FAMILIES(DECLARE_FAMILY)
#undef DECLARE_FAMILY

/* An attribute as an integer. */
static inline int64_t integer_at(const pytorch_case *c, size_t index)
{
    return (int64_t)c->attribute[index];
}

/* `count` attributes from `first` on as a shape or as axes. */
bl_shape shape_at(const pytorch_case *c, size_t first, size_t count);
bl_axes axes_at(const pytorch_case *c, size_t first, size_t count);

/* A row whose builder takes the inputs, and after them nothing, a number or an integer. */
#define DEFINE_BUILD(name, expression)        \
    static void build_##name(pytorch_case *c) \
    {                                         \
        c->output[0] = (expression);          \
    }
#define ROW(name)                       \
    {                                   \
#name, build_##name, 0, 0, 0, 0 \
    }
#define END_ROW                \
    {                          \
        NULL, NULL, 0, 0, 0, 0 \
    }

#endif
