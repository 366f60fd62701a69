/* Private. What attention's kernels share: the matrices of each head, and tiles of scores, of which no kernel
 * holds more than one a thread:
 *
 *     s_ij = scale q_i . k_j + mask_ij        for the keys j that query i may attend to
 *
 * Causal attention ends each row of scores early, a mask forbids single ones. What is forbidden weighs 0. */
#ifndef BOWLINE_CPU_ATTENTION_H
#define BOWLINE_CPU_ATTENTION_H

#include "cpu/kernels.h"
#include "cpu/small_product.h"
#include "ops/attributes.h"

enum {
    BL__STRIP = 16, /* rows whose products are computed together, and keys: on the diagonal of causal
                       attention what lies in strips that it forbids is left out */
    BL__PACKED = 8  /* queries from which on it pays to lay factors out for the products */
};

/* An operand as one matrix a head, broadcast over batches and heads. */
typedef struct bl__heads {
    const bl__operand *operand;
    int64_t batch[BL_MAX_RANK], head; /* strides in elements */
    bl__steps steps;
    size_t bytes; /* of an element */
} bl__heads;

/* Loops over matrices and rows of a tile, in one dtype. Elements of an operand are `step` apart; bools that
 * are `allows` allow a key. Copies, turns and dots ask the memory for the head that lies beside, too. */
typedef struct bl__attention_rows {
    /* A matrix times a factor, its columns side by side. */
    void (*copy)(int64_t rows, int64_t columns, void *to, int64_t to_row, const void *from, bl__steps steps,
                 double factor);
    /* The matrix turned: rows of it become columns, side by side. */
    void (*turn)(int64_t rows, int64_t columns, void *to, int64_t to_row, const void *from, bl__steps steps);
    /* Whether no element is NaN or infinite. */
    bool (*finite)(int64_t rows, int64_t columns, const void *x, bl__steps steps);
    /* Of each row a . b - minus, the rows of a being contiguous. */
    void (*dots)(int64_t rows, int64_t columns, void *to, const void *a, const void *b, bl__steps steps,
                 const void *minus, int64_t minus_step);
    /* Adds a mask to scores; what it forbids becomes the lowest number, which no score lies below. Gives how
     * many it allows. */
    int64_t (*mask)(int64_t n, void *scores, const void *mask, int64_t step);
    int64_t (*mask_bools)(int64_t n, void *scores, const void *mask, int64_t step, bool allows);
    /* Makes 0 of what a mask forbids. */
    void (*forbid)(int64_t n, void *x, const void *mask, int64_t step);
    void (*forbid_bools)(int64_t n, void *x, const void *mask, int64_t step, bool allows);
    /* direct_product.h */
    void (*product)(const bl__product *product, const void *a, const void *b, void *c);
} bl__attention_rows;

/* Sizes, and the operands that both kernels have. */
typedef struct bl__attention {
    int64_t heads, groups; /* those of q, and those of k and v */
    int64_t queries, keys, width, value_width;
    int64_t batches, batch[BL_MAX_RANK];
    int batch_rank;
    bl__heads q, k, v, mask;
    double scale;
    bool causal, f64;
    bool masked, bools, allows; /* whether there is a mask, whether of bools, and which of them allow */
    int64_t offset;             /* of causal, in -queries .. keys */
    size_t bytes;               /* of an element */
    int64_t query_tile, key_tile;
    int64_t score_row; /* from one row of a tile of scores, or of turned keys, to the next: not a power of
                          two, so that a column does not fall on a few sets of the cache */
    bool packed;       /* there are queries enough to lay factors out */
    const bl__attention_rows *rows;
    const bl__small_products *products;
    bool pays;
    size_t product_scratch; /* bytes of a worker: first what products take, ... */
    size_t scratch;         /* ... then the rest */
} bl__attention;

/* A head of a batch, and the queries and keys of a tile. */
typedef struct bl__score_tile {
    int64_t batch, head;
    int64_t first_query, queries, first_key, keys;
    bool whole; /* whether what causal attention forbids is computed all the same */
} bl__score_tile;

/* Fills in all but `pays` and the scratch, for a call whose first inputs are q, k and v and whose first
 * output has the batches, heads and queries; `mask` is NULL where there is none. Tiles have so many queries
 * and keys, at most. BL_ERR_DTYPE, reported, for what has no kernel. */
bl_status bl__attention_init(bl__attention *a, const bl__call *call, const bl__operand *mask,
                             int64_t query_tile, int64_t key_tile);

/* Describes an operand of `count` heads, and finds the matrix of a head. */
void bl__heads_init(const bl__attention *a, bl__heads *heads, const bl__operand *operand, int64_t count);
void *bl__head_of(const bl__attention *a, const bl__heads *heads, int64_t batch, int64_t head);

/* Nanoseconds that so many products with the tiles of scores and exponentials take on one thread, about. */
double bl__attention_nanoseconds(const bl__attention *a, int products, int exponentials);

