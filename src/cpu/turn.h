/* Private. Small blocks of a matrix turned round: BL__TURNED_f32 rows of as many elements, `step` apart,
 * become columns of rows that are `to_step` apart. */
#ifndef BOWLINE_CPU_TURN_H
#define BOWLINE_CPU_TURN_H

#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#define BL__PICK(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define BL__PICK(type, a, b, ...) __builtin_shuffle(a, b, (type){__VA_ARGS__})
#endif

enum {
    BL__TURNED_f32 = 4,
    BL__TURNED_f64 = 2
};

typedef float bl__four_f32 __attribute__((vector_size(16)));
typedef int32_t bl__four_i32 __attribute__((vector_size(16)));
typedef double bl__two_f64 __attribute__((vector_size(16)));
typedef int64_t bl__two_i64 __attribute__((vector_size(16)));

static inline void bl__turn_f32(const float *from, int64_t step, float *to, int64_t to_step)
{
    bl__four_f32 row[4];
    for (int i = 0; i < 4; i++)
        memcpy(&row[i], from + i * step, sizeof(row[i]));
    bl__four_f32 even = BL__PICK(bl__four_i32, row[0], row[2], 0, 4, 1, 5);
    bl__four_f32 odd = BL__PICK(bl__four_i32, row[1], row[3], 0, 4, 1, 5);
    bl__four_f32 even_end = BL__PICK(bl__four_i32, row[0], row[2], 2, 6, 3, 7);
    bl__four_f32 odd_end = BL__PICK(bl__four_i32, row[1], row[3], 2, 6, 3, 7);
    row[0] = BL__PICK(bl__four_i32, even, odd, 0, 4, 1, 5);
    row[1] = BL__PICK(bl__four_i32, even, odd, 2, 6, 3, 7);
    row[2] = BL__PICK(bl__four_i32, even_end, odd_end, 0, 4, 1, 5);
    row[3] = BL__PICK(bl__four_i32, even_end, odd_end, 2, 6, 3, 7);
    for (int i = 0; i < 4; i++)
        memcpy(to + i * to_step, &row[i], sizeof(row[i]));
}

static inline void bl__turn_f64(const double *from, int64_t step, double *to, int64_t to_step)
{
    bl__two_f64 row[2];
    for (int i = 0; i < 2; i++)
        memcpy(&row[i], from + i * step, sizeof(row[i]));
    bl__two_f64 first = BL__PICK(bl__two_i64, row[0], row[1], 0, 2);
    bl__two_f64 second = BL__PICK(bl__two_i64, row[0], row[1], 1, 3);
    memcpy(to, &first, sizeof(first));
    memcpy(to + to_step, &second, sizeof(second));
}

#endif
