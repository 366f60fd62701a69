/* What the entries of ops share: dtype and shape checks with their messages, and applying an op. */
#include "ops/rules.h"
#include "bowline/ops.h"
#include "graph/append.h"
#include "graph/repeat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool bl__holds(bl_dtype dtype, double value)
{
    switch (dtype) {
    case BL_I32:
        return value >= INT32_MIN && value <= INT32_MAX && value == trunc(value);
    case BL_I64:
        return value >= -0x1p63 && value < 0x1p63 && value == trunc(value);
    case BL_BOOL:
        return value == 0 || value == 1;
    default:
        return true;
    }
}

/* ---- words of messages ---- */

/* What to call an input of an op. */
static const char *input_name(const bl_infer_call *call, size_t index, char text[32])
{
    static const char *const names[] = {"the first operand", "the second operand", "the third operand"};
    if (call->op->max_inputs == 1)
        return "the operand";
    if (index < sizeof(names) / sizeof(names[0]))
        return names[index];
    snprintf(text, 32, "operand %zu", index + 1);
    return text;
}

/* The dtype as a caller writes it: "BL_F32". */
static const char *dtype_constant(bl_dtype dtype)
{
    static const char *const names[] = {
#define NAME(dtype, name, bytes) #dtype,
        BL_DTYPE_LIST(NAME)
#undef NAME
    };
    return names[dtype];
}

/* "f32, f64 or i32" for a set of dtypes. */
static const char *list_dtypes(unsigned dtypes, char text[64])
{
    bl__text out = {text, 64, 0};
    unsigned left = dtypes;
    for (int d = 0; d < BL_DTYPE_COUNT; d++) {
        if (!(left >> d & 1u))
            continue;
        bool first = left == dtypes;
        left &= ~(1u << d);
        bl__text_add(&out, "%s%s", first ? "" : left ? ", " : " or ", bl_dtype_name((bl_dtype)d));
    }
    return text;
}

/* ---- parts of rules ---- */

bl_shape bl__shape_in(const bl_infer_call *call, size_t index)
{
    return bl_tensor_shape(call->inputs[index]);
}

bl_status bl__require(bl_infer_call *call, size_t index, unsigned dtypes)
{
    bl_dtype dtype = bl_tensor_dtype(call->inputs[index]);
    char list[64], name[32];
    if (bl__is_one_of(dtype, dtypes))
        return BL_OK;
    if (dtype == BL_BF16 || dtype == BL_F16)
        return bl_infer_fail(call, BL_ERR_DTYPE, "%s is %s, which is storage only: cast it to f32 first",
                             input_name(call, index, name), bl_dtype_name(dtype));
    return bl_infer_fail(call, BL_ERR_DTYPE, "%s is %s, not %s: cast it first", input_name(call, index, name),
                         bl_dtype_name(dtype), list_dtypes(dtypes, list));
}

/* How much a dtype can hold: of two that meet, the one that holds less is to be cast. */
static int breadth(bl_dtype dtype)
{
    static const int order[] = {
        [BL_BOOL] = 0, [BL_I32] = 1, [BL_I64] = 2, [BL_F16] = 3, [BL_BF16] = 4, [BL_F32] = 5, [BL_F64] = 6};
    return order[dtype];
}

bl_status bl__require_same(bl_infer_call *call, size_t first, size_t second)
{
    bl_dtype a = bl_tensor_dtype(call->inputs[first]), b = bl_tensor_dtype(call->inputs[second]);
    char name[32];
    if (a == b)
        return BL_OK;
    bool narrow_first = breadth(a) < breadth(b);
    return bl_infer_fail(call, BL_ERR_DTYPE, "dtypes differ: %s %s and %s %s: cast %s by bl_cast(.., %s)",
                         bl_dtype_name(a), BL__SHAPE_TEXT(bl__shape_in(call, first)), bl_dtype_name(b),
                         BL__SHAPE_TEXT(bl__shape_in(call, second)),
                         input_name(call, narrow_first ? first : second, name),
                         dtype_constant(narrow_first ? b : a));
}

bl_status bl__infer_as(bl_infer_call *call, bl_dtype dtype, bl_shape shape)
{
    call->dtype[0] = dtype;
    call->shape[0] = shape;
    return BL_OK;
}

bl_status bl__infer_broadcast(bl_infer_call *call)
{
    bl_shape shape = bl__shape_in(call, 0);
    for (size_t i = 1; i < call->input_count; i++) {
        bl_shape next = bl__shape_in(call, i), before = shape;
        if (!bl_shape_broadcast(before, next, &shape))
            return bl_infer_fail(call, BL_ERR_SHAPE, "shapes do not broadcast: %s and %s",
                                 BL__SHAPE_TEXT(before), BL__SHAPE_TEXT(next));
    }
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[call->input_count - 1]), shape);
}

