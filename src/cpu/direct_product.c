/* Products of factors as they lie (direct_product.h). A panel of columns of B at a time, PANEL vectors wide;
 * of A as many rows as keep all sums in registers. What the next rows need is asked for meanwhile: the next
 * lines of rows that go on in memory, and of columns that do, whose steps no processor guesses, what comes
 * AHEAD elements later. */
#include "cpu/direct_product.h"
#include "cpu/lanes.h"

/* Rows whose sums are kept, of panels of 1, 2, 3 and 4 vectors: the set has 32 registers, or 16. */
#if BL__VECTOR_BYTES == 64
enum {
    PANEL = 4,
    ROWS_1 = 8,
    ROWS_2 = 8,
    ROWS_3 = 8,
    ROWS_4 = 6
};
#else
enum {
    PANEL = 2,
    ROWS_1 = 8,
    ROWS_2 = 6
};
#endif

enum {
    MOST_ROWS = 8,
    LINE = 64, /* bytes that come together */
    AHEAD = 12 /* rows: two tiles of the widest panel */
};

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) (void)(address)
#endif

/* `rows` rows by `vectors` vectors of C, both known where it is compiled; `full` where no lane is beyond
 * `width`. */
#define DIRECT(name, type)                                                                                   \
    static inline __attribute__((always_inline)) void tile_##name(const bl__product *product, const type *a, \
                                                                  const type *b, type *c, int rows,          \
                                                                  int vectors, int64_t width, bool full)     \
    {                                                                                                        \
        enum {                                                                                               \
            LANES = sizeof(vector_##name) / sizeof(type),                                                    \
            STEP = LINE / sizeof(type)                                                                       \
        };                                                                                                   \
        vector_##name sum[MOST_ROWS][PANEL];                                                                 \
        const int64_t a_row = product->a.row, a_step = product->a.column, b_step = product->b.row;           \
        const int64_t c_row = product->c.row;                                                                \
        const bool along = a_row == 1 && a_step != 1;                                                        \
        UNROLLED                                                                                             \
        for (int i = 0; i < rows * vectors; i++) {                                                           \
            sum[i / vectors][i % vectors] = zero_##name();                                                   \
            if (!product->is_near)                                                                           \
                PREFETCH(c + i / vectors * c_row + i % vectors * LANES);                                     \
        }                                                                                                    \
        for (int64_t done = 0; done < product->k; done += STEP) {                                            \
            int64_t steps = product->k - done < STEP ? product->k - done : STEP;                             \
            if (a_step == 1 && !product->is_near) {                                                          \
                UNROLLED                                                                                     \
                for (int r = 0; r < rows; r++)                                                               \
                    PREFETCH(a + (rows + r) * a_row);                                                        \
            }                                                                                                \
            for (int64_t p = 0; p < steps; p++, a += a_step, b += b_step) {                                  \
                if (along)                                                                                   \
                    PREFETCH(a + AHEAD);                                                                     \
                vector_##name columns[PANEL];                                                                \
                UNROLLED                                                                                     \
                for (int v = 0; v < vectors; v++)                                                            \
                    columns[v] = load_##name(b + v * LANES, full ? LANES : width - v * LANES);               \
                UNROLLED                                                                                     \
                for (int i = 0; i < rows * vectors; i++)                                                     \
                    sum[i / vectors][i % vectors] = add_times_##name(                                        \
                        sum[i / vectors][i % vectors], columns[i % vectors], a[i / vectors * a_row]);        \
            }                                                                                                \
        }                                                                                                    \
        UNROLLED                                                                                             \
        for (int i = 0; i < rows * vectors; i++) {                                                           \
            type *to = c + i / vectors * c_row + i % vectors * LANES;                                        \
            int64_t left = full ? LANES : width - i % vectors * LANES;                                       \
            vector_##name made = sum[i / vectors][i % vectors];                                              \
            if (product->add)                                                                                \
                made = made + load_##name(to, left);                                                         \
            store_##name(to, left, made);                                                                    \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static inline __attribute__((always_inline)) void panel_##name(                                          \
        const bl__product *product, const type *a, const type *b, type *c, int most, int vectors,            \
        int64_t width, bool full)                                                                            \
    {                                                                                                        \
        const int64_t a_row = product->a.row, c_row = product->c.row;                                        \
        int64_t row = 0;                                                                                     \
        for (; row + most <= product->m; row += most)                                                        \
            tile_##name(product, a + row * a_row, b, c + row * c_row, most, vectors, width, full);           \
        for (; row + 4 <= product->m; row += 4)                                                              \
            tile_##name(product, a + row * a_row, b, c + row * c_row, 4, vectors, width, full);              \
        for (; row + 2 <= product->m; row += 2)                                                              \
            tile_##name(product, a + row * a_row, b, c + row * c_row, 2, vectors, width, full);              \
        for (; row < product->m; row++)                                                                      \
            tile_##name(product, a + row * a_row, b, c + row * c_row, 1, vectors, width, full);              \
    }                                                                                                        \
                                                                                                             \
    PANELS(name, type)                                                                                       \
                                                                                                             \
    void BL__DIRECT_PRODUCT(name)(const bl__product *product, const void *a, const void *b, void *c)         \
    {                                                                                                        \
        enum {                                                                                               \
            LANES = sizeof(vector_##name) / sizeof(type)                                                     \
        };                                                                                                   \
        for (int64_t j = 0; j < product->n; j += PANEL * LANES) {                                            \
            int64_t width = product->n - j < PANEL * LANES ? product->n - j : PANEL * LANES;                 \
            panel_of_##name(product, a, (const type *)b + j, (type *)c + j, width,                           \
                            (int)((width + LANES - 1) / LANES), width % LANES == 0);                         \
        }                                                                                                    \
    }

/* A function for each number of vectors, so that the compiler gives each its registers. */
#define PANEL_OF(name, type, vectors)                                                                \
    static __attribute__((noinline)) void panel_##vectors##_##name(                                  \
        const bl__product *product, const type *a, const type *b, type *c, int64_t width, bool full) \
    {                                                                                                \
        if (full)                                                                                    \
            panel_##name(product, a, b, c, ROWS_##vectors, vectors, width, true);                    \
        else                                                                                         \
            panel_##name(product, a, b, c, ROWS_##vectors, vectors, width, false);                   \
    }

#if BL__VECTOR_BYTES == 64
#define PANELS(name, type)                                                                         \
    PANEL_OF(name, type, 1)                                                                        \
    PANEL_OF(name, type, 2)                                                                        \
    PANEL_OF(name, type, 3)                                                                        \
    PANEL_OF(name, type, 4)                                                                        \
    static void panel_of_##name(const bl__product *product, const type *a, const type *b, type *c, \
                                int64_t width, int vectors, bool full)                             \
    {                                                                                              \
        (vectors == 1   ? panel_1_##name                                                           \
         : vectors == 2 ? panel_2_##name                                                           \
         : vectors == 3 ? panel_3_##name                                                           \
                        : panel_4_##name)(product, a, b, c, width, full);                          \
    }
#else
#define PANELS(name, type)                                                                         \
    PANEL_OF(name, type, 1)                                                                        \
    PANEL_OF(name, type, 2)                                                                        \
    static void panel_of_##name(const bl__product *product, const type *a, const type *b, type *c, \
                                int64_t width, int vectors, bool full)                             \
    {                                                                                              \
        (vectors == 1 ? panel_1_##name : panel_2_##name)(product, a, b, c, width, full);           \
    }
#endif

DIRECT(f32, float)
DIRECT(f64, double)
