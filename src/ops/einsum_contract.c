/* How einsum is computed: operands lose what they alone are summed over, then two at a time are multiplied,
 * as matrices where an index is summed; always the two whose product is smallest. */
#include "bowline/ops.h"
#include "ops/einsum.h"
#include "ops/rules.h"

#include <math.h>
#include <string.h>

typedef uint64_t labels; /* a set: bit l for label l */

typedef struct operand {
    bl_tensor *x;
    bl__einsum_axes axes;
} operand;

static bool has(labels set, int label)
{
    return set >> label & 1u;
}

static labels set_of(const bl__einsum_axes *axes)
{
    labels set = 0;
    for (int d = 0; d < axes->count; d++)
        set |= (labels)1 << axes->label[d];
    return set;
}

/* The axes of which the labels are in a set, in their order. */
static bl__einsum_axes only(const bl__einsum_axes *axes, labels set)
{
    bl__einsum_axes some = {.count = 0};
    for (int d = 0; d < axes->count; d++) {
        if (has(set, axes->label[d]))
            some.label[some.count++] = axes->label[d];
    }
    return some;
}

static void append(bl__einsum_axes *axes, const bl__einsum_axes *more)
{
    for (int d = 0; d < more->count; d++)
        axes->label[axes->count++] = more->label[d];
}

static bl_tensor *reshape(bl_tensor *x, bl_shape shape)
{
    return bl_tensor_valid(x) && bl_shape_equal(bl_tensor_shape(x), shape) ? x : bl_reshape(x, shape);
}

/* ---- one operand ---- */

/* Of two axes with the same label only the diagonal stays, as the last axis. */
static void take_diagonal(operand *o, int first, int second)
{
    int label = o->axes.label[first], count = 0;
    o->x = bl_diagonal(o->x, 0, first, second);
    for (int d = 0; d < o->axes.count; d++) {
        if (d != first && d != second)
            o->axes.label[count++] = o->axes.label[d];
    }
    o->axes.label[count++] = label;
    o->axes.count = count;
}

/* Every label once. */
static void take_diagonals(operand *o)
{
    for (int second = 1; second < o->axes.count; second++) {
        for (int first = 0; first < second; first++) {
            if (o->axes.label[first] != o->axes.label[second])
                continue;
            take_diagonal(o, first, second);
            first = second = 0; /* from the beginning */
        }
    }
}

/* Axes of size 1 where the label has another size go: without them it broadcasts all the same. */
static void drop_broadcast(operand *o, const bl__einsum *einsum)
{
    bl_shape shape = {.rank = 0};
    labels kept = 0;
    for (int d = 0; d < o->axes.count; d++) {
        int64_t size = bl_tensor_valid(o->x) ? bl_tensor_shape(o->x).size[d] : 1;
        if (size != einsum->size[o->axes.label[d]])
            continue;
        shape.size[shape.rank++] = size;
        kept |= (labels)1 << o->axes.label[d];
    }
    o->x = reshape(o->x, shape);
    o->axes = only(&o->axes, kept);
}

/* Sums over the axes that nothing else needs. */
static void sum_rest(operand *o, labels needed)
{
    bl_axes axes = {.count = 0};
    for (int d = 0; d < o->axes.count; d++) {
        if (!has(needed, o->axes.label[d]))
            axes.axis[axes.count++] = d;
    }
    if (axes.count > 0)
        o->x = bl_sum(o->x, axes, false);
    o->axes = only(&o->axes, needed);
}

/* The operand's axes in another order. */
static bl_tensor *arrange(const operand *o, const bl__einsum_axes *order)
{
    bl_axes axes = {.count = order->count};
    bool same = true;
    for (int d = 0; d < order->count; d++) {
        for (int from = 0; from < o->axes.count; from++) {
            if (o->axes.label[from] == order->label[d])
                axes.axis[d] = from;
        }
        same = same && axes.axis[d] == d;
    }
    return same ? o->x : bl_permute(o->x, axes);
}

/* ---- two operands ---- */

/* The axes of two operands by what becomes of them. */
typedef struct groups {
    bl__einsum_axes batch, left, right, summed;
} groups;

/* Appends the sizes of axes to a shape, one by one or as their product; false when that overflows. */
static bool append_sizes(const bl__einsum *einsum, const bl__einsum_axes *axes, bool merged, bl_shape *shape)
{
    int64_t product = 1;
    for (int d = 0; d < axes->count; d++) {
        int64_t size = einsum->size[axes->label[d]];
        if (!merged)
            shape->size[shape->rank++] = size;
        else if (!bl__multiply(product, size, &product))
            return false;
    }
    if (merged)
        shape->size[shape->rank++] = product;
    return true;
}

/* An operand as matrices: [batch.., rows, columns]. */
static bl_tensor *as_matrices(const bl__einsum *einsum, const operand *o, const bl__einsum_axes *batch,
                              const bl__einsum_axes *rows, const bl__einsum_axes *columns)
{
    bl__einsum_axes order = *batch;
    bl_shape shape = {.rank = 0};
    append(&order, rows);
    append(&order, columns);
    if (!append_sizes(einsum, batch, batch->count > BL_MAX_RANK - 2, &shape) ||
        !append_sizes(einsum, rows, true, &shape) || !append_sizes(einsum, columns, true, &shape))
        return bl__fail(bl__graph_of(o->x), BL_ERR_OVERFLOW, "einsum", "the rows of %s cannot be counted",
                        BL__SHAPE_TEXT(bl_tensor_shape(o->x)));
    return reshape(arrange(o, &order), shape);
}

