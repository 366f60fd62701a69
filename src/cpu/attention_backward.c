/* attention_backward: from cotangents g_i of the y_i of attention and h_i of the log l_i,
 *
 *     d_i = g_i . y_i - h_i
 *     w_ij = exp(s_ij - log l_i)        t_ij = w_ij (g_i . v_j - d_i)
 *     dq_i = scale sum_j t_ij k_j       dk_j = scale sum_i t_ij q_i       dv_j = sum_i w_ij g_i
 *
 * with w and t 0 where a key is forbidden. A part is one head of k and v with all heads of q that use it, one
 * tile of keys after the other, each with all queries tile by tile: so the order of all sums is fixed. Where
 * there are few such parts, each is several, with some of the tiles of queries; their dk and dv are added in
 * order when all are done.
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
    QUERY_TILE = 128,
    KEY_TILE = 256,
    PIECES = 4,     /* with fewer parts than this, parts of some queries, ... */
    PIECE_TILES = 4 /* ... of so many tiles at least, since each lays keys out anew */
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
    int64_t tiles;      /* of a head's queries */
    int64_t pieces;     /* parts of a head of k and v */
    size_t value_bytes; /* where dv begins in what a piece sums up, ... */
    size_t piece_bytes; /* ... and all of that */
    void (*slope)(const struct plan *plan, const bl__score_tile *t, char *scratch);
    void (*merge)(const struct plan *plan, int64_t rows, int64_t columns, const char *others,
                  bl__attention_factor to);
};

