/* attention: for each query i, from its scores s_ij,
 *
 *     y_i = sum_j exp(s_ij - m_i) v_j / l_i        m_i = max_j s_ij        l_i = sum_j exp(s_ij - m_i)
 *
 * and m_i + log l_i, from which the backward kernel makes the weights again. A part is a tile of queries of
 * one head. It goes through the keys tile by tile; where a later tile has a larger score, what was summed up
 * before is scaled down (Dao et al. 2022, "FlashAttention"). Tiles that causal attention forbids are left
 * out. */
#include "cpu/attention.h"
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/parallel.h"

#include <float.h>
#include <tgmath.h>

enum {
    OUT,
    LOG_SUM,
    MASK = 3,
    LANES = 8
};

/* Of NaN and a number the number: a NaN makes the sum NaN, whatever is taken off the scores. */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))

struct plan {
    bl__attention a;
    bool undefined;            /* see the attributes */
    int64_t tiles;             /* of queries */
    size_t queries, scores;    /* where a worker has its scaled queries, a tile of scores, ... */
    size_t most, sum, allowed; /* ... and of each query m, l, and the number of allowed keys */
    void (*soften)(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out);
    void (*finish)(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out, void *log_sum);
};

/* soften makes exp(s - m) of a tile of scores, and scales down what earlier tiles have put into y and l.
 * finish divides by l. m begins at the lowest number: it stays there for rows whose keys are all forbidden,
 * and for others with scores as low. Only then do the forbidden ones, whose scores are that number in the
 * decomposition, count in its l, unless such a row is undefined. */
