/* linear_cross_entropy: the cross entropy of logits x w^T + b against a class for each row, and its
 * gradients, without ever holding all logits.
 *
 * Rows are taken in blocks, classes in chunks, and a chunk's logits stand class by class, the block's rows
 * side by side in lanes. While they are in the cache they become powers exp(l - m), m being the row's largest
 * logit so far; of these are made the sum s, and sum_i exp(l_i - m) w_i, which is to become dx. Where m
 * grows, what is there is scaled to the new one. When a block has all its chunks, log-sum-exp, loss and dx of
 * each row follow, t being the target, s the label smoothing, and k what the row counts:
 *
 *     lse = M + log sum     loss = lse - (1 - s) l_t - s / classes sum_i l_i
 *     dx = k (sum_i exp(l_i - lse) w_i - (1 - s) w_t - s / classes sum_i w_i)
 *
 * If dw or db is wanted, the powers of the block are still there, and a factor for each row and chunk, made
 * of the m that it was raised with, makes them k exp(l - lse); (1 - s) k is taken off at the target and
 * s / classes k everywhere. Then dw += dl^T x. So a block reads the weight once, and dw goes by once.
 *
 * All three products take the weight, the powers and x as they lie (direct_product.h): a block has too few
 * rows to be worth packing the weight for, and its chunks fit the second cache.
 *
 * Runs of chunks are the parts that threads share. Each part has m, s and dx of its own, and adds to its own
 * rows of dw, block after block; the former are put together in the order of parts. Blocks, chunks and parts
 * depend on shapes alone, and not on what is wanted, so the bits of the loss do not either. Rows whose target
 * does not count are not computed. */
#include "bowline/ops.h"
#include "cpu/direct_product.h"
#include "cpu/flops.h"
#include "cpu/indices.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    X,
    WEIGHT,
    TARGETS,
    OPTIONAL, /* bias, row weights */
    LOSS = 0, /* outputs */
    DX,
    DW,
    DB
};

enum {
    CHUNK = 144,      /* classes at most, fewer where their weights would have more bytes ... */
    CHUNK_LEAST = 48, /* ... but not fewer than this */
    CHUNK_UNIT = 24,  /* what a product takes at once, in any set */
    WEIGHT_BYTES = 160 * 1024,
    PARTS = 8,       /* at most */
    ROWS = 128,      /* of a block at most, fewer where they would have more bytes ... */
    ROWS_LEAST = 48, /* ... */
    ROW_BYTES = 128 * 1024,
    LANE_BYTES = 64, /* lanes of a block fill such pieces, vectors of any set */
    RUN = 8          /* classes whose powers are raised, and added up in the type, at once */
};
#define BLOCK_BYTES (10.0 * 1024 * 1024) /* of a block's powers, about */

/* Of one row in one part. */
typedef struct piece {
    double most, sum; /* of the logits; of the powers */
    double total;     /* of the logits, where labels are smoothed */
    double factor;    /* what makes powers of `most` k exp(l - lse) */
} piece;

/* Of one row in the block. */
typedef struct row_state {
    int64_t place; /* among all rows */
    int64_t target;
    double target_logit;
    double share;      /* k */
    double most, part; /* M; k / sum */
} row_state;

/* A chunk's rows of logits, to which the bias (NULL: none) is added, become powers. Goes on with the lanes'
 * pieces; scales[lane] receives what made of the old `most` is to be multiplied with. */
typedef void power_function(int64_t n, int64_t lanes, void *logits, const void *bias, piece *pieces,
                            double *scales, bool totals, bl__tile exp_tile);
/* Powers to the gradients of their logits: factor * power - shift of each lane. */
typedef void gradient_function(int64_t n, int64_t lanes, void *powers, const double *factors,
                               const double *shifts);

