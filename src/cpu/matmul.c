/* Matrix products C[m,n] = sum_p A[m,p] B[p,n] over broadcast batches, operands of any strides; and what the
 * compiler makes of a product that is added to something contiguous, C = D + A B. Large ones are packed
 * (gemm.h); small ones, where that would outweigh the arithmetic, are computed here. */
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"

enum {
    LEFT,
    RIGHT,
    FACTORS,
    ADDEND = FACTORS
};

/* Products of at most so many multiplications, those that fill up blocks included, do not go to BLIS, whose
 * call costs more before it computes anything than the loops here need: about where the two meet. */
#define SMALL_PRODUCT 16384.0

/* How long the loops here take for a multiplication, about; and how long a part of a batch should. */
#define SMALL_NANOSECONDS 0.1
#define PART_NANOSECONDS  20000.0

struct plan {
    int64_t m, n, k;
    bl__steps factor[FACTORS], product;
    bl__loop batch; /* over the factors; the products stand one after the other */
    int64_t product_size;
    bool small, f64;
    bool add;       /* to a third input, in whose place the output may stand */
    int first;      /* which input is the left factor: RIGHT where the product is computed transposed */
    bool pays;      /* for threads: */
    bool each_pays; /* each product is shared out, or the batch is */
    int64_t part_products; /* of the batch, in a part */
    size_t worker_scratch;
    bl__product large;
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
                if (plan->add)                                                                              \
                    for (int64_t j = 0; j < width; j++)                                                     \
                        row[j * c_steps.column] += sums[r][j];                                              \
                else if (c_steps.column == 1 && width == WIDTH_##name)                                      \
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

/* ---- prepare ---- */

/* Batches of which only A changes, row after row, are one taller product. */
static void fold_batch(struct plan *plan)
{
    bl__loop *batch = &plan->batch;
    while (batch->rank > 0) {
        int last = batch->rank - 1;
        int64_t step = batch->stride[LEFT][last];
        if (batch->stride[RIGHT][last] != 0 || (plan->m != 1 && step != plan->m * plan->factor[LEFT].row))
            break;
        if (plan->m == 1)
            plan->factor[LEFT].row = step;
        plan->m *= batch->size[last];
        batch->rank = last;
    }
    batch->count = 1;
    for (int d = 0; d < batch->rank; d++)
        batch->count *= batch->size[d];
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

/* Products that are worth it are shared out each; else the batch is, if it is worth it. */
static void share_out(const bl__call *call, struct plan *plan, double nanoseconds)
{
    double count = (double)plan->batch.count, part = PART_NANOSECONDS / nanoseconds;
    plan->each_pays = !plan->small && bl__pays_for_threads(call, nanoseconds / 4);
    plan->pays = plan->each_pays || (count > 1 && bl__pays_for_threads(call, nanoseconds * count));
    plan->part_products = part < 1 ? 1 : part > count ? (int64_t)count : (int64_t)part;
}

static void prepare_large(struct plan *plan, size_t *scratch_bytes)
{
    plan->first = LEFT;
    plan->large = (bl__product){.m = plan->m,
                                .n = plan->n,
                                .k = plan->k,
                                .a = plan->factor[LEFT],
                                .b = plan->factor[RIGHT],
                                .c = plan->product,
                                .f64 = plan->f64,
                                .add = plan->add};
    *scratch_bytes = bl__gemm_scratch(&plan->large);
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
    plan->add = call->input_count > ADDEND;
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
    (plan->small ? prepare_small : prepare_large)(plan, &plan->worker_scratch);
    share_out(call, plan,
              plan->small ? block_work(plan, plan->m, plan->n) * SMALL_NANOSECONDS + 10
                          : bl__gemm_nanoseconds(&plan->large));
    plan->worker_scratch = (plan->worker_scratch + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    size_t workers = plan->pays && !plan->each_pays ? (size_t)call->environment->threads : 1;
    *scratch_bytes = workers * plan->worker_scratch;
    call->plan = plan;
    return BL_OK;
}

/* ---- run ---- */

/* The factors and the product of one place in the batch. */
static void multiply_at(const bl__call *call, int64_t left, int64_t right, int64_t index, void *scratch)
{
    const struct plan *plan = call->plan;
    const char *factor[FACTORS] = {bl__at_const(call->inputs[LEFT]->data, plan->bytes, left),
                                   bl__at_const(call->inputs[RIGHT]->data, plan->bytes, right)};
    char *product = bl__at(call->outputs[0]->data, plan->bytes, index * plan->product_size);
    const void *a = factor[plan->first], *b = factor[1 - plan->first];
    if (!plan->small)
        bl__gemm_shared(call, plan->each_pays, &plan->large, a, b, product, scratch, NULL, NULL);
    else if (plan->f64)
        small_f64(plan, a, b, (double *)(void *)product, scratch);
    else
        small_f32(plan, a, b, (float *)(void *)product, scratch);
}

/* Some products of the batch. */
static void multiply_some(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t first = part * plan->part_products, left = plan->batch.count - first;
    int64_t count = left < plan->part_products ? left : plan->part_products;
    char *scratch = (char *)call->environment->scratch + (size_t)worker * plan->worker_scratch;
    bl__place place;
    bl__loop_place(&plan->batch, first, &place);
    int64_t row = bl__loop_row(&plan->batch), at = row > 0 ? first % row : 0;
    for (int64_t i = 0; i < count; i++) {
        multiply_at(call, place.offset[LEFT] + at * bl__loop_step(&plan->batch, LEFT),
                    place.offset[RIGHT] + at * bl__loop_step(&plan->batch, RIGHT), first + i, scratch);
        if (++at == row) {
            at = 0;
            bl__loop_next(&plan->batch, &place);
        }
    }
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__operand *output = call->outputs[0];
    size_t bytes = (size_t)output->count * plan->bytes;
    if (output->count == 0)
        return BL_OK;
    if (plan->add && output->data != call->inputs[ADDEND]->data)
        memcpy(output->data, call->inputs[ADDEND]->data, bytes);
    if (plan->k == 0 && !plan->add)
        bl__zero(output->data, bytes);
    else if (plan->k == 0)
        return BL_OK;
    else if (plan->batch.count == 1)
        multiply_at(call, 0, 0, 0, call->environment->scratch);
    else
        bl__parallel(call, plan->pays && !plan->each_pays,
                     (plan->batch.count + plan->part_products - 1) / plan->part_products, multiply_some,
                     plan);
    return BL_OK;
}

/* A product and a sum for each of the k terms of an element, and the sum with what is there. */
static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    return bl__times(call->outputs[0]->count, bl__times(2, plan->k) + plan->add);
}

const bl__kernel bl__kernel_matmul = {BL__STRIDED, prepare, run, flops};
const bl__kernel bl__kernel_matmul_add = {BL__STRIDED | BL__IN_PLACE_OF(ADDEND), prepare, run, flops};
