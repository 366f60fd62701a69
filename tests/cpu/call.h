/* Drives the kernels directly (cpu/kernel.h): tensors of a chosen layout, and one call prepared and run. */
#ifndef BOWLINE_TESTS_CPU_CALL_H
#define BOWLINE_TESTS_CPU_CALL_H

#include "cpu/kernel.h"
#include "ops/attributes.h"
#include "ops/keys.h"

typedef enum layout {
    PLAIN,   /* row by row */
    TURNED,  /* column by column: the axes stand in memory in reverse order */
    STEPPED, /* every other element along the last axis of a larger tensor, with rows apart */
    SPREAD,  /* one element everywhere: every stride 0 */
    LAYOUT_COUNT
} layout;

/* A tensor on memory of its own, exactly as large as it needs, so that a step outside is found by a
 * sanitizer.
 */
typedef struct tensor {
    bl__operand operand;
    int64_t size[BL_MAX_RANK];
    int64_t stride[BL_MAX_RANK];
    void *memory;
} tensor;

/* A tensor whose bytes are all ones: NaN in floats. */
tensor *new_tensor(bl_dtype dtype, bl_shape shape, layout how);
void free_tensor(tensor *t);

/* The same memory with two axes exchanged; it goes with the original. */
tensor *exchange_axes(tensor *t, int a, int b);

/* Elements, counted row by row whatever the layout. 16-bit floats are read and written as their bits. */
void *element(const tensor *t, int64_t i);
double get(const tensor *t, int64_t i);
void set(tensor *t, int64_t i, double value);

/* Small whole numbers and halves, in -8 .. 8, that repeat after `period` elements; whole for integers, 0 and
 * 1 for bool. Sums and products of a few hundred of them are exact in f32. */
void set_all(tensor *t, int64_t period);

/* One call. Prepares it, runs it and says what came of it; the reason of a failure is left in `reason`. */
extern char reason[BL__MESSAGE_BYTES];
bl_status call_kernel(int key, tensor *const *inputs, uint32_t input_count, tensor *output,
                      const void *attributes);
/* The same for several outputs. */
bl_status call_kernel_of_many(int key, tensor *const *inputs, uint32_t input_count, tensor *const *outputs,
                              uint32_t output_count, const void *attributes);

/* A value as the dtype holds it. */
double rounded(bl_dtype dtype, double value);
/* Equal, or both NaN. */
bool same(double a, double b);
/* Within a few units of the last place of the dtype. */
bool close_to(bl_dtype dtype, double value, double expected);

#endif
