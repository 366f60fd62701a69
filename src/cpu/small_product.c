/* Small matrix products (small_product.h). A panel of columns of B at a time, as many as fill PANEL vectors
 * (copied into scratch where they do not lie side by side); some rows of A at a time, so that the sums stay
 * in registers. */
#include "cpu/small_product.h"
#include "cpu/kernel_set.h"
#include "cpu/lanes.h"
#include "cpu/of_set.h"
#include "cpu/turn.h"

enum {
    PANEL = 2,
    WIDE_ROWS = 4, /* whose sums are kept, of panels of PANEL vectors, ... */
    TALL_ROWS = 8, /* ... and of one */
    WIDEST = 64    /* bytes of a vector, in any set */
};

/* Nanoseconds of a vector's product and sum, and of an element that is copied alone. */
#define VECTOR_NANOSECONDS 0.3
#define COPY_NANOSECONDS   0.5

/* What changes no number that it is added to, not even -0. */
#define NOTHING(type) ((type)-0.0)

/* What a panel is multiplied with, and into what. */
#define PANEL_OF(name, type)                                                                        \
    struct panel_##name {                                                                           \
        const type *a, *b;                                                                          \
        type *c;                                                                                    \
        bl__steps a_steps, c_steps;                                                                 \
        int64_t k, b_row, width; /* from row to row of B, and columns that there are */             \
        bool add;                                                                                   \
        const type *across, *down; /* added at last, where not NULL: a number a column, or a row */ \
    };
PANEL_OF(f32, float)
PANEL_OF(f64, double)

/* Sums of `rows` rows and `vectors` vectors, both known where it is compiled; `full` where no lane is beyond
 * the width. */
