/* linear_cross_entropy: the cross entropy of logits x w^T + b against a class for each row, and its
 * gradients, without ever holding all logits.
 *
 * Rows are taken in blocks, classes in chunks. A chunk of logits becomes powers exp(l - m) of its row's
 * largest logit m while it is in the cache; m and the sum of the powers are kept for each row and chunk. When
 * a block has all its chunks, log-sum-exp and loss of each row follow:
 *
 *     lse = M + log sum_c s_c exp(m_c - M)        loss = lse - (1 - s) l_t - s / classes sum_i l_i
 *
 * M being the largest m_c, t the target, s the label smoothing. If a gradient is wanted, the powers of the
 * block are still there, and a factor for each row and chunk makes them k exp(l - lse), k being what the row
 * counts; (1 - s) k is taken off at the target and s / classes k everywhere. Then dx = dl w and dw = dl^T x.
 *
 * Runs of chunks are the parts that threads share. Each part adds to its own rows of dw, block after block,
 * and to a dx of its own, and these are added up in their order: blocks, chunks and parts depend on shapes
 * alone, and not on what is wanted, so the bits of the loss do not either. Rows whose target does not count
 * are not computed. */
#include "bowline/ops.h"
#include "cpu/flops.h"
#include "cpu/gemm.h"
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
    CHUNK = 512, /* classes at most */
    PARTS = 8,   /* at most */
    ROWS = 264,  /* of a block at most */
    ROW_UNIT = 6 /* rows that a product takes at once */
};
#define BLOCK_BYTES (12.0 * 1024 * 1024) /* of a block's powers, about */

/* Of one row in one chunk. */
typedef struct piece {
    double most, sum; /* of the logits; of the powers, which becomes their factor */
    double total;     /* of the logits, where labels are smoothed */
} piece;

/* Of one row in the block. */
typedef struct row_state {
    int64_t place; /* among all rows */
    int64_t target;
    double target_logit;
    double share; /* k */
} row_state;

/* Adds the bias (NULL: none), and turns n logits into powers. *at_target receives logits[target] where that
 * is one of them. */
typedef piece power_function(int64_t n, void *logits, const void *bias, int64_t target, double *at_target,
                             bool totals, bl__tile exp_tile);
/* Powers to the gradients of their logits: row * factor - shift, and less_at_target taken off. */
typedef void gradient_function(int64_t n, void *row, double factor, double shift, int64_t target,
                               double less_at_target);
/* sum += row. */
typedef void add_function(int64_t n, void *sum, const void *row);

typedef struct functions {
    power_function *powers;
    gradient_function *gradients;
    add_function *add;
} functions;

struct plan {
    const functions *f;
    bl__tile exp_tile;
    size_t bytes;
    int64_t rows, width, classes;
    int64_t block, chunk, chunks, parts;
    bool wants_dx, wants_dw, wants_db, wants_gradient;
    bool biased, weighted;
    bool pays;
    size_t rows_at, x_at, pieces_at, powers_at, dx_at, gemm_at; /* in the scratch */
    size_t gemm_bytes;                                          /* of each worker */
};

/* ---- rows of a chunk ---- */

enum {
    LANES = 16
};

