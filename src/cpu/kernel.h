/* Private. What the CPU's kernels know: plain buffers, shapes, strides and attributes. A program resolves
 * each instruction to one row of the table when it is compiled; running it is one call. */
#ifndef BOWLINE_CPU_KERNEL_H
#define BOWLINE_CPU_KERNEL_H

#include "bowline/tensor.h"
#include "graph/memory.h"

/* One tensor as a kernel sees it: element (i0, i1, ..) stands at data + bytes * sum_d i_d * stride[d].
 * Outputs are contiguous, unless the kernel's row says BL__ROWS_APART; so are inputs, unless it says
 * BL__STRIDED. The last two members are the program's own. */
typedef struct bl__operand {
    void *data;
    const int64_t *size;
    const int64_t *stride; /* in elements; 0 where broadcast, below 0 where turned round */
    int64_t count;
    uint8_t dtype; /* a bl_dtype */
    uint8_t rank;
    bool contiguous;
    bool unused;      /* an output without memory: BL__OPTIONAL_OUTPUTS */
    uint32_t storage; /* of the program, where the data is ... */
    int64_t offset;   /* ... and how many elements into it */
} bl__operand;

enum {
    BL__MESSAGE_BYTES = 256
};

/* What all instructions of a program run in. */
typedef struct bl__environment {
    void *scratch; /* the most bytes that any prepare asked for, 64-byte aligned */
    char *message; /* BL__MESSAGE_BYTES for the reason of a failure, without the op's name; NULL: unwanted */
    struct bl__pool *pool; /* of `threads` threads or more; NULL while nothing wants it */
    int threads;           /* that an instruction may use at once, 1 or more; known to prepare */
    const struct bl__kernel_set *kernels; /* where the program's come from; known to prepare */
    uint32_t layout;    /* another when operands or scratch may lie elsewhere than in the run before */
    size_t bound_steps; /* of groups that remember where their values are (elementwise.c) */
    bool wants_pool;    /* some instruction is worth several threads (parallel.h) */
} bl__environment;

/* One instruction. `plan` is what the kernel's prepare function made of shapes and strides, NULL when it made
 * nothing. */
typedef struct bl__call {
    bl__operand *const *inputs; /* a value that several instructions use has one operand for all */
    bl__operand *const *outputs;
    const void *attributes;
    void *plan;
    bl__environment *environment;
    uint32_t input_count;
    uint32_t output_count;
} bl__call;

enum {
    BL__STRIDED = 1u << 0, /* takes inputs of any strides */
    BL__IN_PLACE =
        1u << 1, /* an output may stand in the memory of an input of the same layout and element size */
    BL__CAN_FAIL = 1u << 2,         /* may return an error for the values it meets */
    BL__PICKS = 1u << 3,            /* reads no more elements of its first input than its first output has */
    BL__OPTIONAL_OUTPUTS = 1u << 4, /* outputs that nothing uses get no memory, and are not computed */
    BL__ROWS_APART = 1u << 5 /* writes outputs of any strides, but that the last axis has contiguous rows */
};

/* An output may stand in the memory of the i-th input of the same layout and element size, and of no other.
 */
#define BL__IN_PLACE_OF(i) (1u << (16 + (i)))
enum {
    BL__IN_PLACE_INPUTS = 8, /* those i may be below */
    BL__IN_PLACE_ANY = BL__IN_PLACE | 0xff << 16
};

/* One row of the table of kernels: how one op runs on this device. */
typedef struct bl__kernel {
    unsigned flags;
    /* Called once, with data pointers not yet known: makes call->plan in the arena from shapes, strides,
     * dtypes and attributes, and says how many scratch bytes a run needs. May be NULL. */
    bl_status (*prepare)(bl__call *call, bl__arena *arena, size_t *scratch_bytes);
    bl_status (*run)(const bl__call *call);
    int64_t (*flops)(const bl__call *call); /* of a run, once prepared: see flops.h */
} bl__kernel;

#endif
