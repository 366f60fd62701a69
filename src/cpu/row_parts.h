/* Private. Contiguous rows shared out among threads, block after block. */
#ifndef BOWLINE_CPU_ROW_PARTS_H
#define BOWLINE_CPU_ROW_PARTS_H

#include "cpu/parallel.h"

typedef struct bl__row_parts {
    int64_t rows, block; /* rows in all, and of a part */
    bool pays;
} bl__row_parts;

enum {
    BL__PART_ELEMENTS = 8192 /* of a part, about */
};

/* For prepare functions: `rows` of n elements that take so many nanoseconds each. */
static inline bl__row_parts bl__row_parts_of(const bl__call *call, int64_t rows, int64_t n,
                                             double nanoseconds)
{
    int64_t block = n >= BL__PART_ELEMENTS ? 1 : BL__PART_ELEMENTS / (n > 0 ? n : 1);
    return (bl__row_parts){.rows = rows,
                           .block = block,
                           .pays = rows > block &&
                                   bl__pays_for_threads(call, (double)rows * (double)n * nanoseconds)};
}

/* The rows of a part. */
static inline int64_t bl__part_first(const bl__row_parts *parts, int64_t part)
{
    return part * parts->block;
}

static inline int64_t bl__part_end(const bl__row_parts *parts, int64_t part)
{
    int64_t end = (part + 1) * parts->block;
    return end < parts->rows ? end : parts->rows;
}

/* Has all parts done. */
static inline void bl__do_row_parts(const bl__call *call, const bl__row_parts *parts, bl__part *part,
                                    const void *work)
{
    bl__parallel(call, parts->pays, (parts->rows + parts->block - 1) / parts->block, part, work);
}

#endif
