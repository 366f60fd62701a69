/* Private. How the rows of the table of kernels count their floating-point operations.
 *
 * A sum, difference, product, quotient, comparison, root, power or function of one element counts 1, whatever
 * its dtype and however it is computed; an element-wise op is one function. What only moves, chooses or sorts
 * elements counts nothing, nor does what is done once for a whole row or matrix. All counts stop at
 * INT64_MAX. */
#ifndef BOWLINE_CPU_FLOPS_H
#define BOWLINE_CPU_FLOPS_H

#include "cpu/kernel.h"

int64_t bl__flops_none(const bl__call *call);
int64_t bl__flops_output(const bl__call *call); /* 1 an element of the first output */
int64_t bl__flops_input(const bl__call *call);  /* 1 an element of the first input */

/* a * b and a + b of numbers >= 0, at most INT64_MAX. */
int64_t bl__times(int64_t a, int64_t b);
int64_t bl__plus(int64_t a, int64_t b);

#endif
