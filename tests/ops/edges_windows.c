/* Rows of edges.h: convolutions, pooling, resampling. */
#include "bowline/pooling.h"
#include "edges.h"
#include "ops/rules.h"

/* Two spatial axes, the kernel at each place. */
static bl_tensor *convolve(const bl_op *op, bl_tensor *const *x, int64_t height, int64_t width)
{
    bl__convolution_attributes attributes = {
        .spatial = 2, .groups = 1, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .size = {height, width, 0}};
    return bl__apply(op, x, 2, &attributes);
}

static bl_tensor *of_plane(const bl_op *op, bl_tensor *const *x)
{
    bl__plane_attributes attributes = {.spatial = 1, .size = {edge_size('c')}};
    return bl__apply(op, x, 2, &attributes);
}

static bl_tensor *resample(const bl_op *op, bl_tensor *const *x, int64_t in, int64_t out)
{
    bl__window_attributes attributes = {.method = BL__WINDOW_LINEAR, .spatial = 1, .in = {in}, .out = {out}};
    return bl__apply(op, x, 1, &attributes);
}

/* clang-format off */
#define ROWS(X) \
    X(conv1d, ("r:ncl r:ocg r:o", "!r:11111ncl r:11111ocg r:o", "c=z l=! g=!", "----", "no"), bl_conv1d(x[0], x[1], x[2])) \
    X(conv2d, ("r:nchw r:ocgj r:o", "!r:1111nchw r:1111ocgj r:o", "c=z h=! w=! g=! j=!", "----", "no"), bl_conv2d(x[0], x[1], x[2])) \
    X(conv3d, ("r:ncdhw r:ocagj r:o", "!r:111ncdhw r:111ocagj r:o", "c=z d=! h=! w=! a=! g=! j=!", "----", "no"), bl_conv3d(x[0], x[1], x[2])) \
    X(conv_transpose1d, ("r:ncl r:cog r:o", "!r:11111ncl r:11111cog r:o", "c=z l=! g=!", "----", "no"), bl_conv_transpose1d(x[0], x[1], x[2])) \
    X(conv_transpose2d, ("r:nchw r:cogj r:o", "!r:1111nchw r:1111cogj r:o", "c=z h=! w=! g=! j=!", "----", "no"), bl_conv_transpose2d(x[0], x[1], x[2])) \
    X(conv_transpose3d, ("r:ncdhw r:coagj r:o", "!r:111ncdhw r:111coagj r:o", "c=z d=! h=! w=! a=! g=! j=!", "----", "no"), bl_conv_transpose3d(x[0], x[1], x[2])) \
    X(convolution, ("r:nchw r:ocgj", "!r:1111nchw r:1111ocgj", "c=0 h=! w=! g=! j=!", "---", "no"), convolve(&bl__op_convolution, x, 0, 0)) \
    X(convolution_input, ("r:nohw r:ocgj", "!r:1111nohw r:1111ocgj", "o=0 h=! w=! g=! j=!", "---", "nc"), convolve(&bl__op_convolution_input, x, edge_size('h') + edge_size('g') - 1, edge_size('w') + edge_size('j') - 1)) \
    X(convolution_weight, ("r:nchw r:noab", "!r:1111nchw r:1111noab", "n=0 h=! w=! a=! b=!", "---", "co"), convolve(&bl__op_convolution_weight, x, edge_size('h') - edge_size('a') + 1, edge_size('w') - edge_size('b') + 1)) \
    X(plane_gather, ("r:abc oc:abd", "r:11111abc oc:11111abd", "c=0", "---", NULL), of_plane(&bl__op_plane_gather, x)) \
    X(plane_scatter, ("r:abd oc:abd", "r:11111abd oc:11111abd", "d=0", "---", "ac"), of_plane(&bl__op_plane_scatter, x)) \
    X(resample, ("r:abc", "r:11111abc", "c=!", "-", "az"), resample(&bl__op_resample, x, edge_size('c'), edge_size('z'))) \
    X(resample_backward, ("r:abc", "r:11111abc", "c=0", "-", "az"), resample(&bl__op_resample_backward, x, edge_size('z'), edge_size('c')))

/* The builders that are made of these. */
#define LAST ("r:abc", "r:11111abc", "c=!", "-", NULL)
#define MORE(Y) \
    Y(max_pool1d, max_pool, LAST, bl_max_pool1d(x[0], 2)) \
    Y(max_pool2d, max_pool, ("r:abc", "r:11111abc", "b=! c=!", "-", NULL), bl_max_pool2d(x[0], 2)) \
    Y(avg_pool1d, resample, LAST, bl_avg_pool1d(x[0], 2)) \
    Y(adaptive_avg_pool1d, resample, ("r:abc", "r:11111abc", "c=!", "-", "az"), bl_adaptive_avg_pool1d(x[0], edge_argument(edge_size('z'), -1, -1))) \
    Y(upsample_nearest1d, resample, ("r:abc", "r:11111abc", "c=!", "-", "az"), bl_upsample_nearest1d(x[0], edge_argument(edge_size('z'), 0, -1))) \
    Y(upsample_bicubic, resample, ("r:abc", "r:11111abc", "b=! c=!", "-", "az"), bl_upsample_bicubic(x[0], 3, edge_argument(edge_size('z'), 0, -1), false))
/* clang-format on */

ROWS(EDGE_BUILD)
MORE(EDGE_BUILD_AS)

const edge_row edge_rows_windows[] = {ROWS(EDGE_ROW) MORE(EDGE_ROW_AS){0}};
