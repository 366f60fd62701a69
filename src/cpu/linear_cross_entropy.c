/* linear_cross_entropy: the cross entropy of logits x w^T + b against a class for each row, and its
 * gradients, without ever holding all logits.
 *
 * Rows are taken in blocks, classes in chunks, and a chunk's logits stand class by class, the block's rows
 * side by side in lanes. While they are in the cache they become powers exp(l - m), m being one of the row's
 * logits that none so far exceeds by much; of these are made their sum, and sum_i exp(l_i - m) w_i, which is
 * to become dx. Where a logit exceeds m by more, it becomes m, and what is there is scaled to that. When a
 * block has all its chunks, log-sum-exp, loss and dx of each row follow, t being the target, s the label
 * smoothing, and k what the row counts:
 *
 *     lse = m + log sum     loss = lse - (1 - s) l_t - s / classes sum_i l_i
 *     dx = k (sum_i exp(l_i - lse) w_i - (1 - s) w_t - s / classes sum_i w_i)
 *
 * If dw or db is wanted, the powers of the block are still there. With the sum known, k exp(l - lse) is
 * f exp(l - m), where f is one number for a row: x takes it over, so that a product gives dw. What else comes
 * off the gradient of a logit, (1 - s) k at the target and s / classes k everywhere, is rows of x again:
 *
 *     dw = sum_rows exp(l - m) (f x) - (1 - s) sum_rows of target k x - s / classes sum_rows k x
 *
 * So a block reads the weight once, dw goes by once, and gradients of logits never exist.
 *
 * All three products take the weight, the powers and x as they lie (direct_product.h): a block has too few
 * rows to be worth packing the weight for, and its chunks fit the second cache.
 *
 * Runs of chunks are the parts that threads share. Each part has m, sum and dx of its own, and adds to its
 * own rows of dw, block after block; the former are put together in the order of parts. Blocks, chunks and
 * parts depend on shapes alone, and not on what is wanted, so the bits of the loss do not either. Rows whose
 * target does not count are not computed. */
#include "cpu/linear_cross_entropy.h"
#include "bowline/ops.h"
#include "cpu/flops.h"
#include "cpu/indices.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    CHUNK = 144,      /* classes at most, fewer where their weights would have more bytes ... */
    CHUNK_LEAST = 48, /* ... but not fewer than this */
    WEIGHT_BYTES = 160 * 1024,
    ROWS_LEAST = 48, /* of a block, which has fewer than BL__ENTROPY_ROWS where they would have more bytes */
    ROW_BYTES = 256 * 1024,
    LANE_BYTES = 64 /* lanes of a block fill such pieces, vectors of any set */
};
#define BLOCK_BYTES (10.0 * 1024 * 1024) /* of a block's powers, about */

/* ---- prepare ---- */

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static int64_t at_least(int64_t n, int64_t least)
{
    return n > least ? n : least;
}

/* The fewest pieces of at most `most` that n can be cut into. */
static int64_t pieces(int64_t n, int64_t most)
{
    return at_least((n + most - 1) / most, 1);
}

/* As many of `each` bytes as fit, in whole units between `least` and `most`. */
static int64_t fitting(double bytes, double each, int64_t least, int64_t most, int64_t unit)
{
    if (bytes >= each * (double)most)
        return most;
    return at_least((int64_t)(bytes / each) / unit * unit, least);
}

static int64_t lane_unit(const bl__entropy_plan *plan)
{
    return LANE_BYTES / (int64_t)plan->bytes;
}

