/* attention: for each query i, from its scores s_ij,
 *
 *     y_i = sum_j exp(s_ij - m_i) v_j / l_i        m_i = max_j s_ij        l_i = sum_j exp(s_ij - m_i)
 *
 * and m_i + log l_i, from which the backward kernel makes the weights again. A part are some tiles of queries
 * of one head. They go through the keys tile by tile; where a later tile has a larger score, what was summed
 * up before is scaled down (Dao et al. 2022, "FlashAttention"). What causal attention forbids is left out in
 * strips. */
#include "cpu/attention.h"
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"
#include "cpu/vector.h"

#include <float.h>
#include <tgmath.h>

enum {
    OUT,
    LOG_SUM,
    MASK = 3,
    QUERY_TILE = 48,  /* where there are few parts otherwise, ... */
    LARGE_TILE = 128, /* ... and where there are enough: the keys go by less often */
    KEY_TILE = 256,
    MOST_QUERIES = 256, /* of a part, which share what is laid out of their keys */
    PARTS = 32          /* and with fewer parts than this, fewer */
};

struct plan {
    bl__attention a;
    bl__heads out, log_sum;
    bool undefined;            /* see the attributes */
    int64_t part, parts;       /* queries of a part, and parts of a head */
    size_t queries, scores;    /* where a worker has its scaled queries, a tile of scores, ... */
    size_t most, sum, allowed; /* ... of each query m, l, and the number of allowed keys, ... */
    size_t keys, values;       /* ... and keys turned, and values side by side */
    void (*soften)(const struct plan *plan, const bl__score_tile *t, char *scratch, bl__attention_factor out);
    void (*finish)(const struct plan *plan, const bl__score_tile *t, char *scratch, bl__attention_factor out,
                   bl__attention_factor log_sum);
};

/* soften makes exp(s - m) of a tile of scores, and scales down what earlier tiles have put into y and l.
 * finish divides by l. m begins at the lowest number: it stays there for rows whose keys are all forbidden,
 * and for others with scores as low. Only then do the forbidden ones, whose scores are that number in the
 * decomposition, count in its l, unless such a row is undefined. */
