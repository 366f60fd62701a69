/* Putting cotangents together (joint.h).
 *
 *     slices     0 + .. a_1 .. + 0 + .. a_2 .. = concat(a_1, a_2)       where one ends as the other begins
 *     products   A_1 B_1 + A_2 B_2 = [A_1 A_2] [B_1; B_2]
 *
 * What each cotangent was before stays on the tape, and no output needs it. */
#include "ops/joint.h"
#include "bowline/ops.h"
#include "ops/rules.h"

typedef struct bl__joint_part {
    struct bl__joint_part *next;
    bl_tensor *cotangent;
    const bl__node *product;
    bool turned; /* the cotangent is the product turned over */
    const bl__slice_attributes *slice;
} part;

enum {
    THIN = 4,     /* the factors of a product that waits are smaller than the product by this */
    MOST_HELD = 2 /* products that wait hold no more than this many of their result */
};

/* ---- what can be joined ---- */

/* The node that a matrix is a view of, turned over or not. */
static const bl__node *source_of(const bl_tensor *matrix, bool *turned)
{
    const bl__node *node = matrix->node;
    for (*turned = false; node->op == &bl__op_permute && matrix->rank == 2; node = node->inputs[0]->node) {
        const bl__permute_attributes *permutation = bl__attributes(node);
        *turned = *turned != (permutation->axis[0] == 1);
    }
    return node;
}

static bool is_slice(const bl_tensor *cotangent)
{
    const bl__node *node = cotangent->node;
    if (node->op != &bl__op_slice_backward)
        return false;
    const bl__slice_attributes *slice = bl__attributes(node);
    return slice->step == 1 && slice->start < slice->stop;
}

/* The thin product of two matrices that a cotangent shows; NULL when it is something else. */
static const bl__node *product_of(const bl_tensor *cotangent, bool *turned)
{
    const bl__node *node = cotangent->rank == 2 ? source_of(cotangent, turned) : NULL;
    if (!node || node->op != &bl__op_matmul || node->inputs[0]->rank != 2 || node->inputs[1]->rank != 2)
        return NULL;
    double m = (double)node->inputs[0]->size[0], k = (double)node->inputs[1]->size[0];
    double n = (double)node->inputs[1]->size[1];
    return k > 0 && THIN * k * (m + n) <= m * n ? node : NULL;
}

bool bl__is_joinable(const bl_tensor *cotangent)
{
    bool turned;
    return cotangent->node && (is_slice(cotangent) || product_of(cotangent, &turned));
}

/* ---- taking ---- */

static part *new_part(bl__arena *arena, bl_tensor *cotangent)
{
    part *p = bl__arena_take(arena, sizeof(*p));
    if (p)
        *p = (part){.cotangent = cotangent};
    return p;
}

static bool take_slice(bl__joint *joint, part *p)
{
    const bl__slice_attributes *slice = bl__attributes(p->cotangent->node);
    const bl__slice_attributes *other = joint->first ? joint->first->slice : slice;
    p->slice = slice;
    if (slice->axis != other->axis || slice->size != other->size)
        return false;
    if (!joint->first) {
        joint->first = joint->last = p;
        joint->low = slice->start;
        joint->high = slice->stop;
    } else if (slice->stop == joint->low) {
        p->next = joint->first;
        joint->first = p;
        joint->low = slice->start;
    } else if (slice->start == joint->high) {
        joint->last->next = p;
        joint->last = p;
        joint->high = slice->stop;
    } else
        return false;
    return true;
}

static bool take_product(bl__joint *joint, part *p)
{
    p->product = product_of(p->cotangent, &p->turned);
    const bl_tensor *a = p->product->inputs[0], *b = p->product->inputs[1];
    int64_t k = b->size[0], width = a->size[0] + b->size[1], size = a->size[0] * b->size[1];
    if (joint->first && (joint->high + k) * width > MOST_HELD * size)
        return false;
    *(joint->first ? &joint->last->next : &joint->first) = p;
    joint->last = p;
    joint->high += k;
    return true;
}

bool bl__joint_take(bl__arena *arena, bl__joint *joint, bl_tensor *cotangent, bool *full)
{
    bool turned;
    const bl_op *op = is_slice(cotangent) ? cotangent->node->op : product_of(cotangent, &turned)->op;
    part *p = op == joint->op ? new_part(arena, cotangent) : NULL;
    *full = op == joint->op && !p;
    if (!p || !(op == &bl__op_matmul ? take_product : take_slice)(joint, p))
        return false;
    joint->count++;
    return true;
}

bl__joint *bl__joint_new(bl__arena *arena, bl_tensor *tensor, bl_tensor *cotangent)
{
    bool full;
    bl__joint *joint = bl__arena_take(arena, sizeof(*joint));
    if (!joint)
        return NULL;
    *joint =
        (bl__joint){.tensor = tensor, .op = is_slice(cotangent) ? &bl__op_slice_backward : &bl__op_matmul};
    return bl__joint_take(arena, joint, cotangent, &full) ? joint : NULL;
}

/* ---- the sum ---- */

static bl_tensor *sum_slices(const bl__joint *joint, bl_tensor **list)
{
    bl__slice_attributes all = *joint->first->slice;
    size_t i = 0;
    all.start = joint->low;
    all.stop = joint->high;
    for (const part *p = joint->first; p; p = p->next)
        list[i++] = p->cotangent->node->inputs[0];
    bl_tensor *whole = bl_concat(list, joint->count, (int)all.axis);
    return all.start == 0 && all.stop == all.size ? whole : bl__apply_1(&bl__op_slice_backward, whole, &all);
}

/* A matrix turned over: what it is a view of, where it is one. */
static bl_tensor *turned_over(bl_tensor *matrix)
{
    const bl__permute_attributes *permutation = bl__attributes(matrix->node);
    if (matrix->node->op == &bl__op_permute && permutation->axis[0] == 1)
        return matrix->node->inputs[0];
    return bl_transpose(matrix, 0, 1);
}

/* A B = (A^T)^T B, and turned over B^T A^T: of both factors the rows are put one after the other. */
static bl_tensor *sum_products(const bl__joint *joint, bl_tensor **list)
{
    bl_tensor **left = list, **right = list + joint->count;
    size_t i = 0;
    for (const part *p = joint->first; p; p = p->next, i++) {
        bl_tensor *a = turned_over(p->product->inputs[0]), *b = p->product->inputs[1];
        left[i] = p->turned ? b : a;
        right[i] = p->turned ? a : b;
    }
    return bl_matmul(bl_transpose(bl_concat(left, joint->count, 0), 0, 1), bl_concat(right, joint->count, 0));
}

bl_tensor *bl__joint_sum(bl__arena *arena, const bl__joint *joint)
{
    if (joint->count == 1)
        return joint->first->cotangent;
    bl_tensor **list = bl__arena_take(arena, 2 * joint->count * sizeof(bl_tensor *));
    if (!list)
        return bl__fail(bl__graph_of(joint->tensor), BL_ERR_MEMORY, "grad", "no memory for %zu cotangents",
                        joint->count);
    return joint->op == &bl__op_matmul ? sum_products(joint, list) : sum_slices(joint, list);
}
