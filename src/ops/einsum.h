/* Private. What subscripts such as "bij,bjk->bik" say: read from text, then compared with operands.
 *
 * An index is a label: 0..51 for the letters A..Z, a..z, and from 52 on the axes that an ellipsis stands for,
 * counted from its last, so that those of two operands meet as shapes that broadcast do. */
#ifndef BOWLINE_OPS_EINSUM_H
#define BOWLINE_OPS_EINSUM_H

#include "bowline/op.h"

enum {
    BL__EINSUM_LETTERS = 52,
    BL__EINSUM_LABELS = BL__EINSUM_LETTERS + BL_MAX_RANK
};

/* One term as it is written. */
typedef struct bl__einsum_term {
    int count;
    int label[BL_MAX_RANK]; /* of its letters */
    int before;             /* letters before the ellipsis; -1 when there is none */
} bl__einsum_term;

/* Where the reading of the text has come to; `problem` says why it ended there. */
typedef struct bl__einsum_reader {
    const char *text;
    size_t at;
    const char *problem;
} bl__einsum_reader;

typedef enum bl__einsum_end {
    BL__EINSUM_WRONG,
    BL__EINSUM_COMMA,
    BL__EINSUM_ARROW,
    BL__EINSUM_END
} bl__einsum_end;

/* Reads a term and what ends it. */
bl__einsum_end bl__einsum_read(bl__einsum_reader *reader, bl__einsum_term *term);

/* The labels of a tensor's axes. */
typedef struct bl__einsum_axes {
    int count;
    int label[BL_MAX_RANK];
} bl__einsum_axes;

/* The axes of a tensor of rank `rank` that a term names; false when they are not as many. */
bool bl__einsum_axes_of(const bl__einsum_term *term, int rank, bl__einsum_axes *axes);

/* All that subscripts and operands say together. */
typedef struct bl__einsum {
    int64_t size[BL__EINSUM_LABELS]; /* that all operands broadcast to; -1 where none has the label */
    int times[BL__EINSUM_LABELS];    /* how often the operands name it */
    int ellipsis;                    /* the most axes that an ellipsis stands for */
    bl__einsum_axes output;
} bl__einsum;

/* Reads the subscripts and compares them with the operands: BL_OK, or the error reported. */
bl_status bl__einsum_bind(bl_infer_call *call, const char *subscripts, bl__einsum *einsum);

/* Records the sum of products, on operands for which the subscripts have been bound. */
bl_tensor *bl__einsum_contract(bl_graph *graph, const bl__einsum *einsum, const char *subscripts,
                               bl_tensor *const *operands, size_t count);

#endif