static void cut(bl__entropy_plan *plan)
{
    double row_bytes = (double)plan->width * (double)plan->bytes;
    int64_t chunk = fitting(WEIGHT_BYTES, row_bytes, CHUNK_LEAST, CHUNK, BL__ENTROPY_UNIT);
    int64_t chunks = pieces(plan->classes, chunk), unit = lane_unit(plan);
    plan->parts = chunks < BL__ENTROPY_PARTS ? chunks : BL__ENTROPY_PARTS;
    plan->chunks = round_up(chunks, plan->parts);
    plan->chunk = round_up(pieces(plan->classes, plan->chunks), BL__ENTROPY_UNIT);
    int64_t rows = fitting(ROW_BYTES, row_bytes, ROWS_LEAST, BL__ENTROPY_ROWS, unit);
    rows = fitting(BLOCK_BYTES, (double)(plan->chunks * plan->chunk) * (double)plan->bytes, unit, rows, unit);
    plan->block = round_up(pieces(plan->rows, pieces(plan->rows, rows)), unit);
}

/* Room in the scratch: where it begins. */
static size_t take(size_t *scratch_bytes, int64_t count, size_t bytes)
{
    size_t at = *scratch_bytes;
    *scratch_bytes += ((size_t)count * bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    return at;
}

static void lay_out(bl__entropy_plan *plan, int workers, size_t *scratch_bytes)
{
    int64_t kept = plan->keeps_powers ? plan->chunks : workers; /* chunks of powers */
    int64_t elements = plan->block * plan->width;
    plan->rows_at = take(scratch_bytes, plan->block, sizeof(bl__entropy_row));
    plan->x_at = take(scratch_bytes, elements, plan->bytes);
    plan->turned_at = take(scratch_bytes, elements, plan->bytes);
    plan->pieces_at = take(scratch_bytes, plan->parts * plan->block, sizeof(bl__entropy_piece));
    plan->mosts_at = take(scratch_bytes, plan->keeps_powers ? plan->chunks * plan->block : 0, sizeof(double));
    plan->powers_at = take(scratch_bytes, kept * plan->block * plan->chunk, plan->bytes);
    plan->dx_at = take(scratch_bytes, plan->wants_dx ? plan->parts * elements : 0, plan->bytes);
    plan->sums_at =
        take(scratch_bytes, plan->smooths && plan->wants_dx ? plan->parts * plan->width : 0, sizeof(double));
    plan->scaled_at = take(scratch_bytes, plan->wants_dw ? workers * elements : 0, plan->bytes);
    plan->shift_at = take(scratch_bytes, plan->smooths && plan->wants_dw ? plan->width : 0, sizeof(double));
}

/* What the logits' product takes, about. */
static double nanoseconds(const bl__entropy_plan *plan)
{
    bl__product product = {
        .m = plan->block, .n = plan->classes, .k = plan->width, .f64 = plan->bytes == sizeof(double)};
    return bl__gemm_nanoseconds(&product);
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[BL__ENTROPY_X], *weight = call->inputs[BL__ENTROPY_WEIGHT];
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    bl__entropy_plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (bl__entropy_plan){.f = x->dtype == BL_F32 ? &BL__ENTROPY_FUNCTIONS(f32)
                                                       : &BL__ENTROPY_FUNCTIONS(f64),
                               .bytes = bl_dtype_size((bl_dtype)x->dtype),
                               .rows = x->size[0],
                               .width = x->size[1],
                               .classes = weight->size[0],
                               .wants_dx = !call->outputs[BL__ENTROPY_DX]->unused,
                               .wants_dw = !call->outputs[BL__ENTROPY_DW]->unused,
                               .wants_db = !call->outputs[BL__ENTROPY_DB]->unused,
                               .biased = attributes->biased,
                               .weighted = attributes->weighted,
                               .smooths = attributes->label_smoothing > 0};
    plan->keeps_powers = plan->wants_dw || plan->wants_db;
    cut(plan);
    *scratch_bytes = 0;
    lay_out(plan, call->environment->threads, scratch_bytes);
    plan->pays = plan->parts > 1 && bl__pays_for_threads(call, nanoseconds(plan));
    call->plan = plan;
    return bl__indices_prepare(call, call->inputs[BL__ENTROPY_TARGETS]);
}

/* ---- a block ---- */

static bl__entropy_block open_block(const bl__call *call)
{
    const bl__entropy_plan *plan = call->plan;
    char *scratch = call->environment->scratch;
    return (bl__entropy_block){.plan = plan,
                               .rows = (bl__entropy_row *)(void *)(scratch + plan->rows_at),
                               .x = scratch + plan->x_at,
                               .turned = scratch + plan->turned_at,
                               .pieces = (bl__entropy_piece *)(void *)(scratch + plan->pieces_at),
                               .mosts = (double *)(void *)(scratch + plan->mosts_at),
                               .powers = scratch + plan->powers_at,
                               .dx = scratch + plan->dx_at,
                               .sums = (double *)(void *)(scratch + plan->sums_at),
                               .scaled = scratch + plan->scaled_at,
                               .shift = (double *)(void *)(scratch + plan->shift_at),
                               .first = true};
}

static double row_weight(const bl__call *call, int64_t row)
{
    const bl__entropy_plan *plan = call->plan;
    return plan->weighted ? plan->f->get(call->inputs[BL__ENTROPY_OPTIONAL + plan->biased]->data, row) : 1;
}

/* A row's loss from its pieces, which get their factors. */
static double finish_row(const bl__entropy_block *b, int64_t r, double label_smoothing)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__entropy_row *row = &b->rows[r];
    bl__entropy_piece *pieces = b->pieces + r;
    int64_t end = plan->parts * plan->block;
    double most = pieces[0].most, sum = 0, total = 0;
    for (int64_t p = plan->block; p < end; p += plan->block)
        most = BL__LARGER(pieces[p].most, most);
    for (int64_t p = 0; p < end; p += plan->block) {
        pieces[p].factor = exp(pieces[p].most - most);
        sum += pieces[p].sum * pieces[p].factor;
        total += pieces[p].total;
    }
    for (int64_t p = 0; p < end; p += plan->block)
        pieces[p].factor *= row->share / sum;
    double whole = log(sum) + most, loss = log(sum) + (most - row->target_logit);
    if (label_smoothing > 0) /* apart, since the target's logit may be -infinity */
        loss = (label_smoothing < 1 ? (1 - label_smoothing) * loss : 0) +
               label_smoothing * (whole - total / (double)plan->classes);
    return loss;
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
static void fill_block(const bl__call *call, bl__entropy_block *b, int64_t *next, double mean_share)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    size_t row_bytes = (size_t)plan->width * plan->bytes;
    for (b->count = 0; *next < plan->rows && b->count < plan->block; ++*next) {
        int64_t target = bl__index_at(call->inputs[BL__ENTROPY_TARGETS], *next);
        if (target == attributes->ignore_index)
            continue;
        if (row_bytes > 0)
            memcpy(b->x + (size_t)b->count * row_bytes,
                   bl__at_const(call->inputs[BL__ENTROPY_X]->data, row_bytes, *next), row_bytes);
        b->rows[b->count++] = (bl__entropy_row){
            .place = *next, .target = target, .share = row_weight(call, *next) * mean_share};
    }
    b->lanes = round_up(b->count, lane_unit(plan));
    plan->f->turn(b->count, b->lanes, plan->width, b->x, b->turned);
}