#define PASSES(name, type, lowest)                                                                     \
    /* Of NaN and a number the number: a NaN makes the sum NaN, whatever is taken off the scores. */   \
    static type largest_##name(int64_t n, const type *x, type most)                                    \
    {                                                                                                  \
        bl__vector_##name largest = bl__splat_##name(most);                                            \
        for (int64_t i = 0; i < n; i += BL__LANES_##name)                                              \
            largest = bl__max_##name(bl__load_or_##name(x + i, n - i, most), largest);                 \
        return bl__largest_lane_##name(largest);                                                       \
    }                                                                                                  \
                                                                                                       \
    static type total_##name(int64_t n, const type *x)                                                 \
    {                                                                                                  \
        enum {                                                                                         \
            VECTORS = 16 / BL__LANES_##name                                                            \
        };                                                                                             \
        bl__vector_##name sum[VECTORS];                                                                \
        for (int v = 0; v < (int)VECTORS; v++)                                                         \
            sum[v] = bl__splat_##name(0);                                                              \
        for (int64_t i = 0; i < n; i += 16) {                                                          \
            for (int64_t v = 0, at = i; v < (int64_t)VECTORS && at < n; v++, at += BL__LANES_##name)   \
                sum[v] = sum[v] + bl__load_##name(x + at, n - at);                                     \
        }                                                                                              \
        return (type)bl__sum_of_16_##name(sum);                                                        \
    }                                                                                                  \
                                                                                                       \
    /* x = exp(x - shift), whose sum it gives, and 0 from n on. */                                     \
    static type powers_##name(int64_t n, type *x, type shift, int64_t end)                             \
    {                                                                                                  \
        enum {                                                                                         \
            VECTORS = 16 / BL__LANES_##name                                                            \
        };                                                                                             \
        const type none = -(type)INFINITY;                                                             \
        bl__vector_##name sum[VECTORS], off = bl__splat_##name(shift);                                 \
        int64_t i = 0;                                                                                 \
        for (int v = 0; v < (int)VECTORS; v++)                                                         \
            sum[v] = bl__splat_##name(0);                                                              \
        for (; i + 16 <= n; i += 16) {                                                                 \
            for (int64_t v = 0, at = i; v < (int64_t)VECTORS; v++, at += BL__LANES_##name) {           \
                bl__vector_##name y = bl__exp_##name(bl__load_##name(x + at, BL__LANES_##name) - off); \
                bl__store_##name(x + at, BL__LANES_##name, y);                                         \
                sum[v] = sum[v] + y;                                                                   \
            }                                                                                          \
        }                                                                                              \
        for (int v = 0; i < n; v++, i += BL__LANES_##name) {                                           \
            bl__vector_##name y = bl__exp_##name(bl__load_or_##name(x + i, n - i, none) - off);        \
            bl__store_##name(x + i, end - i, y);                                                       \
            sum[v] = sum[v] + y;                                                                       \
        }                                                                                              \
        for (; i < end; i += BL__LANES_##name)                                                         \
            bl__store_##name(x + i, end - i, bl__splat_##name(0));                                     \
        return (type)bl__sum_of_16_##name(sum);                                                        \
    }                                                                                                  \
                                                                                                       \
    static void soften_##name(const struct plan *plan, const bl__score_tile *t, char *scratch,         \
                              bl__attention_factor out)                                                \
    {                                                                                                  \
        const bl__attention *a = &plan->a;                                                             \
        int64_t start = t->first_query % plan->part;                                                   \
        type *most = (type *)(void *)(scratch + plan->most) + start;                                   \
        type *sum = (type *)(void *)(scratch + plan->sum) + start;                                     \
        for (int64_t r = 0; r < t->queries; r++) {                                                     \
            type *s = (type *)(void *)(scratch + plan->scores) + r * a->score_row,                     \
                 *y = (type *)out.data + r * out.steps.row;                                            \
            int64_t keys = bl__keys_in(a, t, r);                                                       \
            type m = largest_##name(keys, s, most[r]), factor = 1, added;                              \
            if (m != most[r] && t->first_key > 0)                                                      \
                factor = exp(most[r] - m);                                                             \
            added = powers_##name(keys, s, m, bl__keys_until(a, t, r));                                \
            if (a->masked) {                                                                           \
                bl__attention_forbid(a, t, r, s);                                                      \
                added = total_##name(keys, s);                                                         \
            }                                                                                          \
            sum[r] = sum[r] * factor + added;                                                          \
            most[r] = m;                                                                               \
            for (int64_t e = 0; e < a->value_width && factor != 1; e++)                                \
                y[e] *= factor;                                                                        \
        }                                                                                              \
    }                                                                                                  \
                                                                                                       \
    static void finish_##name(const struct plan *plan, const bl__score_tile *t, char *scratch,         \
                              bl__attention_factor out, bl__attention_factor log_sum)                  \
    {                                                                                                  \
        const bl__attention *a = &plan->a;                                                             \
        int64_t start = t->first_query % plan->part;                                                   \
        const type *most = (type *)(void *)(scratch + plan->most) + start;                             \
        const type *sum = (type *)(void *)(scratch + plan->sum) + start;                               \
        const int64_t *allowed = (int64_t *)(void *)(scratch + plan->allowed) + start;                 \
        for (int64_t r = 0; r < t->queries; r++) {                                                     \
            type *y = (type *)out.data + r * out.steps.row, l = sum[r];                                \
            if (most[r] == lowest && !plan->undefined)                                                 \
                l += (type)(a->keys - allowed[r]);                                                     \
            for (int64_t e = 0; e < a->value_width && a->keys > 0; e++)                                \
                y[e] /= l;                                                                             \
            ((type *)log_sum.data)[r * log_sum.steps.row] = allowed[r] == 0 ? 0 : most[r] + log(l);    \
        }                                                                                              \
    }                                                                                                  \
                                                                                                       \
    static void begin_##name(const struct plan *plan, int64_t queries, char *scratch)                  \
    {                                                                                                  \
        for (int64_t r = 0; r < queries; r++) {                                                        \
            ((type *)(void *)(scratch + plan->most))[r] = lowest;                                      \
            ((type *)(void *)(scratch + plan->sum))[r] = 0;                                            \
            ((int64_t *)(void *)(scratch + plan->allowed))[r] = 0;                                     \
        }                                                                                              \
    }

PASSES(f32, float, -FLT_MAX)
PASSES(f64, double, -DBL_MAX)

/* Queries do not depend on each other, so any cut gives the same bits. */
static void share_out(struct plan *plan)
{
    bl__attention *a = &plan->a;
    int64_t heads = a->batches * a->heads;
    if (heads * ((a->queries + LARGE_TILE - 1) / LARGE_TILE) >= PARTS)
        a->query_tile = a->queries < LARGE_TILE ? a->queries : LARGE_TILE;
    int64_t tiles = a->query_tile > 0 ? (a->queries + a->query_tile - 1) / a->query_tile : 0, each = tiles;
    if (tiles > 1 && each > MOST_QUERIES / a->query_tile)
        each = MOST_QUERIES / a->query_tile;
    while (each > 1 && heads * ((tiles + each - 1) / each) < PARTS)
        each = (each + 1) / 2;
    plan->part = each * a->query_tile;
    plan->parts = each > 0 ? (tiles + each - 1) / each : 0;
}

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
    bl__heads_init(a, &plan->out, call->outputs[OUT], a->heads);
    bl__heads_init(a, &plan->log_sum, call->outputs[LOG_SUM], a->heads);
    plan->undefined = ((const bl__attention_attributes *)call->attributes)->undefined != 0;
    plan->soften = a->f64 ? soften_f64 : soften_f32;
    plan->finish = a->f64 ? finish_f64 : finish_f32;
    share_out(plan);
    bl__attention_allow(a, a->query_tile, a->key_tile, a->width);
    bl__attention_allow(a, a->query_tile, a->value_width, a->key_tile);
    plan->queries = bl__attention_take(a, plan->part * a->width);
    plan->scores = bl__attention_take(a, a->query_tile * a->score_row);
    plan->most = bl__attention_take(a, plan->part);
    plan->sum = bl__attention_take(a, plan->part);
    plan->allowed = bl__attention_take(a, plan->part * (int64_t)(sizeof(int64_t) / a->bytes));
    plan->keys = bl__attention_take(a, bl__turned_count(a, a->width));
    plan->values = bl__attention_take(a, a->key_tile * a->value_width);
    a->pays = bl__pays_for_threads(call, bl__attention_nanoseconds(a, 2, 1));
    *scratch_bytes = bl__attention_scratch(a, call->environment->threads) + (size_t)(a->batches * a->groups);
    call->plan = plan;
    return BL_OK;
}

