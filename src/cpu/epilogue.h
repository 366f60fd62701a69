/* Private. A matrix product and the element-wise group that goes on with it, as one instruction. */
#ifndef BOWLINE_CPU_EPILOGUE_H
#define BOWLINE_CPU_EPILOGUE_H

#include "cpu/elementwise.h"

/* The instruction's attributes. Its inputs are those of the product, then the group's without the product
 * itself; its outputs are the group's, and behind them the product where none of those can be its home. */
typedef struct bl__epilogue {
    const bl__group *group;
    bl__operand *product;  /* in its own shape, ... */
    bl__operand *in_group; /* ... and as the group's input: both have the memory of the home */
    uint8_t factors;       /* inputs of the product: 2, or 3 where it is added to the last of them */
    uint8_t input;         /* of the group: which one the product is */
    uint8_t home;          /* the output in whose memory the product is computed, ... */
    uint8_t outputs;       /* ... and how many of the outputs are the group's */
} bl__epilogue;

extern const bl__kernel bl__kernel_epilogue;

/* The group's output that may be the home of its input: of elements of as many bytes, written when the input
 * has been read for the last time. SIZE_MAX for none. */
size_t bl__epilogue_home(const bl__group *group, int input, size_t bytes);

/* Whether the instruction reads the elements of an input for the last time before, or when, it writes those
 * of an output. */
bool bl__epilogue_reads_before(const bl__epilogue *epilogue, size_t input, size_t output);

#endif
