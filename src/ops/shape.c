/* Ops that give the same elements another shape or order, as views: reshape, permute, expand. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* The shape in the attributes of reshape and expand. */
static bl_shape shape_of(const void *attributes)
{
    const bl__reshape_attributes *to = attributes;
    return bl_shape_of((int)to->rank, to->size);
}

/* Applies reshape or expand; the shape's rank is in 0..8. */
static bl_tensor *apply(const bl_op *op, bl_tensor *x, bl_shape shape)
{
    bl__reshape_attributes attributes = {.rank = shape.rank};
    for (int d = 0; d < shape.rank; d++)
        attributes.size[d] = shape.size[d];
    return bl__apply_1(op, x, &attributes);
}

/* Whether a shape can be asked for, sizes of at least `least`; reported when not. */
static bool check(const char *op, const bl_tensor *x, bl_shape shape, int64_t least)
{
    bool valid = shape.rank >= 0 && shape.rank <= BL_MAX_RANK;
    for (int d = 0; valid && d < shape.rank; d++)
        valid = shape.size[d] >= least;
    if (!valid)
        bl__fail(bl__graph_of(x), BL_ERR_SHAPE, op,
                 "the shape %s has a rank outside 0..%d or a size below %d", BL__SHAPE_TEXT(shape),
                 BL_MAX_RANK, (int)least);
    return valid;
}

/* A tensor of any dtype: mostly floats. */
static bl_tensor *sample_any(bl_sampler *sampler, bl_shape shape)
{
    if (bl__sample_chance(sampler, 8))
        return bl_sample_bools(sampler, shape);
    if (bl__sample_chance(sampler, 8))
        return bl_sample_indices(sampler, shape, -9, 9);
    return bl_sample_real(sampler, shape, -1, 1);
}

/* ---- reshape ---- */

static bl_status reshape_infer(bl_infer_call *call)
{
    bl_shape to = shape_of(call->attributes), from = bl__shape_in(call, 0);
    if (bl_shape_count(to) != bl_shape_count(from))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s has %lld elements, which %s cannot take",
                             BL__SHAPE_TEXT(from), (long long)bl_shape_count(from), BL__SHAPE_TEXT(to));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), to);
}

bool bl__complete_shape(bl_shape *shape, int64_t count)
{
    int unknown = -1;
    bl_shape rest = *shape;
    for (int d = 0; d < shape->rank; d++) {
        if (shape->size[d] >= 0)
            continue;
        if (unknown >= 0)
            return false;
        unknown = d;
        rest.size[d] = 1;
    }
    if (unknown < 0)
        return true;
    int64_t others = bl_shape_count(rest);
    if (others <= 0 || count % others != 0)
        return false;
    shape->size[unknown] = count / others;
    return true;
}

bl_tensor *bl_reshape(bl_tensor *x, bl_shape shape)
{
    bl_shape whole = shape;
    if (!bl__known("reshape", x) || !check("reshape", x, shape, -1))
        return bl__refused(x);
    if (!bl__complete_shape(&whole, x->count))
        return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, "reshape", "no one size for -1 makes %s of %s",
                        BL__SHAPE_TEXT(shape), BL__SHAPE_TEXT(bl_tensor_shape(x)));
    return apply(&bl__op_reshape, x, whole);
}

static void reshape_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_reshape(call->cotangents[0], bl_tensor_shape(call->inputs[0]));
}

/* Axes of a layout that one stride can walk, as one. */
typedef struct run {
    int64_t size, stride;
} run;

/* Joins neighbouring axes where the outer stride is the inner one times its size; sizes of 1 vanish. */
static int join_axes(const bl_layout *layout, run *runs)
{
    int count = 0;
    for (int d = 0; d < layout->shape.rank; d++) {
        int64_t size = layout->shape.size[d], stride = layout->stride[d];
        if (size == 1)
            continue;
        if (count > 0 && runs[count - 1].stride == stride * size)
            runs[count - 1] = (run){runs[count - 1].size * size, stride};
        else
            runs[count++] = (run){size, stride};
    }
    return count;
}

/* The strides of a contiguous tensor without elements: any would do, these say that there is nothing to copy.
 */
static void lay_out_empty(bl_layout *output)
{
    int64_t product = 1;
    for (int d = output->shape.rank - 1; d >= 0; d--) {
        output->stride[d] = product;
        product = bl__multiply(product, output->shape.size[d], &product) && product > 0 ? product : 1;
    }
}

/* Cuts the output's axes, the last first, out of the runs; none may lie across the border of two. */
static bool reshape_view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    run runs[BL_MAX_RANK];
    int left = join_axes(input, runs);
    int64_t inside = 1; /* elements of the last run that have been given to axes */
    (void)attributes;
    *output = (bl_layout){.shape = shape, .offset = input->offset};
    if (bl_shape_count(shape) == 0) {
        lay_out_empty(output);
        return true;
    }
    for (int d = shape.rank - 1; d >= 0 && left > 0; d--) {
        run *last = &runs[left - 1];
        if (shape.size[d] == 1)
            continue;
        if (last->size % (inside * shape.size[d]) != 0)
            return false;
        output->stride[d] = last->stride * inside;
        inside *= shape.size[d];
        if (inside == last->size) {
            left--;
            inside = 1;
        }
    }
    return true;
}

