/* attention_backward: from cotangents g_i of the y_i of attention, and with log l_i and d_i for each query,
 *
 *     w_ij = exp(s_ij - log l_i)        t_ij = w_ij (g_i . v_j - d_i)
 *     dq_i = scale sum_j t_ij k_j       dk_j = scale sum_i t_ij q_i       dv_j = sum_i w_ij g_i
 *
 * with w and t 0 where a key is forbidden. A part is one head of k and v with all heads of q that use it, one
 * tile of queries after the other, each through the keys tile by tile: so the order of all sums is fixed.
 * Tiles that causal attention forbids are left out. */
#include "cpu/attention.h"
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"

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
    /* Where a worker has scaled queries, their cotangents, a tile of scores, one of slopes, and a number of
     * each query. */
    size_t queries, cotangents, scores, slopes, log_sums, offsets;
    void (*slope)(const struct plan *plan, const bl__score_tile *t, char *scratch);
};

/* Makes w of the scores, and t of the g . v in the slopes. */
#define SLOPE(name, type)                                                                     \
    static void slope_##name(const struct plan *plan, const bl__score_tile *t, char *scratch) \
    {                                                                                         \
        const bl__attention *a = &plan->a;                                                    \
        const type *log_sum = (type *)(void *)(scratch + plan->log_sums);                     \
        const type *offset = (type *)(void *)(scratch + plan->offsets);                       \
        for (int64_t r = 0; r < t->queries; r++) {                                            \
            type *s = (type *)(void *)(scratch + plan->scores) + r * t->keys;                 \
            type *d = (type *)(void *)(scratch + plan->slopes) + r * t->keys;                 \
            int64_t keys = bl__keys_in(a, t, r);                                              \
            for (int64_t j = 0; j < keys; j++)                                                \
                s[j] -= log_sum[r];                                                           \
            a->exponential(keys, s, (const void *[]){s}, NULL);                               \
            bl__attention_forbid(a, t, r, s);                                                 \
            for (int64_t j = 0; j < keys; j++)                                                \
                d[j] = s[j] * (d[j] - offset[r]);                                             \
            bl__attention_forbid(a, t, r, d);                                                 \
        }                                                                                     \
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
    plan->scores = bl__attention_take(a, a->query_tile * a->key_tile);
    plan->slopes = bl__attention_take(a, a->query_tile * a->key_tile);
    plan->log_sums = bl__attention_take(a, a->query_tile);
    plan->offsets = bl__attention_take(a, a->query_tile);
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

/* One tile: adds to dk and dv of its keys, and to dq of its queries, which is not scaled yet. */
static void do_tile(const struct plan *plan, const bl__score_tile *t, char *scratch, void *to_q, void *to_k,
                    void *to_v)
{
    const bl__attention *a = &plan->a;
    int64_t group = bl__group_of(a, t->head), first = t->first_key, n = t->queries, keys = t->keys;
    bl__attention_factor k = bl__attention_part(a, &a->k, t->batch, group, first);
    bl__attention_factor v = bl__attention_part(a, &a->v, t->batch, group, first);
    bl__attention_factor v_turned = {v.data, {v.steps.column, v.steps.row}};
    bl__attention_factor q = {scratch + plan->queries, {a->width, 1}};
    bl__attention_factor g = {scratch + plan->cotangents, {a->value_width, 1}};
    bl__attention_factor w_turned = {scratch + plan->scores, {1, keys}};
    bl__attention_factor slopes = {scratch + plan->slopes, {keys, 1}}, turned = {slopes.data, {1, keys}};
    bl__attention_scores(a, t, q.data, scratch + plan->scores, NULL, scratch);
    bl__attention_product(a, n, keys, a->value_width, g, v_turned, slopes.data, false, scratch);
    plan->slope(plan, t, scratch);
    bl__attention_product(a, keys, a->value_width, n, w_turned, g,
                          bl__at(to_v, a->bytes, first * a->value_width), true, scratch);
    bl__attention_product(a, n, a->width, keys, slopes, k, to_q, first > 0, scratch);
    bl__attention_product(a, keys, a->width, n, turned, q, bl__at(to_k, a->bytes, first * a->width), true,
                          scratch);
}

/* One head of q. */
static void do_head(const bl__call *call, const struct plan *plan, int64_t batch, int64_t head, bool whole,
                    char *scratch)
{
    const bl__attention *a = &plan->a;
    int64_t matrix = batch * a->groups + bl__group_of(a, head);
    char *to_q = output_of(call, a, TO_Q, batch * a->heads + head, a->queries, a->width);
    void *to_k = output_of(call, a, TO_K, matrix, a->keys, a->width);
    void *to_v = output_of(call, a, TO_V, matrix, a->keys, a->value_width);
    bl__score_tile t = {.batch = batch, .head = head};
    for (; t.first_query < a->queries; t.first_query += a->query_tile) {
        t.queries = a->queries - t.first_query < a->query_tile ? a->queries - t.first_query : a->query_tile;
        int64_t last = whole ? a->keys : bl__keys_of(a, t.first_query + t.queries - 1);
        void *rows = bl__at(to_q, a->bytes, t.first_query * a->width);
        load_queries(plan, &t, scratch);
        if (last == 0)
            bl__zero(rows, (size_t)(t.queries * a->width) * a->bytes);
        for (t.first_key = 0; t.first_key < last; t.first_key += a->key_tile) {
            t.keys = last - t.first_key < a->key_tile ? last - t.first_key : a->key_tile;
            do_tile(plan, &t, scratch, rows, to_k, to_v);
        }
        a->rows->scale(t.queries * a->width, rows, rows, 1, a->scale);
    }
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
    int64_t batch = part / a->groups, group = part % a->groups, heads = a->heads / a->groups;
    bool whole = !a->causal || !is_finite(plan, batch, group);
    bl__zero(output_of(call, a, TO_K, part, a->keys, a->width), (size_t)(a->keys * a->width) * a->bytes);
    bl__zero(output_of(call, a, TO_V, part, a->keys, a->value_width),
             (size_t)(a->keys * a->value_width) * a->bytes);
    for (int64_t h = group * heads; h < (group + 1) * heads; h++)
        do_head(call, plan, batch, h, whole, scratch);
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
