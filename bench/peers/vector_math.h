/* tanh and exp of arrays by SLEEF, with the widest vectors that the CPU has, errors of at most 1 ulp. */
#ifndef BENCH_VECTOR_MATH_H
#define BENCH_VECTOR_MATH_H

#include <stdbool.h>
#include <stddef.h>

/* Whether SLEEF was there when this was built, and has functions for this CPU. */
bool vector_math_known(void);

/* `count` is a multiple of 16. */
void vector_tanh(const float *in, float *out, size_t count);
void vector_exp(const float *in, float *out, size_t count);

#endif
