/* Private. What the CPU's kernels know: plain buffers, shapes, strides and attributes. A program resolves
 * each instruction to one row of the table when it is compiled; running it is one call. */
#ifndef BOWLINE_CPU_KERNEL_H
#define BOWLINE_CPU_KERNEL_H

#include "bowline/tensor.h"
#include "graph/memory.h"

/* One tensor as a kernel sees it: element (i0, i1, ..) stands at data + bytes * sum_d i_d * stride[d].
 * Outputs are always contiguous; so are inputs, unless the kernel's row says BL__STRIDED. */
typedef struct bl__operand {
    void *data;
    const int64_t *size;
    const int64_t *stride; /* in elements; 0 where broadcast, below 0 where turned round */
    int64_t count;
    bl_dtype dtype;
    int rank;
} bl__operand;

/* One instruction. `plan` is what the kernel's prepare function made of shapes and strides; `message`
 * receives the reason of a failure, without the op's name. */
typedef struct bl__call {
    bl__operand *inputs;
    bl__operand *outputs;
    const void *attributes;
    void *plan;
    void *scratch; /* scratch_bytes of the row's prepare, 64-byte aligned; shared by all instructions */
    uint32_t input_count;
    uint32_t output_count;
    char *message;
    size_t message_size;
} bl__call;

enum {
    BL__STRIDED = 1u << 0, /* takes inputs of any strides */
    BL__IN_PLACE =
        1u << 1, /* an output may stand in the memory of an input of the same layout and element size */
    BL__CAN_FAIL = 1u << 2 /* may return an error for the values it meets */
};

/* One row of the table of kernels: how one op runs on this device. */
typedef struct bl__kernel {
    unsigned flags;
    /* Called once, with data pointers not yet known: makes call->plan in the arena from shapes, strides,
     * dtypes and attributes, and says how many scratch bytes a run needs. May be NULL. */
    bl_status (*prepare)(bl__call *call, bl__arena *arena, size_t *scratch_bytes);
    bl_status (*run)(const bl__call *call);
} bl__kernel;

/* The row of an op's key (ops/keys.h) on the CPU; NULL when the CPU has no kernel for it. */
const bl__kernel *bl__cpu_kernel(int key);

#endif