/* Makes w of the scores, and t of the g . v in the slopes. */
#define SLOPE(name, type)                                                                              \
    static inline __attribute__((always_inline)) void slope_at_##name(                                 \
        type *s, type *d, int64_t left, bl__vector_##name shift, bl__vector_##name off)                \
    {                                                                                                  \
        bl__vector_##name w = bl__exp_##name(bl__load_##name(s, left) - shift);                        \
        bl__store_##name(d, left, w *(bl__load_##name(d, left) - off));                                \
        bl__store_##name(s, left, w);                                                                  \
    }                                                                                                  \
                                                                                                       \
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
            int64_t j = 0;                                                                             \
            for (; j + BL__LANES_##name <= keys; j += BL__LANES_##name)                                \
                slope_at_##name(s + j, d + j, BL__LANES_##name, shift, off);                           \
            if (j < keys)                                                                              \
                slope_at_##name(s + j, d + j, keys - j, shift, off);                                   \
            j = keys;                                                                                  \
            for (int64_t end = bl__keys_until(a, t, r); j < end; j += BL__LANES_##name) {              \
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

/* Adds rows that the other pieces have summed up to those of the first. */
#define MERGE(name, type)                                                                                \
    static void merge_##name(const struct plan *plan, int64_t rows, int64_t columns, const char *others, \
                             bl__attention_factor to)                                                    \
    {                                                                                                    \
        for (int64_t r = 0; r < rows; r++) {                                                             \
            type *sum = (type *)to.data + r * to.steps.row;                                              \
            for (int64_t p = 0; p < plan->pieces - 1; p++) {                                             \
                const type *x =                                                                          \
                    (const type *)(const void *)(others + (size_t)p * plan->piece_bytes) + r * columns;  \
                for (int64_t c = 0; c < columns; c++)                                                    \
                    sum[c] += x[c];                                                                      \
            }                                                                                            \
        }                                                                                                \
    }

MERGE(f32, float)
MERGE(f64, double)

/* A group, as of part / pieces, and some of its tiles of queries: those of one head after the other. */
struct piece {
    int64_t matrix, first, end;
    bool whole; /* whether what causal attention forbids is computed all the same */
    char *scratch;
    bl__attention_factor to_k, to_v;
};

/* A tile of queries, without keys. */
static bl__score_tile queries_of(const struct plan *plan, int64_t matrix, int64_t index)
{
    const bl__attention *a = &plan->a;
    int64_t heads = a->heads / a->groups, first = index % plan->tiles * a->query_tile;
    return (bl__score_tile){.batch = matrix / a->groups,
                            .head = matrix % a->groups * heads + index / plan->tiles,
                            .first_query = first,
                            .queries =
                                a->queries - first < a->query_tile ? a->queries - first : a->query_tile};
}

/* How many keys a tile of queries needs. */
static int64_t keys_for(const struct plan *plan, const bl__score_tile *t)
{
    return bl__keys_of(&plan->a, t->first_query + t->queries - 1);
}

static int64_t tiles_of_group(const struct plan *plan)
{
    return plan->a.heads / plan->a.groups * plan->tiles;
}

/* The tile of queries with which a piece begins: each has about as many keys to go through. */
static int64_t start_of(const struct plan *plan, int64_t piece)
{
    int64_t tiles = tiles_of_group(plan), tile = 0;
    double all = 0, before = 0;
    if (piece == 0 || piece == plan->pieces)
        return piece == 0 ? 0 : tiles;
    for (int64_t i = 0; i < tiles; i++) {
        bl__score_tile t = queries_of(plan, 0, i);
        all += (double)keys_for(plan, &t) + 1;
    }
    for (; tile < tiles && before * (double)plan->pieces < all * (double)piece; tile++) {
        bl__score_tile t = queries_of(plan, 0, tile);
        before += (double)keys_for(plan, &t) + 1;
    }
    return tile;
}

static size_t aligned(size_t bytes)
{
    return (bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
}

/* By the shape alone. */
static void cut(struct plan *plan)
{
    bl__attention *a = &plan->a;
    int64_t groups = a->batches * a->groups;
    plan->tiles = a->query_tile > 0 ? (a->queries + a->query_tile - 1) / a->query_tile : 0;
    plan->pieces = 1;
    if (a->keys > 0 && groups > 0 && groups < PIECES && tiles_of_group(plan) >= 2 * PIECE_TILES) {
        int64_t wanted = (PIECES + groups - 1) / groups, most = tiles_of_group(plan) / PIECE_TILES;
        plan->pieces = wanted < most ? wanted : most;
    }
    plan->value_bytes = aligned((size_t)(a->keys * a->width) * a->bytes);
    plan->piece_bytes = plan->value_bytes + aligned((size_t)(a->keys * a->value_width) * a->bytes);
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
    plan->merge = a->f64 ? merge_f64 : merge_f32;
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
    cut(plan);
    *scratch_bytes = bl__attention_scratch(a, call->environment->threads);
    if (plan->pieces > 1)
        *scratch_bytes += (size_t)(a->batches * a->groups * (plan->pieces - 1)) * plan->piece_bytes;
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
    int64_t first, count;
    bl__attention_factor keys, turned_keys, turned_values;
};

static struct key_tile load_keys(const struct plan *plan, const struct piece *piece, int64_t first)
{
    const bl__attention *a = &plan->a;
    int64_t batch = piece->matrix / a->groups, group = piece->matrix % a->groups;
    struct key_tile tile = {.first = first};
    char *scratch = piece->scratch;
    tile.count = a->keys - first < a->key_tile ? a->keys - first : a->key_tile;
    bl__attention_factor values = bl__attention_part(a, &a->v, batch, group, first);
    tile.keys = bl__attention_lay_out(a, bl__attention_part(a, &a->k, batch, group, first), tile.count,
                                      a->width, plan->key_scale, scratch + plan->keys);
    tile.turned_keys = bl__attention_turn(a, tile.keys, tile.count, a->width, scratch + plan->turned_keys);
    tile.turned_values =
        bl__attention_turn(a, values, tile.count, a->value_width, scratch + plan->turned_values);
    bl__zero(scratch + plan->key_sums, (size_t)(tile.count * a->width) * a->bytes);
    bl__zero(scratch + plan->value_sums, (size_t)(tile.count * a->value_width) * a->bytes);
    return tile;
}

/* The rows of a matrix from one on. */
static bl__attention_factor from(const bl__attention *a, bl__attention_factor matrix, int64_t row)
{
    return (bl__attention_factor){bl__at(matrix.data, a->bytes, row * matrix.steps.row), matrix.steps};
}

/* What was summed up for a tile of keys. */
static void store_keys(const struct plan *plan, const struct piece *piece, const struct key_tile *k)
{
    const bl__attention *a = &plan->a;
    bl__attention_factor to_k = from(a, piece->to_k, k->first), to_v = from(a, piece->to_v, k->first);
    bl__steps keys = {a->width, 1}, values = {a->value_width, 1};
    a->rows->copy(k->count, a->width, to_k.data, to_k.steps.row, piece->scratch + plan->key_sums, keys,
                  plan->key_scale);
    a->rows->copy(k->count, a->value_width, to_v.data, to_v.steps.row, piece->scratch + plan->value_sums,
                  values, 1);
}

/* One tile: adds to dk and dv of its keys, and to dq of its queries, which is not scaled yet. */
static void do_tile(const struct plan *plan, const struct key_tile *k, const bl__score_tile *t,
                    bl__attention_factor to_q, char *scratch)
{
    const bl__attention *a = &plan->a;
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

/* All queries of a piece with some keys; their dq is 0 where causal attention forbids all. Gives whether all
 * queries and cotangents are finite, with the first keys. */
static bool do_queries(const struct plan *plan, const struct piece *piece, const struct key_tile *k)
{
    const bl__attention *a = &plan->a;
    bool finite = true;
    for (int64_t i = piece->first; i < piece->end; i++) {
        bl__score_tile t = queries_of(plan, piece->matrix, i);
        bl__attention_factor to_q = bl__attention_part(a, &plan->to_q, t.batch, t.head, t.first_query);
        int64_t last = piece->whole ? a->keys : keys_for(plan, &t);
        t.first_key = k->first;
        t.keys = last - k->first < k->count ? last - k->first : k->count;
        t.whole = piece->whole;
        if (t.keys > 0)
            do_tile(plan, k, &t, to_q, piece->scratch);
        else if (k->first == 0)
            zero_rows(a, to_q, t.queries, a->width);
        finite = finite && (piece->whole || k->first > 0 || are_finite(plan, &t, piece->scratch));
    }
    return finite;
}

/* The keys, from the first on, that some query of a piece may attend to. */
static int64_t keys_of_piece(const struct plan *plan, const struct piece *piece)
{
    int64_t most = piece->whole ? plan->a.keys : 0;
    for (int64_t i = piece->first; i < piece->end && !piece->whole; i++) {
        bl__score_tile t = queries_of(plan, piece->matrix, i);
        most = keys_for(plan, &t) > most ? keys_for(plan, &t) : most;
    }
    return most;
}

/* Keys behind those. Gives whether they are finite. */
static bool pass_over(const struct plan *plan, const struct piece *piece, int64_t first)
{
    const bl__attention *a = &plan->a;
    int64_t count = a->keys - first, batch = piece->matrix / a->groups, group = piece->matrix % a->groups;
    zero_rows(a, from(a, piece->to_k, first), count, a->width);
    zero_rows(a, from(a, piece->to_v, first), count, a->value_width);
    return bl__attention_finite(a, bl__attention_part(a, &a->k, batch, group, first), count, a->width);
}

/* Gives whether a product with a w or t of 0 is 0 for all of a piece. */
static bool add_up(const struct plan *plan, const struct piece *piece)
{
    const bl__attention *a = &plan->a;
    int64_t keys = keys_of_piece(plan, piece), first = 0;
    bool finite = true;
    for (; first < a->keys && (first == 0 || first < keys); first += a->key_tile) {
        struct key_tile k = load_keys(plan, piece, first);
        finite = finite && (piece->whole || bl__attention_finite(a, k.keys, k.count, a->width));
        finite &= do_queries(plan, piece, &k);
        store_keys(plan, piece, &k);
    }
    return first >= a->keys ? finite : pass_over(plan, piece, first) && finite;
}

/* What is not done with any tile of keys. */
static void finish_queries(const struct plan *plan, const struct piece *piece)
{
    const bl__attention *a = &plan->a;
    for (int64_t i = piece->first; i < piece->end && (a->keys == 0 || plan->query_scale != 1); i++) {
        bl__score_tile t = queries_of(plan, piece->matrix, i);
        bl__attention_factor to_q = bl__attention_part(a, &plan->to_q, t.batch, t.head, t.first_query);
        if (a->keys == 0)
            zero_rows(a, to_q, t.queries, a->width);
        else
            a->rows->copy(t.queries, a->width, to_q.data, to_q.steps.row, to_q.data, to_q.steps,
                          plan->query_scale);
    }
}

/* Where a piece sums up dk and dv, if it is not the first of a group. */
static char *sums_of(const bl__call *call, const struct plan *plan, int64_t matrix, int64_t piece)
{
    size_t workers = bl__attention_scratch(&plan->a, call->environment->threads);
    size_t place = (size_t)(matrix * (plan->pieces - 1) + piece - 1);
    return (char *)call->environment->scratch + workers + place * plan->piece_bytes;
}

/* Only where something is not finite it begins again, and leaves nothing out. */
static void do_piece(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    int64_t matrix = part / plan->pieces, batch = matrix / a->groups, group = matrix % a->groups;
    int64_t index = part % plan->pieces;
    struct piece piece = {.matrix = matrix,
                          .first = start_of(plan, index),
                          .end = start_of(plan, index + 1),
                          .whole = !a->causal,
                          .scratch = (char *)call->environment->scratch + bl__attention_scratch(a, worker)};
    if (index == 0) {
        piece.to_k = bl__attention_part(a, &plan->to_k, batch, group, 0);
        piece.to_v = bl__attention_part(a, &plan->to_v, batch, group, 0);
    } else {
        char *sums = sums_of(call, plan, matrix, index);
        piece.to_k = (bl__attention_factor){sums, {a->width, 1}};
        piece.to_v = (bl__attention_factor){sums + plan->value_bytes, {a->value_width, 1}};
    }
    if (!add_up(plan, &piece) && a->causal) {
        piece.whole = true;
        add_up(plan, &piece);
    }
    finish_queries(plan, &piece);
}

/* Some keys of a group: a part of its matrix for each tile of keys. */
static void merge_pieces(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__attention *a = &plan->a;
    int64_t tiles = (a->keys + a->key_tile - 1) / a->key_tile, first = part % tiles * a->key_tile;
    int64_t matrix = part / tiles, count = a->keys - first < a->key_tile ? a->keys - first : a->key_tile;
    const char *sums = sums_of(call, plan, matrix, 1);
    (void)worker;
    plan->merge(plan, count, a->width, sums + (size_t)(first * a->width) * a->bytes,
                bl__attention_part(a, &plan->to_k, matrix / a->groups, matrix % a->groups, first));
    plan->merge(plan, count, a->value_width,
                sums + plan->value_bytes + (size_t)(first * a->value_width) * a->bytes,
                bl__attention_part(a, &plan->to_v, matrix / a->groups, matrix % a->groups, first));
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__attention *a = &plan->a;
    int64_t groups = a->batches * a->groups;
    bl__parallel(call, a->pays, groups * plan->pieces, do_piece, plan);
    if (plan->pieces > 1)
        bl__parallel(call, a->pays, groups * ((a->keys + a->key_tile - 1) / a->key_tile), merge_pieces, plan);
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
