/* attention_backward: from cotangents g_i of the y_i of attention, and with log l_i and d_i for each query,
 *
 *     w_ij = exp(s_ij - log l_i)        t_ij = w_ij (g_i . v_j - d_i)
 *     dq_i = scale sum_j t_ij k_j       dk_j = scale sum_i t_ij q_i       dv_j = sum_i w_ij g_i
 *
 * with w and t 0 where a key is forbidden. A part is one head of k and v with all heads of q that use it, one
 * tile of keys after the other, each with all queries tile by tile: so the order of all sums is fixed.
 * Tiles that causal attention forbids are left out. */
#include "cpu/attention.h"
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"
#include "cpu/vector.h"

enum {
    LOG_SUM = 3, /* inputs, after q, k and v */
    COTANGENT,
    OFFSET,
    MASK,
    TO_Q = 0, /* outputs */
    TO_K,
    TO_V
};

struct plan {
    bl__attention a;
    bl__heads log_sum, cotangent, offset;
    /* Where a worker has scaled queries, their cotangents, a tile of scores, one of slopes, a number of each
     * query, and of a tile of keys these and the values in panels, and the keys as rows side by side. */
    size_t queries, cotangents, scores, slopes, log_sums, offsets, key_panels, value_panels, keys;
    void (*slope)(const struct plan *plan, const bl__score_tile *t, char *scratch);
};

/* Makes w of the scores, and t of the g . v in the slopes. */
#define SLOPE(name, type)                                                                              \
    static void slope_##name(const struct plan *plan, const bl__score_tile *t, char *scratch)          \
    {                                                                                                  \
        const bl__attention *a = &plan->a;                                                             \
        const type *log_sum = (type *)(void *)(scratch + plan->log_sums);                              \
        const type *offset = (type *)(void *)(scratch + plan->offsets);                                \
        for (int64_t r = 0; r < t->queries; r++) {                                                     \
            type *s = (type *)(void *)(scratch + plan->scores) + r * a->score_row;                     \
            type *d = (type *)(void *)(scratch + plan->slopes) + r * a->score_row;                     \
            bl__vector_##name shift = bl__splat_##name(log_sum[r]), off = bl__splat_##name(offset[r]); \
            int64_t keys = bl__keys_in(a, t, r);                                                       \
            for (int64_t j = 0; j < keys; j += BL__LANES_##name) {                                     \
                bl__vector_##name w = bl__exp_##name(bl__load_##name(s + j, keys - j) - shift);        \
                bl__store_##name(d + j, keys - j, w * (bl__load_##name(d + j, keys - j) - off));       \
                bl__store_##name(s + j, keys - j, w);                                                  \
            }                                                                                          \
            bl__attention_forbid(a, t, r, s);                                                          \
            bl__attention_forbid(a, t, r, d);                                                          \
        }                                                                                              \
    }

SLOPE(f32, float)
SLOPE(f64, double)

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    bl__attention *a = &plan->a;
    bl_status status = bl__attention_init(a, call, call->input_count > MASK ? call->inputs[MASK] : NULL);
    if (status != BL_OK)
        return status;
    bl__heads_init(a, &plan->log_sum, call->inputs[LOG_SUM], a->heads);
    bl__heads_init(a, &plan->cotangent, call->inputs[COTANGENT], a->heads);
    bl__heads_init(a, &plan->offset, call->inputs[OFFSET], a->heads);
    plan->slope = a->f64 ? slope_f64 : slope_f32;
    bl__attention_allow(a, a->query_tile, a->key_tile, a->width);
    bl__attention_allow(a, a->query_tile, a->key_tile, a->value_width);
    bl__attention_allow(a, a->query_tile, a->width, a->key_tile);
    bl__attention_allow(a, a->key_tile, a->width, a->query_tile);
    bl__attention_allow(a, a->key_tile, a->value_width, a->query_tile);
    plan->queries = bl__attention_take(a, a->query_tile * a->width);
    plan->cotangents = bl__attention_take(a, a->query_tile * a->value_width);
    plan->scores = bl__attention_take(a, a->query_tile * a->score_row);
    plan->slopes = bl__attention_take(a, a->query_tile * a->score_row);
    plan->log_sums = bl__attention_take(a, a->query_tile);
    plan->offsets = bl__attention_take(a, a->query_tile);
    plan->key_panels = bl__attention_take(a, (a->key_tile + BL__KEY_PANEL) * a->width);
    plan->value_panels = bl__attention_take(a, (a->key_tile + BL__KEY_PANEL) * a->value_width);
    plan->keys = bl__attention_take(a, a->key_tile * a->width);
    a->pays = bl__pays_for_threads(call, bl__attention_nanoseconds(a, 5, 1));
    *scratch_bytes = bl__attention_scratch(a, call->environment->threads);
    call->plan = plan;
    return BL_OK;
}