static bl_status infer_elementwise(bl_infer_call *call, unsigned dtypes)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < call->input_count && status == BL_OK; i++)
        status = bl__require(call, i, dtypes);
    for (size_t i = 1; i < call->input_count && status == BL_OK; i++)
        status = bl__require_same(call, 0, i);
    return status == BL_OK ? bl__infer_broadcast(call) : status;
}

bl_status bl__infer_reals(bl_infer_call *call)
{
    return infer_elementwise(call, BL__REALS);
}

bl_status bl__infer_numbers(bl_infer_call *call)
{
    return infer_elementwise(call, BL__NUMBERS);
}

/* ---- builders ---- */

/* Whether the output of an op is as its inputs are, where these are of one float dtype and one shape: its
 * rule is one of the above. */
static inline bool takes_alike(const bl_op *op, size_t count)
{
    return (op->infer == bl__infer_numbers || op->infer == bl__infer_reals) &&
           !(op->flags & BL__OP_COMPOSITE) && count == (size_t)op->max_inputs;
}

/* Whether tensors that are valid are of one float dtype and one rank. */
static inline bool have_same_type(const bl_tensor *a, const bl_tensor *b)
{
    return (a->dtype == BL_F32 || a->dtype == BL_F64) && a->dtype == b->dtype && a->rank == b->rank;
}

/* The same, and of one shape. */
static inline bool are_same_floats(const bl_tensor *a, const bl_tensor *b)
{
    return have_same_type(a, b) &&
           (a->size == b->size || memcmp(a->size, b->size, a->rank * sizeof(*a->size)) == 0);
}

/* Whether the inputs of such an op are tensors of a graph, of one float dtype and one shape: nothing can be
 * wrong with them, and the output is as they are. */
static bool are_alike(const bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t count)
{
    const bl_tensor *first = inputs[0];
    if (!takes_alike(op, count) || !first->node || !are_same_floats(first, first))
        return false;
    bool have_values = !(first->node->op->flags & BL_OP_EFFECT);
    for (size_t i = 1; i < count; i++) {
        const bl_tensor *other = inputs[i];
        if (!other || !other->node || other->node->origin->graph != graph || !are_same_floats(first, other))
            return false;
        have_values = have_values && !(other->node->op->flags & BL_OP_EFFECT);
    }
    return have_values;
}

bl_tensor *bl__apply(const bl_op *op, bl_tensor *const *inputs, size_t count, const void *attributes)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; i < count && !graph; i++)
        graph = bl__graph_of(inputs[i]);
    if (!graph || bl__in_step(graph) || !inputs[0] || !are_alike(graph, op, inputs, count))
        return bl_apply(graph, op, inputs, count, attributes);
    bl__node *node = bl__append_like(graph, op, inputs, count, attributes, inputs[0]);
    return node ? &node->outputs[0] : bl__fail(graph, BL_ERR_MEMORY, op->name, "no memory for a node");
}

bl_tensor *bl__apply_1(const bl_op *op, bl_tensor *x, const void *attributes)
{
    return bl__apply(op, &x, 1, attributes);
}

/* Not a part of the next one, which would take more registers then. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#else
#define APART
#endif
static APART bl_tensor *apply_2(const bl_op *op, bl_tensor *a, bl_tensor *b, const void *attributes)
{
    bl_tensor *inputs[] = {a, b};
    return bl__apply(op, inputs, 2, attributes);
}

/* Where nothing can be wrong, without a call. */
bl_tensor *bl__apply_2(const bl_op *op, bl_tensor *a, bl_tensor *b, const void *attributes)
{
    if ((op->flags & BL__OP_PAIR) && a && b && a->node && b->node && a->size == b->size &&
        have_same_type(a, b) && !((a->node->op->flags | b->node->op->flags) & BL_OP_EFFECT) &&
        a->node->origin->graph == b->node->origin->graph) {
        bl__node *node = bl__append_pair(a->node->origin->graph, op, a, b);
        if (node)
            return &node->outputs[0];
    }
    return apply_2(op, a, b, attributes);
}

bl_tensor *bl__refused(const bl_tensor *argument)
{
    bl_graph *graph = bl__graph_of(argument);
    return graph ? &graph->invalid : NULL;
}

bool bl__known(const char *op, const bl_tensor *x)
{
    return bl__usable(bl__graph_of(x), op, x);
}

bool bl__find_axis(const char *op, const bl_tensor *x, int *axis)
{
    int found = bl__axis(*axis, x->rank);
    if (found < 0) {
        bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "axis %d is outside the rank of %s", *axis,
                 BL__SHAPE_TEXT(bl_tensor_shape(x)));
        return false;
    }
    *axis = found;
    return true;
}

/* ---- parts of vjps ---- */

bl_tensor *bl__number_like(bl_tensor *x, double value)
{
    bl_graph *graph = bl__graph_of(x);
    return graph ? bl_scalar(graph, bl_tensor_dtype(x), value) : NULL;
}

bl_shape bl__shape_with(bl_shape shape, int axis, int64_t size)
{
    shape.size[axis] = size;
    return shape;
}