/* Losses of the block's rows; their sum. */
static double finish_losses(const bl__call *call, const bl__entropy_block *b)
{
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    double total = 0;
    for (int64_t r = 0; r < b->count; r++) {
        double loss = finish_row(b, r, attributes->label_smoothing);
        loss *= row_weight(call, b->rows[r].place);
        total += loss;
        if (attributes->reduction == BL_REDUCE_NONE && !call->outputs[BL__ENTROPY_LOSS]->unused)
            store(call->outputs[BL__ENTROPY_LOSS], b->rows[r].place, loss);
    }
    return total;
}

/* What smoothed labels take off all rows of dw and off db. */
static void find_shifts(const bl__call *call, bl__entropy_block *b)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    b->bias_shift = 0;
    for (int64_t i = 0; i < plan->width && plan->wants_dw; i++)
        b->shift[i] = 0;
    for (int64_t r = 0; r < b->count; r++) {
        double share = b->rows[r].share * attributes->label_smoothing / (double)plan->classes;
        b->bias_shift += share;
        if (plan->wants_dw)
            plan->f->add_wide(plan->width, b->shift, bl__at(b->x, plan->bytes, r * plan->width), share);
    }
}

/* A part of the classes, or of the rows: in turn, where both are wanted, so that a thread that does a run of
 * parts has as many of each. */
