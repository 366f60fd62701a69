/* a + b where one of the two is a sum of rows at their places in zeros: the rows are added into the other, in
 * its memory where it dies there. So the gradient of a weight that is tied lands where the first part of it
 * stands: there is no second array of its size, and no pass over both. */
#include "ops/attributes.h"
#include "ops/registry.h"
#include "ops/spellings.h"

static bool same_shape(const bl_tensor *a, const bl_tensor *b)
{
    return bl_shape_equal(bl_tensor_shape(a), bl_tensor_shape(b));
}

/* Whether a term is the result of an op that the rows may come from: most are not. */
static bool may_be_rows(const bl_tensor *term)
{
    const bl_op *op = term->node->op;
    return op == &bl__op_embedding_backward || op == &bl__op_index_add || op == &bl__op_scatter_add;
}

static bool take(bl__match *match, const bl__node *node, bl_tensor *first, bl_tensor *second,
                 bl_tensor *third)
{
    bl__match_op(match, node->op, bl__attributes(node));
    match->inputs[0] = first;
    match->inputs[1] = second;
    match->inputs[2] = third;
    match->input_count = 3;
    return true;
}

/* embedding_backward(positions, cotangent), which has its base last. */
static bool into_embedding(bl__match *match, const bl_tensor *rows, bl_tensor *base)
{
    const bl__node *node = bl__match_inner(match, rows, &bl__op_embedding_backward);
    return node && node->input_count == 2 && take(match, node, node->inputs[0], node->inputs[1], base);
}

/* index_add or scatter_add(zeros, index, source). */
static bool into_zeros(bl__match *match, const bl_tensor *rows, bl_tensor *base, const bl_op *op)
{
    const bl__node *node = bl__match_inner(match, rows, op);
    const bl__node *zeros = node ? node->inputs[0]->node : NULL;
    return zeros && zeros->op == &bl__op_full &&
           ((const bl__full_attributes *)bl__attributes(zeros))->value == 0 &&
           take(match, node, base, node->inputs[1], node->inputs[2]);
}

bool bl__spelling_accumulate(const bl__node *add, bl__match *match)
{
    for (int side = 1; side >= 0; side--) {
        bl_tensor *rows = add->inputs[side], *base = add->inputs[1 - side];
        match->inner_count = 0;
        if (may_be_rows(rows) && same_shape(rows, base) &&
            (into_embedding(match, rows, base) || into_zeros(match, rows, base, &bl__op_index_add) ||
             into_zeros(match, rows, base, &bl__op_scatter_add)))
            return true;
    }
    return false;
}
