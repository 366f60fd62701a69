/* attention: for each query i, from its scores s_ij,
 *
 *     y_i = sum_j exp(s_ij - m_i) v_j / l_i        m_i = max_j s_ij        l_i = sum_j exp(s_ij - m_i)
 *
 * and m_i + log l_i, from which the backward kernel makes the weights again. A part are some tiles of queries
 * of one head. They go through the keys tile by tile; where a later tile has a larger score, what was summed
 * up before is scaled down (Dao et al. 2022, "FlashAttention"). Tiles that causal attention forbids are left
 * out. */
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
    LANES = 16,
    PART_TILES = 8, /* tiles of queries that share what is laid out of their keys, at most */
    PARTS = 32      /* and with fewer parts than this, fewer */
};

/* Of NaN and a number the number: a NaN makes the sum NaN, whatever is taken off the scores. */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))

struct plan {
    bl__attention a;
    bool undefined;            /* see the attributes */
    int64_t part, parts;       /* queries of a part, and parts of a head */
    size_t queries, scores;    /* where a worker has its scaled queries, a tile of scores, ... */
    size_t most, sum, allowed; /* ... of each query m, l, and the number of allowed keys, ... */
    size_t panels, values;     /* ... and keys in panels, and values side by side */
    void (*soften)(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out);
    void (*finish)(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out, void *log_sum);
};

/* soften makes exp(s - m) of a tile of scores, and scales down what earlier tiles have put into y and l.
 * finish divides by l. m begins at the lowest number: it stays there for rows whose keys are all forbidden,
 * and for others with scores as low. Only then do the forbidden ones, whose scores are that number in the
 * decomposition, count in its l, unless such a row is undefined. */
#define PASSES(name, type, lowest)                                                                        \
    static type largest_##name(int64_t n, const type *x, type most)                                       \
    {                                                                                                     \
        type lane[LANES];                                                                                 \
        int64_t whole = n - n % LANES;                                                                    \
        for (int k = 0; k < LANES; k++)                                                                   \
            lane[k] = most;                                                                               \
        for (int64_t i = 0; i < whole; i += LANES)                                                        \
            for (int k = 0; k < LANES; k++)                                                               \
                lane[k] = LARGER(x[i + k], lane[k]);                                                      \
        for (int64_t i = whole; i < n; i++)                                                               \
            lane[i - whole] = LARGER(x[i], lane[i - whole]);                                              \
        for (int k = 0; k < LANES; k++)                                                                   \
            most = LARGER(lane[k], most);                                                                 \
        return most;                                                                                      \
    }                                                                                                     \
                                                                                                          \
    static type total_##name(int64_t n, const type *x)                                                    \
    {                                                                                                     \
        type lane[LANES] = {0}, sum = 0;                                                                  \
        int64_t whole = n - n % LANES;                                                                    \
        for (int64_t i = 0; i < whole; i += LANES)                                                        \
            for (int k = 0; k < LANES; k++)                                                               \
                lane[k] += x[i + k];                                                                      \
        for (int64_t i = whole; i < n; i++)                                                               \
            lane[i - whole] += x[i];                                                                      \
        for (int k = 0; k < LANES; k++)                                                                   \
            sum += lane[k];                                                                               \
        return sum;                                                                                       \
    }                                                                                                     \
                                                                                                          \
    /* x = exp(x - shift). */                                                                             \
    static void powers_##name(int64_t n, type *x, type shift)                                             \
    {                                                                                                     \
        bl__vector_##name off = bl__splat_##name(shift);                                                  \
        for (int64_t i = 0; i < n; i += BL__LANES_##name)                                                 \
            bl__store_##name(x + i, n - i, bl__exp_##name(bl__load_##name(x + i, n - i) - off));          \
    }                                                                                                     \
                                                                                                          \
    static void soften_##name(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out) \
    {                                                                                                     \
        const bl__attention *a = &plan->a;                                                                \
        int64_t start = t->first_query % plan->part;                                                      \
        type *most = (type *)(void *)(scratch + plan->most) + start;                                      \
        type *sum = (type *)(void *)(scratch + plan->sum) + start;                                        \
        for (int64_t r = 0; r < t->queries; r++) {                                                        \
            type *s = (type *)(void *)(scratch + plan->scores) + r * a->score_row,                        \
                 *y = (type *)out + r * a->value_width;                                                   \
            int64_t keys = bl__keys_in(a, t, r);                                                          \
            type m = largest_##name(keys, s, most[r]), factor = m == most[r] ? 1 : exp(most[r] - m);      \
            powers_##name(keys, s, m);                                                                    \
            bl__attention_forbid(a, t, r, s);                                                             \
            sum[r] = sum[r] * factor + total_##name(keys, s);                                             \
            most[r] = m;                                                                                  \
            for (int64_t e = 0; e < a->value_width && t->first_key > 0 && factor != 1; e++)               \
                y[e] *= factor;                                                                           \
        }                                                                                                 \
    }                                                                                                     \
                                                                                                          \
    static void finish_##name(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out, \
                              void *log_sum)                                                              \
    {                                                                                                     \
        const bl__attention *a = &plan->a;                                                                \
        int64_t start = t->first_query % plan->part;                                                      \
        const type *most = (type *)(void *)(scratch + plan->most) + start;                                \
        const type *sum = (type *)(void *)(scratch + plan->sum) + start;                                  \
        const int64_t *allowed = (int64_t *)(void *)(scratch + plan->allowed) + start;                    \
        for (int64_t r = 0; r < t->queries; r++) {                                                        \
            type *y = (type *)out + r * a->value_width, l = sum[r];                                       \
            if (most[r] == lowest && !plan->undefined)                                                    \
                l += (type)(a->keys - allowed[r]);                                                        \
            for (int64_t e = 0; e < a->value_width && a->keys > 0; e++)                                   \
                y[e] /= l;                                                                                \
            ((type *)log_sum)[r] = allowed[r] == 0 ? 0 : most[r] + log(l);                                \
        }                                                                                                 \
    }                                                                                                     \
                                                                                                          \
    static void begin_##name(const struct plan *plan, int64_t queries, char *scratch)                     \
    {                                                                                                     \
        for (int64_t r = 0; r < queries; r++) {                                                           \
            ((type *)(void *)(scratch + plan->most))[r] = lowest;                                         \
            ((type *)(void *)(scratch + plan->sum))[r] = 0;                                               \
            ((int64_t *)(void *)(scratch + plan->allowed))[r] = 0;                                        \
        }                                                                                                 \
    }