#define PASSES(name, type, lowest)                                                                         \
    static type largest_##name(int64_t n, const type *x, type most)                                        \
    {                                                                                                      \
        type lane[LANES];                                                                                  \
        int64_t whole = n - n % LANES;                                                                     \
        for (int k = 0; k < LANES; k++)                                                                    \
            lane[k] = most;                                                                                \
        for (int64_t i = 0; i < whole; i += LANES)                                                         \
            for (int k = 0; k < LANES; k++)                                                                \
                lane[k] = LARGER(x[i + k], lane[k]);                                                       \
        for (int64_t i = whole; i < n; i++)                                                                \
            lane[i - whole] = LARGER(x[i], lane[i - whole]);                                               \
        for (int k = 0; k < LANES; k++)                                                                    \
            most = LARGER(lane[k], most);                                                                  \
        return most;                                                                                       \
    }                                                                                                      \
                                                                                                           \
    static type total_##name(int64_t n, const type *x)                                                     \
    {                                                                                                      \
        type lane[LANES] = {0}, sum = 0;                                                                   \
        int64_t whole = n - n % LANES;                                                                     \
        for (int64_t i = 0; i < whole; i += LANES)                                                         \
            for (int k = 0; k < LANES; k++)                                                                \
                lane[k] += x[i + k];                                                                       \
        for (int64_t i = whole; i < n; i++)                                                                \
            lane[i - whole] += x[i];                                                                       \
        for (int k = 0; k < LANES; k++)                                                                    \
            sum += lane[k];                                                                                \
        return sum;                                                                                        \
    }                                                                                                      \
                                                                                                           \
    static void soften_##name(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out)  \
    {                                                                                                      \
        const bl__attention *a = &plan->a;                                                                 \
        type *most = (type *)(void *)(scratch + plan->most), *sum = (type *)(void *)(scratch + plan->sum); \
        for (int64_t r = 0; r < t->queries; r++) {                                                         \
            type *s = (type *)(void *)(scratch + plan->scores) + r * t->keys,                              \
                 *y = (type *)out + r * a->value_width;                                                    \
            int64_t keys = bl__keys_in(a, t, r);                                                           \
            type m = largest_##name(keys, s, most[r]), factor = m == most[r] ? 1 : exp(most[r] - m);       \
            for (int64_t j = 0; j < keys; j++)                                                             \
                s[j] -= m;                                                                                 \
            a->exponential(keys, s, (const void *[]){s}, NULL);                                            \
            bl__attention_forbid(a, t, r, s);                                                              \
            sum[r] = sum[r] * factor + total_##name(keys, s);                                              \
            most[r] = m;                                                                                   \
            for (int64_t e = 0; e < a->value_width && t->first_key > 0 && factor != 1; e++)                \
                y[e] *= factor;                                                                            \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static void finish_##name(const struct plan *plan, const bl__score_tile *t, char *scratch, void *out,  \
                              void *log_sum)                                                               \
    {                                                                                                      \
        const bl__attention *a = &plan->a;                                                                 \
        const type *most = (type *)(void *)(scratch + plan->most),                                         \
                   *sum = (type *)(void *)(scratch + plan->sum);                                           \
        const int64_t *allowed = (int64_t *)(void *)(scratch + plan->allowed);                             \
        for (int64_t r = 0; r < t->queries; r++) {                                                         \
            type *y = (type *)out + r * a->value_width, l = sum[r];                                        \
            if (most[r] == lowest && !plan->undefined)                                                     \
                l += (type)(a->keys - allowed[r]);                                                         \
            for (int64_t e = 0; e < a->value_width && a->keys > 0; e++)                                    \
                y[e] /= l;                                                                                 \
            ((type *)log_sum)[r] = allowed[r] == 0 ? 0 : most[r] + log(l);                                 \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static void begin_##name(const struct plan *plan, int64_t queries, char *scratch)                      \
    {                                                                                                      \
        for (int64_t r = 0; r < queries; r++) {                                                            \
            ((type *)(void *)(scratch + plan->most))[r] = lowest;                                          \
            ((type *)(void *)(scratch + plan->sum))[r] = 0;                                                \
            ((int64_t *)(void *)(scratch + plan->allowed))[r] = 0;                                         \
        }                                                                                                  \
    }

PASSES(f32, float, -FLT_MAX)
PASSES(f64, double, -DBL_MAX)

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
    plan->tiles = a->query_tile > 0 ? (a->queries + a->query_tile - 1) / a->query_tile : 0;
    bl__attention_allow(a, a->query_tile, a->key_tile, a->width);
    bl__attention_allow(a, a->query_tile, a->value_width, a->key_tile);
    plan->queries = bl__attention_take(a, a->query_tile * a->width);
    plan->scores = bl__attention_take(a, a->query_tile * a->key_tile);
    plan->most = bl__attention_take(a, a->query_tile);
    plan->sum = bl__attention_take(a, a->query_tile);
    plan->allowed = bl__attention_take(a, a->query_tile * (int64_t)(sizeof(int64_t) / a->bytes));
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

/* A tile of queries against the keys up to `last`. */
static void attend(const struct plan *plan, bl__score_tile *t, int64_t last, char *scratch, void *out)
{
    const bl__attention *a = &plan->a;
    int64_t group = bl__group_of(a, t->head);
    for (t->first_key = 0; t->first_key < last; t->first_key += a->key_tile) {
        t->keys = last - t->first_key < a->key_tile ? last - t->first_key : a->key_tile;
        bl__attention_scores(a, t, scratch + plan->queries, scratch + plan->scores,
                             (int64_t *)(void *)(scratch + plan->allowed), scratch);
        plan->soften(plan, t, scratch, out);
        bl__attention_product(a, t->queries, a->value_width, t->keys,
                              (bl__attention_factor){scratch + plan->scores, {t->keys, 1}},
                              bl__attention_part(a, &a->v, t->batch, group, t->first_key), out,
                              t->first_key > 0, scratch);
    }
}

static void do_tile(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    char *scratch = (char *)call->environment->scratch + bl__attention_scratch(a, worker);
    int64_t which = part / plan->tiles, row = part % plan->tiles * a->query_tile;
    bl__score_tile t = {.batch = which / a->heads, .head = which % a->heads, .first_query = row};
    t.queries = a->queries - row < a->query_tile ? a->queries - row : a->query_tile;
    char *out = bl__at(call->outputs[OUT]->data, a->bytes, (which * a->queries + row) * a->value_width);
    void *log_sum = bl__at(call->outputs[LOG_SUM]->data, a->bytes, which * a->queries + row);
    int64_t last = bl__keys_of(a, row + t.queries - 1);
    if (last < a->keys && !finite_values(call, plan)[t.batch * a->groups + bl__group_of(a, t.head)])
        last = a->keys;
    (a->f64 ? begin_f64 : begin_f32)(plan, t.queries, scratch);
    bl__attention_copy(a, scratch + plan->queries, bl__attention_part(a, &a->q, t.batch, t.head, row),
                       t.queries, a->width, a->scale);
    if (last == 0)
        bl__zero(out, (size_t)(t.queries * a->value_width) * a->bytes);
    attend(plan, &t, last, scratch, out);
    plan->finish(plan, &t, scratch, out, log_sum);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__attention *a = &plan->a;
    if (call->outputs[LOG_SUM]->count == 0)
        return BL_OK;
    if (a->causal)
        bl__parallel(call, a->pays, a->batches * a->groups, look_at_values, plan);
    bl__parallel(call, a->pays, a->batches * a->heads * plan->tiles, do_tile, plan);
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
