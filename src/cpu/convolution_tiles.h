/* Private. How a convolution is cut: tiles of places, what of one stands where, and the products over it. The
 * kernels are those of convolution.c, which says what W, X and Y are. */
#ifndef BOWLINE_CPU_CONVOLUTION_TILES_H
#define BOWLINE_CPU_CONVOLUTION_TILES_H

#include "cpu/gemm.h"
#include "cpu/im2col.h"

/* The plan of a convolution of x [N, in, ..] and weight [out, in / groups, ..] to y [N, out, ..]. */
typedef struct bl__convolution {
    bl__columns columns;
    int64_t groups;
    int64_t in, out;  /* channels of a group */
    int64_t k;        /* rows of X */
    int64_t image;    /* places of an image */
    int64_t images;   /* in a tile; 0: tiles lie within an image ... */
    int64_t tile;     /* ... and have as many places, the last fewer */
    int64_t tiles;    /* of a group */
    int64_t in_image; /* tiles that an image, or the images of a tile, are cut into */
    int64_t sums;     /* of DW */
    size_t bytes;
    size_t gemm_bytes, x_bytes, y_bytes; /* of scratch: for the product, X, and Y */
    size_t worker_bytes;                 /* and for all of one worker */
    bool f64, pays;
    bool direct; /* X is the tensor itself */
    bool padded; /* columns are those of a padded copy: `inside` is its geometry */
    bl__columns inside;
    size_t padded_bytes;
} bl__convolution;

/* Places first .. first + count - 1 of a group, and where their X and Y stand. */
typedef struct bl__convolution_tile {
    int64_t group, first, count;
    void *x, *y;
    bl__steps x_steps, y_steps;
    void *gemm;
    bl__run *runs;
    void *padded;
} bl__convolution_tile;

/* Makes the plan of a call whose operands, in or out, are x, weight and y. */
bl_status bl__convolution_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes,
                                  const bl__operand *x, const bl__operand *weight, const bl__operand *y);

/* Whether there is nothing to add up or nothing to add it to: then the result is zeros, and there are no
 * tiles. */
bool bl__convolution_is_empty(const bl__convolution *plan);

/* Tile `index` of a group, of tensors x and y, with the scratch of a worker. */
bl__convolution_tile bl__convolution_tile_at(const bl__convolution *plan, int64_t group, int64_t index,
                                             void *x, void *y, void *scratch, int worker);

/* Y = W X, X = W^T Y, and W = Y X^T, or W += Y X^T, of a tile. */
bl__product bl__convolution_forward_product(const bl__convolution *plan, const bl__convolution_tile *t);
bl__product bl__convolution_input_product(const bl__convolution *plan, const bl__convolution_tile *t);
bl__product bl__convolution_weight_product(const bl__convolution *plan, const bl__convolution_tile *t,
                                           bool add);

/* Brings Y of a tile out of y into its place, or back, unless that is y itself. */
void bl__convolution_move_y(const bl__convolution *plan, const bl__convolution_tile *t, void *y, bool back);

/* The same for X: read, and added to an x that the first tile of each image clears. */
void bl__convolution_read_x(const bl__convolution *plan, const bl__convolution_tile *t, void *x);
void bl__convolution_add_x(const bl__convolution *plan, const bl__convolution_tile *t, void *x, bool first);

#endif