/* An operand with sizes of 1 in the places of `absent` axes: [batch.., left.., right..]. */
static bl_tensor *spread(const bl__einsum *einsum, const operand *o, const bl__einsum_axes *result,
                         labels absent)
{
    bl__einsum_axes order = only(result, ~absent);
    bl_shape shape = {.rank = result->count};
    for (int d = 0; d < result->count; d++)
        shape.size[d] = has(absent, result->label[d]) ? 1 : einsum->size[result->label[d]];
    return reshape(arrange(o, &order), shape);
}

/* The product of two operands, summed over the labels that both have and that are not needed. */
static operand multiply(const bl__einsum *einsum, const operand *a, const operand *b, labels needed)
{
    labels left = set_of(&a->axes), right = set_of(&b->axes), both = left & right;
    groups parts = {.batch = only(&a->axes, both & needed),
                    .left = only(&a->axes, left & ~both),
                    .right = only(&b->axes, right & ~both),
                    .summed = only(&a->axes, both & ~needed)};
    operand product = {.axes = parts.batch};
    append(&product.axes, &parts.left);
    append(&product.axes, &parts.right);
    if (parts.summed.count == 0) {
        product.x = bl_mul(spread(einsum, a, &product.axes, right & ~both),
                           spread(einsum, b, &product.axes, left & ~both));
        return product;
    }
    bl_shape shape = {.rank = 0};
    append_sizes(einsum, &product.axes, false, &shape);
    product.x = bl_matmul(as_matrices(einsum, a, &parts.batch, &parts.left, &parts.summed),
                          as_matrices(einsum, b, &parts.batch, &parts.summed, &parts.right));
    product.x = reshape(product.x, shape);
    return product;
}

/* ---- all operands ---- */

/* The labels that the output or an operand other than two has. */
static labels needed_beside(const bl__einsum *einsum, const operand *operands, size_t count, size_t i,
                            size_t j)
{
    labels needed = set_of(&einsum->output);
    for (size_t k = 0; k < count; k++)
        needed |= k == i || k == j ? 0 : set_of(&operands[k].axes);
    return needed;
}

/* The elements of a tensor with these labels; infinity when they are more than a tensor's axes. */
static double size_of(const bl__einsum *einsum, labels set)
{
    double size = 1;
    int rank = 0;
    for (int l = 0; l < BL__EINSUM_LABELS; l++) {
        if (has(set, l)) {
            size *= (double)einsum->size[l];
            rank++;
        }
    }
    return rank > BL_MAX_RANK ? (double)INFINITY : size;
}

/* The two operands whose product is smallest, the first such; false when every product has too many axes. */
static bool choose(const bl__einsum *einsum, const operand *operands, size_t count, size_t *left,
                   size_t *right)
{
    double least = (double)INFINITY;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            labels together = set_of(&operands[i].axes) | set_of(&operands[j].axes);
            double size = size_of(einsum, together & needed_beside(einsum, operands, count, i, j));
            if (size < least) {
                least = size;
                *left = i;
                *right = j;
            }
        }
    }
    return least < (double)INFINITY;
}

/* Multiplies until one operand is left; the invalid tensor where that cannot be. */
static bl_tensor *reduce(bl_graph *graph, const bl__einsum *einsum, const char *subscripts, operand *operands,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        take_diagonals(&operands[i]);
        drop_broadcast(&operands[i], einsum);
    }
    for (size_t i = 0; i < count; i++)
        sum_rest(&operands[i], needed_beside(einsum, operands, count, i, i));
    for (; count > 1; count--) {
        size_t left = 0, right = 0;
        if (!choose(einsum, operands, count, &left, &right))
            return bl__fail(graph, BL_ERR_SHAPE, "einsum",
                            "\"%.100s\": every product of two operands has more than %d axes", subscripts,
                            BL_MAX_RANK);
        labels needed = needed_beside(einsum, operands, count, left, right);
        operands[left] = multiply(einsum, &operands[left], &operands[right], needed);
        memmove(&operands[right], &operands[right + 1], (count - 1 - right) * sizeof(*operands));
    }
    return arrange(&operands[0], &einsum->output);
}

bl_tensor *bl__einsum_contract(bl_graph *graph, const bl__einsum *einsum, const char *subscripts,
                               bl_tensor *const *inputs, size_t count)
{
    const bl_allocator *allocator = &graph->context->allocator;
    operand *operands = bl__allocate(allocator, count, sizeof(*operands));
    bl__einsum_reader reader = {.text = subscripts};
    if (!operands)
        return bl__fail(graph, BL_ERR_MEMORY, "einsum", "no memory for %zu operands", count);
    for (size_t i = 0; i < count; i++) {
        bl__einsum_term term;
        bl__einsum_read(&reader, &term);
        operands[i].x = inputs[i];
        bl__einsum_axes_of(&term, bl_tensor_shape(inputs[i]).rank, &operands[i].axes);
    }
    bl_tensor *result = reduce(graph, einsum, subscripts, operands, count);
    bl__release(allocator, operands, count, sizeof(*operands));
    return result;
}
