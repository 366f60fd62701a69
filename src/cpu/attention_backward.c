/* attention_backward: from cotangents g_i of the y_i of attention and h_i of the log l_i,
 *
 *     d_i = g_i . y_i - h_i
 *     w_ij = exp(s_ij - log l_i)        t_ij = w_ij (g_i . v_j - d_i)
 *     dq_i = scale sum_j t_ij k_j       dk_j = scale sum_i t_ij q_i       dv_j = sum_i w_ij g_i
 *
 * with w and t 0 where a key is forbidden. A part is one head of k and v with all heads of q that use it, one
 * tile of keys after the other, each with all queries tile by tile: so the order of all sums is fixed.
 * What causal attention forbids is left out in strips, as if all numbers were finite, which is looked at on
 * the way: where some are not, a part begins again and leaves nothing out. */
#include "cpu/attention.h"
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"
#include "cpu/vector.h"

enum {
    LOG_SUM = 3, /* inputs, after q, k and v */
    COTANGENT,
    RESULT,
    COTANGENT_OF_SUM,
    MASK,
    TO_Q = 0, /* outputs */
    TO_K,
    TO_V,
    QUERY_TILE = 96,
    KEY_TILE = 256
};

struct plan {
    bl__attention a;
    /* One is the scale, the other 1: keys are scaled, for both of their products, unless that could overflow.
     */
    double query_scale, key_scale;
    bl__heads log_sum, cotangent, result, of_sum, to_q, to_k, to_v;
    /* Where a worker has scaled queries, their cotangents, a tile of scores, one of slopes, two numbers of
     * each query; and of a tile of keys these and the values turned, the keys as rows side by side, and what
     * is summed up for keys and values. */
    size_t queries, cotangents, scores, slopes, log_sums, offsets, turned_keys, turned_values, keys, key_sums,
        value_sums;
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
            for (int64_t j = keys, end = bl__keys_until(a, t, r); j < end; j += BL__LANES_##name) {    \
                bl__store_##name(d + j, end - j, bl__splat_##name(0));                                 \
                bl__store_##name(s + j, end - j, bl__splat_##name(0));                                 \
            }                                                                                          \
            if (a->masked) {                                                                           \
                bl__attention_forbid(a, t, r, s);                                                      \
                bl__attention_forbid(a, t, r, d);                                                      \
            }                                                                                          \
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
    bl_status status = bl__attention_init(a, call, call->input_count > MASK ? call->inputs[MASK] : NULL,
                                          QUERY_TILE, KEY_TILE);
    if (status != BL_OK)
        return status;
    plan->query_scale = fabs(a->scale) > 1 ? a->scale : 1;
    plan->key_scale = fabs(a->scale) > 1 ? 1 : a->scale;
    bl__heads_init(a, &plan->log_sum, call->inputs[LOG_SUM], a->heads);
    bl__heads_init(a, &plan->cotangent, call->inputs[COTANGENT], a->heads);
    bl__heads_init(a, &plan->result, call->inputs[RESULT], a->heads);
    bl__heads_init(a, &plan->of_sum, call->inputs[COTANGENT_OF_SUM], a->heads);
    bl__heads_init(a, &plan->to_q, call->outputs[TO_Q], a->heads);
    bl__heads_init(a, &plan->to_k, call->outputs[TO_K], a->groups);
    bl__heads_init(a, &plan->to_v, call->outputs[TO_V], a->groups);
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
    plan->turned_keys = bl__attention_take(a, bl__turned_count(a, a->width));
    plan->turned_values = bl__attention_take(a, bl__turned_count(a, a->value_width));
    plan->keys = bl__attention_take(a, a->key_tile * a->width);
    plan->key_sums = bl__attention_take(a, a->key_tile * a->width);
    plan->value_sums = bl__attention_take(a, a->key_tile * a->value_width);
    a->pays = bl__pays_for_threads(call, bl__attention_nanoseconds(a, 5, 1));
    *scratch_bytes = bl__attention_scratch(a, call->environment->threads);
    call->plan = plan;
    return BL_OK;
}

