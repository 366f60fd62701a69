/* Checking an op on random samples: what every op of the library passes, for ops of the user's as well. */
#ifndef BOWLINE_OPCHECK_H
#define BOWLINE_OPCHECK_H

#include "op.h"

BL_BEGIN_DECLS

typedef struct bl_op_check_options {
    uint64_t seed; /* of the first sample; the others follow it; default 0 */
    int samples;   /* default 200 */
} bl_op_check_options;

/* What a check found. `check` names the check that failed: "sample" (the op's sample recorded no such op),
 * "dtypes" (f32 and f64 give other values), "strides" (so do views), "arguments" (an input of another dtype
 * is neither refused by name nor computed), "decomposition" (it differs from the op in value or gradient),
 * "gradient", "second gradient", "jvp" (they differ from central differences in f64), "gradient alone" (the
 * gradient by one input differs from that by all), "shared input" (the gradient where one tensor is given
 * twice differs from central differences). */
typedef struct bl_op_check_result {
    bl_status status;    /* BL_OK when the check could be made, whatever it found */
    bool passed;         /* every check of every sample passed; false when it could not be made */
    int samples;         /* drawn */
    int64_t derivatives; /* compared with central differences */
    int64_t reached;     /* gradients of leaves that were not zeros for want of a path */
    uint64_t seed;       /* of the sample that failed */
    char check[24];
    char text[400]; /* what was wrong */
} bl_op_check_result;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_op_check_options bl_op_check_defaults(void);

/* Records the op on samples that its `sample` draws, and checks each as far as it goes: values in f32 and
 * f64, on contiguous inputs and on views, against the decomposition; first and second gradients and the
 * derivative along tangents against central differences in f64; and inputs of every other dtype. Stops at the
 * first failure. An op that says it has a derivative fails where no sample ever had one to compare. `options`
 * NULL: the defaults; `result` may be NULL. Returns: the status, also in the result. Errors: BL_ERR_ARGUMENT
 * (a NULL context or op, no name, no `sample`, no samples), BL_ERR_MEMORY. Ownership: everything stays the
 * caller's. Threads: the context's. */
BL_API bl_status bl_op_check(bl_context *context, const bl_op *op, const bl_op_check_options *options,
                             bl_op_check_result *result);

/* Writes one line for a test's message into text, terminated when size > 0: "softplus, gradient, seed 3:
 * ...". Returns: the length that the whole text needs. Errors: none. Ownership: the caller's buffer. Threads:
 * any. */
BL_API size_t bl_op_check_format(const bl_op *op, const bl_op_check_result *result, char *text, size_t size);

BL_END_DECLS

#endif
