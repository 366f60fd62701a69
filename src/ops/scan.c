/* Scans along an axis: cumsum, cumprod, and the linear recurrence that cumprod's derivative is.
 *
 * Each runs from the first element, or, where `reverse`, from the last: its derivative runs the other way. In
 * the formulas i - 1 is the element before i in the scan's direction. */
#include "ops/scan.h"
#include "bowline/ops.h"
#include "ops/sampler.h"

/* ---- what they share ---- */

static bl_status infer(bl_infer_call *call)
{
    return bl__infer_numbers(call);
}

static bl_tensor *apply(const bl_op *op, bl_tensor *x, int axis)
{
    if (!bl__known(op->name, x) || !bl__find_axis(op->name, x, &axis))
        return bl__refused(x);
    bl__scan_attributes attributes = {.axis = axis};
    return bl__apply_1(op, x, &attributes);
}

static int axis_of(const bl_vjp_call *call)
{
    return (int)((const bl__scan_attributes *)call->attributes)->axis;
}

static bool is_reverse(const bl_vjp_call *call)
{
    return ((const bl__scan_attributes *)call->attributes)->reverse != 0;
}

/* Element i becomes element i - 1; the first, before which there is none, becomes `border`. */
static bl_tensor *shifted(bl_tensor *x, int axis, bool reverse, double border)
{
    bl_graph *graph = bl__graph_of(x);
    if (!bl_tensor_valid(x))
        return bl__refused(x);
    bl_shape shape = bl_tensor_shape(x);
    int64_t size = shape.size[axis];
    if (size == 0)
        return x;
    bl_tensor *first = bl_full(graph, bl_tensor_dtype(x), bl__shape_with(shape, axis, 1), border);
    bl_tensor *rest = bl_slice(x, axis, reverse ? 1 : 0, reverse ? size : size - 1, 1);
    bl_tensor *parts[] = {reverse ? rest : first, reverse ? first : rest};
    return bl_concat(parts, 2, axis);
}

static bl__scan_attributes sample_scan(bl_sampler *sampler, bl_shape *shape)
{
    *shape = bl_sample_shape(sampler, 1, 5);
    return (bl__scan_attributes){.axis = bl_sample_int(sampler, 0, shape->rank - 1),
                                 .reverse = bl__sample_chance(sampler, 3)};
}

bl_tensor *bl__sample_with_zeros(bl_sampler *sampler, bl_shape shape)
{
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.3, 1.5);
    size_t leaves = bl__sampler_leaf_count(sampler);
    const bl__sample_leaf *leaf = leaves > 0 ? bl__sampler_leaf(sampler, leaves - 1) : NULL;
    int64_t zeros = bl__sample_chance(sampler, 2) ? bl_sample_int(sampler, 1, 3) : 0;
    for (int64_t i = 0; leaf && leaf->count > 0 && i < zeros; i++)
        leaf->values[bl_sample_int(sampler, 0, leaf->count - 1)] = 0;
    return x;
}

/* Either direction; the one that builders give, also by them. */
static bl_tensor *sample(bl_sampler *sampler, bl_tensor *x, const bl_op *op, bl__scan_attributes scan,
                         bl_tensor *(*build)(bl_tensor *x, int axis))
{
    int axis = (int)scan.axis - (bl__sample_chance(sampler, 2) ? (int)x->rank : 0);
    return scan.reverse ? bl__apply_1(op, x, &scan) : build(x, axis);
}

/* ---- cumsum: y_i = x_i + y_(i-1); the cotangents are summed the other way ---- */

bl_tensor *bl_cumsum(bl_tensor *x, int axis)
{
    return apply(&bl__op_cumsum, x, axis);
}

bl_tensor *bl__cumsum(bl_tensor *x, int axis, bool reverse)
{
    bl__scan_attributes attributes = {.axis = axis, .reverse = reverse};
    return bl__apply_1(&bl__op_cumsum, x, &attributes);
}

static void cumsum_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__cumsum(call->cotangents[0], axis_of(call), !is_reverse(call));
}

static bl_tensor *cumsum_sample(bl_sampler *sampler)
{
    bl_shape shape;
    bl__scan_attributes scan = sample_scan(sampler, &shape);
    bl_tensor *x = bl__sample_chance(sampler, 5) ? bl_sample_indices(sampler, shape, -9, 9)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    return sample(sampler, x, &bl__op_cumsum, scan, bl_cumsum);
}

