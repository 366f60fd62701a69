/* Tiles of attention scores, and the matrices that they are made from. */
#include "cpu/attention.h"
#include "cpu/flops.h"
#include "cpu/kernel_set.h"
#include "cpu/loop.h"

/* Elements of a key or a value: scratch has some of them, and sums of such sizes must not overflow. */
#define MOST_WIDTH ((int64_t)1 << 40)

static bl__steps matrix_steps(const bl__operand *operand)
{
    return (bl__steps){operand->stride[operand->rank - 2], operand->stride[operand->rank - 1]};
}

void bl__heads_init(const bl__attention *a, bl__heads *heads, const bl__operand *operand, int64_t count)
{
    int rank = a->batch_rank + 3;
    *heads = (bl__heads){
        .operand = operand, .steps = matrix_steps(operand), .bytes = bl_dtype_size((bl_dtype)operand->dtype)};
    for (int d = 0; d < a->batch_rank; d++)
        heads->batch[d] = bl__broadcast_stride(operand, rank, d, a->batch[d]);
    heads->head = bl__broadcast_stride(operand, rank, a->batch_rank, count);
}

/* A mask is broadcast over queries and keys too. */
static void init_mask(bl__attention *a, const bl__operand *mask)
{
    int rank = a->batch_rank + 3;
    int64_t strides[2] = {bl__broadcast_stride(mask, rank, rank - 2, a->queries),
                          bl__broadcast_stride(mask, rank, rank - 1, a->keys)};
    if (mask->rank >= 2) {
        bl__heads_init(a, &a->mask, mask, a->heads);
    } else {
        a->mask = (bl__heads){.operand = mask, .bytes = bl_dtype_size((bl_dtype)mask->dtype)};
    }
    a->mask.steps = (bl__steps){strides[0], strides[1]};
}

static int64_t heads_of(const bl__operand *operand)
{
    return operand->rank > 2 ? operand->size[operand->rank - 3] : 1;
}

bl_status bl__attention_init(bl__attention *a, const bl__call *call, const bl__operand *mask,
                             int64_t query_tile, int64_t key_tile)
{
    const bl__operand *q = call->inputs[0], *k = call->inputs[1], *v = call->inputs[2],
                      *out = call->outputs[0];
    const bl__attention_attributes *attributes = call->attributes;
    if (q->dtype != BL_F32 && q->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name((bl_dtype)q->dtype));
    if (q->size[q->rank - 1] > MOST_WIDTH || v->size[v->rank - 1] > MOST_WIDTH)
        return BL_ERR_MEMORY;
    *a = (bl__attention){.heads = heads_of(out),
                         .groups = heads_of(k),
                         .queries = q->size[q->rank - 2],
                         .keys = k->size[k->rank - 2],
                         .width = q->size[q->rank - 1],
                         .value_width = v->size[v->rank - 1],
                         .batches = 1,
                         .batch_rank = out->rank > 3 ? out->rank - 3 : 0,
                         .scale = attributes->scale,
                         .causal = attributes->causal != 0,
                         .offset = attributes->causal_offset,
                         .f64 = q->dtype == BL_F64,
                         .bytes = bl_dtype_size((bl_dtype)q->dtype)};
    for (int d = 0; d < a->batch_rank; d++) {
        a->batch[d] = out->size[d];
        a->batches *= out->size[d];
    }
    a->offset = a->offset < -a->queries ? -a->queries : a->offset > a->keys ? a->keys : a->offset;
    a->query_tile = a->queries < query_tile ? a->queries : query_tile;
    a->key_tile = a->keys < key_tile ? a->keys : key_tile;
    a->score_row = a->key_tile < key_tile ? a->key_tile : a->key_tile + (int64_t)(64 / a->bytes);
    a->packed = a->queries >= BL__PACKED;
    const bl__kernel_set *kernels = call->environment->kernels;
    a->rows = a->f64 ? kernels->attention_f64 : kernels->attention_f32;
    a->products = a->f64 ? kernels->small_products_f64 : kernels->small_products_f32;
    bl__heads_init(a, &a->q, q, a->heads);
    bl__heads_init(a, &a->k, k, a->groups);
    bl__heads_init(a, &a->v, v, a->groups);
    a->masked = mask != NULL;
    a->bools = mask && mask->dtype == BL_BOOL;
    a->allows = !attributes->forbids;
    if (mask)
        init_mask(a, mask);
    return BL_OK;
}

