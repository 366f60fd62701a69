/* Private. Vectors of the set for sums of products: those of vector.h, and where the set has none, what the
 * compiler makes of 16 bytes. `left` lanes are loaded and stored, at least one. */
#ifndef BOWLINE_CPU_LANES_H
#define BOWLINE_CPU_LANES_H

#include "cpu/vector.h"

#include <string.h>

/* Before a loop of a number of turns that is known where it is compiled, over sums that are to stay in
 * registers. Otherwise GCC 12 unrolls only after it has settled that they stay in memory, where it then
 * stores them at every step. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 24")
#else
#define UNROLLED
#endif

#if BL__VECTOR_BYTES == 0
#define VECTORS(name, type)                                                                             \
    typedef type vector_##name __attribute__((vector_size(16)));                                        \
    static inline vector_##name load_##name(const type *from, int64_t left)                             \
    {                                                                                                   \
        const int64_t lanes = 16 / sizeof(type);                                                        \
        vector_##name x = {0};                                                                          \
        memcpy(&x, from, (size_t)(left < lanes ? left : lanes) * sizeof(type));                         \
        return x;                                                                                       \
    }                                                                                                   \
    static inline void store_##name(type *to, int64_t left, vector_##name x)                            \
    {                                                                                                   \
        const int64_t lanes = 16 / sizeof(type);                                                        \
        memcpy(to, &x, (size_t)(left < lanes ? left : lanes) * sizeof(type));                           \
    }                                                                                                   \
    static inline vector_##name add_times_##name(vector_##name sum, vector_##name b, type a)            \
    {                                                                                                   \
        return sum + b * a;                                                                             \
    }                                                                                                   \
    static inline vector_##name zero_##name(void)                                                       \
    {                                                                                                   \
        return (vector_##name){0};                                                                      \
    }                                                                                                   \
    static inline vector_##name all_##name(type x)                                                      \
    {                                                                                                   \
        return (vector_##name){0} + x;                                                                  \
    }                                                                                                   \
    static inline vector_##name add_product_##name(vector_##name sum, vector_##name a, vector_##name b) \
    {                                                                                                   \
        return sum + a * b;                                                                             \
    }
#else
#define VECTORS(name, type)                                                                             \
    typedef bl__vector_##name vector_##name;                                                            \
    static inline vector_##name load_##name(const type *from, int64_t left)                             \
    {                                                                                                   \
        return bl__load_##name(from, left);                                                             \
    }                                                                                                   \
    static inline void store_##name(type *to, int64_t left, vector_##name x)                            \
    {                                                                                                   \
        bl__store_##name(to, left, x);                                                                  \
    }                                                                                                   \
    static inline vector_##name add_times_##name(vector_##name sum, vector_##name b, type a)            \
    {                                                                                                   \
        return bl__multiply_add_##name(b, bl__splat_##name(a), sum);                                    \
    }                                                                                                   \
    static inline vector_##name zero_##name(void)                                                       \
    {                                                                                                   \
        return bl__splat_##name(0);                                                                     \
    }                                                                                                   \
    static inline vector_##name all_##name(type x)                                                      \
    {                                                                                                   \
        return bl__splat_##name(x);                                                                     \
    }                                                                                                   \
    static inline vector_##name add_product_##name(vector_##name sum, vector_##name a, vector_##name b) \
    {                                                                                                   \
        return bl__multiply_add_##name(a, b, sum);                                                      \
    }
#endif
VECTORS(f32, float)
VECTORS(f64, double)
#undef VECTORS

#endif