const bl_op bl__op_cumsum = {BL__OP(cumsum, 1), .attributes_size = sizeof(bl__scan_attributes),
                             .infer = infer, .vjp = cumsum_vjp, .sample = cumsum_sample};

/* ---- cumprod: y_i = x_i y_(i-1), y_(-1) = 1 ----
 *
 * dx_i = sum_(k>=i) g_k prod_(j<=k, j!=i) x_j = (x_0 .. x_(i-1)) s_i  with  s_i = g_i + x_(i+1) s_(i+1):
 * no division, so that zeros need no care, and any order of derivative is made of the same two scans. */

static bl_tensor *recurrence(bl_tensor *a, bl_tensor *b, int axis, bool reverse)
{
    bl__scan_attributes attributes = {.axis = axis, .reverse = reverse};
    return bl__apply_2(&bl__op_recurrence, a, b, &attributes);
}

bl_tensor *bl_cumprod(bl_tensor *x, int axis)
{
    return apply(&bl__op_cumprod, x, axis);
}

bl_tensor *bl__cumprod(bl_tensor *x, int axis, bool reverse)
{
    bl__scan_attributes attributes = {.axis = axis, .reverse = reverse};
    return bl__apply_1(&bl__op_cumprod, x, &attributes);
}

bl_tensor *bl__cumprod_before(bl_tensor *x, int axis, bool reverse)
{
    return bl__cumprod(shifted(x, axis, reverse, 1), axis, reverse);
}

static void cumprod_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0];
    int axis = axis_of(call);
    bool reverse = is_reverse(call);
    bl_tensor *after = recurrence(call->cotangents[0], shifted(x, axis, !reverse, 0), axis, !reverse);
    call->gradients[0] = bl_mul(bl__cumprod_before(x, axis, reverse), after);
}

/* With zeros, on which the derivatives do not depend any less than on other numbers. */
static bl_tensor *cumprod_sample(bl_sampler *sampler)
{
    bl_shape shape;
    bl__scan_attributes scan = sample_scan(sampler, &shape);
    bl_tensor *x = bl__sample_chance(sampler, 5) ? bl_sample_indices(sampler, shape, -2, 2)
                                                 : bl__sample_with_zeros(sampler, shape);
    return sample(sampler, x, &bl__op_cumprod, scan, bl_cumprod);
}

const bl_op bl__op_cumprod = {BL__OP(cumprod, 1), .attributes_size = sizeof(bl__scan_attributes),
                              .infer = infer, .vjp = cumprod_vjp, .sample = cumprod_sample};

/* ---- recurrence: y_i = a_i + b_i y_(i-1), y_(-1) = 0, of two tensors of one shape ----
 *
 * With s_i = g_i + b_(i+1) s_(i+1):  da = s,  db_i = s_i y_(i-1). */

enum {
    A,
    B
};

static bl_status recurrence_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B);
    if (!bl_shape_equal(a, b) || a.rank == 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s and %s are not of one shape with an axis",
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    return bl__infer_reals(call);
}

static void recurrence_vjp(bl_vjp_call *call)
{
    int axis = axis_of(call);
    bool reverse = is_reverse(call);
    bl_tensor *s =
        recurrence(call->cotangents[0], shifted(call->inputs[B], axis, !reverse, 0), axis, !reverse);
    call->gradients[A] = s;
    if (call->needed[B])
        call->gradients[B] = bl_mul(s, shifted(call->outputs[0], axis, reverse, 0));
}

static bl_tensor *recurrence_sample(bl_sampler *sampler)
{
    bl_shape shape;
    bl__scan_attributes scan = sample_scan(sampler, &shape);
    bl_tensor *a = bl_sample_real(sampler, shape, -1, 1), *b = bl__sample_with_zeros(sampler, shape);
    return recurrence(a, b, (int)scan.axis, scan.reverse);
}

const bl_op bl__op_recurrence = {BL__OP(recurrence, 2), .attributes_size = sizeof(bl__scan_attributes),
                                 .infer = recurrence_infer, .vjp = recurrence_vjp,
                                 .sample = recurrence_sample};