PASSES(f32, float, -FLT_MAX)
PASSES(f64, double, -DBL_MAX)

/* Queries do not depend on each other, so any cut gives the same bits. */
static void share_out(struct plan *plan)
{
    const bl__attention *a = &plan->a;
    int64_t tiles = a->query_tile > 0 ? (a->queries + a->query_tile - 1) / a->query_tile : 0,
            each = PART_TILES;
    each = each < tiles ? each : tiles;
    while (each > 1 && a->batches * a->heads * ((tiles + each - 1) / each) < PARTS)
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
    bl_status status = bl__attention_init(a, call, call->input_count > MASK ? call->inputs[MASK] : NULL);
    if (status != BL_OK)
        return status;
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
    plan->panels = bl__attention_take(a, (a->key_tile + BL__KEY_PANEL) * a->width);
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
    finite_values(call, plan)[part] =
        bl__attention_finite(a, &a->v, part / a->groups, part % a->groups, a->keys, a->value_width);
}

/* A part of a head: the queries from `first` on. */
struct part {
    int64_t batch, head, first, queries;
    bool whole; /* whether what causal attention forbids is computed all the same */
    char *out, *log_sum, *scratch;
};

/* The tile from a query of the part on, of all keys that its queries need, and their number. */
static int64_t tile_at(const struct plan *plan, const struct part *part, int64_t query, bl__score_tile *t)
{
    const bl__attention *a = &plan->a;
    int64_t left = part->queries - query;
    *t = (bl__score_tile){.batch = part->batch, .head = part->head, .first_query = part->first + query};
    t->queries = left < a->query_tile ? left : a->query_tile;
    return part->whole ? a->keys : bl__keys_of(a, t->first_query + t->queries - 1);
}