static bl_tensor *reshape_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = sample_any(sampler, shape);
    switch (bl_sample_int(sampler, 0, 3)) {
    case 0:
        return bl_reshape(x, BL_SHAPE(bl_shape_count(shape)));
    case 1:
        return bl_shape_count(shape) > 0 ? bl_reshape(x, BL_SHAPE(1, -1, 1)) : bl_reshape(x, shape);
    case 2: /* the first two axes as one, or the other way round */
        if (shape.rank < 2)
            return bl_reshape(x, BL_SHAPE(1, bl_shape_count(shape)));
        shape.size[1] *= shape.size[0];
        shape.size[0] = 1;
        return bl_reshape(x, shape);
    default:
        for (int d = 0, n = shape.rank; d < n / 2; d++) {
            int64_t size = shape.size[d];
            shape.size[d] = shape.size[n - 1 - d];
            shape.size[n - 1 - d] = size;
        }
        return bl_reshape(x, shape);
    }
}

const bl_op bl__op_reshape = {BL__OP(reshape, 1),     .attributes_size = sizeof(bl__reshape_attributes),
                              .infer = reshape_infer, .vjp = reshape_vjp,
                              .view = reshape_view,   .sample = reshape_sample};

/* ---- permute ---- */

static bl_status permute_infer(bl_infer_call *call)
{
    const bl__permute_attributes *attributes = call->attributes;
    bl_shape from = bl__shape_in(call, 0), to = from;
    for (int d = 0; d < from.rank; d++)
        to.size[d] = from.size[attributes->axis[d]];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), to);
}

bl_tensor *bl_permute(bl_tensor *x, bl_axes axes)
{
    bl__permute_attributes attributes = {{0}};
    uint32_t seen = 0;
    if (!bl__known("permute", x))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    if (axes.count != x->rank)
        return bl__fail(graph, BL_ERR_ARGUMENT, "permute", "%d axes do not permute %s", axes.count,
                        BL__SHAPE_TEXT(bl_tensor_shape(x)));
    for (int d = 0; d < axes.count; d++) {
        int axis = axes.axis[d];
        if (!bl__find_axis("permute", x, &axis))
            return bl__refused(x);
        if (seen >> axis & 1u)
            return bl__fail(graph, BL_ERR_ARGUMENT, "permute", "axis %d is given twice", axes.axis[d]);
        seen |= 1u << axis;
        attributes.axis[d] = axis;
    }
    return bl__apply_1(&bl__op_permute, x, &attributes);
}

bl_tensor *bl_transpose(bl_tensor *x, int axis_a, int axis_b)
{
    if (!bl__known("transpose", x) || !bl__find_axis("transpose", x, &axis_a) ||
        !bl__find_axis("transpose", x, &axis_b))
        return bl__refused(x);
    bl_axes axes = {.count = x->rank};
    for (int d = 0; d < axes.count; d++)
        axes.axis[d] = d == axis_a ? axis_b : d == axis_b ? axis_a : d;
    return bl_permute(x, axes);
}

/* The inverse permutation. */
static void permute_vjp(bl_vjp_call *call)
{
    const bl__permute_attributes *attributes = call->attributes;
    bl_axes back = {.count = bl_tensor_shape(call->inputs[0]).rank};
    for (int d = 0; d < back.count; d++)
        back.axis[attributes->axis[d]] = d;
    call->gradients[0] = bl_permute(call->cotangents[0], back);
}

static bool permute_view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    const bl__permute_attributes *permutation = attributes;
    *output = (bl_layout){.shape = shape, .offset = input->offset};
    for (int d = 0; d < shape.rank; d++)
        output->stride[d] = input->stride[permutation->axis[d]];
    return true;
}

static bl_tensor *permute_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_axes axes = {.count = shape.rank};
    bl_tensor *x = sample_any(sampler, shape);
    for (int d = 0; d < shape.rank; d++) { /* a random permutation */
        int k = (int)bl_sample_int(sampler, 0, d);
        axes.axis[d] = axes.axis[k];
        axes.axis[k] = d;
    }
    for (int d = 0; d < shape.rank; d++)
        axes.axis[d] -= bl__sample_chance(sampler, 4) ? shape.rank : 0;
    return bl_permute(x, axes);
}

const bl_op bl__op_permute = {BL__OP(permute, 1),     .attributes_size = sizeof(bl__permute_attributes),
                              .infer = permute_infer, .vjp = permute_vjp,
                              .view = permute_view,   .sample = permute_sample};

/* ---- expand ---- */

static bl_status expand_infer(bl_infer_call *call)
{
    bl_shape to = shape_of(call->attributes), from = bl__shape_in(call, 0), both;
    if (!bl_shape_broadcast(from, to, &both) || !bl_shape_equal(both, to))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s does not broadcast to %s", BL__SHAPE_TEXT(from),
                             BL__SHAPE_TEXT(to));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), to);
}

bl_tensor *bl_expand(bl_tensor *x, bl_shape shape)
{
    if (!bl__known("expand", x) || !check("expand", x, shape, 0))
        return bl__refused(x);
    return apply(&bl__op_expand, x, shape);
}

static void expand_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_reduce_to(call->cotangents[0], bl_tensor_shape(call->inputs[0]));
}

static bool expand_view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    int added = shape.rank - input->shape.rank;
    (void)attributes;
    *output = (bl_layout){.shape = shape, .offset = input->offset};
    for (int d = added; d < shape.rank; d++)
        output->stride[d] = input->shape.size[d - added] == shape.size[d] ? input->stride[d - added] : 0;
    return true;
}

static bl_tensor *expand_sample(bl_sampler *sampler)
{
    bl_shape shape, other, both;
    bl_sample_broadcast(sampler, &shape, &other);
    bl_tensor *x = sample_any(sampler, shape);
    return bl_expand(x, bl_shape_broadcast(shape, other, &both) ? both : shape);
}

const bl_op bl__op_expand = {BL__OP(expand, 1),     .attributes_size = sizeof(bl__reshape_attributes),
                             .infer = expand_infer, .vjp = expand_vjp,
                             .view = expand_view,   .sample = expand_sample};