typedef struct functions {
    power_function *powers;
    gradient_function *gradients;
    double (*get)(const void *from, int64_t i);
    void (*less)(void *from, int64_t i, double amount);
    void (*turn)(int64_t rows, int64_t lanes, int64_t width, const void *x, void *turned);
    void (*scale)(int64_t n, void *row, double factor);
    void (*add)(int64_t n, void *sum, const void *row, double factor); /* sum += factor row */
    void (*add_sums)(int64_t n, int64_t lanes, int64_t count, void *sums, const void *rows);
    void (*add_wide)(int64_t n, double *sum, const void *row);
    void (*subtract_wide)(int64_t n, void *sum, const double *row, double factor);
    bl__direct_product *product;
} functions;

struct plan {
    const functions *f;
    bl__tile exp_tile;
    size_t bytes;
    int64_t rows, width, classes;
    int64_t block, chunk, chunks, parts;
    bool wants_dx, wants_dw, wants_db, keeps_powers;
    bool biased, weighted, smooths;
    bool pays;
    size_t rows_at, x_at, turned_at, pieces_at, mosts_at, powers_at, dx_at, sums_at; /* in the scratch */
};

/* ---- a chunk's rows, the block's rows in lanes ---- */

#define ROW_FUNCTIONS(name, type)                                                                           \
    /* Where all logits so far are -infinity, nothing is taken off, and the powers are 0. */                \
    static void move_most_##name(int64_t lanes, const type *most, piece *pieces, double *scales)            \
    {                                                                                                       \
        for (int64_t r = 0; r < lanes; r++) {                                                               \
            double now = (double)most[r];                                                                   \
            scales[r] = now == pieces[r].most ? 1 : exp(pieces[r].most - now);                              \
            pieces[r].sum *= scales[r];                                                                     \
            pieces[r].most = now;                                                                           \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    /* The bias is added; the largest of each lane. */                                                      \
    static void look_##name(int64_t n, int64_t lanes, type *x, const type *bias, type *most, piece *pieces, \
                            bool totals)                                                                    \
    {                                                                                                       \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                       \
            type b = bias ? bias[i] : 0;                                                                    \
            for (int64_t r = 0; r < lanes && bias; r++)                                                     \
                x[r] += b;                                                                                  \
            BL__EACH_ALONE                                                                                  \
            for (int64_t r = 0; r < lanes; r++)                                                             \
                most[r] = BL__LARGER(x[r], most[r]);                                                        \
            for (int64_t r = 0; r < lanes && totals; r++)                                                   \
                pieces[r].total += (double)x[r];                                                            \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void powers_##name(int64_t n, int64_t lanes, void *logits, const void *bias, piece *pieces,      \
                              double *scales, bool totals, bl__tile exp_tile)                               \
    {                                                                                                       \
        type most[ROWS], *x = logits;                                                                       \
        for (int64_t r = 0; r < lanes; r++)                                                                 \
            most[r] = (type)pieces[r].most;                                                                 \
        look_##name(n, lanes, x, bias, most, pieces, totals);                                               \
        move_most_##name(lanes, most, pieces, scales);                                                      \
        for (int64_t r = 0; r < lanes; r++)                                                                 \
            most[r] = most[r] == (type)-INFINITY ? 0 : most[r];                                             \
        for (int64_t i = 0; i < n; i += RUN) {                                                              \
            type sum[ROWS] = {0}, *run = x + i * lanes;                                                     \
            int64_t count = n - i < RUN ? n - i : RUN;                                                      \
            for (int64_t j = 0; j < count; j++) {                                                           \
                BL__EACH_ALONE                                                                              \
                for (int64_t r = 0; r < lanes; r++)                                                         \
                    run[j * lanes + r] -= most[r];                                                          \
            }                                                                                               \
            const void *in[] = {run};                                                                       \
            exp_tile(count *lanes, run, in, NULL);                                                          \
            for (int64_t j = 0; j < count; j++) {                                                           \
                BL__EACH_ALONE                                                                              \
                for (int64_t r = 0; r < lanes; r++)                                                         \
                    sum[r] += run[j * lanes + r];                                                           \
            }                                                                                               \
            for (int64_t r = 0; r < lanes; r++)                                                             \
                pieces[r].sum += (double)sum[r];                                                            \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void gradients_##name(int64_t n, int64_t lanes, void *powers, const double *factors,             \
                                 const double *shifts)                                                      \
    {                                                                                                       \
        type factor[ROWS], shift[ROWS], *x = powers;                                                        \
        for (int64_t r = 0; r < lanes; r++) {                                                               \
            factor[r] = (type)factors[r];                                                                   \
            shift[r] = (type)shifts[r];                                                                     \
        }                                                                                                   \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                       \
            BL__EACH_ALONE                                                                                  \
            for (int64_t r = 0; r < lanes; r++)                                                             \
                x[r] = x[r] * factor[r] - shift[r];                                                         \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static double get_##name(const void *from, int64_t i)                                                   \
    {                                                                                                       \
        return (double)((const type *)from)[i];                                                             \
    }                                                                                                       \
                                                                                                            \
    static void less_##name(void *from, int64_t i, double amount)                                           \
    {                                                                                                       \
        ((type *)from)[i] -= (type)amount;                                                                  \
    }                                                                                                       \
                                                                                                            \
    /* Rows to lanes; those beyond are 0. */                                                                \
    static void turn_##name(int64_t rows, int64_t lanes, int64_t width, const void *from, void *turned)     \
    {                                                                                                       \
        const type *x = from;                                                                               \
        type *to = turned;                                                                                  \
        for (int64_t i = 0; i < width; i++, to += lanes) {                                                  \
            for (int64_t r = 0; r < rows; r++)                                                              \
                to[r] = x[r * width + i];                                                                   \
            for (int64_t r = rows; r < lanes; r++)                                                          \
                to[r] = 0;                                                                                  \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void scale_##name(int64_t n, void *row, double factor)                                           \
    {                                                                                                       \
        type *x = row, f = (type)factor;                                                                    \
        for (int64_t i = 0; i < n; i++)                                                                     \
            x[i] *= f;                                                                                      \
    }                                                                                                       \
                                                                                                            \
    static void add_##name(int64_t n, void *sum, const void *row, double factor)                            \
    {                                                                                                       \
        const type *x = row;                                                                                \
        type *y = sum, f = (type)factor;                                                                    \
        BL__EACH_ALONE                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                                     \
            y[i] += x[i] * f;                                                                               \
    }                                                                                                       \
                                                                                                            \
    /* To each of n sums the first `count` lanes of its row. */                                             \
    static void add_sums_##name(int64_t n, int64_t lanes, int64_t count, void *sums, const void *rows)      \
    {                                                                                                       \
        const type *x = rows;                                                                               \
        type *y = sums;                                                                                     \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                       \
            type sum = 0;                                                                                   \
            for (int64_t r = 0; r < count; r++)                                                             \
                sum += x[r];                                                                                \
            y[i] += sum;                                                                                    \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void add_wide_##name(int64_t n, double *sum, const void *row)                                    \
    {                                                                                                       \
        const type *x = row;                                                                                \
        BL__EACH_ALONE                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                                     \
            sum[i] += (double)x[i];                                                                         \
    }                                                                                                       \
                                                                                                            \
    static void subtract_wide_##name(int64_t n, void *sum, const double *row, double factor)                \
    {                                                                                                       \
        type *y = sum;                                                                                      \
        BL__EACH_ALONE                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                                     \
            y[i] -= (type)(row[i] * factor);                                                                \
    }                                                                                                       \
                                                                                                            \
    static const functions functions_##name = {powers_##name,                                               \
                                               gradients_##name,                                            \
                                               get_##name,                                                  \
                                               less_##name,                                                 \
                                               turn_##name,                                                 \
                                               scale_##name,                                                \
                                               add_##name,                                                  \
                                               add_sums_##name,                                             \
                                               add_wide_##name,                                             \
                                               subtract_wide_##name,                                        \
                                               BL__DIRECT_PRODUCT(name)};

ROW_FUNCTIONS(f32, float)
ROW_FUNCTIONS(f64, double)

/* ---- prepare ---- */

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static int64_t at_least(int64_t n, int64_t least)
{
    return n > least ? n : least;
}

/* n cut into the fewest pieces of at most `most`, of about one size. */
static int64_t even_piece(int64_t n, int64_t most, int64_t unit)
{
    int64_t pieces = at_least((n + most - 1) / most, 1);
    return at_least(round_up((n + pieces - 1) / pieces, unit), unit);
}

/* As many of `each` bytes as fit, in whole units between `least` and `most`. */
static int64_t fitting(double bytes, double each, int64_t least, int64_t most, int64_t unit)
{
    if (bytes >= each * (double)most)
        return most;
    return at_least((int64_t)(bytes / each) / unit * unit, least);
}

static int64_t lane_unit(const struct plan *plan)
{
    return LANE_BYTES / (int64_t)plan->bytes;
}

static void cut(struct plan *plan)
{
    double row_bytes = (double)plan->width * (double)plan->bytes;
    int64_t chunk = fitting(WEIGHT_BYTES, row_bytes, CHUNK_LEAST, CHUNK, CHUNK_UNIT), unit = lane_unit(plan);
    plan->chunk = even_piece(plan->classes, chunk, CHUNK_UNIT);
    plan->chunks = (plan->classes + plan->chunk - 1) / plan->chunk;
    plan->parts = plan->chunks < PARTS ? plan->chunks : PARTS;
    int64_t rows = fitting(ROW_BYTES, row_bytes, ROWS_LEAST, ROWS, unit);
    rows = fitting(BLOCK_BYTES, (double)(plan->chunks * plan->chunk) * (double)plan->bytes, unit, rows, unit);
    plan->block = even_piece(plan->rows, rows, unit);
}

/* Room in the scratch: where it begins. */
static size_t take(size_t *scratch_bytes, int64_t count, size_t bytes)
{
    size_t at = *scratch_bytes;
    *scratch_bytes += ((size_t)count * bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    return at;
}

static void lay_out(struct plan *plan, int workers, size_t *scratch_bytes)
{
    int64_t kept = plan->keeps_powers ? plan->chunks : workers; /* chunks of powers */
    plan->rows_at = take(scratch_bytes, plan->block, sizeof(row_state));
    plan->x_at = take(scratch_bytes, plan->block * plan->width, plan->bytes);
    plan->turned_at = take(scratch_bytes, plan->block * plan->width, plan->bytes);
    plan->pieces_at = take(scratch_bytes, plan->parts * plan->block, sizeof(piece));
    plan->mosts_at = take(scratch_bytes, plan->keeps_powers ? plan->chunks * plan->block : 0, sizeof(double));
    plan->powers_at = take(scratch_bytes, kept * plan->block * plan->chunk, plan->bytes);
    plan->dx_at =
        take(scratch_bytes, plan->wants_dx ? plan->parts * plan->block * plan->width : 0, plan->bytes);
    plan->sums_at =
        take(scratch_bytes, plan->smooths && plan->wants_dx ? plan->parts * plan->width : 0, sizeof(double));
}

/* What the logits' product takes, about. */
static double nanoseconds(const struct plan *plan)
{
    bl__product product = {
        .m = plan->block, .n = plan->classes, .k = plan->width, .f64 = plan->bytes == sizeof(double)};
    return bl__gemm_nanoseconds(&product);
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[X], *weight = call->inputs[WEIGHT];
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.f = x->dtype == BL_F32 ? &functions_f32 : &functions_f64,
                          .exp_tile = BL__TILES(exp)[x->dtype],
                          .bytes = bl_dtype_size((bl_dtype)x->dtype),
                          .rows = x->size[0],
                          .width = x->size[1],
                          .classes = weight->size[0],
                          .wants_dx = !call->outputs[DX]->unused,
                          .wants_dw = !call->outputs[DW]->unused,
                          .wants_db = !call->outputs[DB]->unused,
                          .biased = attributes->biased,
                          .weighted = attributes->weighted,
                          .smooths = attributes->label_smoothing > 0};
    plan->keeps_powers = plan->wants_dw || plan->wants_db;
    cut(plan);
    *scratch_bytes = 0;
    lay_out(plan, call->environment->threads, scratch_bytes);
    plan->pays = plan->parts > 1 && bl__pays_for_threads(call, nanoseconds(plan));
    call->plan = plan;
    return bl__indices_prepare(call, call->inputs[TARGETS]);
}

/* ---- a block ---- */

/* What the parts of a block work on. `first` says that no block was before it. */
typedef struct block {
    const struct plan *plan;
    row_state *rows;
    char *x, *turned; /* [count, width], [width, lanes] */
    piece *pieces;    /* of the parts, `plan->block` rows each */
    double *mosts;    /* of the chunks, likewise: those that their powers are of */
    char *powers, *dx;
    double *sums; /* of the weight's rows in each part */
    int64_t count, lanes;
    bool first;
} block;

static block open_block(const bl__call *call)
{
    const struct plan *plan = call->plan;
    char *scratch = call->environment->scratch;
    return (block){.plan = plan,
                   .rows = (row_state *)(void *)(scratch + plan->rows_at),
                   .x = scratch + plan->x_at,
                   .turned = scratch + plan->turned_at,
                   .pieces = (piece *)(void *)(scratch + plan->pieces_at),
                   .mosts = (double *)(void *)(scratch + plan->mosts_at),
                   .powers = scratch + plan->powers_at,
                   .dx = scratch + plan->dx_at,
                   .sums = (double *)(void *)(scratch + plan->sums_at),
                   .first = true};
}

static const void *bias_of(const bl__call *call)
{
    return ((const struct plan *)call->plan)->biased ? call->inputs[OPTIONAL]->data : NULL;
}

static double row_weight(const bl__call *call, int64_t row)
{
    const struct plan *plan = call->plan;
    return plan->weighted ? plan->f->get(call->inputs[OPTIONAL + plan->biased]->data, row) : 1;
}

/* Chunk c's number of classes. */
static int64_t chunk_width(const struct plan *plan, int64_t c)
{
    int64_t left = plan->classes - c * plan->chunk;
    return left < plan->chunk ? left : plan->chunk;
}

static int64_t part_begin(const struct plan *plan, int64_t part)
{
    return part * plan->chunks / plan->parts;
}

/* Row i of an input or output that has a row of the width for each class. */
static char *row_at(const struct plan *plan, const bl__operand *operand, int64_t i)
{
    return bl__at(operand->data, plan->bytes, i * plan->width);
}

static char *chunk_powers(const block *b, int64_t slot)
{
    return bl__at(b->powers, b->plan->bytes, slot * b->plan->block * b->plan->chunk);
}

/* Logits of classes begin .. begin + n - 1: w x^T. */
static void multiply_logits(const bl__call *call, const block *b, int64_t begin, int64_t n, char *logits)
{
    const struct plan *plan = b->plan;
    bl__product product = {.m = n,
                           .n = b->lanes,
                           .k = plan->width,
                           .a = bl__row_steps(plan->width),
                           .b = bl__row_steps(b->lanes),
                           .c = bl__row_steps(b->lanes)};
    plan->f->product(&product, row_at(plan, call->inputs[WEIGHT], begin), b->turned, logits);
    for (int64_t r = 0; r < b->count; r++) {
        int64_t t = b->rows[r].target - begin;
        if (t < 0 || t >= n)
            continue;
        double logit = plan->f->get(logits, t * b->lanes + r);
        if (plan->biased)
            logit += plan->f->get(bias_of(call), begin + t);
        /* rounded like those that go into the sum: from double once more is the same */
        b->rows[r].target_logit = plan->bytes == sizeof(float) ? (double)(float)logit : logit;
    }
}

/* Powers times the weight's rows, added to a part's dx after it is scaled. */
static void add_to_dx(const bl__call *call, const block *b, int64_t begin, int64_t n, const char *powers,
                      const double *scales, bool add, char *dx)
{
    const struct plan *plan = b->plan;
    for (int64_t r = 0; r < b->count && add; r++) {
        if (scales[r] != 1)
            plan->f->scale(plan->width, bl__at(dx, plan->bytes, r * plan->width), scales[r]);
    }
    bl__product product = {.m = b->count,
                           .n = plan->width,
                           .k = n,
                           .a = bl__turned_steps(b->lanes),
                           .b = bl__row_steps(plan->width),
                           .c = bl__row_steps(plan->width),
                           .add = add};
    plan->f->product(&product, powers, row_at(plan, call->inputs[WEIGHT], begin), dx);
}

static void add_weights(const bl__call *call, const struct plan *plan, int64_t begin, int64_t n, double *sums)
{
    for (int64_t i = begin; i < begin + n; i++)
        plan->f->add_wide(plan->width, sums, row_at(plan, call->inputs[WEIGHT], i));
}

static void begin_part(const block *b, piece *pieces, double *sums)
{
    for (int64_t r = 0; r < b->lanes; r++)
        pieces[r] = (piece){.most = -INFINITY};
    for (int64_t i = 0; i < b->plan->width && sums; i++)
        sums[i] = 0;
}

static void raise_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const block *b = work;
    const struct plan *plan = b->plan;
    int64_t first = part_begin(plan, part), end = part_begin(plan, part + 1);
    piece *pieces = b->pieces + part * plan->block;
    char *dx = bl__at(b->dx, plan->bytes, part * plan->block * plan->width);
    double *sums = b->first && plan->smooths && plan->wants_dx ? b->sums + part * plan->width : NULL;
    double scales[ROWS];
    begin_part(b, pieces, sums);
    for (int64_t c = first; c < end; c++) {
        int64_t n = chunk_width(plan, c), begin = c * plan->chunk;
        char *powers = chunk_powers(b, plan->keeps_powers ? c : worker);
        multiply_logits(call, b, begin, n, powers);
        const void *bias = plan->biased ? bl__at_const(bias_of(call), plan->bytes, begin) : NULL;
        plan->f->powers(n, b->lanes, powers, bias, pieces, scales, plan->smooths, plan->exp_tile);
        for (int64_t r = 0; r < b->lanes && plan->keeps_powers; r++)
            b->mosts[c * plan->block + r] = pieces[r].most;
        if (plan->wants_dx)
            add_to_dx(call, b, begin, n, powers, scales, c > first, dx);
        if (sums)
            add_weights(call, plan, begin, n, sums);
    }
}

/* A row's loss from its pieces, which get their factors. */
static double finish_row(const block *b, int64_t r, double label_smoothing)
{
    const struct plan *plan = b->plan;
    row_state *row = &b->rows[r];
    piece *pieces = b->pieces + r;
    int64_t end = plan->parts * plan->block;
    double most = pieces[0].most, sum = 0, total = 0;
    for (int64_t p = plan->block; p < end; p += plan->block)
        most = BL__LARGER(pieces[p].most, most);
    for (int64_t p = 0; p < end; p += plan->block) {
        pieces[p].factor = exp(pieces[p].most - most);
        sum += pieces[p].sum * pieces[p].factor;
        total += pieces[p].total;
    }
    row->most = most;
    row->part = row->share / sum;
    for (int64_t p = 0; p < end; p += plan->block)
        pieces[p].factor *= row->part;
    double whole = log(sum) + most, loss = log(sum) + (most - row->target_logit);
    if (label_smoothing > 0) /* apart, since the target's logit may be -infinity */
        loss = (label_smoothing < 1 ? (1 - label_smoothing) * loss : 0) +
               label_smoothing * (whole - total / (double)plan->classes);
    return loss;
}

/* A row's dx, to where it belongs. */
static void finish_dx(const bl__call *call, const block *b, int64_t r)
{
    const struct plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    const row_state *row = &b->rows[r];
    int64_t width = plan->width;
    double smoothing = attributes->label_smoothing;
    char *sum = row_at(plan, call->outputs[DX], row->place);
    if (width == 0)
        return;
    bl__zero(sum, (size_t)width * plan->bytes);
    for (int64_t part = 0; part < plan->parts; part++) {
        int64_t at = part * plan->block + r;
        plan->f->add(width, sum, bl__at(b->dx, plan->bytes, at * width), b->pieces[at].factor);
    }
    plan->f->add(width, sum, row_at(plan, call->inputs[WEIGHT], row->target), -row->share * (1 - smoothing));
    for (int64_t part = 0; part < plan->parts && plan->smooths; part++)
        plan->f->subtract_wide(width, sum, b->sums + part * width,
                               row->share * smoothing / (double)plan->classes);
}

/* The gradients of chunk c's logits, in the place of its powers. */
static void turn_chunk(const block *b, int64_t part, int64_t c, char *powers, double label_smoothing)
{
    const struct plan *plan = b->plan;
    const piece *pieces = b->pieces + part * plan->block;
    const double *mosts = b->mosts + c * plan->block;
    double factors[ROWS] = {0}, shifts[ROWS] = {0};
    int64_t n = chunk_width(plan, c);
    for (int64_t r = 0; r < b->count; r++) {
        const row_state *row = &b->rows[r];
        factors[r] = mosts[r] == pieces[r].most ? pieces[r].factor : exp(mosts[r] - row->most) * row->part;
        shifts[r] = row->share * label_smoothing / (double)plan->classes;
    }
    plan->f->gradients(n, b->lanes, powers, factors, shifts);
    for (int64_t r = 0; r < b->count; r++) {
        int64_t t = b->rows[r].target - c * plan->chunk;
        if (t >= 0 && t < n)
            plan->f->less(powers, t * b->lanes + r, b->rows[r].share * (1 - label_smoothing));
    }
}

static void add_to_dw(const bl__call *call, const block *b, int64_t c, const char *gradients)
{
    const struct plan *plan = b->plan;
    bl__product product = {.m = chunk_width(plan, c),
                           .n = plan->width,
                           .k = b->count,
                           .a = bl__row_steps(b->lanes),
                           .b = bl__row_steps(plan->width),
                           .c = bl__row_steps(plan->width),
                           .add = !b->first};
    plan->f->product(&product, gradients, b->x, row_at(plan, call->outputs[DW], c * plan->chunk));
}

static void add_to_db(const bl__call *call, const block *b, int64_t c, const char *gradients)
{
    const struct plan *plan = b->plan;
    int64_t n = chunk_width(plan, c);
    void *sums = bl__at(call->outputs[DB]->data, plan->bytes, c * plan->chunk);
    if (b->first)
        bl__zero(sums, (size_t)n * plan->bytes);
    plan->f->add_sums(n, b->lanes, b->count, sums, gradients);
}

static void flow_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const block *b = work;
    const struct plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    (void)worker;
    for (int64_t c = part_begin(plan, part); c < part_begin(plan, part + 1); c++) {
        char *powers = chunk_powers(b, c);
        turn_chunk(b, part, c, powers, attributes->label_smoothing);
        if (plan->wants_dw)
            add_to_dw(call, b, c, powers);
        if (plan->wants_db)
            add_to_db(call, b, c, powers);
    }
}

/* ---- run ---- */

static void store(const bl__operand *output, int64_t i, double value)
{
    if (output->dtype == BL_F32)
        ((float *)output->data)[i] = (float)value;
    else
        ((double *)output->data)[i] = value;
}

/* Takes the next rows that count, beginning to look at row *next. */
static void fill_block(const bl__call *call, block *b, int64_t *next, double mean_share)
{
    const struct plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    size_t row_bytes = (size_t)plan->width * plan->bytes;
    for (b->count = 0; *next < plan->rows && b->count < plan->block; ++*next) {
        int64_t target = bl__index_at(call->inputs[TARGETS], *next);
        if (target == attributes->ignore_index)
            continue;
        if (row_bytes > 0)
            memcpy(b->x + (size_t)b->count * row_bytes, bl__at_const(call->inputs[X]->data, row_bytes, *next),
                   row_bytes);
        b->rows[b->count++] =
            (row_state){.place = *next, .target = target, .share = row_weight(call, *next) * mean_share};
    }
    b->lanes = round_up(b->count, lane_unit(plan));
    plan->f->turn(b->count, b->lanes, plan->width, b->x, b->turned);
}

/* Losses of the block's rows and their dx; the losses' sum. */
static double finish_block(const bl__call *call, const block *b)
{
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    double total = 0;
    for (int64_t r = 0; r < b->count; r++) {
        double loss = finish_row(b, r, attributes->label_smoothing);
        loss *= row_weight(call, b->rows[r].place);
        total += loss;
        if (attributes->reduction == BL_REDUCE_NONE && !call->outputs[LOSS]->unused)
            store(call->outputs[LOSS], b->rows[r].place, loss);
        if (b->plan->wants_dx)
            finish_dx(call, b, r);
    }
    return total;
}

static int64_t count_rows(const bl__call *call)
{
    const bl__operand *targets = call->inputs[TARGETS];
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    int64_t counted = 0;
    for (int64_t i = 0; i < targets->count; i++)
        counted += bl__index_at(targets, i) != attributes->ignore_index;
    return counted;
}

static void clear(const bl__operand *output)
{
    if (!output->unused && output->count > 0)
        bl__zero(output->data, (size_t)output->count * bl_dtype_size((bl_dtype)output->dtype));
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    bl_status status =
        bl__indices_check(call, call->inputs[TARGETS], plan->classes, &attributes->ignore_index, "target");
    if (status != BL_OK)
        return status;
    int64_t counted = count_rows(call);
    bool mean = attributes->reduction == BL_REDUCE_MEAN;
    double total = 0;
    if (counted < plan->rows && attributes->reduction == BL_REDUCE_NONE)
        clear(call->outputs[LOSS]);
    if (counted < plan->rows)
        clear(call->outputs[DX]);
    if (counted == 0) {
        clear(call->outputs[DW]);
        clear(call->outputs[DB]);
    }
    block b = open_block(call);
    for (int64_t next = 0, done = 0; done < counted; done += b.count, b.first = false) {
        fill_block(call, &b, &next, mean ? 1 / (double)counted : 1);
        bl__parallel(call, plan->pays, plan->parts, raise_part, &b);
        total += finish_block(call, &b);
        if (plan->keeps_powers)
            bl__parallel(call, plan->pays, plan->parts, flow_part, &b);
    }
    if (attributes->reduction != BL_REDUCE_NONE && !call->outputs[LOSS]->unused)
        store(call->outputs[LOSS], 0, mean ? total / (double)counted : total);
    return BL_OK;
}

/* For each logit its product, a bias, and the maximum, difference, exp and sum; for each of its gradients a
 * product and a difference, and where they go on. Rows that do not count are known at run only. */
static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t product = bl__times(2, plan->width), each = bl__plus(product, 4 + plan->biased);
    if (plan->wants_dx || plan->keeps_powers)
        each = bl__plus(each, 2 + plan->wants_db);
    each = bl__plus(each, bl__times(product, plan->wants_dx + plan->wants_dw));
    return bl__times(bl__times(plan->rows, plan->classes), each);
}

const bl__kernel BL__KERNEL(linear_cross_entropy) = {BL__CAN_FAIL | BL__OPTIONAL_OUTPUTS, prepare, run,
                                                     flops};
