/* Runs that stop at the first NaN or infinity, and what they found. */
#ifndef BOWLINE_CHECK_H
#define BOWLINE_CHECK_H

#include "program.h"

BL_BEGIN_DECLS

/* A program that is compiled with bl_compile_options.check looks at every floating-point value of a run
 * before the next instruction begins, and stops the run, with BL_ERR_NOT_FINITE and nothing committed, at the
 * first that must not be:
 *
 *   what                          BL_CHECK_NAN   BL_CHECK_FINITE
 *   an input, parameter, buffer   NaN            NaN, infinity; before the first instruction
 *   a constant                    NaN            NaN; an infinity stands there on purpose, as in a mask
 *   a number: bl_full's           -              -
 *   the result of an op           NaN            NaN; infinity, unless an operand holds one (or a NaN that is
 *                                                a number's), or the op was recorded with one: bl_pad,
 *                                                bl_mul_scalar and the like
 *   an output that is a number    NaN            NaN
 *   the new value of a state      NaN            NaN, infinity, wherever they come from
 *
 * So a score that is masked with -inf passes, and so does what softmax or max make of it; the log of 0 does
 * not, nor exp(1000). Results that nothing uses are not looked at. A program in f64 over states in f32 looks
 * at what f32 would make of their new values.
 *
 * Element-wise ops run alone, so that each has its name, and a new value of a state waits for the commit. A
 * matrix product that is computed into what it is added to stays "matmul+add". The bits are those of the
 * program without a check. */

/* Where a value that is not finite was found. */
typedef enum bl_not_finite_kind {
    BL_NOT_FINITE_NOTHING,
    BL_NOT_FINITE_INPUT,    /* as the caller set it */
    BL_NOT_FINITE_STATE,    /* a parameter or buffer, as it was before the run */
    BL_NOT_FINITE_CONSTANT, /* as it was recorded */
    BL_NOT_FINITE_RESULT,   /* made by an instruction from what was all right */
    BL_NOT_FINITE_UPDATE    /* about to be stored in a state, though it may be in the program */
} bl_not_finite_kind;

/* What was found, and where it was recorded. Texts are NULL where there is nothing to say; they are the
 * program's, and `name` is the parameter's where it is one's. */
typedef struct bl_not_finite {
    bl_not_finite_kind kind;
    size_t instruction; /* of a result: bl_program_instruction's index; else 0 */
    int output;         /* of a result: which of the op's */
    const char *op;     /* "log"; "input", "parameter", "constant", "full" or "assign" for the others */
    const char *label;
    const char *scope;
    const char *file;
    int line;
    const char *name; /* of an input or a state */
    bl_dtype dtype;   /* of the whole value, with its shape */
    bl_shape shape;
    bl_shape index;    /* of the first element that must not be, row by row */
    double value;      /* of that element: NaN, or an infinity */
    int64_t count;     /* of such elements in the whole value */
    bool from_operand; /* an operand of the result is not finite, as it may be */
} bl_not_finite;

/* What the program's last run found, if it ended with BL_ERR_NOT_FINITE.
 * Returns: the record; its kind is BL_NOT_FINITE_NOTHING for any other run, NULL and the invalid program.
 * Errors: none. Ownership: a value; its texts are good until the next run of the program or its end, and the
 * name of a state until that is named anew. Threads: the context's. */
BL_API bl_not_finite bl_program_not_finite(const bl_program *program);

BL_END_DECLS

#endif