/* A head's matrix in an output. */
static void *output_of(const bl__call *call, const bl__attention *a, int output, int64_t matrix, int64_t rows,
                       int64_t columns)
{
    return bl__at(call->outputs[output]->data, a->bytes, matrix * rows * columns);
}

/* What a tile of queries needs. */
static void load_queries(const struct plan *plan, const bl__score_tile *t, char *scratch)
{
    const bl__attention *a = &plan->a;
    int64_t n = t->queries, row = t->first_query;
    bl__attention_copy(a, scratch + plan->queries, bl__attention_part(a, &a->q, t->batch, t->head, row), n,
                       a->width, a->scale);
    bl__attention_copy(a, scratch + plan->cotangents,
                       bl__attention_part(a, &plan->cotangent, t->batch, t->head, row), n, a->value_width, 1);
    bl__attention_copy(a, scratch + plan->log_sums,
                       bl__attention_part(a, &plan->log_sum, t->batch, t->head, row), n, 1, 1);
    bl__attention_copy(a, scratch + plan->offsets,
                       bl__attention_part(a, &plan->offset, t->batch, t->head, row), n, 1, 1);
}

/* A tile of keys, and where the derivatives of its keys and values are added up. */
struct key_tile {
    int64_t batch, group, first, count;
    bool whole; /* whether what causal attention forbids is computed all the same */
    bl__attention_columns keys, values;
    bl__attention_factor rows; /* the keys again */
    void *to_k, *to_v;
    char *scratch;
};

static struct key_tile load_keys(const bl__call *call, const struct plan *plan, int64_t matrix, int64_t first,
                                 char *scratch)
{
    const bl__attention *a = &plan->a;
    struct key_tile tile = {
        .batch = matrix / a->groups, .group = matrix % a->groups, .first = first, .scratch = scratch};
    tile.count = a->keys - first < a->key_tile ? a->keys - first : a->key_tile;
    bl__attention_factor v = bl__attention_part(a, &a->v, tile.batch, tile.group, first);
    tile.rows = bl__attention_part(a, &a->k, tile.batch, tile.group, first);
    tile.keys = bl__attention_pack(a, tile.rows, tile.count, a->width, scratch + plan->key_panels);
    tile.values = bl__attention_pack(a, v, tile.count, a->value_width, scratch + plan->value_panels);
    tile.to_k = bl__at(output_of(call, a, TO_K, matrix, a->keys, a->width), a->bytes, first * a->width);
    tile.to_v =
        bl__at(output_of(call, a, TO_V, matrix, a->keys, a->value_width), a->bytes, first * a->value_width);
    if (a->queries >= BL__PACKED) {
        bl__attention_copy(a, scratch + plan->keys, tile.rows, tile.count, a->width, 1);
        tile.rows = (bl__attention_factor){scratch + plan->keys, {a->width, 1}};
    }
    return tile;
}

/* One tile: adds to dk and dv of its keys, and to dq of its queries, which is not scaled yet. */
static void do_tile(const struct plan *plan, const struct key_tile *k, const bl__score_tile *t, void *to_q)
{
    const bl__attention *a = &plan->a;
    int64_t n = t->queries, keys = t->keys, row = a->score_row;
    char *scratch = k->scratch;
    bl__attention_factor q = {scratch + plan->queries, {a->width, 1}};
    bl__attention_factor g = {scratch + plan->cotangents, {a->value_width, 1}};
    bl__attention_factor w_turned = {scratch + plan->scores, {1, row}};
    bl__attention_factor slopes = {scratch + plan->slopes, {row, 1}}, turned = {slopes.data, {1, row}};
    load_queries(plan, t, scratch);
    bl__attention_scores(a, t, q.data, &k->keys, w_turned.data, NULL, scratch);
    bl__attention_times(a, n, keys, a->value_width, g, &k->values, slopes.data, scratch);
    plan->slope(plan, t, scratch);
    bl__attention_product(a, keys, a->value_width, n, w_turned, g, k->to_v, a->value_width, true, scratch);
    bl__attention_product(a, n, a->width, keys, slopes, k->rows, to_q, a->width, t->first_key > 0, scratch);
    bl__attention_product(a, keys, a->width, n, turned, q, k->to_k, a->width, true, scratch);
}

