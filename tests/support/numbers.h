/* Values of any dtype as doubles. */
#ifndef SUPPORT_NUMBERS_H
#define SUPPORT_NUMBERS_H

#include "bowline/tensor.h"

/* 16-bit floats are given by their bits. */
void to_doubles(bl_dtype dtype, const void *data, size_t count, double *values);

#endif