#define BLOCK(name, type)                                                                        \
    static inline __attribute__((always_inline)) void block_##name(                              \
        const struct panel_##name *panel, int64_t row, int rows, int vectors, bool full)         \
    {                                                                                            \
        enum {                                                                                   \
            LANES = sizeof(vector_##name) / sizeof(type)                                         \
        };                                                                                       \
        vector_##name sum[TALL_ROWS][PANEL];                                                     \
        const int64_t a_row = panel->a_steps.row, width = full ? vectors * LANES : panel->width; \
        const type *a = panel->a + row * a_row, *b = panel->b;                                   \
        const bool more = panel->add || panel->across || panel->down;                            \
        UNROLLED                                                                                 \
        for (int r = 0; r < rows; r++) {                                                         \
            UNROLLED                                                                             \
            for (int v = 0; v < vectors; v++)                                                    \
                sum[r][v] = zero_##name();                                                       \
        }                                                                                        \
        for (int64_t p = 0; p < panel->k; p++, a += panel->a_steps.column, b += panel->b_row) {  \
            vector_##name columns[PANEL];                                                        \
            UNROLLED                                                                             \
            for (int v = 0; v < vectors; v++)                                                    \
                columns[v] = load_##name(b + v * LANES, width - v * LANES);                      \
            UNROLLED                                                                             \
            for (int r = 0; r < rows; r++) {                                                     \
                UNROLLED                                                                         \
                for (int v = 0; v < vectors; v++)                                                \
                    sum[r][v] = add_times_##name(sum[r][v], columns[v], a[r * a_row]);           \
            }                                                                                    \
        }                                                                                        \
        UNROLLED                                                                                 \
        for (int r = 0; r < rows; r++) {                                                         \
            type *c = panel->c + (row + r) * panel->c_steps.row;                                 \
            if (panel->c_steps.column == 1) {                                                    \
                UNROLLED                                                                         \
                for (int v = 0; v < vectors; v++) {                                              \
                    int64_t left = width - v * LANES;                                            \
                    if (more && panel->add)                                                      \
                        sum[r][v] = sum[r][v] + load_##name(c + v * LANES, left);                \
                    if (more && panel->across)                                                   \
                        sum[r][v] = sum[r][v] + load_##name(panel->across + v * LANES, left);    \
                    if (more && panel->down)                                                     \
                        sum[r][v] = sum[r][v] + all_##name(panel->down[row + r]);                \
                    store_##name(c + v * LANES, left, sum[r][v]);                                \
                }                                                                                \
                continue;                                                                        \
            }                                                                                    \
            type one[PANEL * LANES] = {0};                                                       \
            UNROLLED                                                                             \
            for (int v = 0; v < vectors; v++)                                                    \
                store_##name(one + v * LANES, LANES, sum[r][v]);                                 \
            for (int64_t j = 0; j < width; j++) {                                                \
                type *to = c + j * panel->c_steps.column;                                        \
                one[j] += panel->add ? *to : NOTHING(type);                                      \
                *to = one[j] + (panel->across ? panel->across[j]                                 \
                                : panel->down ? panel->down[row + r]                             \
                                              : NOTHING(type));                                  \
            }                                                                                    \
        }                                                                                        \
    }                                                                                            \
                                                                                                 \
    static inline __attribute__((always_inline)) void rows_##name(                               \
        const struct panel_##name *panel, int64_t m, int most, int vectors, bool full)           \
    {                                                                                            \
        int64_t row = 0;                                                                         \
        for (; row + most <= m; row += most)                                                     \
            block_##name(panel, row, most, vectors, full);                                       \
        if (most > WIDE_ROWS && row + WIDE_ROWS <= m) {                                          \
            block_##name(panel, row, WIDE_ROWS, vectors, full);                                  \
            row += WIDE_ROWS;                                                                    \
        }                                                                                        \
        if (row + 2 <= m) {                                                                      \
            block_##name(panel, row, 2, vectors, full);                                          \
            row += 2;                                                                            \
        }                                                                                        \
        if (row < m)                                                                             \
            block_##name(panel, row, 1, vectors, full);                                          \
    }                                                                                            \
                                                                                                 \
    static void panel_rows_##name(const struct panel_##name *panel, int64_t m)                   \
    {                                                                                            \
        enum {                                                                                   \
            LANES = sizeof(vector_##name) / sizeof(type)                                         \
        };                                                                                       \
        if (panel->width == PANEL * LANES)                                                       \
            rows_##name(panel, m, WIDE_ROWS, PANEL, true);                                       \
        else if (panel->width > LANES)                                                           \
            rows_##name(panel, m, WIDE_ROWS, PANEL, false);                                      \
        else                                                                                     \
            rows_##name(panel, m, TALL_ROWS, 1, false);                                          \
    }
BLOCK(f32, float)
BLOCK(f64, double)

typedef bl__four_f32 part_of_16_f32;
typedef bl__two_f64 part_of_16_f64;

/* Columns of B, k elements each, as rows of `width`. */
#define PACK(name, type)                                                                          \
    static void pack_##name(const type *b, int64_t row, int64_t column, int64_t k, int64_t width, \
                            type *packed)                                                         \
    {                                                                                             \
        if (row == 1) {                                                                           \
            bl__turn_rows_##name(width, k, b, column, packed, width);                             \
            return;                                                                               \
        }                                                                                         \
        for (int64_t q = 0; q < width; q++)                                                       \
            for (int64_t p = 0; p < k; p++)                                                       \
                packed[p * width + q] = b[p * row + q * column];                                  \
    }
PACK(f32, float)
PACK(f64, double)

/* Of functions that keep wide vectors in memory: where AddressSanitizer moves the stack to the heap, GCC 12
 * takes it for aligned to more than it is. */
#if defined(__GNUC__)
#define ON_THE_STACK __attribute__((no_sanitize_address))
#else
#define ON_THE_STACK
#endif

/* The sums of the lanes of some vectors, as many as 16 bytes have numbers: of each vector the first half
 * takes the second, and so on. */
#define FOLD(name)                                                            \
    ON_THE_STACK static inline part_of_16_##name fold_##name(vector_##name x) \
    {                                                                         \
        enum {                                                                \
            PARTS = sizeof(x) / sizeof(part_of_16_##name)                     \
        };                                                                    \
        part_of_16_##name part[PARTS];                                        \
        memcpy(part, &x, sizeof(x));                                          \
        UNROLLED                                                              \
        for (int half = PARTS / 2; half > 0; half /= 2) {                     \
            UNROLLED                                                          \
            for (int i = 0; i < half; i++)                                    \
                part[i] += part[i + half];                                    \
        }                                                                     \
        return part[0];                                                       \
    }
FOLD(f32)
FOLD(f64)

static inline bl__four_f32 sum_lanes_f32(const vector_f32 *x)
{
    bl__four_f32 a = fold_f32(x[0]), b = fold_f32(x[1]), c = fold_f32(x[2]), d = fold_f32(x[3]);
    bl__four_f32 first = BL__PICK(bl__four_i32, a, b, 0, 4, 1, 5) + BL__PICK(bl__four_i32, a, b, 2, 6, 3, 7);
    bl__four_f32 second = BL__PICK(bl__four_i32, c, d, 0, 4, 1, 5) + BL__PICK(bl__four_i32, c, d, 2, 6, 3, 7);
    return BL__PICK(bl__four_i32, first, second, 0, 1, 4, 5) +
           BL__PICK(bl__four_i32, first, second, 2, 3, 6, 7);
}

static inline bl__two_f64 sum_lanes_f64(const vector_f64 *x)
{
    bl__two_f64 a = fold_f64(x[0]), b = fold_f64(x[1]);
    return BL__PICK(bl__two_i64, a, b, 0, 2) + BL__PICK(bl__two_i64, a, b, 1, 3);
}

/* Sums over every lanes-th p, for as many rows of A as a vector holds, which lie side by side. */
#define SUMS(name, type)                                                                                    \
    struct rows_##name {                                                                                    \
        const type *a, *b;                                                                                  \
        int64_t a_column, k, rows, lanes;                                                                   \
    };                                                                                                      \
    static inline __attribute__((always_inline))                                                            \
    vector_##name sums_of_1_##name(const struct rows_##name *some, int64_t lane, int64_t apart)             \
    {                                                                                                       \
        vector_##name sum = zero_##name();                                                                  \
        (void)apart;                                                                                        \
        for (int64_t p = lane; p < some->k; p += some->lanes)                                               \
            sum = add_times_##name(sum, load_##name(some->a + p * some->a_column, some->rows), some->b[p]); \
        return sum;                                                                                         \
    }

/* The sum of so many lanes: lane, lane + apart, ... . Those at even places are added up, those at odd ones,
 * and then the two, one after the other as they come to be, so that few stand in registers. */
#define PAIRS(all, half, name)                                                                        \
    static inline __attribute__((always_inline))                                                      \
    vector_##name sums_of_##all##_##name(const struct rows_##name *some, int64_t lane, int64_t apart) \
    {                                                                                                 \
        return sums_of_##half##_##name(some, lane, 2 * apart) +                                       \
               sums_of_##half##_##name(some, lane + apart, 2 * apart);                                \
    }
#define SUMS_DOWN(name, type)                                                                              \
    SUMS(name, type)                                                                                       \
    PAIRS(2, 1, name)                                                                                      \
    PAIRS(4, 2, name)                                                                                      \
    PAIRS(8, 4, name)                                                                                      \
    PAIRS(16, 8, name)                                                                                     \
    PAIRS(32, 16, name)                                                                                    \
    static inline __attribute__((always_inline)) vector_##name sums_##name(const struct rows_##name *some) \
    {                                                                                                      \
        return some->lanes == 32   ? sums_of_32_##name(some, 0, 1)                                         \
               : some->lanes == 16 ? sums_of_16_##name(some, 0, 1)                                         \
               : some->lanes == 8  ? sums_of_8_##name(some, 0, 1)                                          \
                                   : sums_of_4_##name(some, 0, 1);                                          \
    }
SUMS_DOWN(f32, float)
SUMS_DOWN(f64, double)

/* One sum over p for each row of C, in lanes that are added in pairs at the end. */
#define DOTS(name, type)                                                                                 \
    static inline void store_dots_##name(const bl__product *product, int64_t i, int64_t rows,            \
                                         const type *one, type *c, const type *more, int64_t more_step)  \
    {                                                                                                    \
        for (int64_t r = 0; r < rows; r++) {                                                             \
            type *to = c + (i + r) * product->c.row, sum = one[r];                                       \
            sum += product->add ? *to : NOTHING(type);                                                   \
            *to = sum + (more ? more[(i + r) * more_step] : NOTHING(type));                              \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static inline vector_##name dot_##name(int64_t n, const type *a, const type *b)                      \
    {                                                                                                    \
        enum {                                                                                           \
            LANES = sizeof(vector_##name) / sizeof(type)                                                 \
        };                                                                                               \
        vector_##name sum[PANEL] = {zero_##name(), zero_##name()};                                       \
        int64_t p = 0;                                                                                   \
        for (; p + PANEL * LANES <= n; p += PANEL * LANES) {                                             \
            sum[0] = add_product_##name(sum[0], load_##name(a + p, LANES), load_##name(b + p, LANES));   \
            const type *next = a + p + LANES;                                                            \
            sum[1] =                                                                                     \
                add_product_##name(sum[1], load_##name(next, LANES), load_##name(b + p + LANES, LANES)); \
        }                                                                                                \
        if (p < n)                                                                                       \
            sum[0] = add_product_##name(sum[0], load_##name(a + p, n - p), load_##name(b + p, n - p));   \
        if ((p += LANES) < n)                                                                            \
            sum[1] = add_product_##name(sum[1], load_##name(a + p, n - p), load_##name(b + p, n - p));   \
        return sum[0] + sum[1];                                                                          \
    }                                                                                                    \
                                                                                                         \
    /* The same sums for rows that lie side by side: what was a lane is a vector of rows. */             \
    static __attribute__((noinline)) void dots_down_##name(const bl__product *product, const type *a,    \
                                                           const type *b, type *c, const type *more,     \
                                                           int64_t more_step)                            \
    {                                                                                                    \
        enum {                                                                                           \
            LANES = sizeof(vector_##name) / sizeof(type)                                                 \
        };                                                                                               \
        for (int64_t i = 0; i < product->m; i += LANES) {                                                \
            type one[LANES];                                                                             \
            int64_t rows = product->m - i < LANES ? product->m - i : LANES;                              \
            struct rows_##name some = {a + i, b, product->a.column, product->k, rows, PANEL * LANES};    \
            store_##name(one, LANES, sums_##name(&some));                                                \
            store_dots_##name(product, i, rows, one, c, more, more_step);                                \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static const type *side_by_side_##name(int64_t n, const type *from, int64_t step, type *packed)      \
    {                                                                                                    \
        for (int64_t p = 0; p < n && step != 1; p++)                                                     \
            packed[p] = from[p * step];                                                                  \
        return step != 1 ? packed : from;                                                                \
    }                                                                                                    \
                                                                                                         \
    ON_THE_STACK static __attribute__((noinline)) void dots_##name(                                      \
        const bl__product *product, const type *a, const type *b, type *c, const type *more,             \
        int64_t more_step, type *packed)                                                                 \
    {                                                                                                    \
        int64_t k = product->k;                                                                          \
        b = side_by_side_##name(k, b, product->b.row, packed);                                           \
        if (product->a.row == 1 && product->a.column != 1) {                                             \
            dots_down_##name(product, a, b, c, more, more_step);                                         \
            return;                                                                                      \
        }                                                                                                \
        for (int64_t i = 0, some = BL__TURNED_##name; i < product->m; i += some) {                       \
            vector_##name sum[BL__TURNED_##name];                                                        \
            type one[BL__TURNED_##name];                                                                 \
            some = product->m - i < some ? product->m - i : some;                                        \
            UNROLLED                                                                                     \
            for (int64_t r = 0; r < BL__TURNED_##name; r++) {                                            \
                const type *row = a + (i + (r < some ? r : 0)) * product->a.row;                         \
                row = side_by_side_##name(k, row, product->a.column, packed + k);                        \
                sum[r] = dot_##name(k, row, b);                                                          \
            }                                                                                            \
            part_of_16_##name lanes = sum_lanes_##name(sum);                                             \
            memcpy(one, &lanes, sizeof(one));                                                            \
            store_dots_##name(product, i, some, one, c, more, more_step);                                \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static void multiply_##name(const bl__small_plan *plan, const void *left, const void *right,         \
                                void *result, void *scratch)                                             \
    {                                                                                                    \
        enum {                                                                                           \
            WIDTH = PANEL * sizeof(vector_##name) / sizeof(type)                                         \
        };                                                                                               \
        const bl__product *product = &plan->product;                                                     \
        const type *a = plan->turned ? right : left, *b = plan->turned ? left : right;                   \
        const type *more = plan->row;                                                                    \
        type *c = result, *packed = scratch;                                                             \
        if (plan->dots) {                                                                                \
            dots_##name(product, a, b, c, more, plan->turned, packed);                                   \
            return;                                                                                      \
        }                                                                                                \
        for (int64_t j = 0; j < product->n; j += WIDTH) {                                                \
            int64_t width = product->n - j < WIDTH ? product->n - j : WIDTH;                             \
            struct panel_##name panel = {a,                                                              \
                                         b + j * product->b.column,                                      \
                                         c + j * product->c.column,                                      \
                                         product->a,                                                     \
                                         product->c,                                                     \
                                         product->k,                                                     \
                                         product->b.row,                                                 \
                                         width,                                                          \
                                         product->add,                                                   \
                                         more && !plan->turned ? more + j : NULL,                        \
                                         plan->turned ? more : NULL};                                    \
            if (product->b.column != 1) {                                                                \
                pack_##name(panel.b, product->b.row, product->b.column, product->k, width, packed);      \
                panel.b = packed;                                                                        \
                panel.b_row = width;                                                                     \
            }                                                                                            \
            panel_rows_##name(&panel, product->m);                                                       \
        }                                                                                                \
    }
DOTS(f32, float)
DOTS(f64, double)

/* ---- planning ---- */

static double work(const bl__product *product, int64_t lanes)
{
    double m = (double)product->m, n = (double)product->n, k = (double)product->k;
    double vectors = product->n > 0 ? (double)((product->n - 1) / lanes + 1) : 1;
    return m * vectors * k * VECTOR_NANOSECONDS + (product->b.column != 1 ? k * n * COPY_NANOSECONDS : 0) +
           (product->c.column != 1 && m > 0 ? m * n * COPY_NANOSECONDS : 0);
}

static bl__product turned_over(const bl__product *product)
{
    bl__product turned = *product;
    turned.m = product->n;
    turned.n = product->m;
    turned.a = (bl__steps){product->b.column, product->b.row};
    turned.b = (bl__steps){product->a.column, product->a.row};
    turned.c = (bl__steps){product->c.column, product->c.row};
    return turned;
}

/* Whether it is a column of dot products that are long enough for lanes: strides do not change bits. */
static bool is_dots(const bl__product *product, int64_t lanes)
{
    return product->n == 1 && product->k >= lanes;
}

static bl__small_plan plan_for(const bl__product *product, int64_t lanes)
{
    bl__product turned = turned_over(product);
    bl__small_plan plan = {.product = *product, .dots = is_dots(product, lanes)};
    if (!plan.dots && (is_dots(&turned, lanes) || work(&turned, lanes) < work(product, lanes)))
        plan = (bl__small_plan){.product = turned, .turned = true, .dots = is_dots(&turned, lanes)};
    return plan;
}

/* Bytes for the columns of the wider panel of either side, or for two vectors of dot products, whichever the
 * set turns to: what a program needs does not depend on the set. */
static size_t room(const bl__product *product)
{
    int64_t bytes = product->f64 ? sizeof(double) : sizeof(float), most = PANEL * WIDEST / bytes, columns = 0;
    if (product->m == 0 || product->n == 0)
        return 0;
    if (product->b.column != 1)
        columns = product->n;
    if (product->a.row != 1 && product->m > columns)
        columns = product->m;
    columns = columns < most ? columns : most;
    if ((product->m == 1 || product->n == 1) && columns < 2)
        columns = 2;
    return (size_t)(product->k * columns * bytes);
}

#define PLAN(name, type)                                                               \
    static bl__small_plan plan_##name(const bl__product *product)                      \
    {                                                                                  \
        bl__small_plan plan = plan_for(product, sizeof(vector_##name) / sizeof(type)); \
        plan.scratch = room(product);                                                  \
        return plan;                                                                   \
    }                                                                                  \
                                                                                       \
    static double nanoseconds_##name(const bl__small_plan *plan)                       \
    {                                                                                  \
        return 10 + work(&plan->product, sizeof(vector_##name) / sizeof(type));        \
    }                                                                                  \
                                                                                       \
    const bl__small_products BL__SMALL_PRODUCTS(name) = {plan_##name, multiply_##name, nanoseconds_##name};
PLAN(f32, float)
PLAN(f64, double)