/* What a tile of queries needs. */
static void load_queries(const struct plan *plan, const bl__score_tile *t, char *scratch)
{
    const bl__attention *a = &plan->a;
    int64_t n = t->queries, row = t->first_query;
    bl__attention_copy(a, scratch + plan->queries, bl__attention_part(a, &a->q, t->batch, t->head, row), n,
                       a->width, plan->query_scale);
    bl__attention_copy(a, scratch + plan->cotangents,
                       bl__attention_part(a, &plan->cotangent, t->batch, t->head, row), n, a->value_width, 1);
    bl__attention_copy(a, scratch + plan->log_sums,
                       bl__attention_part(a, &plan->log_sum, t->batch, t->head, row), n, 1, 1);
    bl__attention_factor y = bl__attention_part(a, &plan->result, t->batch, t->head, row),
                         h = bl__attention_part(a, &plan->of_sum, t->batch, t->head, row);
    a->rows->dots(n, a->value_width, scratch + plan->offsets, scratch + plan->cotangents, y.data, y.steps,
                  h.data, h.steps.row);
}

/* A tile of keys. */
struct key_tile {
    int64_t batch, group, first, count;
    bool whole; /* whether what causal attention forbids is computed all the same */
    bl__attention_factor keys, turned_keys, turned_values;
    char *scratch;
};

static struct key_tile load_keys(const struct plan *plan, int64_t matrix, int64_t first, char *scratch)
{
    const bl__attention *a = &plan->a;
    struct key_tile tile = {
        .batch = matrix / a->groups, .group = matrix % a->groups, .first = first, .scratch = scratch};
    tile.count = a->keys - first < a->key_tile ? a->keys - first : a->key_tile;
    bl__attention_factor values = bl__attention_part(a, &a->v, tile.batch, tile.group, first);
    tile.keys = bl__attention_lay_out(a, bl__attention_part(a, &a->k, tile.batch, tile.group, first),
                                      tile.count, a->width, plan->key_scale, scratch + plan->keys);
    tile.turned_keys = bl__attention_turn(a, tile.keys, tile.count, a->width, scratch + plan->turned_keys);
    tile.turned_values =
        bl__attention_turn(a, values, tile.count, a->value_width, scratch + plan->turned_values);
    bl__zero(scratch + plan->key_sums, (size_t)(tile.count * a->width) * a->bytes);
    bl__zero(scratch + plan->value_sums, (size_t)(tile.count * a->value_width) * a->bytes);
    return tile;
}

/* What was summed up for a tile of keys. */
static void store_keys(const struct plan *plan, const struct key_tile *k)
{
    const bl__attention *a = &plan->a;
    bl__attention_factor to_k = bl__attention_part(a, &plan->to_k, k->batch, k->group, k->first),
                         to_v = bl__attention_part(a, &plan->to_v, k->batch, k->group, k->first);
    bl__steps keys = {a->width, 1}, values = {a->value_width, 1};
    a->rows->copy(k->count, a->width, to_k.data, to_k.steps.row, k->scratch + plan->key_sums, keys,
                  plan->key_scale);
    a->rows->copy(k->count, a->value_width, to_v.data, to_v.steps.row, k->scratch + plan->value_sums, values,
                  1);
}

/* One tile: adds to dk and dv of its keys, and to dq of its queries, which is not scaled yet. */
static void do_tile(const struct plan *plan, const struct key_tile *k, const bl__score_tile *t,
                    bl__attention_factor to_q)
{
    const bl__attention *a = &plan->a;
    char *scratch = k->scratch;
    char *q = scratch + plan->queries, *g = scratch + plan->cotangents;
    char *weights = scratch + plan->scores, *slopes = scratch + plan->slopes;
    load_queries(plan, t, scratch);
    bl__attention_scores(a, t, q, k->turned_keys, weights, NULL, scratch);
    bl__attention_times(a, t, a->value_width, g, k->turned_values, slopes, scratch);
    plan->slope(plan, t, scratch);
    bl__attention_spread(a, t, a->value_width, weights, g, scratch + plan->value_sums, scratch);
    bl__attention_weigh(a, t, a->width, slopes, k->keys, to_q, t->first_key > 0, scratch);
    bl__attention_spread(a, t, a->width, slopes, q, scratch + plan->key_sums, scratch);
}

static void zero_rows(const bl__attention *a, bl__attention_factor to, int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r++)
        bl__zero(bl__at(to.data, a->bytes, r * to.steps.row), (size_t)columns * a->bytes);
}