/* One head of q. */
static void do_head(const bl__call *call, const struct plan *plan, const struct key_tile *k, int64_t head)
{
    const bl__attention *a = &plan->a;
    char *to_q = output_of(call, a, TO_Q, k->batch * a->heads + head, a->queries, a->width);
    bl__score_tile t = {.batch = k->batch, .head = head, .first_key = k->first};
    for (; t.first_query < a->queries; t.first_query += a->query_tile) {
        t.queries = a->queries - t.first_query < a->query_tile ? a->queries - t.first_query : a->query_tile;
        int64_t last = k->whole ? a->keys : bl__keys_of(a, t.first_query + t.queries - 1);
        t.keys = last - t.first_key < k->count ? last - t.first_key : k->count;
        if (t.keys > 0)
            do_tile(plan, k, &t, bl__at(to_q, a->bytes, t.first_query * a->width));
    }
}

/* What nothing is added to is 0; dq is 0 where causal attention forbids all keys. */
static void begin(const bl__call *call, const struct plan *plan, int64_t matrix)
{
    const bl__attention *a = &plan->a;
    int64_t heads = a->heads / a->groups;
    bl__zero(output_of(call, a, TO_K, matrix, a->keys, a->width), (size_t)(a->keys * a->width) * a->bytes);
    bl__zero(output_of(call, a, TO_V, matrix, a->keys, a->value_width),
             (size_t)(a->keys * a->value_width) * a->bytes);
    bl__zero(output_of(call, a, TO_Q, matrix * heads, a->queries, a->width),
             (size_t)(heads * a->queries * a->width) * a->bytes);
}

/* Whether a product with a w or t of 0 is 0 for all of a group. */
static bool is_finite(const struct plan *plan, int64_t batch, int64_t group)
{
    const bl__attention *a = &plan->a;
    int64_t heads = a->heads / a->groups;
    bool finite = bl__attention_finite(a, &a->k, batch, group, a->keys, a->width);
    for (int64_t h = group * heads; h < (group + 1) * heads && finite; h++)
        finite = bl__attention_finite(a, &a->q, batch, h, a->queries, a->width) &&
                 bl__attention_finite(a, &plan->cotangent, batch, h, a->queries, a->value_width);
    return finite;
}

static void do_group(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    char *scratch = (char *)call->environment->scratch + bl__attention_scratch(a, worker);
    int64_t group = part % a->groups, heads = a->heads / a->groups;
    bool whole = !a->causal || !is_finite(plan, part / a->groups, group);
    begin(call, plan, part);
    for (int64_t first = 0; first < a->keys; first += a->key_tile) {
        struct key_tile k = load_keys(call, plan, part, first, scratch);
        k.whole = whole;
        for (int64_t h = group * heads; h < (group + 1) * heads; h++)
            do_head(call, plan, &k, h);
    }
    void *to_q = output_of(call, a, TO_Q, part * heads, a->queries, a->width);
    a->rows->scale(heads * a->queries * a->width, to_q, to_q, 1, a->scale);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__parallel(call, plan->a.pays, plan->a.batches * plan->a.groups, do_group, plan);
    return BL_OK;
}

/* For each score five products of vectors, two differences, exp and a product. */
static int64_t flops(const bl__call *call)
{
    const bl__attention *a = &((const struct plan *)call->plan)->a;
    int64_t vectors = bl__plus(bl__times(3, a->width), bl__times(2, a->value_width));
    return bl__attention_flops(a, bl__plus(bl__times(2, vectors), 4), 2);
}

const bl__kernel BL__KERNEL(attention_backward) = {BL__STRIDED, prepare, run, flops};
