/* Standardised rows over the last axes by hand, in three steps, each of which takes what the one before has
 * made: the rows themselves, with d = x - mean(x) and v = mean(d^2) or var(x), or d = x and v = mean(x^2),
 *
 *     d rsqrt(v + eps)        d / sqrt(v + eps)        d (1 / sqrt(v + eps))        d (v + eps)^(-1/2)
 *
 * then times a weight, then plus a bias, of the shape of a row. So layer_norm and rms_norm are found, and
 * whatever part of them there is. Squares in f32 that overflow by hand do not in the op, which sums in f64.
 */
#include "ops/reduced.h"
#include "ops/registry.h"
#include "ops/spelling_parts.h"
#include "ops/spellings.h"

#include <math.h>

/* ---- rows ---- */

static double scalar_of(const bl__node *node)
{
    return ((const bl__scalar_attributes *)bl__attributes(node))->value;
}

/* The mean over kept axes: what it is the mean of, or NULL. */
static bl_tensor *mean_of(bl__match *match, const bl_tensor *tensor, uint32_t *axes)
{
    const bl_op *op = tensor->node->op == &bl__op_mul_scalar ? &bl__op_mul_scalar : &bl__op_div_scalar;
    const bl_tensor *kept = tensor;
    if (tensor->node->op == &bl__op_reshape && bl__match_inner(match, tensor, &bl__op_reshape))
        kept = tensor->node->inputs[0];
    const bl__node *scaled = bl__match_inner(match, kept, op);
    const bl__node *sum = scaled ? bl__match_inner(match, scaled->inputs[0], &bl__op_sum) : NULL;
    if (!sum)
        return NULL;
    const bl__reduce_attributes *reduce = bl__attributes(sum);
    bl_shape x = bl_tensor_shape(sum->inputs[0]);
    double count = bl__reduced_count(x, reduce->axes), number = scalar_of(scaled);
    if (number != (op == &bl__op_div_scalar ? count : 1 / count) || reduce->axes == 0 ||
        (*axes != 0 && reduce->axes != *axes) ||
        !bl_shape_equal(bl_tensor_shape(tensor), bl__reduced_shape(x, reduce->axes, true)))
        return NULL;
    *axes = reduce->axes;
    return sum->inputs[0];
}

/* The d of d^2, or NULL. */
static bl_tensor *root_of(bl__match *match, const bl_tensor *tensor)
{
    const bl__node *node = tensor->node;
    bool squares = node->op == &bl__op_square ||
                   (node->op == &bl__op_mul && node->inputs[0] == node->inputs[1]) ||
                   (node->op == &bl__op_pow_scalar && scalar_of(node) == 2);
    return squares && bl__match_inner(match, tensor, node->op) ? node->inputs[0] : NULL;
}

/* The x of x - mean(x), or NULL. */
static bl_tensor *centered(bl__match *match, const bl_tensor *tensor, uint32_t *axes)
{
    const bl__node *sub = bl__match_inner(match, tensor, &bl__op_sub);
    return sub && mean_of(match, sub->inputs[1], axes) == sub->inputs[0] ? sub->inputs[0] : NULL;
}

/* The v of v + eps, or NULL. */
static const bl_tensor *without_eps(bl__match *match, const bl_tensor *tensor, double *eps)
{
    const bl__node *node = bl__match_inner(match, tensor, &bl__op_add_scalar);
    if (node) {
        *eps = scalar_of(node);
        return node->inputs[0];
    }
    node = bl__match_inner(match, tensor, &bl__op_add);
    for (int i = 0; node && i < 2; i++) {
        *eps = bl__match_number(node->inputs[i]);
        if (!isnan(*eps) && bl_shape_equal(bl_tensor_shape(node->inputs[1 - i]), bl_tensor_shape(tensor)))
            return node->inputs[1 - i];
    }
    return NULL;
}

/* The v of sqrt(v), or NULL. */
static const bl_tensor *squared(bl__match *match, const bl_tensor *tensor)
{
    const bl__node *node = bl__match_inner(match, tensor, tensor->node->op);
    if (!node || !(node->op == &bl__op_sqrt || (node->op == &bl__op_pow_scalar && scalar_of(node) == 0.5)))
        return NULL;
    return node->inputs[0];
}

/* The v of 1 / sqrt(v), or NULL. */
static const bl_tensor *inverse_squared(bl__match *match, const bl_tensor *tensor)
{
    const bl__node *node = bl__match_inner(match, tensor, tensor->node->op);
    if (!node)
        return NULL;
    if (node->op == &bl__op_rsqrt || (node->op == &bl__op_pow_scalar && scalar_of(node) == -0.5))
        return node->inputs[0];
    if (node->op == &bl__op_reciprocal || (node->op == &bl__op_scalar_div && scalar_of(node) == 1))
        return squared(match, node->inputs[0]);
    return NULL;
}

