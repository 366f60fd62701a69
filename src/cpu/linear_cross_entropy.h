/* Private. What the files of linear_cross_entropy share (linear_cross_entropy.c says how it goes): its plan,
 * a block of rows, and the two passes over the parts of a block. */
#ifndef BOWLINE_CPU_LINEAR_CROSS_ENTROPY_H
#define BOWLINE_CPU_LINEAR_CROSS_ENTROPY_H

#include "cpu/gemm.h"
#include "cpu/loop.h"
#include "cpu/tile.h"

enum {
    BL__ENTROPY_X,
    BL__ENTROPY_WEIGHT,
    BL__ENTROPY_TARGETS,
    BL__ENTROPY_OPTIONAL, /* bias, row weights */
    BL__ENTROPY_LOSS = 0, /* outputs */
    BL__ENTROPY_DX,
    BL__ENTROPY_DW,
    BL__ENTROPY_DB,
    BL__ENTROPY_ROWS = 128 /* of a block at most */
};

/* Of one row in one part. */
typedef struct bl__entropy_piece {
    double most, sum; /* of the logits; of the powers */
    double total;     /* of the logits, where labels are smoothed */
    double factor;    /* what makes powers of `most` k exp(l - lse) */
} bl__entropy_piece;

/* Of one row in the block. */
typedef struct bl__entropy_row {
    int64_t place; /* among all rows */
    int64_t target;
    double target_logit;
    double share;      /* k */
    double most, part; /* M; k / sum */
} bl__entropy_row;

/* Loops over rows, of the width or of a block's lanes, in one dtype. */
typedef struct bl__entropy_functions {
    /* A chunk's rows of logits, to which the bias (NULL: none) is added, become powers. Goes on with the
     * lanes' pieces; scales[lane] receives what made of the old `most` is to be multiplied with. */
    void (*powers)(int64_t n, int64_t lanes, void *logits, const void *bias, bl__entropy_piece *pieces,
                   double *scales, bool totals, bl__tile exp_tile);
    /* Powers to the gradients of their logits: factor * power - shift of each lane. */
    void (*gradients)(int64_t n, int64_t lanes, void *powers, const double *factors, const double *shifts);
    double (*get)(const void *from, int64_t i);
    void (*less)(void *from, int64_t i, double amount);
    /* Rows to lanes; those beyond are 0. */
    void (*turn)(int64_t rows, int64_t lanes, int64_t width, const void *x, void *turned);
    void (*scale)(int64_t n, void *row, double factor);
    void (*add)(int64_t n, void *sum, const void *row, double factor); /* sum += factor row */
    /* To each of n sums the first `count` lanes of its row. */
    void (*add_sums)(int64_t n, int64_t lanes, int64_t count, void *sums, const void *rows);
    void (*add_wide)(int64_t n, double *sum, const void *row);
    void (*subtract_wide)(int64_t n, void *sum, const double *row, double factor);
    void (*product)(const bl__product *product, const void *a, const void *b, void *c); /* direct_product.h */
} bl__entropy_functions;

typedef struct bl__entropy_plan {
    const bl__entropy_functions *f;
    bl__tile exp_tile;
    size_t bytes;
    int64_t rows, width, classes;
    int64_t block, chunk, chunks, parts;
    bool wants_dx, wants_dw, wants_db, keeps_powers;
    bool biased, weighted, smooths;
    bool pays;
    size_t rows_at, x_at, turned_at, pieces_at, mosts_at, powers_at, dx_at, sums_at; /* in the scratch */
} bl__entropy_plan;

/* What the parts of a block work on. `first` says that no block was before it. */
typedef struct bl__entropy_block {
    const bl__entropy_plan *plan;
    bl__entropy_row *rows;
    char *x, *turned;          /* [count, width], [width, lanes] */
    bl__entropy_piece *pieces; /* of the parts, `plan->block` rows each */
    double *mosts;             /* of the chunks, likewise: those that their powers are of */
    char *powers, *dx;
    double *sums; /* of the weight's rows in each part */
    int64_t count, lanes;
    bool first;
} bl__entropy_block;

/* Parts of an instruction (parallel.h) whose work is a block: its logits become powers, and what is to become
 * dx is summed; and when all losses are known, powers become gradients of logits, and are added to dw and
 * db. */
void bl__entropy_raise(const bl__call *call, const void *work, int64_t part, int worker);
void bl__entropy_flow(const bl__call *call, const void *work, int64_t part, int worker);

/* A row's dx, to where it belongs. */
void bl__entropy_finish_dx(const bl__call *call, const bl__entropy_block *b, int64_t r);

/* Chunk c's number of classes. */
static inline int64_t bl__entropy_chunk_width(const bl__entropy_plan *plan, int64_t c)
{
    int64_t left = plan->classes - c * plan->chunk;
    return left < plan->chunk ? left : plan->chunk;
}

static inline int64_t bl__entropy_part_begin(const bl__entropy_plan *plan, int64_t part)
{
    return part * plan->chunks / plan->parts;
}

/* Row i of an input or output that has a row of the width for each class. */
static inline char *bl__entropy_row_at(const bl__entropy_plan *plan, const bl__operand *operand, int64_t i)
{
    return bl__at(operand->data, plan->bytes, i * plan->width);
}

static inline char *bl__entropy_powers(const bl__entropy_block *b, int64_t slot)
{
    return bl__at(b->powers, b->plan->bytes, slot * b->plan->block * b->plan->chunk);
}

#endif