#define ROW_FUNCTIONS(name, type)                                                                            \
    static type largest_##name(int64_t n, const type *x)                                                     \
    {                                                                                                        \
        type lane[LANES], most;                                                                              \
        for (int k = 0; k < LANES; k++)                                                                      \
            lane[k] = x[k < n ? k : 0];                                                                      \
        int64_t i = LANES;                                                                                   \
        for (; i + LANES <= n; i += LANES)                                                                   \
            for (int k = 0; k < LANES; k++)                                                                  \
                lane[k] = BL__LARGER(x[i + k], lane[k]);                                                     \
        for (int k = 0; i < n; i++, k++)                                                                     \
            lane[k] = BL__LARGER(x[i], lane[k]);                                                             \
        most = lane[0];                                                                                      \
        for (int k = 1; k < LANES; k++)                                                                      \
            most = BL__LARGER(lane[k], most);                                                                \
        return most;                                                                                         \
    }                                                                                                        \
                                                                                                             \
    /* In lanes of the type: of at most CHUNK elements few meet in each. */                                  \
    static double sum_##name(int64_t n, const type *x)                                                       \
    {                                                                                                        \
        type lane[LANES] = {0};                                                                              \
        double sum = 0;                                                                                      \
        int64_t i = 0;                                                                                       \
        for (; i + LANES <= n; i += LANES)                                                                   \
            for (int k = 0; k < LANES; k++)                                                                  \
                lane[k] += x[i + k];                                                                         \
        for (int k = 0; i < n; i++, k++)                                                                     \
            lane[k] += x[i];                                                                                 \
        for (int k = 0; k < LANES; k++)                                                                      \
            sum += (double)lane[k];                                                                          \
        return sum;                                                                                          \
    }                                                                                                        \
                                                                                                             \
    static void add_##name(int64_t n, void *sum, const void *row)                                            \
    {                                                                                                        \
        const type *x = row;                                                                                 \
        type *y = sum;                                                                                       \
        BL__EACH_ALONE                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                      \
            y[i] += x[i];                                                                                    \
    }                                                                                                        \
                                                                                                             \
    /* Where all logits are -infinity, nothing is taken off, and the powers are 0. */                        \
    static piece powers_##name(int64_t n, void *logits, const void *bias, int64_t target, double *at_target, \
                               bool totals, bl__tile exp_tile)                                               \
    {                                                                                                        \
        type *x = logits;                                                                                    \
        if (bias)                                                                                            \
            add_##name(n, x, bias);                                                                          \
        type most = largest_##name(n, x), shift = most == (type)-INFINITY ? 0 : most;                        \
        piece made = {.most = (double)most, .total = totals ? sum_##name(n, x) : 0};                         \
        if (target >= 0 && target < n)                                                                       \
            *at_target = (double)x[target];                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                      \
            x[i] -= shift;                                                                                   \
        const void *in[] = {x};                                                                              \
        exp_tile(n, x, in, NULL);                                                                            \
        made.sum = sum_##name(n, x);                                                                         \
        return made;                                                                                         \
    }                                                                                                        \
                                                                                                             \
    static void gradients_##name(int64_t n, void *row, double factor, double shift, int64_t target,          \
                                 double less_at_target)                                                      \
    {                                                                                                        \
        type *x = row, f = (type)factor, s = (type)shift;                                                    \
        for (int64_t i = 0; i < n; i++)                                                                      \
            x[i] = x[i] * f - s;                                                                             \
        if (target >= 0 && target < n)                                                                       \
            x[target] -= (type)less_at_target;                                                               \
    }                                                                                                        \
                                                                                                             \
    static const functions functions_##name = {powers_##name, gradients_##name, add_##name};

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

static void cut(struct plan *plan)
{
    plan->chunk = even_piece(plan->classes, CHUNK, LANES);
    plan->chunks = (plan->classes + plan->chunk - 1) / plan->chunk;
    plan->parts = plan->chunks < PARTS ? plan->chunks : PARTS;
    double fitting = BLOCK_BYTES / ((double)(plan->chunks * plan->chunk) * (double)plan->bytes);
    int64_t most = fitting < ROWS ? (int64_t)fitting / ROW_UNIT * ROW_UNIT : ROWS;
    plan->block = even_piece(plan->rows, at_least(most, ROW_UNIT), ROW_UNIT);
}

