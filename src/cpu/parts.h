/* Private. An op whose results are all parts of one value: the derivatives by slices of a tensor, say, which
 * need no copies to become the derivative by the tensor. */
#ifndef BOWLINE_CPU_PARTS_H
#define BOWLINE_CPU_PARTS_H

#include "cpu/kernel.h"

/* The attributes of the instruction, whose inputs are those of the op and whose output is the value. */
typedef struct bl__parts {
    const bl__kernel *kernel; /* of the op; one that is BL__ROWS_APART, and cannot fail */
    const void *attributes;
    const bl__operand
        *part; /* each result: how many elements into the value it begins, and its strides there */
    uint32_t count;
} bl__parts;

extern const bl__kernel bl__kernel_parts;

#endif