/* Of each head of v, whether all of it is finite. They stand behind what the workers have. */
static bool *finite_values(const bl__call *call, const struct plan *plan)
{
    char *scratch = call->environment->scratch;
    return (bool *)(scratch + bl__attention_scratch(&plan->a, call->environment->threads));
}

static void look_at_values(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    (void)worker;
    bl__attention_factor values = bl__attention_part(a, &a->v, part / a->groups, part % a->groups, 0);
    finite_values(call, plan)[part] = bl__attention_finite(a, values, a->keys, a->value_width);
}

/* A part of a head: the queries from `first` on. */
struct part {
    int64_t batch, head, first, queries;
    bool whole; /* whether what causal attention forbids is computed all the same */
    bl__attention_factor out, log_sum;
    char *scratch;
};

/* The tile from a query of the part on, of all keys that its queries need, and their number. */
static int64_t tile_at(const struct plan *plan, const struct part *part, int64_t query, bl__score_tile *t)
{
    const bl__attention *a = &plan->a;
    int64_t left = part->queries - query;
    *t = (bl__score_tile){
        .batch = part->batch, .head = part->head, .first_query = part->first + query, .whole = part->whole};
    t->queries = left < a->query_tile ? left : a->query_tile;
    return part->whole ? a->keys : bl__keys_of(a, t->first_query + t->queries - 1);
}

/* The rows of an output from a query of the part on. */
static bl__attention_factor rows_at(const bl__attention *a, bl__attention_factor out, int64_t query)
{
    return (bl__attention_factor){bl__at(out.data, a->bytes, query * out.steps.row), out.steps};
}

/* All queries of a part against the keys of one tile, at most `count`. Gives whether their values are finite,
 * where that is still to be known. */
