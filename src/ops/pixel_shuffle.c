/* pixel_shuffle and its inverse: reshapes around one permutation. */
#include "bowline/ops.h"
#include "graph/memory.h"
#include "ops/pooling_window.h"
#include "ops/rules.h"

/* x [leading .., channels, height, width], the leading axes folded into one. */
typedef struct picture {
    int64_t leading, channels, height, width;
} picture;

static bool take_picture(const char *op, const bl_tensor *x, int64_t factor, picture *p)
{
    if (!bl__known(op, x))
        return false;
    bl_shape shape = bl_tensor_shape(x), leading = shape;
    bl_graph *graph = bl__graph_of(x);
    leading.rank -= 3;
    if (shape.rank < 3)
        bl__fail(graph, BL_ERR_SHAPE, op, "%s is not [.., channels, height, width]", BL__SHAPE_TEXT(shape));
    else if (factor < 1 || factor > INT32_MAX)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the factor %lld is not in 1..%d", (long long)factor, INT32_MAX);
    else {
        *p = (picture){bl_shape_count(leading), shape.size[leading.rank], shape.size[leading.rank + 1],
                       shape.size[leading.rank + 2]};
        return true;
    }
    return false;
}

/* [leading, a, b, c, d, e] with the last five axes in another order, as `like` with three other last sizes.
 */
static bl_tensor *rearrange(bl_tensor *x, bl_shape parts, bl_axes order, const int64_t *last)
{
    bl_shape whole = bl__with_spatial(bl_tensor_shape(x), 3, last);
    return bl_reshape(bl_permute(bl_reshape(x, parts), order), whole);
}

static bl_tensor *indivisible(const char *op, bl_tensor *x, int64_t by)
{
    return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, op, "%s cannot be divided by %lld",
                    BL__SHAPE_TEXT(bl_tensor_shape(x)), (long long)by);
}

bl_tensor *bl_pixel_shuffle(bl_tensor *x, int64_t factor)
{
    picture p;
    if (!take_picture("pixel_shuffle", x, factor, &p))
        return bl__refused(x);
    int64_t r = factor, channels = p.channels / (r * r), last[] = {channels, 0, 0};
    if (p.channels % (r * r) != 0)
        return indivisible("pixel_shuffle", x, r * r);
    if (!bl__multiply(p.height, r, &last[1]) || !bl__multiply(p.width, r, &last[2]))
        return bl__fail(bl__graph_of(x), BL_ERR_OVERFLOW, "pixel_shuffle", "%s grows too long",
                        BL__SHAPE_TEXT(bl_tensor_shape(x)));
    bl_shape parts = BL_SHAPE(p.leading, channels, r, r, p.height, p.width);
    return rearrange(x, parts, BL_AXES(0, 1, 4, 2, 5, 3), last);
}

bl_tensor *bl_pixel_unshuffle(bl_tensor *x, int64_t factor)
{
    picture p;
    if (!take_picture("pixel_unshuffle", x, factor, &p))
        return bl__refused(x);
    int64_t r = factor, height = p.height / r, width = p.width / r, last[] = {0, height, width};
    if (p.height % r != 0 || p.width % r != 0)
        return indivisible("pixel_unshuffle", x, r);
    if (!bl__multiply(p.channels, r * r, &last[0]))
        return bl__fail(bl__graph_of(x), BL_ERR_OVERFLOW, "pixel_unshuffle", "%s grows too long",
                        BL__SHAPE_TEXT(bl_tensor_shape(x)));
    bl_shape parts = BL_SHAPE(p.leading, p.channels, height, r, width, r);
    return rearrange(x, parts, BL_AXES(0, 1, 3, 5, 2, 4), last);
}
