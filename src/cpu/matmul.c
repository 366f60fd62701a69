/* Matrix products C[m,n] = sum_p A[m,p] B[p,n] over broadcast batches, operands of any strides. Large ones
 * are given to BLIS; small ones, where its set-up would outweigh the arithmetic, are computed here. */
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"

enum {
    LEFT,
    RIGHT,
    FACTORS
};

/* Products of at most so many multiplications, those that fill up blocks included, do not go to BLIS, whose
 * call costs more before it computes anything than the loops here need: about where the two meet. */
#define SMALL_PRODUCT 16384.0

struct plan {
    int64_t m, n, k;
    bl__steps factor[FACTORS], product;
    bl__loop batch; /* over the factors; the products stand one after the other */
    int64_t product_size;
    bool small, f64;
    int first;            /* which input is the left factor: RIGHT where the product is computed transposed */
    bool spread[FACTORS]; /* has a stride of 0 or below, which BLIS promises nothing about: copied into
                             scratch */
    size_t bytes;
};

/* ---- small products ----
 *
 * A panel of PANEL vectors of columns of B at a time, packed into scratch where its rows are not contiguous
 * (a last narrow one is filled up with zeros); ROWS rows of A at a time, so that the sums stay in registers.
 * The vectors are 16 bytes, which every target has. */

enum {
    ROWS = 4,
    PANEL = 2,
    VECTOR = 16,
    WIDTH_f32 = PANEL * VECTOR / 4,
    WIDTH_f64 = PANEL * VECTOR / 8
};

