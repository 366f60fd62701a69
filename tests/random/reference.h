/* One call of a generator and what it must draw: the form of reference_calls.h. */
#ifndef BOWLINE_TESTS_RANDOM_REFERENCE_H
#define BOWLINE_TESTS_RANDOM_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

typedef enum reference_kind {
    SEED,
    NEXT,
    RANDINT,
    RANDPERM,
    UNIFORM_F32,
    UNIFORM_F64,
    NORMAL_F32,
    NORMAL_F64,
    STATE
} reference_kind;

typedef struct reference_call {
    reference_kind kind;
    uint64_t seed;     /* of SEED */
    int64_t low, high; /* of RANDINT */
    double real[2];    /* low and high, or mean and deviation */
    size_t count;
    uint64_t sum;      /* FNV-1a over the bytes of the values, each little-endian */
    uint64_t first[3]; /* the bits of the first values, as far as there are any */
} reference_call;

#endif