int64_t bl__attention_flops(const bl__attention *a, int64_t each, int64_t scalings)
{
    int64_t scores = 0, elements = bl__times(scalings, bl__times(a->queries, a->width));
    for (int64_t i = 0; i < a->queries; i++)
        scores = bl__plus(scores, bl__keys_of(a, i));
    each += a->masked && !a->bools;
    return bl__times(bl__times(a->batches, a->heads), bl__plus(bl__times(each, scores), elements));
}

size_t bl__attention_take(bl__attention *a, int64_t count)
{
    size_t start = a->product_scratch + a->scratch;
    a->scratch += ((size_t)count * a->bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    return start;
}

double bl__attention_nanoseconds(const bl__attention *a, int products, int exponentials)
{
    double scores =
        (double)(a->batches * a->heads) * (double)a->queries * (double)a->keys * (a->causal ? 0.5 : 1);
    return scores *
           ((double)products * (double)(a->width + a->value_width) / 2 / (a->f64 ? 15 : 30) + exponentials);
}

void *bl__head_of(const bl__attention *a, const bl__heads *heads, int64_t batch, int64_t head)
{
    int64_t offset = head * heads->head;
    for (int d = a->batch_rank - 1; d >= 0; d--) {
        offset += batch % a->batch[d] * heads->batch[d];
        batch /= a->batch[d];
    }
    return bl__at(heads->operand->data, heads->bytes, offset);
}

bl__attention_factor bl__attention_part(const bl__attention *a, const bl__heads *heads, int64_t batch,
                                        int64_t head, int64_t row)
{
    void *matrix = bl__head_of(a, heads, batch, head);
    return (bl__attention_factor){bl__at(matrix, heads->bytes, row * heads->steps.row), heads->steps};
}

void bl__attention_copy(const bl__attention *a, void *to, bl__attention_factor from, int64_t rows,
                        int64_t columns, double factor)
{
    a->rows->copy(rows, columns, to, columns, from.data, from.steps, factor);
}

bl__attention_factor bl__attention_turn(const bl__attention *a, bl__attention_factor rows, int64_t count,
                                        int64_t width, void *room)
{
    if (!a->packed)
        return (bl__attention_factor){rows.data, {rows.steps.column, rows.steps.row}};
    a->rows->turn(count, width, room, a->score_row, rows.data, rows.steps);
    return (bl__attention_factor){room, {a->score_row, 1}};
}

bl__attention_factor bl__attention_lay_out(const bl__attention *a, bl__attention_factor rows, int64_t count,
                                           int64_t width, double factor, void *room)
{
    if (!a->packed && factor == 1)
        return rows;
    bl__attention_copy(a, room, rows, count, width, factor);
    return (bl__attention_factor){room, {width, 1}};
}

/* ---- products ---- */

/* As much as any strides take; with factors that are laid out, nothing. */
void bl__attention_allow(bl__attention *a, int64_t m, int64_t n, int64_t k)
{
    bl__steps any = {2, 2};
    bl__product product = {.m = m, .n = n, .k = k, .a = any, .b = any, .c = any, .f64 = a->f64};
    bl__small_plan plan = a->products->plan(&product);
    size_t bytes = (plan.scratch + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    if (!a->packed && bytes > a->product_scratch)
        a->product_scratch = bytes;
}

/* C[m,n] = A B, or C += A B: the one place that multiplies. The columns of C lie side by side. */
static void multiply(const bl__attention *a, int64_t m, int64_t n, int64_t k, bl__attention_factor left,
                     bl__attention_factor right, bl__attention_factor to, bool add, char *scratch)
{
    bl__product p = {.m = m, .n = n, .k = k, .a = left.steps, .b = right.steps, .c = to.steps};
    p.f64 = a->f64;
    p.add = add;
    p.is_near = true;
    if (m == 0 || n == 0)
        return;
    if (k == 0) {
        for (int64_t i = 0; i < m && !add; i++)
            bl__zero(bl__at(to.data, a->bytes, i * to.steps.row), (size_t)n * a->bytes);
    } else if (a->packed) {
        a->rows->product(&p, left.data, right.data, to.data);
    } else {
        bl__small_plan plan = a->products->plan(&p);
        a->products->multiply(&plan, left.data, right.data, to.data, scratch);
    }
}

/* The factor from some row, and some column, on. */
static bl__attention_factor from(const bl__attention *a, bl__attention_factor factor, int64_t row,
                                 int64_t column)
{
    int64_t offset = row * factor.steps.row + column * factor.steps.column;
    return (bl__attention_factor){bl__at(factor.data, a->bytes, offset), factor.steps};
}

/* The row behind the strips, from the one of a row on, that need as many keys. */
static int64_t end_of_strips(const bl__attention *a, const bl__score_tile *t, int64_t row)
{
    int64_t keys = bl__keys_until(a, t, row), end = row + BL__STRIP;
    while (end < t->queries && bl__keys_until(a, t, end) == keys)
        end += BL__STRIP;
    return end < t->queries ? end : t->queries;
}

void bl__attention_times(const bl__attention *a, const bl__score_tile *t, int64_t width, void *rows,
                         bl__attention_factor turned, void *scores, char *scratch)
{
    bl__attention_factor left = {rows, {width, 1}}, to = {scores, {a->score_row, 1}};
    for (int64_t r = 0, end; r < t->queries; r = end) {
        end = end_of_strips(a, t, r);
        multiply(a, end - r, bl__keys_until(a, t, r), width, from(a, left, r, 0), turned, from(a, to, r, 0),
                 false, scratch);
    }
}

void bl__attention_weigh(const bl__attention *a, const bl__score_tile *t, int64_t width, void *tile,
                         bl__attention_factor rows, bl__attention_factor to, bool add, char *scratch)
{
    bl__attention_factor left = {tile, {a->score_row, 1}};
    for (int64_t r = 0, end; r < t->queries; r = end) {
        end = end_of_strips(a, t, r);
        multiply(a, end - r, width, bl__keys_until(a, t, r), from(a, left, r, 0), rows, from(a, to, r, 0),
                 add, scratch);
    }
}

/* The first row whose strip needs a key: strips further down need no fewer. */
static int64_t first_row(const bl__attention *a, const bl__score_tile *t, int64_t key)
{
    int64_t row = 0;
    while (bl__keys_until(a, t, row) <= key)
        row += BL__STRIP;
    return row;
}

void bl__attention_spread(const bl__attention *a, const bl__score_tile *t, int64_t width, void *tile,
                          void *rows, void *to, char *scratch)
{
    bl__attention_factor left = {tile, {1, a->score_row}}, right = {rows, {width, 1}}, sum = {to, {width, 1}};
    for (int64_t key = 0, end; key < t->keys; key = end) {
        int64_t row = first_row(a, t, key);
        end = key + BL__STRIP;
        while (end < t->keys && first_row(a, t, end) == row)
            end += BL__STRIP;
        end = end < t->keys ? end : t->keys;
        multiply(a, end - key, width, t->queries - row, from(a, left, key, row), from(a, right, row, 0),
                 from(a, sum, key, 0), true, scratch);
    }
}

/* ---- tiles ---- */

static const void *mask_row(const bl__attention *a, const bl__score_tile *t, int64_t row)
{
    int64_t offset = (t->first_query + row) * a->mask.steps.row + t->first_key * a->mask.steps.column;
    return bl__at(bl__head_of(a, &a->mask, t->batch, t->head), a->mask.bytes, offset);
}

/* Gives how many of the first keys of a row the mask allows. */
static int64_t add_mask(const bl__attention *a, const bl__score_tile *t, int64_t row, int64_t keys,
                        void *scores)
{
    const void *mask = mask_row(a, t, row);
    if (a->bools)
        return a->rows->mask_bools(keys, scores, mask, a->mask.steps.column, a->allows);
    return a->rows->mask(keys, scores, mask, a->mask.steps.column);
}

void bl__attention_scores(const bl__attention *a, const bl__score_tile *t, void *queries,
                          bl__attention_factor keys, void *scores, int64_t *allowed, char *scratch)
{
    bl__attention_times(a, t, a->width, queries, keys, scores, scratch);
    for (int64_t r = 0; r < t->queries && (a->masked || allowed); r++) {
        int64_t count = bl__keys_in(a, t, r);
        if (a->masked)
            count = add_mask(a, t, r, count, bl__at(scores, a->bytes, r * a->score_row));
        if (allowed)
            allowed[r] += count;
    }
}

void bl__attention_forbid(const bl__attention *a, const bl__score_tile *t, int64_t row, void *x)
{
    int64_t keys = bl__keys_in(a, t, row);
    if (a->masked && a->bools)
        a->rows->forbid_bools(keys, x, mask_row(a, t, row), a->mask.steps.column, a->allows);
    else if (a->masked)
        a->rows->forbid(keys, x, mask_row(a, t, row), a->mask.steps.column);
}

bool bl__attention_finite(const bl__attention *a, bl__attention_factor matrix, int64_t rows, int64_t columns)
{
    return a->rows->finite(rows, columns, matrix.data, matrix.steps);
}
