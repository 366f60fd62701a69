/* Every op at the edges of what it takes. An op has a row, or several, in one of the tables of edges_*.c: how
 * to record it on inputs whose shapes are written in letters, and what is to come out where a size is 0 or an
 * input has no axes. test_edges.c walks the table of ops and has each row go through the edges; an op without
 * a row fails there. */
#ifndef TESTS_OPS_EDGES_H
#define TESTS_OPS_EDGES_H

#include "bowline/bowline.h"
#include "ops/keys.h"

enum {
    EDGE_INPUTS = 8,
    EDGE_LEAVES = 12,
    EDGE_VALUES = 8192 /* outputs and gradients of one form */
};

typedef bl_tensor *edge_build(bl_tensor *const *x);

/* Shapes are those of the inputs, separated by spaces, each "KIND:AXES". Each letter of AXES is an axis of a
 * size of its own, a digit one of that size. KIND is
 *     r   reals in -1..1, different ones            p   reals in 0.2..0.8
 *     g   reals in 1.2..1.8                         s   reals that are -1 or 1
 *     d   matrices with a large diagonal            b   bools
 *     iL  i64 indices, each below the size L        oL  the same, which only other ops make: never a wrong
 * one n   i64 numbers that are no indices           .   none: the builder asks edge_shape_of(i) for the shape
 */
typedef struct edge_row {
    int key;          /* in BL__OPS */
    const char *name; /* of the op, or of the builder that has none of its own */
    edge_build *build;
    const char *shapes;
    /* The same inputs with axes of size 1 in between, such that one of them or the result has rank 8: the op
     * computes the same. With a '!' in front: it says that it takes no such input. */
    const char *rank8;
    /* What comes out where a size is 0 and the result has elements all the same: "b=0 c=nan d=x1 e=! f=?", by
     * the letter of the axis: a number, the elements of an input (again and again), an error when it is
     * recorded, or an index that is refused at run; "z": what a size of 1 and zeros in the inputs that have
     * the axis give. '*' is the letter for which edge_at('*') stands. */
    const char *empty;
    /* A character an input, and one for all of them at once unless there is but one: what comes of one
     * without axes. '+': the same as of an axis of size 1; '-': an error when it is recorded; '=': it never
     * has any. */
    const char *scalars;
    /* Letters whose axes make a result that cannot be counted, where each input can; NULL: there is no pair
     * of letters whose axes do. */
    const char *overflow;
} edge_row;

/* The tables, each ended by a row without a name. */
extern const edge_row edge_rows_elementwise[], edge_rows_axes[], edge_rows_shapes[], edge_rows_products[],
    edge_rows_windows[], edge_rows_losses[], edge_rows_layers[], edge_rows_leaves[];

/* How a table is written: BUILD makes the builder of a row, ROW the row, of X(op, (fields), expression of x).
 */
#define EDGE_FIELDS(...) __VA_ARGS__
#define EDGE_BUILD(op, fields, ...)                   \
    static bl_tensor *build_##op(bl_tensor *const *x) \
    {                                                 \
        (void)x;                                      \
        return __VA_ARGS__;                           \
    }
#define EDGE_ROW(op, fields, ...) {BL__KEY_##op, #op, build_##op, EDGE_FIELDS fields},
/* A builder that has no op of its own, of Y(name, op, (fields), expression): what it records is a node of the
 * op, but errors bear its name. */
#define EDGE_BUILD_AS(name, op, fields, ...) EDGE_BUILD(name, fields, __VA_ARGS__)
#define EDGE_ROW_AS(its_name, op, fields, ...) \
    {BL__KEY_##op, #its_name, build_##its_name, EDGE_FIELDS fields},

/* ---- what builders ask for ---- */

/* The axis of input 0 that has the letter, as an argument whose other values are tried too: axes that count
 * from the end, and such as there are not. '*' is each of its letters in turn. */
int edge_at(char letter);
/* That axis alone, or all where the input has none. */
bl_axes edge_axes(char letter);
/* The same as a number that the op takes for granted. */
int edge_place(char letter);
/* An argument that is an index: `good`, and where it is asked what the op says to others, `low` or `high`. */
int64_t edge_argument(int64_t good, int64_t low, int64_t high);
/* The size of the axes of a letter; a letter of no input is one too. */
int64_t edge_size(char letter);
/* The shape that letters and digits stand for. */
bl_shape edge_shape(const char *axes);
/* Whether the inputs are those of `rank8`. */
bool edge_is_high(void);
/* The shape of an input, also of kind '.' */
bl_shape edge_shape_of(size_t input);

/* A leaf of reals, whose values the form gives. */
bl_tensor *edge_input(bl_shape shape);
/* A state, zeros, whose values count as a result; NULL, noted, when there is none of the shape. */
bl_parameter *edge_state(bl_shape shape);
/* A random state of seed 7. */
bl_parameter *edge_random(void);
/* A parameter with the values that an input would have; NULL, noted, when there is none of the shape. */
bl_parameter *edge_parameter(bl_shape shape);
/* As many numbers as small forms need. */
const double *edge_numbers(void);

#endif