#define SMALL(name, type)                                                                                   \
    typedef type vector_##name __attribute__((vector_size(VECTOR)));                                        \
                                                                                                            \
    /* Rows of A times `vectors` vectors of columns, into sums. */                                          \
    static inline void block_##name(int rows, int vectors, int64_t k, const type *a, bl__steps a_steps,     \
                                    const type *b, int64_t b_row, type sums[ROWS][WIDTH_##name])            \
    {                                                                                                       \
        vector_##name sum[ROWS][PANEL] = {{{0}}};                                                           \
        for (int64_t p = 0; p < k; p++, a += a_steps.column, b += b_row) {                                  \
            vector_##name columns[PANEL];                                                                   \
            memcpy(columns, b, (size_t)vectors *VECTOR);                                                    \
            for (int r = 0; r < rows; r++)                                                                  \
                for (int v = 0; v < vectors; v++)                                                           \
                    sum[r][v] += columns[v] * a[r * a_steps.row];                                           \
        }                                                                                                   \
        for (int r = 0; r < rows; r++)                                                                      \
            memcpy(sums[r], sum[r], (size_t)vectors *VECTOR);                                               \
    }                                                                                                       \
                                                                                                            \
    /* The same with the numbers of rows and vectors known where it is compiled. */                         \
    static void choose_block_##name(int64_t rows, bool narrow, int64_t k, const type *a, bl__steps a_steps, \
                                    const type *b, int64_t b_row, type sums[ROWS][WIDTH_##name])            \
    {                                                                                                       \
        if (rows >= ROWS && narrow)                                                                         \
            block_##name(ROWS, 1, k, a, a_steps, b, b_row, sums);                                           \
        else if (rows >= ROWS)                                                                              \
            block_##name(ROWS, PANEL, k, a, a_steps, b, b_row, sums);                                       \
        else if (rows >= 2)                                                                                 \
            block_##name(2, PANEL, k, a, a_steps, b, b_row, sums);                                          \
        else                                                                                                \
            block_##name(1, PANEL, k, a, a_steps, b, b_row, sums);                                          \
    }                                                                                                       \
                                                                                                            \
    /* C[:, 0..width-1] from B[k, WIDTH], whose rows are b_row apart. */                                    \
    static void panel_##name(const struct plan *plan, int64_t width, const type *a, const type *b,          \
                             int64_t b_row, type *c)                                                        \
    {                                                                                                       \
        const bl__steps a_steps = plan->factor[LEFT], c_steps = plan->product;                              \
        bool narrow = width <= WIDTH_##name / PANEL;                                                        \
        type sums[ROWS][WIDTH_##name];                                                                      \
        for (int64_t i = 0; i < plan->m;) {                                                                 \
            int64_t left = plan->m - i, rows = left >= ROWS ? ROWS : left >= 2 ? 2 : 1;                     \
            choose_block_##name(rows, narrow, plan->k, a + i * a_steps.row, a_steps, b, b_row, sums);       \
            for (int64_t r = 0; r < rows; r++, i++) {                                                       \
                type *row = c + i * c_steps.row;                                                            \
                if (c_steps.column == 1 && width == WIDTH_##name)                                           \
                    memcpy(row, sums[r], sizeof(sums[r]));                                                  \
                else                                                                                        \
                    for (int64_t j = 0; j < width; j++)                                                     \
                        row[j * c_steps.column] = sums[r][j];                                               \
            }                                                                                               \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void small_##name(const struct plan *plan, const type *a, const type *b, type *c, type *packed)  \
    {                                                                                                       \
        const bl__steps steps = plan->factor[RIGHT];                                                        \
        for (int64_t j = 0; j < plan->n; j += WIDTH_##name) {                                               \
            int64_t width = plan->n - j < WIDTH_##name ? plan->n - j : WIDTH_##name;                        \
            const type *from = b + j * steps.column;                                                        \
            type *to = c + j * plan->product.column;                                                        \
            if (steps.column == 1 && width == WIDTH_##name) {                                               \
                panel_##name(plan, width, a, from, steps.row, to);                                          \
                continue;                                                                                   \
            }                                                                                               \
            for (int64_t p = 0; p < plan->k; p++) {                                                         \
                type *row = packed + p * WIDTH_##name;                                                      \
                for (int64_t q = 0; q < width; q++)                                                         \
                    row[q] = from[p * steps.row + q * steps.column];                                        \
                for (int64_t q = width; q < WIDTH_##name; q++)                                              \
                    row[q] = 0;                                                                             \
            }                                                                                               \
            panel_##name(plan, width, a, packed, WIDTH_##name, to);                                         \
        }                                                                                                   \
    }

SMALL(f32, float)
SMALL(f64, double)

/* ---- large products ---- */

/* The factor itself, or a copy of it with strides that BLIS takes. */
static void *unspread(const struct plan *plan, int which, void *data, char **scratch, bl__steps *steps)
{
    int64_t rows = which == LEFT ? plan->m : plan->k, columns = which == LEFT ? plan->k : plan->n;
    *steps = plan->factor[which];
    if (!plan->spread[which])
        return data;
    char *copy = *scratch;
    for (int64_t i = 0; i < rows; i++)
        bl__copy_elements(plan->bytes, columns, bl__at(copy, plan->bytes, i * columns), 1,
                          bl__at(data, plan->bytes, i * steps->row), steps->column);
    *scratch = bl__at(copy, plan->bytes, rows * columns);
    *steps = (bl__steps){columns, 1};
    return copy;
}

static void large(const struct plan *plan, void *left, void *right, void *product, void *scratch)
{
    char *free_scratch = scratch;
    bl__steps a, b;
    left = unspread(plan, LEFT, left, &free_scratch, &a);
    right = unspread(plan, RIGHT, right, &free_scratch, &b);
    (plan->f64 ? bl__gemm_f64 : bl__gemm_f32)(plan->m, plan->n, plan->k, left, a, right, b, product,
                                              plan->product);
}

static void multiply(const struct plan *plan, void *left, void *right, void *product, void *scratch)
{
    if (!plan->small)
        large(plan, left, right, product, scratch);
    else if (plan->f64)
        small_f64(plan, left, right, product, scratch);
    else
        small_f32(plan, left, right, product, scratch);
}

/* ---- prepare ---- */

/* Batches of which only A changes, row after row, are one taller product. */
static void fold_batch(struct plan *plan)
{
    bl__loop *batch = &plan->batch;
    while (batch->rank > 0) {
        int last = batch->rank - 1;
        int64_t step = batch->stride[LEFT][last];
        if (batch->stride[RIGHT][last] != 0 || (plan->m != 1 && step != plan->m * plan->factor[LEFT].row))
            return;
        if (plan->m == 1)
            plan->factor[LEFT].row = step;
        plan->m *= batch->size[last];
        batch->rank = last;
    }
}

static double round_up(int64_t n, int64_t unit)
{
    return (double)((n + unit - 1) / unit * unit);
}

/* The multiplications of a small product of m rows and n columns, blocks filled up. */
static double block_work(const struct plan *plan, int64_t m, int64_t n)
{
    return round_up(m, ROWS) * round_up(n, VECTOR / (int64_t)plan->bytes) * (double)plan->k;
}

/* (A B)^T = B^T A^T: for small products, when that fills blocks better. */
static void choose_side(struct plan *plan)
{
    plan->first = LEFT;
    if (block_work(plan, plan->m, plan->n) <= 1.5 * block_work(plan, plan->n, plan->m))
        return;
    bl__steps a = plan->factor[LEFT], b = plan->factor[RIGHT];
    int64_t m = plan->m;
    plan->first = RIGHT;
    plan->m = plan->n;
    plan->n = m;
    plan->factor[LEFT] = (bl__steps){b.column, b.row};
    plan->factor[RIGHT] = (bl__steps){a.column, a.row};
    plan->product = (bl__steps){plan->product.column, plan->product.row};
}

/* Gives axes of size 1, whose stride means nothing, one that BLIS takes; says whether one of 0 or below
 * remains. */
static bool settle(bl__steps *steps, int64_t rows, int64_t columns)
{
    if (columns == 1)
        steps->column = rows == 1 ? 1 : rows * steps->row;
    if (rows == 1)
        steps->row = columns * steps->column;
    return steps->row <= 0 || steps->column <= 0;
}

static void prepare_large(struct plan *plan, size_t *scratch_bytes)
{
    bl__gemm_warm();
    plan->first = LEFT;
    settle(&plan->product, plan->m, plan->n);
    plan->spread[LEFT] = settle(&plan->factor[LEFT], plan->m, plan->k);
    plan->spread[RIGHT] = settle(&plan->factor[RIGHT], plan->k, plan->n);
    int64_t copied =
        (plan->spread[LEFT] ? plan->m * plan->k : 0) + (plan->spread[RIGHT] ? plan->k * plan->n : 0);
    *scratch_bytes = (size_t)copied * plan->bytes;
}

static void prepare_small(struct plan *plan, size_t *scratch_bytes)
{
    choose_side(plan);
    bool nothing = plan->m == 0 || plan->n == 0;
    *scratch_bytes = nothing ? 0 : (size_t)plan->k * PANEL * VECTOR;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *a = call->inputs[LEFT], *b = call->inputs[RIGHT], *c = call->outputs[0];
    if (a->dtype != BL_F32 && a->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(a->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.m = a->size[a->rank - 2], .k = a->size[a->rank - 1], .n = b->size[b->rank - 1]};
    plan->f64 = a->dtype == BL_F64;
    plan->bytes = bl_dtype_size(a->dtype);
    plan->factor[LEFT] = (bl__steps){a->stride[a->rank - 2], a->stride[a->rank - 1]};
    plan->factor[RIGHT] = (bl__steps){b->stride[b->rank - 2], b->stride[b->rank - 1]};
    plan->product = (bl__steps){plan->n, 1};
    bl__loop_init(&plan->batch, FACTORS);
    for (int d = 0; d < c->rank - 2; d++) {
        int64_t strides[FACTORS] = {bl__broadcast_stride(a, c->rank, d, c->size[d]),
                                    bl__broadcast_stride(b, c->rank, d, c->size[d])};
        bl__loop_push(&plan->batch, c->size[d], strides);
    }
    fold_batch(plan);
    plan->product_size = plan->m * plan->n;
    plan->small = block_work(plan, plan->m, plan->n) <= SMALL_PRODUCT;
    (plan->small ? prepare_small : prepare_large)(plan, scratch_bytes);
    call->plan = plan;
    return BL_OK;
}

/* ---- run ---- */

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__operand *output = call->outputs[0];
    char *product = output->data;
    if (output->count == 0)
        return BL_OK;
    if (plan->k == 0) {
        bl__zero(product, (size_t)output->count * plan->bytes);
        return BL_OK;
    }
    bl__place place = {{0}, {0}};
    int64_t row = bl__loop_row(&plan->batch);
    int64_t left_step = bl__loop_step(&plan->batch, LEFT), right_step = bl__loop_step(&plan->batch, RIGHT);
    do {
        for (int64_t i = 0; i < row; i++, product = bl__at(product, plan->bytes, plan->product_size)) {
            char *factor[FACTORS] = {
                bl__at(call->inputs[LEFT]->data, plan->bytes, place.offset[LEFT] + i * left_step),
                bl__at(call->inputs[RIGHT]->data, plan->bytes, place.offset[RIGHT] + i * right_step)};
            multiply(plan, factor[plan->first], factor[1 - plan->first], product, call->environment->scratch);
        }
    } while (bl__loop_next(&plan->batch, &place));
    return BL_OK;
}

const bl__kernel bl__kernel_matmul = {BL__STRIDED, prepare, run};
