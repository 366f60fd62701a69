/* Private. Walking several operands over one index space whose adjacent axes are merged where their strides
 * allow; and what all kernels share: reporting a failure, copying strided elements. */
#ifndef BOWLINE_CPU_LOOP_H
#define BOWLINE_CPU_LOOP_H

#include "cpu/kernel.h"

#include <stddef.h>
#include <string.h>

enum {
    BL__LOOP_OPERANDS = 3
};

/* Elements of something contiguous, counted in the order of its index: `rows` stretches of `columns`, the
 * first from `begin` on and each `apart` from where the one before it began. */
typedef struct bl__stretches {
    int64_t begin, rows, columns, apart;
} bl__stretches;

/* Axes from the outermost to the innermost; axes of size 1 are left out, so `rank` may be 0 with count 1. */
typedef struct bl__loop {
    int rank;
    int operands;
    int64_t count; /* of indices: the product of all sizes */
    int64_t size[BL_MAX_RANK];
    int64_t stride[BL__LOOP_OPERANDS][BL_MAX_RANK]; /* in elements */
} bl__loop;

/* A place in a loop: the index over all axes but the last, and the offset of each operand's row there. */
typedef struct bl__place {
    int64_t index[BL_MAX_RANK];
    int64_t offset[BL__LOOP_OPERANDS];
} bl__place;

/* An empty loop (rank 0, count 1), and one more axis inside it: merged into the last where every operand's
 * strides allow. */
void bl__loop_init(bl__loop *loop, int operands);
void bl__loop_push(bl__loop *loop, int64_t size, const int64_t *strides);

/* The size and stride of the innermost axis; 1 and 0 when there is none. */
static inline int64_t bl__loop_row(const bl__loop *loop)
{
    return loop->rank > 0 ? loop->size[loop->rank - 1] : 1;
}

static inline int64_t bl__loop_step(const bl__loop *loop, int operand)
{
    return loop->rank > 0 ? loop->stride[operand][loop->rank - 1] : 0;
}

/* Goes to the next row; false, and back at the first, after the last. */
static inline bool bl__loop_next(const bl__loop *loop, bl__place *place)
{
    for (int d = loop->rank - 2; d >= 0; d--) {
        bool wraps = ++place->index[d] == loop->size[d];
        int64_t steps = wraps ? 1 - loop->size[d] : 1;
        for (int k = 0; k < loop->operands; k++)
            place->offset[k] += steps * loop->stride[k][d];
        if (!wraps)
            return true;
        place->index[d] = 0;
    }
    return false;
}

/* The place whose row has the index-th element of all. */
void bl__loop_place(const bl__loop *loop, int64_t index, bl__place *place);

/* The stride of an operand along axis `d` of a space of `rank` axes of size `size`, aligned from the right: 0
 * where the operand is broadcast. */
int64_t bl__broadcast_stride(const bl__operand *operand, int rank, int d, int64_t size);

/* n elements of 1, 2, 4 or 8 bytes, strides in elements. The places do not overlap. */
void bl__copy_elements(size_t bytes, int64_t n, void *to, int64_t to_stride, const void *from,
                       int64_t from_stride);

/* All elements of a loop over two operands, which are `to` and `from`. The places do not overlap. */
void bl__copy_loop(const bl__loop *loop, size_t bytes, void *to, const void *from);

static inline char *bl__at(void *data, size_t bytes, int64_t offset)
{
    return (char *)data + (ptrdiff_t)bytes * offset;
}

static inline const char *bl__at_const(const void *data, size_t bytes, int64_t offset)
{
    return (const char *)data + (ptrdiff_t)bytes * offset;
}

/* Zeros, also where there is no memory to write to. */
static inline void bl__zero(void *data, size_t bytes)
{
    if (bytes > 0)
        memset(data, 0, bytes);
}

/* Writes the reason of a failure into the call and returns the status. */
bl_status bl__kernel_fail(const bl__call *call, bl_status status, const char *format, ...) BL_PRINTF(3, 4);

#endif
