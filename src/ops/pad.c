/* pad: an axis made longer by a constant, or by its own elements. A constant is written by a kernel; the
 * other modes put slices of x around it. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- constant: amounts of 0 or more ---- */

static bl_status pad_infer(bl_infer_call *call)
{
    const bl__pad_attributes *pad = call->attributes;
    bl_shape shape = bl__shape_in(call, 0);
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    bl_status status = bl__require(call, 0, BL__COMPUTED);
    if (status != BL_OK)
        return status;
    if (!bl__holds(dtype, pad->value))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s cannot hold %.17g", bl_dtype_name(dtype), pad->value);
    for (int d = 0; d < shape.rank; d++)
        shape.size[d] += pad->before[d] + pad->after[d];
    return bl__infer_as(call, dtype, shape);
}

/* The cotangents of the elements that are x's. */
static void pad_vjp(bl_vjp_call *call)
{
    const bl__pad_attributes *pad = call->attributes;
    bl_shape x = bl_tensor_shape(call->inputs[0]);
    bl_tensor *g = call->cotangents[0];
    for (int d = 0; d < x.rank; d++) {
        if (pad->before[d] > 0 || pad->after[d] > 0)
            g = bl_slice(g, d, pad->before[d], pad->before[d] + x.size[d], 1);
    }
    call->gradients[0] = g;
}

static bl_tensor *pad_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5), before = {.rank = shape.rank}, after = before;
    bool integers = bl__sample_chance(sampler, 8);
    bl_pad_options options = {BL_PAD_CONSTANT, integers ? 3 : bl__sample_number(sampler, -1, 1)};
    bl_tensor *x =
        integers ? bl_sample_indices(sampler, shape, -9, 9) : bl_sample_real(sampler, shape, -1, 1);
    for (int d = 0; d < shape.rank; d++) {
        int64_t crop = shape.size[d] > 1 ? -1 : 0; /* one at each end, at most */
        before.size[d] = bl__sample_chance(sampler, 2) ? bl_sample_int(sampler, crop, 1) : 0;
        after.size[d] = bl__sample_chance(sampler, 2) ? bl_sample_int(sampler, crop, 1) : 0;
    }
    before.size[0] += shape.rank > 0 && bl__sample_chance(sampler, 2);
    return bl_pad_with(x, before, after, &options);
}

const bl_op bl__op_pad = {BL__OP(pad, 1), .attributes_size = sizeof(bl__pad_attributes), .infer = pad_infer,
                          .vjp = pad_vjp, .sample = pad_sample};

/* x without the elements that amounts below 0 cut off, and those amounts made 0; the invalid tensor,
 * reported, where they cut off more than there is. */
static bl_tensor *crop(bl_tensor *x, bl_shape *before, bl_shape *after)
{
    for (int d = 0; d < before->rank && bl_tensor_valid(x); d++) {
        int64_t size = bl_tensor_shape(x).size[d];
        int64_t first = before->size[d] < 0 ? before->size[d] : 0,
                last = after->size[d] < 0 ? after->size[d] : 0;
        if (first < -size || last < -size - first)
            return bl__fail(
                bl__graph_of(x), BL_ERR_SHAPE, "pad", "amounts of %lld and %lld cut axis %d of %s too short",
                (long long)before->size[d], (long long)after->size[d], d, BL__SHAPE_TEXT(bl_tensor_shape(x)));
        if (first < 0 || last < 0)
            x = bl_slice(x, d, -first, size + last, 1);
        before->size[d] -= first;
        after->size[d] -= last;
    }
    return x;
}

static bl_tensor *pad_constant(bl_tensor *x, bl_shape before, bl_shape after, double value)
{
    bl__pad_attributes attributes = {.value = value};
    x = crop(x, &before, &after);
    for (int d = 0; d < before.rank; d++) {
        attributes.before[d] = before.size[d];
        attributes.after[d] = after.size[d];
    }
    return bl__apply_1(&bl__op_pad, x, &attributes);
}

/* ---- the modes that take elements of x ---- */

