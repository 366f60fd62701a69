/* Gradient checking: derivatives against central differences in f64, of any recorded model. */
#ifndef BOWLINE_GRADCHECK_H
#define BOWLINE_GRADCHECK_H

#include "program.h"

BL_BEGIN_DECLS

typedef struct bl_gradcheck_options {
    double eps;          /* half the step of the difference; default 1e-6 */
    double atol;         /* default 1e-5 */
    double rtol;         /* default 1e-3 */
    int64_t projections; /* outputs of more elements than this are checked along as many fixed random
                            directions instead of one by one; default 64 */
} bl_gradcheck_options;

/* What a check found. An element passes when |analytic - numeric| <= atol + rtol |numeric|; `worst` is the
 * element that exceeds its bound by the largest factor. */
typedef struct bl_gradcheck_result {
    bl_status status;  /* BL_OK when the check could be made, whatever it found */
    bool passed;       /* every element passed; false when the check could not be made */
    int64_t checked;   /* derivatives compared */
    int64_t failed;    /* derivatives that did not pass */
    char leaf[96];     /* the worst element's leaf: a parameter's name, an input's name, or "%id" */
    size_t leaf_index; /* its position in `leaves` */
    int64_t element;   /* its index in the leaf, row by row */
    int64_t output;    /* the output element, or the number of the projection */
    double analytic;
    double numeric;
    bl_error error; /* when status is not BL_OK */
} bl_gradcheck_result;

/* The value of an input during a check: f64 values, as many as the input has elements, when its recorded
 * dtype is f32 or f64; else values of its own dtype. */
typedef struct bl_gradcheck_input {
    const bl_tensor *input;
    const void *data;
    size_t bytes;
} bl_gradcheck_input;

/* PyTorch's defaults: eps 1e-6, atol 1e-5, rtol 1e-3. Returns: the options. Errors: none. Ownership: a value.
 * Threads: any. */
BL_API bl_gradcheck_options bl_gradcheck_defaults(void);

/* Compiles the output and its gradients in f64 on private copies, perturbs each element of each leaf (an
 * input, constant or parameter tensor of f32 or f64) by +-eps, and compares. `leaves` NULL: every trainable
 * parameter that the output uses; a tied one is perturbed once. The graph is left as it was. Parameters do
 * not change. Returns: the status, also in the result. `options` NULL: the defaults; `inputs` may be NULL
 * when count is 0. Errors: BL_ERR_ARGUMENT, BL_ERR_STATE (the output is an effect, or an input has no value),
 * BL_ERR_DTYPE, BL_ERR_GRADIENT, BL_ERR_MEMORY, whatever the run reports. Ownership: everything stays the
 * caller's. Threads: the context's. */
BL_API bl_status bl_gradcheck(bl_tensor *output, bl_tensor *const *leaves, size_t leaf_count,
                              const bl_gradcheck_input *inputs, size_t input_count,
                              const bl_gradcheck_options *options, bl_gradcheck_result *result);

/* Writes one line for a test's message into text, terminated when size > 0: "2 of 40 derivatives differ;
 * worst: d output[0] / d head.weight[3]: analytic 0.5, numeric 1". Returns: the length that the whole text
 * needs. Errors: none. Ownership: the caller's buffer. Threads: any. */
BL_API size_t bl_gradcheck_format(const bl_gradcheck_result *result, char *text, size_t size);

BL_END_DECLS

#endif
