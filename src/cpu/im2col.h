/* Private. The matrix that makes a convolution a matrix product: a row for each input channel and element of
 * the kernel, a column for each place of the kernel, and in it the input's element there, 0 in the padding.
 */
#ifndef BOWLINE_CPU_IM2COL_H
#define BOWLINE_CPU_IM2COL_H

#include "bowline/tensor.h"

#include <stddef.h>

enum {
    BL__SPATIAL = 3,
    BL__COLUMNS_SLACK = 8 /* elements behind a matrix that may be written to as well */
};

/* What one group of channels of one convolution sees, with leading axes of 1 where it has fewer than three.
 * The places of all images are counted through, image after image, each row by row. */
typedef struct bl__columns {
    int64_t images;
    int64_t channels;          /* of the group */
    int64_t image;             /* elements from one image to the next */
    int64_t plane;             /* elements from one channel to the next */
    int64_t size[BL__SPATIAL]; /* of the input */
    int64_t kernel[BL__SPATIAL];
    int64_t places[BL__SPATIAL];
    int64_t stride[BL__SPATIAL], padding[BL__SPATIAL], dilation[BL__SPATIAL];
} bl__columns;

typedef struct bl__run bl__run;

/* Bytes that the functions below need for `runs`, with `count` columns. */
size_t bl__columns_runs(const bl__columns *c, int64_t count);

/* Columns first .. first + count - 1 of a group, into a matrix of `count` columns, row by row. `group` is how
 * many elements behind the beginning of `input` the group begins. */
void bl__im2col_f32(const bl__columns *c, int64_t first, int64_t count, const void *input, int64_t group,
                    bl__run *runs, void *columns);
void bl__im2col_f64(const bl__columns *c, int64_t first, int64_t count, const void *input, int64_t group,
                    bl__run *runs, void *columns);

/* The transpose: adds each element of the columns to the element of the input that it is taken from. */
void bl__col2im_f32(const bl__columns *c, int64_t first, int64_t count, const void *columns, int64_t group,
                    bl__run *runs, void *input);
void bl__col2im_f64(const bl__columns *c, int64_t first, int64_t count, const void *columns, int64_t group,
                    bl__run *runs, void *input);

#endif
