/* Packs panels of B (panels.h) from rows, from columns, which are turned in squares of vectors, and from
 * elements of any steps. For the sets whose products beat those of packed factors, since they need few
 * elements of A for each of B. */
#include "cpu/panels.h"
#include "cpu/lanes.h"
#include "cpu/of_set.h"

#if BL__VECTOR_BYTES >= 32

enum {
    PANEL_BYTES = BL__VECTOR_BYTES == 64 ? 256 : 64,  /* of a row: what direct_product.c takes at once */
    MOST_DEPTH = BL__VECTOR_BYTES == 64 ? 1024 : 320, /* a quarter of the second cache; most of the first */
    ANY_STEPS = BL__VECTOR_BYTES == 64                /* narrow panels read too much of what lies apart */
};

#define PANELS(name, type)                                                                                  \
    enum {                                                                                                  \
        LANES_##name = BL__LANES_##name                                                                     \
    };                                                                                                      \
                                                                                                            \
    static void pack_rows_##name(int64_t depth, int64_t columns, const type *b, int64_t step, type *panel)  \
    {                                                                                                       \
        const int64_t whole = columns / LANES_##name * LANES_##name;                                        \
        for (int64_t k = 0; k < depth; k++, b += step) {                                                    \
            for (int64_t j = 0; j < whole; j += LANES_##name, panel += LANES_##name)                        \
                store_##name(panel, LANES_##name, load_##name(b + j, LANES_##name));                        \
            if (whole < columns) {                                                                          \
                store_##name(panel, LANES_##name, load_##name(b + whole, columns - whole));                 \
                panel += LANES_##name;                                                                      \
            }                                                                                               \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    /* Up to a vector of columns, each of elements side by side: a vector of each becomes a lane of all. */ \
    static void pack_columns_##name(int64_t depth, int64_t columns, const type *b, int64_t step,            \
                                    type *panel, int64_t row)                                               \
    {                                                                                                       \
        for (int64_t k = 0; k < depth; k += LANES_##name) {                                                 \
            vector_##name square[LANES_##name];                                                             \
            for (int64_t j = 0; j < LANES_##name; j++)                                                      \
                square[j] = j < columns ? load_##name(b + j * step + k, depth - k) : zero_##name();         \
            bl__turn_square_##name(square);                                                                 \
            for (int64_t i = 0; i < LANES_##name && i < depth - k; i++)                                     \
                store_##name(panel + (k + i) * row, LANES_##name, square[i]);                               \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void pack_elements_##name(int64_t depth, int64_t columns, const type *b, bl__steps steps,        \
                                     type *panel, int64_t row)                                              \
    {                                                                                                       \
        for (int64_t k = 0; k < depth; k++, b += steps.row, panel += row)                                   \
            for (int64_t j = 0; j < row; j++)                                                               \
                panel[j] = j < columns ? b[j * steps.column] : 0;                                           \
    }                                                                                                       \
                                                                                                            \
    static void pack_##name(int64_t depth, int64_t columns, const void *b, bl__steps steps, void *panel)    \
    {                                                                                                       \
        const int64_t row = (columns + LANES_##name - 1) / LANES_##name * LANES_##name;                     \
        const type *from = b;                                                                               \
        if (steps.column == 1) {                                                                            \
            pack_rows_##name(depth, columns, from, steps.row, panel);                                       \
            return;                                                                                         \
        }                                                                                                   \
        if (steps.row != 1) {                                                                               \
            pack_elements_##name(depth, columns, from, steps, panel, row);                                  \
            return;                                                                                         \
        }                                                                                                   \
        for (int64_t j = 0; j < columns; j += LANES_##name)                                                 \
            pack_columns_##name(depth, columns - j, from + j * steps.column, steps.column,                  \
                                (type *)panel + j, row);                                                    \
    }                                                                                                       \
                                                                                                            \
    const bl__panels BL__PANELS(name) = {                                                                   \
        PANEL_BYTES / sizeof(type), LANES_##name, MOST_DEPTH, ANY_STEPS, pack_##name,                       \
        BL__DIRECT_PRODUCT(name)};

PANELS(f32, float)
PANELS(f64, double)

#endif