/* Room in the scratch: where it begins. */
static size_t take(size_t *scratch_bytes, int64_t count, size_t bytes)
{
    size_t at = *scratch_bytes;
    *scratch_bytes += ((size_t)count * bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    return at;
}

/* The three products of a chunk. The powers' rows are a whole chunk apart. */
static bl__product logits_product(const struct plan *plan, int64_t rows, int64_t classes)
{
    return (bl__product){.m = rows,
                         .n = classes,
                         .k = plan->width,
                         .a = bl__row_steps(plan->width),
                         .b = bl__turned_steps(plan->width),
                         .c = bl__row_steps(plan->chunk),
                         .f64 = plan->bytes == sizeof(double)};
}

static bl__product dx_product(const struct plan *plan, int64_t rows, int64_t classes, bool add)
{
    return (bl__product){.m = rows,
                         .n = plan->width,
                         .k = classes,
                         .a = bl__row_steps(plan->chunk),
                         .b = bl__row_steps(plan->width),
                         .c = bl__row_steps(plan->width),
                         .f64 = plan->bytes == sizeof(double),
                         .add = add};
}

static bl__product dw_product(const struct plan *plan, int64_t rows, int64_t classes, bool add)
{
    return (bl__product){.m = classes,
                         .n = plan->width,
                         .k = rows,
                         .a = bl__turned_steps(plan->chunk),
                         .b = bl__row_steps(plan->width),
                         .c = bl__row_steps(plan->width),
                         .f64 = plan->bytes == sizeof(double),
                         .add = add};
}

/* What the largest of the products needs. */
static size_t product_scratch(const struct plan *plan)
{
    const bl__product products[] = {logits_product(plan, plan->block, plan->chunk),
                                    dx_product(plan, plan->block, plan->chunk, false),
                                    dw_product(plan, plan->block, plan->chunk, false)};
    size_t most = 0;
    for (int i = 0; i < (plan->wants_gradient ? 3 : 1); i++) {
        size_t bytes = bl__gemm_scratch(&products[i]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void lay_out(struct plan *plan, int workers, size_t *scratch_bytes)
{
    int64_t kept = plan->wants_gradient ? plan->chunks : workers; /* chunks of powers */
    plan->rows_at = take(scratch_bytes, plan->block, sizeof(row_state));
    plan->x_at = take(scratch_bytes, plan->block * plan->width, plan->bytes);
    plan->pieces_at = take(scratch_bytes, plan->chunks * plan->block, sizeof(piece));
    plan->powers_at = take(scratch_bytes, kept * plan->block * plan->chunk, plan->bytes);
    plan->gemm_bytes = product_scratch(plan);
    plan->gemm_at = take(scratch_bytes, workers, plan->gemm_bytes);
    plan->dx_at =
        take(scratch_bytes, plan->wants_dx ? plan->parts * plan->block * plan->width : 0, plan->bytes);
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
                          .weighted = attributes->weighted};
    plan->wants_gradient = plan->wants_dx || plan->wants_dw || plan->wants_db;
    cut(plan);
    *scratch_bytes = 0;
    lay_out(plan, call->environment->threads, scratch_bytes);
    bl__product logits = logits_product(plan, plan->block, plan->classes);
    plan->pays = plan->parts > 1 && bl__pays_for_threads(call, bl__gemm_nanoseconds(&logits));
    call->plan = plan;
    return bl__indices_prepare(call, call->inputs[TARGETS]);
}

/* ---- a block ---- */

/* What the parts of a block work on. `first` says that no block was before it. */
typedef struct block {
    const struct plan *plan;
    row_state *rows;
    char *x;
    piece *pieces; /* of the chunks, `plan->block` rows each */
    char *powers, *dx, *scratch;
    int64_t count;
    bool first;
} block;

static block open_block(const bl__call *call)
{
    const struct plan *plan = call->plan;
    char *scratch = call->environment->scratch;
    return (block){.plan = plan,
                   .rows = (row_state *)(void *)(scratch + plan->rows_at),
                   .x = scratch + plan->x_at,
                   .pieces = (piece *)(void *)(scratch + plan->pieces_at),
                   .powers = scratch + plan->powers_at,
                   .dx = scratch + plan->dx_at,
                   .scratch = scratch + plan->gemm_at,
                   .first = true};
}

static const void *bias_of(const bl__call *call)
{
    return ((const struct plan *)call->plan)->biased ? call->inputs[OPTIONAL]->data : NULL;
}

static double row_weight(const bl__call *call, int64_t row)
{
    const struct plan *plan = call->plan;
    if (!plan->weighted)
        return 1;
    const bl__operand *weights = call->inputs[OPTIONAL + plan->biased];
    return plan->bytes == sizeof(float) ? (double)((const float *)weights->data)[row]
                                        : ((const double *)weights->data)[row];
}

/* One of them, in the worker's scratch; over nothing it is zeros. */
static void multiply(const struct plan *plan, bl__product product, const void *a, const void *b, char *c,
                     char *scratch)
{
    for (int64_t i = 0; i < product.m && product.k == 0; i++)
        bl__zero(bl__at(c, plan->bytes, i * product.c.row), (size_t)product.n * plan->bytes);
    if (product.n > 0 && product.k > 0)
        bl__gemm(&product, a, b, c, scratch);
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

/* Chunk c's logits, their powers, and what is kept of them. */
static void raise_chunk(const bl__call *call, const block *b, int64_t c, char *powers, char *scratch)
{
    const struct plan *plan = b->plan;
    int64_t n = chunk_width(plan, c), begin = c * plan->chunk;
    const void *bias = bias_of(call);
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    multiply(plan, logits_product(plan, b->count, n), b->x,
             bl__at_const(call->inputs[WEIGHT]->data, plan->bytes, begin * plan->width), powers, scratch);
    if (bias)
        bias = bl__at_const(bias, plan->bytes, begin);
    for (int64_t r = 0; r < b->count; r++)
        b->pieces[c * plan->block + r] =
            plan->f->powers(n, bl__at(powers, plan->bytes, r * plan->chunk), bias, b->rows[r].target - begin,
                            &b->rows[r].target_logit, attributes->label_smoothing > 0, plan->exp_tile);
}

static char *chunk_powers(const block *b, int64_t slot)
{
    return bl__at(b->powers, b->plan->bytes, slot * b->plan->block * b->plan->chunk);
}

static char *worker_scratch(const block *b, int worker)
{
    return b->scratch + (size_t)worker * b->plan->gemm_bytes;
}

static void raise_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const block *b = work;
    for (int64_t c = part_begin(b->plan, part); c < part_begin(b->plan, part + 1); c++)
        raise_chunk(call, b, c, chunk_powers(b, b->plan->wants_gradient ? c : worker),
                    worker_scratch(b, worker));
}

/* A row's loss from its pieces, whose sums become the factors of their powers. */
static double finish_row(const block *b, int64_t r, double label_smoothing)
{
    const struct plan *plan = b->plan;
    row_state *row = &b->rows[r];
    piece *pieces = b->pieces + r;
    int64_t end = plan->chunks * plan->block;
    double most = pieces[0].most, sum = 0, total = 0;
    for (int64_t c = plan->block; c < end; c += plan->block)
        most = BL__LARGER(pieces[c].most, most);
    for (int64_t c = 0; c < end; c += plan->block) {
        double scale = exp(pieces[c].most - most);
        sum += pieces[c].sum * scale;
        total += pieces[c].total;
        pieces[c].sum = scale;
    }
    for (int64_t c = 0; c < end; c += plan->block)
        pieces[c].sum *= row->share / sum;
    double loss = log(sum) + (most - row->target_logit);
    if (label_smoothing > 0)
        loss += label_smoothing * (row->target_logit - total / (double)plan->classes);
    return loss;
}

/* Chunk c's gradients, in the place of its powers. */
static void turn_chunk(const block *b, int64_t c, char *powers, double label_smoothing)
{
    const struct plan *plan = b->plan;
    for (int64_t r = 0; r < b->count; r++) {
        const row_state *row = &b->rows[r];
        double shift = row->share * label_smoothing / (double)plan->classes;
        plan->f->gradients(chunk_width(plan, c), bl__at(powers, plan->bytes, r * plan->chunk),
                           b->pieces[c * plan->block + r].sum, shift, row->target - c * plan->chunk,
                           row->share * (1 - label_smoothing));
    }
}

/* Adds the rows of a chunk's gradients to those of the bias. */
static void add_bias(const bl__call *call, const block *b, int64_t c, const char *gradients)
{
    const struct plan *plan = b->plan;
    int64_t n = chunk_width(plan, c);
    void *sums = bl__at(call->outputs[DB]->data, plan->bytes, c * plan->chunk);
    if (b->first)
        bl__zero(sums, (size_t)n * plan->bytes);
    for (int64_t r = 0; r < b->count; r++)
        plan->f->add(n, sums, bl__at_const(gradients, plan->bytes, r * plan->chunk));
}

static void flow_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const block *b = work;
    const struct plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    int64_t width = plan->width, begin = part_begin(plan, part), end = part_begin(plan, part + 1);
    char *dx = bl__at(b->dx, plan->bytes, part * plan->block * width);
    char *scratch = worker_scratch(b, worker);
    for (int64_t c = begin; c < end; c++) {
        int64_t n = chunk_width(plan, c), at = c * plan->chunk * width;
        char *powers = chunk_powers(b, c);
        turn_chunk(b, c, powers, attributes->label_smoothing);
        if (plan->wants_dx)
            multiply(plan, dx_product(plan, b->count, n, c > begin), powers,
                     bl__at_const(call->inputs[WEIGHT]->data, plan->bytes, at), dx, scratch);
        if (plan->wants_dw)
            multiply(plan, dw_product(plan, b->count, n, !b->first), powers, b->x,
                     bl__at(call->outputs[DW]->data, plan->bytes, at), scratch);
        if (plan->wants_db)
            add_bias(call, b, c, powers);
    }
}

/* The parts' dx, added up, to the rows that they belong to. */
static void gather_dx(const bl__call *call, const block *b)
{
    const struct plan *plan = b->plan;
    int64_t width = plan->width;
    for (int64_t r = 0; r < b->count && width > 0; r++) {
        void *sum = bl__at(call->outputs[DX]->data, plan->bytes, b->rows[r].place * width);
        memcpy(sum, bl__at(b->dx, plan->bytes, r * width), (size_t)width * plan->bytes);
        for (int64_t part = 1; part < plan->parts; part++)
            plan->f->add(width, sum, bl__at(b->dx, plan->bytes, (part * plan->block + r) * width));
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
}

/* Losses of the block's rows; their sum. */
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
        if (plan->wants_gradient)
            bl__parallel(call, plan->pays, plan->parts, flow_part, &b);
        if (plan->wants_dx)
            gather_dx(call, &b);
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
    if (plan->wants_gradient)
        each = bl__plus(each, 2 + plan->wants_db);
    each = bl__plus(each, bl__times(product, plan->wants_dx + plan->wants_dw));
    return bl__times(bl__times(plan->rows, plan->classes), each);
}

const bl__kernel BL__KERNEL(linear_cross_entropy) = {BL__CAN_FAIL | BL__OPTIONAL_OUTPUTS, prepare, run,
                                                     flops};