static void flow_or_finish(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__entropy_block *b = work;
    bool flows = b->plan->keeps_powers, finishes = b->plan->wants_dx;
    int64_t which = flows && finishes ? part / 2 : part;
    if (flows && (!finishes || part % 2 == 0))
        bl__entropy_flow(call, b, which, worker);
    else
        bl__entropy_finish(call, b, which);
}

/* The gradients of a block whose losses are known. */
static void flow(const bl__call *call, bl__entropy_block *b)
{
    const bl__entropy_plan *plan = b->plan;
    if (plan->smooths && plan->keeps_powers)
        find_shifts(call, b);
    int64_t kinds = plan->keeps_powers + plan->wants_dx;
    bl__parallel(call, plan->pays, kinds * plan->parts, flow_or_finish, b);
}

static int64_t count_rows(const bl__call *call)
{
    const bl__operand *targets = call->inputs[BL__ENTROPY_TARGETS];
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
    const bl__entropy_plan *plan = call->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    bl_status status = bl__indices_check(call, call->inputs[BL__ENTROPY_TARGETS], plan->classes,
                                         &attributes->ignore_index, "target");
    if (status != BL_OK)
        return status;
    int64_t counted = count_rows(call);
    bool mean = attributes->reduction == BL_REDUCE_MEAN;
    double total = 0;
    if (counted < plan->rows && attributes->reduction == BL_REDUCE_NONE)
        clear(call->outputs[BL__ENTROPY_LOSS]);
    if (counted < plan->rows)
        clear(call->outputs[BL__ENTROPY_DX]);
    if (counted == 0) {
        clear(call->outputs[BL__ENTROPY_DW]);
        clear(call->outputs[BL__ENTROPY_DB]);
    }
    bl__entropy_block b = open_block(call);
    for (int64_t next = 0, done = 0; done < counted; done += b.count, b.first = false) {
        fill_block(call, &b, &next, mean ? 1 / (double)counted : 1);
        bl__parallel(call, plan->pays, plan->parts, bl__entropy_raise, &b);
        total += finish_losses(call, &b);
        flow(call, &b);
    }
    if (attributes->reduction != BL_REDUCE_NONE && !call->outputs[BL__ENTROPY_LOSS]->unused)
        store(call->outputs[BL__ENTROPY_LOSS], 0, mean ? total / (double)counted : total);
    return BL_OK;
}

/* For each logit its product, a bias, and the maximum, difference, exp and sum; where its gradient is wanted,
 * what that adds to dx, dw and db. Rows that do not count are known at run only. */
static int64_t flops(const bl__call *call)
{
    const bl__entropy_plan *plan = call->plan;
    int64_t product = bl__times(2, plan->width), each = bl__plus(product, 4 + plan->biased);
    if (plan->wants_db)
        each = bl__plus(each, 2);
    each = bl__plus(each, bl__times(product, plan->wants_dx + plan->wants_dw));
    return bl__times(bl__times(plan->rows, plan->classes), each);
}

const bl__kernel BL__KERNEL(linear_cross_entropy) = {BL__CAN_FAIL | BL__OPTIONAL_OUTPUTS, prepare, run,
                                                     flops};
