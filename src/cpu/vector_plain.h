/* Private. Vectors of one lane: see vector.h. */
#ifndef BOWLINE_CPU_VECTOR_PLAIN_H
#define BOWLINE_CPU_VECTOR_PLAIN_H

#define BL__VECTOR(type, number)                                                            \
    typedef number bl__vector_##type;                                                       \
    typedef bool bl__mask_##type;                                                           \
    static inline number bl__load_##type(const number *from, int64_t left)                  \
    {                                                                                       \
        (void)left;                                                                         \
        return *from;                                                                       \
    }                                                                                       \
    static inline void bl__store_##type(number *to, int64_t left, number x)                 \
    {                                                                                       \
        (void)left;                                                                         \
        *to = x;                                                                            \
    }                                                                                       \
    static inline number bl__splat_##type(number x)                                         \
    {                                                                                       \
        return x;                                                                           \
    }                                                                                       \
    static inline number bl__load_or_##type(const number *from, int64_t left, number other) \
    {                                                                                       \
        (void)left;                                                                         \
        (void)other;                                                                        \
        return *from;                                                                       \
    }                                                                                       \
    static inline number bl__max_##type(number a, number b)                                 \
    {                                                                                       \
        return a > b ? a : b;                                                               \
    }                                                                                       \
    static inline number bl__min_##type(number a, number b)                                 \
    {                                                                                       \
        return a < b ? a : b;                                                               \
    }                                                                                       \
    static inline number bl__largest_lane_##type(number x)                                  \
    {                                                                                       \
        return x;                                                                           \
    }                                                                                       \
    static inline bool bl__less_##type(number a, number b)                                  \
    {                                                                                       \
        return a < b;                                                                       \
    }                                                                                       \
    static inline bool bl__equal_##type(number a, number b)                                 \
    {                                                                                       \
        return a == b;                                                                      \
    }                                                                                       \
    static inline number bl__select_##type(bool mask, number a, number b)                   \
    {                                                                                       \
        return mask ? a : b;                                                                \
    }                                                                                       \
    static inline bool bl__any_##type(bool mask)                                            \
    {                                                                                       \
        return mask;                                                                        \
    }

BL__VECTOR(f32, float)
BL__VECTOR(f64, double)

static inline float bl__abs_f32(float x)
{
    return fabsf(x);
}

static inline double bl__abs_f64(double x)
{
    return fabs(x);
}

/* The C library's functions. */
#define BL__FUNCTION_f32(name, ulp) name##f
#define BL__FUNCTION_f64(name, ulp) name

#endif