/* x, and whether its mean is taken off, of d and v; NULL where they do not belong together. */
static bl_tensor *rows_of(bl__match *match, bl_tensor *d, const bl_tensor *variance, uint32_t *axes,
                          bool *is_centered)
{
    size_t inner = match->inner_count;
    bl_tensor *x = NULL, *root = NULL, *squares;
    *is_centered = true;
    const bl__node *var = bl__match_kept(match, variance, &bl__op_var, axes);
    if (var)
        x = ((const bl__var_attributes *)bl__attributes(var))->correction == 0 ? var->inputs[0] : NULL;
    if (var)
        return x && centered(match, d, axes) == x ? x : NULL;
    match->inner_count = inner;
    squares = mean_of(match, variance, axes);
    root = squares ? root_of(match, squares) : NULL;
    if (!root)
        return NULL;
    inner = match->inner_count;
    x = centered(match, root, axes);
    if (x && centered(match, d, axes) == x)
        return x;
    match->inner_count = inner;
    *is_centered = false;
    return root == d ? d : NULL;
}

/* d and v + eps. */
static bool match_rows(bl__match *match, bl_tensor *d, const bl_tensor *sum)
{
    bl__standardize_attributes attributes = {.eps = 0};
    uint32_t axes = 0;
    bool is_centered = false;
    const bl_tensor *variance = sum ? without_eps(match, sum, &attributes.eps) : NULL;
    bl_tensor *x = variance ? rows_of(match, d, variance, &axes, &is_centered) : NULL;
    if (!x || !(attributes.eps >= 0) || isinf(attributes.eps) ||
        !bl_shape_equal(bl_tensor_shape(x), bl_tensor_shape(d)))
        return false;
    for (int i = x->rank - 1; i >= 0 && (axes >> i & 1u); i--)
        attributes.axes++;
    if (axes != ((1u << attributes.axes) - 1) << (x->rank - attributes.axes))
        return false;
    attributes.centered = is_centered;
    bl__match_op(match, &bl__op_standardize, &attributes);
    match->inputs[match->input_count++] = x;
    return true;
}

bool bl__spelling_standardize(const bl__node *mul, bl__match *match)
{
    for (int side = 0; side < 2; side++) {
        match->inner_count = 0;
        if (match_rows(match, mul->inputs[side], inverse_squared(match, mul->inputs[1 - side])))
            return true;
    }
    return false;
}

bool bl__spelling_standardize_div(const bl__node *div, bl__match *match)
{
    return match_rows(match, div->inputs[0], squared(match, div->inputs[1]));
}

/* ---- weight and bias ---- */

/* Whether a tensor has the shape of the rows of x. */
static bool is_row(const bl_tensor *tensor, const bl_tensor *x, int64_t axes)
{
    bool same = tensor->rank == axes && tensor->dtype == x->dtype;
    for (int d = 0; d < axes && same; d++)
        same = tensor->size[d] == x->size[x->rank - axes + d];
    return same;
}

/* The rows of input `side`, and the other input as weight or bias. */
static bool match_affine(bl__match *match, const bl__node *node, int side, bool is_bias)
{
    const bl_tensor *y = node->inputs[side];
    match->inner_count = 0;
    const bl__node *rows = bl__match_inner(match, y, &bl__op_standardize);
    if (!rows || y->output != 0)
        return false;
    bl__standardize_attributes attributes = *(const bl__standardize_attributes *)bl__attributes(rows);
    bool taken = attributes.biased || (!is_bias && attributes.weighted);
    if (taken || node->inputs[1 - side]->node == rows ||
        !is_row(node->inputs[1 - side], rows->inputs[0], attributes.axes))
        return false;
    attributes.weighted |= !is_bias;
    attributes.biased |= is_bias;
    bl__match_op(match, &bl__op_standardize, &attributes);
    for (size_t i = 0; i < rows->input_count; i++)
        match->inputs[match->input_count++] = rows->inputs[i];
    match->inputs[match->input_count++] = node->inputs[1 - side];
    return true;
}

bool bl__spelling_weight(const bl__node *mul, bl__match *match)
{
    return match_affine(match, mul, 0, false) || match_affine(match, mul, 1, false);
}

bool bl__spelling_bias(const bl__node *add, bl__match *match)
{
    return match_affine(match, add, 0, true) || match_affine(match, add, 1, true);
}
