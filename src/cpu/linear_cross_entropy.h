/* Private. What the files of linear_cross_entropy share (linear_cross_entropy.c says how it goes): its plan,
 * a block of rows, and the two passes over the parts of a block. */
#ifndef BOWLINE_CPU_LINEAR_CROSS_ENTROPY_H
#define BOWLINE_CPU_LINEAR_CROSS_ENTROPY_H

#include "cpu/gemm.h"
#include "cpu/loop.h"

enum {
    BL__ENTROPY_X,
    BL__ENTROPY_WEIGHT,
    BL__ENTROPY_TARGETS,
    BL__ENTROPY_OPTIONAL, /* bias, row weights */
    BL__ENTROPY_LOSS = 0, /* outputs */
    BL__ENTROPY_DX,
    BL__ENTROPY_DW,
    BL__ENTROPY_DB,
    BL__ENTROPY_ROWS = 256, /* of a block at most */
    BL__ENTROPY_PARTS = 8,  /* of classes at most, and of a block's rows */
    BL__ENTROPY_UNIT = 12   /* classes: twice the rows of the widest tiles, so that these leave no rest */
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
    double share; /* k */
} bl__entropy_row;

/* Loops over rows, of the width or of a block's lanes, in one dtype. */
typedef struct bl__entropy_functions {
    /* A chunk's rows of logits, to which the bias (NULL: none) is added, become powers. Goes on with the
     * lanes' pieces. Whether `most` moved anywhere: scales[lane] receives what made of the old one is to be
     * multiplied with. */
    bool (*powers)(int64_t n, int64_t lanes, void *logits, const void *bias, bl__entropy_piece *pieces,
                   double *scales);
    /* Adds them up, before they are powers. */
    void (*add_totals)(int64_t n, int64_t lanes, const void *logits, const void *bias,
                       bl__entropy_piece *pieces);
    void (*rescale)(int64_t n, int64_t lanes, void *powers, const double *scales);
    /* To each of n sums the first `count` lanes of its row, times their factors. */
    void (*add_sums)(int64_t n, int64_t lanes, int64_t count, void *sums, const void *powers,
                     const double *factors);
    double (*get)(const void *from, int64_t i);
    void (*less)(void *from, int64_t i, double amount);
    /* Rows to lanes; those beyond are 0. */
    void (*turn)(int64_t rows, int64_t lanes, int64_t width, const void *x, void *turned);
    void (*scale)(int64_t n, void *to, const void *row, double factor); /* to = factor row */
    void (*add)(int64_t n, void *sum, const void *row, double factor);  /* sum += factor row */
    void (*add_wide)(int64_t n, double *sum, const void *row, double factor);
    void (*subtract_wide)(int64_t n, void *sum, const double *row, double factor);
    void (*product)(const bl__product *product, const void *a, const void *b, void *c); /* direct_product.h */
} bl__entropy_functions;

typedef struct bl__entropy_plan {
    const bl__entropy_functions *f;
    size_t bytes;
    int64_t rows, width, classes;
    int64_t block, chunk, chunks, parts; /* rows of a block, classes of a chunk: at most */
    bool wants_dx, wants_dw, wants_db, keeps_powers;
    bool biased, weighted, smooths;
    bool pays;
    size_t rows_at, x_at, turned_at, pieces_at, mosts_at, powers_at, dx_at, sums_at; /* in the scratch */
    size_t scaled_at, shift_at;
} bl__entropy_plan;

/* What the parts of a block work on. `first` says that no block was before it. */
typedef struct bl__entropy_block {
    const bl__entropy_plan *plan;
    bl__entropy_row *rows;
    char *x, *turned;          /* [count, width], [width, lanes] */
    bl__entropy_piece *pieces; /* of the parts, `plan->block` rows each */
    double *mosts;             /* of the chunks, likewise: those that their powers are of */
    char *powers, *dx;
    double *sums;      /* of the weight's rows in each part */
    char *scaled;      /* [count, width] of each worker: x times a part's factors */
    double *shift;     /* [width]: what comes off each row of dw where labels are smoothed */
    double bias_shift; /* and off db */
    int64_t count, lanes;
    bool first;
} bl__entropy_block;

/* A part of the instruction (parallel.h) whose work is a block: its logits become powers, and what is to
 * become dx is summed. */
void bl__entropy_raise(const bl__call *call, const void *work, int64_t part, int worker);

/* When all pieces have their factors: a part of the block's powers is added to dw and db; and dx of a part
 * of its rows goes to where it belongs. */
void bl__entropy_flow(const bl__call *call, const bl__entropy_block *b, int64_t part, int worker);
void bl__entropy_finish(const bl__call *call, const bl__entropy_block *b, int64_t part);

/* Where chunk c begins: classes are cut in whole units into chunks that differ by one at most. */
static inline int64_t bl__entropy_chunk_begin(const bl__entropy_plan *plan, int64_t c)
{
    int64_t units = (plan->classes + BL__ENTROPY_UNIT - 1) / BL__ENTROPY_UNIT;
    int64_t begin = c * units / plan->chunks * BL__ENTROPY_UNIT;
    return begin < plan->classes ? begin : plan->classes;
}

static inline int64_t bl__entropy_chunk_width(const bl__entropy_plan *plan, int64_t c)
{
    return bl__entropy_chunk_begin(plan, c + 1) - bl__entropy_chunk_begin(plan, c);
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