/* Whether a tile's queries and their cotangents are finite, which are loaded where there are keys. */
static bool are_finite(const struct plan *plan, const bl__score_tile *t, char *scratch)
{
    const bl__attention *a = &plan->a;
    bl__attention_factor q = {scratch + plan->queries, {a->width, 1}},
                         g = {scratch + plan->cotangents, {a->value_width, 1}};
    if (t->keys <= 0) {
        q = bl__attention_part(a, &a->q, t->batch, t->head, t->first_query);
        g = bl__attention_part(a, &plan->cotangent, t->batch, t->head, t->first_query);
    }
    return bl__attention_finite(a, q, t->queries, a->width) &&
           bl__attention_finite(a, g, t->queries, a->value_width);
}

/* One head of q, whose dq is 0 where causal attention forbids all keys. Gives whether all of its queries and
 * cotangents are finite, with the first keys. */
static bool do_head(const struct plan *plan, const struct key_tile *k, int64_t head)
{
    const bl__attention *a = &plan->a;
    bl__score_tile t = {.batch = k->batch, .head = head, .first_key = k->first, .whole = k->whole};
    bool finite = true;
    for (; t.first_query < a->queries; t.first_query += a->query_tile) {
        bl__attention_factor to_q = bl__attention_part(a, &plan->to_q, k->batch, head, t.first_query);
        t.queries = a->queries - t.first_query < a->query_tile ? a->queries - t.first_query : a->query_tile;
        int64_t last = k->whole ? a->keys : bl__keys_of(a, t.first_query + t.queries - 1);
        t.keys = last - t.first_key < k->count ? last - t.first_key : k->count;
        if (t.keys > 0)
            do_tile(plan, k, &t, to_q);
        else if (k->first == 0)
            zero_rows(a, to_q, t.queries, a->width);
        finite = finite && (k->whole || k->first > 0 || are_finite(plan, &t, k->scratch));
    }
    return finite;
}

/* A group. Gives whether a product with a w or t of 0 is 0 for all of it. */
static bool add_up(const struct plan *plan, int64_t matrix, bool whole, char *scratch)
{
    const bl__attention *a = &plan->a;
    int64_t heads = a->heads / a->groups, first_head = matrix % a->groups * heads;
    bool finite = true;
    for (int64_t first = 0; first < a->keys; first += a->key_tile) {
        struct key_tile k = load_keys(plan, matrix, first, scratch);
        k.whole = whole;
        finite = finite && (whole || bl__attention_finite(a, k.keys, k.count, a->width));
        for (int64_t h = 0; h < heads; h++)
            finite &= do_head(plan, &k, first_head + h);
        store_keys(plan, &k);
    }
    return finite;
}

/* Only where something is not finite it begins again, and leaves nothing out. */
static void do_group(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    char *scratch = (char *)call->environment->scratch + bl__attention_scratch(a, worker);
    int64_t heads = a->heads / a->groups;
    if (!add_up(plan, part, !a->causal, scratch) && a->causal)
        add_up(plan, part, true, scratch);
    for (int64_t h = part % a->groups * heads; h < (part % a->groups + 1) * heads; h++) {
        bl__attention_factor to_q = bl__attention_part(a, &plan->to_q, part / a->groups, h, 0);
        if (a->keys == 0)
            zero_rows(a, to_q, a->queries, a->width);
        else if (plan->query_scale != 1)
            a->rows->copy(a->queries, a->width, to_q.data, to_q.steps.row, to_q.data, to_q.steps, a->scale);
    }
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__parallel(call, plan->a.pays, plan->a.batches * plan->a.groups, do_group, plan);
    return BL_OK;
}

/* For each score five products of vectors, two differences, exp and a product; d for each query. */
static int64_t flops(const bl__call *call)
{
    const bl__attention *a = &((const struct plan *)call->plan)->a;
    int64_t vectors = bl__plus(bl__times(3, a->width), bl__times(2, a->value_width));
    int64_t rows = bl__times(bl__times(a->batches, a->heads), a->queries);
    return bl__plus(bl__attention_flops(a, bl__plus(bl__times(2, vectors), 4), 2),
                    bl__times(rows, bl__plus(bl__times(2, a->value_width), 1)));
}

const bl__kernel BL__KERNEL(attention_backward) = {BL__STRIDED | BL__ROWS_APART, prepare, run, flops};