/* The elements before (or after) an axis: `count` of them. */
static bl_tensor *border(bl_tensor *x, int axis, int64_t count, bool after, bl_pad_mode mode)
{
    bl_shape shape = bl_tensor_shape(x);
    int64_t size = shape.size[axis], start = after ? 0 : size - count;
    if (mode == BL_PAD_CIRCULAR)
        return bl_slice(x, axis, start, start + count, 1);
    if (mode == BL_PAD_REFLECT) {
        start = after ? size - 1 - count : 1;
        return bl_flip(bl_slice(x, axis, start, start + count, 1), BL_AXES(axis));
    }
    start = after ? size - 1 : 0;
    return bl_expand(bl_slice(x, axis, start, start + 1, 1), bl__shape_with(shape, axis, count));
}

static bl_tensor *pad_axis(bl_tensor *x, int axis, int64_t before, int64_t after, bl_pad_mode mode)
{
    bl_tensor *parts[3];
    size_t count = 0;
    if (before > 0)
        parts[count++] = border(x, axis, before, false, mode);
    parts[count++] = x;
    if (after > 0)
        parts[count++] = border(x, axis, after, true, mode);
    return count > 1 ? bl_concat(parts, count, axis) : x;
}

/* Whether an axis has the elements for an amount; reported when not. */
static bool has_elements(const bl_tensor *x, int axis, int64_t amount, bl_pad_mode mode)
{
    int64_t size = x->size[axis];
    int64_t most = mode == BL_PAD_REFLECT                 ? size - 1
                   : mode == BL_PAD_CIRCULAR || size == 0 ? size
                                                          : INT64_MAX;
    if (amount >= 0 && (amount == 0 || amount <= most))
        return true;
    if (amount < 0)
        bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, "pad",
                 "the amount %lld cuts off, which only a constant does", (long long)amount);
    else
        bl__fail(bl__graph_of(x), BL_ERR_SHAPE, "pad",
                 "axis %d of %s has at most %lld elements to go on with, not %lld", axis,
                 BL__SHAPE_TEXT(bl_tensor_shape(x)), (long long)(most > 0 ? most : 0), (long long)amount);
    return false;
}

static bl_tensor *pad_by_elements(bl_tensor *x, bl_shape before, bl_shape after, bl_pad_mode mode)
{
    for (int d = 0; d < before.rank; d++) {
        if (!has_elements(x, d, before.size[d], mode) || !has_elements(x, d, after.size[d], mode))
            return bl__refused(x);
    }
    for (int d = 0; d < before.rank && bl_tensor_valid(x); d++)
        x = pad_axis(x, d, before.size[d], after.size[d], mode);
    return x;
}

/* ---- the builders ---- */

/* Whether amounts give a shape that can be; reported when not. */
static bool check_amounts(const bl_tensor *x, bl_shape before, bl_shape after)
{
    bl_shape whole = bl_tensor_shape(x);
    if (before.rank != x->rank || after.rank != x->rank) {
        bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, "pad", "amounts for %d and %d axes do not fit %s",
                 before.rank, after.rank, BL__SHAPE_TEXT(whole));
        return false;
    }
    for (int d = 0; d < whole.rank; d++) {
        int64_t front = before.size[d] > 0 ? before.size[d] : 0, back = after.size[d] > 0 ? after.size[d] : 0;
        if (front > INT64_MAX - back || front + back > INT64_MAX - whole.size[d]) {
            bl__fail(bl__graph_of(x), BL_ERR_OVERFLOW, "pad", "axis %d grows too long", d);
            return false;
        }
        whole.size[d] += front + back;
    }
    return bl__possible("pad", x, whole);
}

bl_pad_options bl_pad_defaults(void)
{
    return (bl_pad_options){.mode = BL_PAD_CONSTANT, .value = 0};
}

bl_tensor *bl_pad(bl_tensor *x, bl_shape before, bl_shape after)
{
    return bl_pad_with(x, before, after, NULL);
}

bl_tensor *bl_pad_with(bl_tensor *x, bl_shape before, bl_shape after, const bl_pad_options *options)
{
    bl_pad_options chosen = options ? *options : bl_pad_defaults();
    if (!bl__known("pad", x) || !check_amounts(x, before, after))
        return bl__refused(x);
    switch (chosen.mode) {
    case BL_PAD_CONSTANT:
        return pad_constant(x, before, after, chosen.value);
    case BL_PAD_REFLECT:
    case BL_PAD_REPLICATE:
    case BL_PAD_CIRCULAR:
        return pad_by_elements(x, before, after, chosen.mode);
    default:
        return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, "pad", "there is no mode %d", (int)chosen.mode);
    }
}