static bool attend(const struct plan *plan, const struct part *part, int64_t first, int64_t count)
{
    const bl__attention *a = &plan->a;
    char *scratch = part->scratch, *weights = scratch + plan->scores;
    int64_t group = bl__group_of(a, part->head);
    bl__attention_factor keys = bl__attention_turn(a, bl__attention_part(a, &a->k, part->batch, group, first),
                                                   count, a->width, scratch + plan->keys);
    bl__attention_factor values =
        bl__attention_lay_out(a, bl__attention_part(a, &a->v, part->batch, group, first), count,
                              a->value_width, 1, scratch + plan->values);
    bl__score_tile t;
    for (int64_t query = 0; query < part->queries; query += t.queries) {
        int64_t left = tile_at(plan, part, query, &t) - first;
        bl__attention_factor out = rows_at(a, part->out, query);
        t.first_key = first;
        t.keys = left < a->key_tile ? left : a->key_tile;
        if (left <= 0)
            continue;
        bl__attention_scores(a, &t, bl__at(scratch + plan->queries, a->bytes, query * a->width), keys,
                             weights, (int64_t *)(void *)(scratch + plan->allowed) + query, scratch);
        plan->soften(plan, &t, scratch, out);
        bl__attention_weigh(a, &t, a->value_width, weights, values, out, first > 0, scratch);
    }
    return part->whole || plan->parts > 1 || bl__attention_finite(a, values, count, a->value_width);
}

/* The sums of a part. Gives whether all of the head's values are finite, where that is still to be known. */
static bool add_up(const struct plan *plan, const struct part *part)
{
    const bl__attention *a = &plan->a;
    bl__score_tile t;
    int64_t last = 0;
    (a->f64 ? begin_f64 : begin_f32)(plan, part->queries, part->scratch);
    for (int64_t query = 0; query < part->queries; query += t.queries) {
        int64_t needed = tile_at(plan, part, query, &t);
        last = needed > last ? needed : last;
        for (int64_t r = 0; r < t.queries && needed == 0; r++)
            bl__zero(rows_at(a, part->out, query + r).data, (size_t)a->value_width * a->bytes);
    }
    bool finite = true;
    for (int64_t first = 0; first < last; first += a->key_tile)
        finite &= attend(plan, part, first, last - first < a->key_tile ? last - first : a->key_tile);
    if (part->whole || plan->parts > 1)
        return true;
    bl__attention_factor rest = bl__attention_part(a, &a->v, part->batch, bl__group_of(a, part->head), last);
    return finite && bl__attention_finite(a, rest, a->keys - last, a->value_width);
}

/* Where all queries of a head are one part, its values are looked at on the way, and it begins again where
 * some are not finite. */
static void do_part(const bl__call *call, const void *work, int64_t index, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    int64_t which = index / plan->parts, row = index % plan->parts * plan->part;
    struct part part = {.batch = which / a->heads,
                        .head = which % a->heads,
                        .first = row,
                        .queries = a->queries - row < plan->part ? a->queries - row : plan->part};
    part.whole = !a->causal;
    if (a->causal && plan->parts > 1)
        part.whole = !finite_values(call, plan)[part.batch * a->groups + bl__group_of(a, part.head)];
    part.scratch = (char *)call->environment->scratch + bl__attention_scratch(a, worker);
    part.out = bl__attention_part(a, &plan->out, part.batch, part.head, row);
    part.log_sum = bl__attention_part(a, &plan->log_sum, part.batch, part.head, row);
    bl__attention_copy(a, part.scratch + plan->queries,
                       bl__attention_part(a, &a->q, part.batch, part.head, row), part.queries, a->width,
                       a->scale);
    if (!add_up(plan, &part)) {
        part.whole = true;
        add_up(plan, &part);
    }
    bl__score_tile t;
    for (int64_t query = 0; query < part.queries; query += t.queries) {
        tile_at(plan, &part, query, &t);
        plan->finish(plan, &t, part.scratch, rows_at(a, part.out, query), rows_at(a, part.log_sum, query));
    }
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__attention *a = &plan->a;
    if (call->outputs[LOG_SUM]->count == 0)
        return BL_OK;
    if (a->causal && plan->parts > 1)
        bl__parallel(call, a->pays, a->batches * a->groups, look_at_values, plan);
    bl__parallel(call, a->pays, a->batches * a->heads * plan->parts, do_part, plan);
    return BL_OK;
}

/* For each score two products of vectors, the maximum, the difference, exp and the sum; for each element of
 * the result a quotient. */
static int64_t flops(const bl__call *call)
{
    const bl__attention *a = &((const struct plan *)call->plan)->a;
    int64_t each = bl__plus(bl__times(2, bl__plus(a->width, a->value_width)), 4);
    return bl__plus(bl__attention_flops(a, each, 1), call->outputs[OUT]->count);
}

const bl__kernel BL__KERNEL(attention) = {BL__STRIDED | BL__ROWS_APART, prepare, run, flops};
