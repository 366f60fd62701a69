/* Private. Matrices turned round: rows of neighbours, `step` apart, become columns of rows that are `to_step`
 * apart. bl__turn_f32 does BL__TURNED_f32 rows of as many elements, bl__turn_rows_f32 any number. */
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

#define BL__TURN_ROWS(name, type)                                                                          \
    static inline void bl__turn_rows_##name(int64_t rows, int64_t columns, const type *from, int64_t step, \
                                            type *to, int64_t to_step)                                     \
    {                                                                                                      \
        const int64_t lanes = BL__TURNED_##name, whole = columns - columns % lanes;                        \
        int64_t r = 0;                                                                                     \
        for (; r + lanes <= rows; r += lanes) {                                                            \
            for (int64_t c = 0; c < whole; c += lanes)                                                     \
                bl__turn_##name(from + r * step + c, step, to + c * to_step + r, to_step);                 \
            for (int64_t c = whole; c < columns; c++)                                                      \
                for (int64_t i = r; i < r + lanes; i++)                                                    \
                    to[c * to_step + i] = from[i * step + c];                                              \
        }                                                                                                  \
        for (; r < rows; r++)                                                                              \
            for (int64_t c = 0; c < columns; c++)                                                          \
                to[c * to_step + r] = from[r * step + c];                                                  \
    }

BL__TURN_ROWS(f32, float)
BL__TURN_ROWS(f64, double)

#endif