/* Counted operations (flops.h): so many for each score that causal attention leaves, one more where a mask is
 * added to it, and so many for each element of all scaled queries. */
int64_t bl__attention_flops(const bl__attention *a, int64_t each, int64_t scalings);

/* Makes room for products of these sizes and smaller ones in the scratch of a worker. All of them come before
 * bl__attention_take, which gives where so many elements of it begin. */
void bl__attention_allow(bl__attention *a, int64_t m, int64_t n, int64_t k);
size_t bl__attention_take(bl__attention *a, int64_t count);

/* The bytes of all workers. */
static inline size_t bl__attention_scratch(const bl__attention *a, int workers)
{
    return (size_t)workers * (a->product_scratch + a->scratch);
}

/* The head of k and v that a head of q uses. */
static inline int64_t bl__group_of(const bl__attention *a, int64_t head)
{
    return head / (a->heads / a->groups);
}

/* How many keys, from the first on, causal attention leaves a query; keys that a mask forbids count. */
static inline int64_t bl__keys_of(const bl__attention *a, int64_t query)
{
    int64_t keys = query + a->offset + 1;
    return !a->causal || keys > a->keys ? a->keys : keys < 0 ? 0 : keys;
}

/* The same within a tile. */
static inline int64_t bl__keys_in(const bl__attention *a, const bl__score_tile *t, int64_t row)
{
    int64_t keys = bl__keys_of(a, t->first_query + row) - t->first_key;
    return keys < 0 ? 0 : keys > t->keys ? t->keys : keys;
}

/* How many keys of a tile are computed for a row: as many as some row of its strip needs, in whole strips. */
static inline int64_t bl__keys_until(const bl__attention *a, const bl__score_tile *t, int64_t row)
{
    int64_t last = row - row % BL__STRIP + BL__STRIP - 1;
    if (!a->causal || t->whole)
        return t->keys;
    int64_t keys = bl__keys_in(a, t, last < t->queries ? last : t->queries - 1);
    keys += (BL__STRIP - keys % BL__STRIP) % BL__STRIP;
    return keys < t->keys ? keys : t->keys;
}

/* A factor of a product. */
typedef struct bl__attention_factor {
    void *data;
    bl__steps steps;
} bl__attention_factor;

/* Room for rows of keys or values turned, of that width, for bl__attention_take. */
static inline int64_t bl__turned_count(const bl__attention *a, int64_t width)
{
    return a->packed ? width * a->score_row : 0;
}

/* Rows of keys or values as the right factor of a product by their transpose: turned, if there are queries
 * enough, in room for it. */
bl__attention_factor bl__attention_turn(const bl__attention *a, bl__attention_factor rows, int64_t count,
                                        int64_t width, void *room);

/* Rows times a factor side by side, so that they do not fall on a few sets of the cache, in room for them; as
 * they stand where there are too few queries and the factor is 1. */
bl__attention_factor bl__attention_lay_out(const bl__attention *a, bl__attention_factor rows, int64_t count,
                                           int64_t width, double factor, void *room);

/* Rows of a matrix times a factor, contiguous. */
void bl__attention_copy(const bl__attention *a, void *to, bl__attention_factor from, int64_t rows,
                        int64_t columns, double factor);

/* ---- products with a tile; `scratch` is a worker's ---- */

/* scores = rows[queries,width] turned[width,keys], as a tile lies. */
void bl__attention_times(const bl__attention *a, const bl__score_tile *t, int64_t width, void *rows,
                         bl__attention_factor turned, void *scores, char *scratch);

/* to[queries,width] = tile rows, or += that. */
void bl__attention_weigh(const bl__attention *a, const bl__score_tile *t, int64_t width, void *tile,
                         bl__attention_factor rows, bl__attention_factor to, bool add, char *scratch);

/* to[keys,width] += tile^T rows, both contiguous. */
void bl__attention_spread(const bl__attention *a, const bl__score_tile *t, int64_t width, void *tile,
                          void *rows, void *to, char *scratch);

/* ---- parts ---- */

/* Rows `row` .. of a head's matrix. */
bl__attention_factor bl__attention_part(const bl__attention *a, const bl__heads *heads, int64_t batch,
                                        int64_t head, int64_t row);

/* The scores of a tile from its scaled queries and its turned keys, the mask added; counts in allowed[],
 * unless NULL, how many of a row's are not forbidden. What lies behind bl__keys_in of a row is not to be
 * read.
 */
void bl__attention_scores(const bl__attention *a, const bl__score_tile *t, void *queries,
                          bl__attention_factor keys, void *scores, int64_t *allowed, char *scratch);

/* Makes 0 of what the mask forbids in a row of a tile. */
void bl__attention_forbid(const bl__attention *a, const bl__score_tile *t, int64_t row, void *x);

/* Whether no element of some rows is NaN or infinite. Only then a product with 0 is 0, and what is forbidden
 * can be left out. */
bool bl__attention_finite(const bl__attention *a, bl__attention_factor matrix, int64_t rows, int64_t columns);

#endif