/* Values side by side, so that their rows do not fall on a few sets of the cache, if there are queries
 * enough. */
static bl__attention_factor lay_out_values(const struct plan *plan, const struct part *part, int64_t first,
                                           int64_t count)
{
    const bl__attention *a = &plan->a;
    bl__attention_factor v = bl__attention_part(a, &a->v, part->batch, bl__group_of(a, part->head), first);
    if (a->queries < BL__PACKED)
        return v;
    bl__attention_factor copy = {part->scratch + plan->values, {a->value_width, 1}};
    bl__attention_copy(a, copy.data, v, count, a->value_width, 1);
    return copy;
}

/* All queries of a part against the keys of one tile, at most `count`. */
static void attend(const struct plan *plan, const struct part *part, int64_t first, int64_t count)
{
    const bl__attention *a = &plan->a;
    char *scratch = part->scratch;
    bl__attention_columns keys =
        bl__attention_pack(a, bl__attention_part(a, &a->k, part->batch, bl__group_of(a, part->head), first),
                           count, a->width, scratch + plan->panels);
    bl__attention_factor v = lay_out_values(plan, part, first, count),
                         weights = {scratch + plan->scores, {a->score_row, 1}};
    bl__score_tile t;
    for (int64_t query = 0; query < part->queries; query += t.queries) {
        int64_t left = tile_at(plan, part, query, &t) - first;
        void *out = bl__at(part->out, a->bytes, query * a->value_width);
        t.first_key = first;
        t.keys = left < a->key_tile ? left : a->key_tile;
        if (left <= 0)
            continue;
        bl__attention_scores(a, &t, bl__at(scratch + plan->queries, a->bytes, query * a->width), &keys,
                             weights.data, (int64_t *)(void *)(scratch + plan->allowed) + query, scratch);
        plan->soften(plan, &t, scratch, out);
        bl__attention_product(a, t.queries, a->value_width, t.keys, weights, v, out, a->value_width,
                              first > 0, scratch);
    }
}

static void do_part(const bl__call *call, const void *work, int64_t index, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    int64_t which = index / plan->parts, row = index % plan->parts * plan->part;
    struct part part = {.batch = which / a->heads,
                        .head = which % a->heads,
                        .first = row,
                        .queries = a->queries - row < plan->part ? a->queries - row : plan->part};
    part.whole =
        !a->causal || !finite_values(call, plan)[part.batch * a->groups + bl__group_of(a, part.head)];
    part.scratch = (char *)call->environment->scratch + bl__attention_scratch(a, worker);
    part.out = bl__at(call->outputs[OUT]->data, a->bytes, (which * a->queries + row) * a->value_width);
    part.log_sum = bl__at(call->outputs[LOG_SUM]->data, a->bytes, which * a->queries + row);
    (a->f64 ? begin_f64 : begin_f32)(plan, part.queries, part.scratch);
    bl__attention_copy(a, part.scratch + plan->queries,
                       bl__attention_part(a, &a->q, part.batch, part.head, row), part.queries, a->width,
                       a->scale);
    bl__score_tile t;
    int64_t last = 0;
    for (int64_t query = 0; query < part.queries; query += t.queries) {
        int64_t needed = tile_at(plan, &part, query, &t);
        last = needed > last ? needed : last;
        if (needed == 0)
            bl__zero(bl__at(part.out, a->bytes, query * a->value_width),
                     (size_t)(t.queries * a->value_width) * a->bytes);
    }
    for (int64_t first = 0; first < last; first += a->key_tile)
        attend(plan, &part, first, last - first < a->key_tile ? last - first : a->key_tile);
    for (int64_t query = 0; query < part.queries; query += t.queries) {
        tile_at(plan, &part, query, &t);
        plan->finish(plan, &t, part.scratch, bl__at(part.out, a->bytes, query * a->value_width),
                     bl__at(part.log_sum, a->bytes, query));
    }
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__attention *a = &plan->a;
    if (call->outputs[LOG_SUM]->count == 0)
        return BL_OK;
    if (a->causal)
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

const bl__kernel BL__KERNEL(attention) = {BL__STRIDED, prepare, run, flops};
