/* Every element-wise op at the limits of shapes: rank 8 and 0, sizes of 0, and products of sizes that
 * overflow. The other families have theirs in tests of their own. Looks at the table of entries
 * (ops/registry.h), and at samples (exec/opcheck.h) for attributes that an op takes. */
#include "check.h"
#include "exec/opcheck.h"
#include "ops/registry.h"

#include <criterion/parameterized.h>
#include <string.h>

TestSuite(limits, .init = open_all, .fini = close_all, .timeout = 60);

static int keys[] = {
#define KEY(name) BL__KEY_##name,
    BL__OPS(KEY)
#undef KEY
};

enum {
    MOST = BL_MAX_TILE_INPUTS
};

/* The op of a sample's node, on ones of given shapes in the dtypes of that sample. */
static bl_tensor *apply(const bl__op_sample *s, const bl_shape *shapes)
{
    bl_tensor *inputs[MOST];
    for (size_t i = 0; i < s->node->input_count; i++)
        inputs[i] = bl_full(s->graph, bl_tensor_dtype(s->node->inputs[i]), shapes[i], 1);
    return bl_apply(s->graph, s->node->op, inputs, s->node->input_count, bl__attributes(s->node));
}

static void expect_runs(const bl__op_sample *s, bl_shape shape)
{
    double values[16];
    const bl_shape shapes[MOST] = {shape, shape, shape};
    const char *name = s->node->op->name;
    bl_tensor *y = apply(s, shapes);
    cr_assert(bl_tensor_valid(y), "%s: %s", name, error_text(bl_graph_error(s->graph)));
    cr_assert(bl_shape_equal(bl_tensor_shape(y), shape), "%s", name);
    size_t bytes = (size_t)bl_tensor_count(y) * bl_dtype_size(bl_tensor_dtype(y));
    cr_assert_eq(bl_eval(y, values, bytes), BL_OK, "%s: %s", name, error_text(bl_context_error(context)));
}

/* [2^40, 1] and [1, 2^40] broadcast to what cannot be counted. */
static void expect_overflow(const bl__op_sample *s)
{
    const int64_t large = (int64_t)1 << 40;
    const bl_shape shapes[MOST] = {BL_SHAPE(large, 1), BL_SHAPE(1, large), BL_SHAPE(large, 1)};
    const char *name = s->node->op->name;
    bl_tensor *y = apply(s, shapes);
    cr_assert(!bl_tensor_valid(y), "%s", name);
    cr_assert(error_says(bl_graph_error(s->graph), BL_ERR_OVERFLOW, name, NULL), "%s: %s", name,
              error_text(bl_graph_error(s->graph)));
}

ParameterizedTestParameters(limits, of_elementwise_ops)
{
    return cr_make_param_array(int, keys, sizeof(keys) / sizeof(keys[0]));
}

ParameterizedTest(int *key, limits, of_elementwise_ops)
{
    const bl_op *op = bl__ops[*key - 1];
    bl_op_check_result result = {.passed = true};
    bl__op_checker checker = {.context = context, .op = op, .result = &result};
    bl__op_sample s;
    if (!(op->flags & BL_OP_ELEMENTWISE) || (op->flags & BL__OP_COMPOSITE))
        return;
    cr_assert(bl__op_draw(&checker, 1, BL_F64, &s), "%s", result.text);
    cr_assert_leq(s.node->input_count, MOST);
    expect_runs(&s, BL_SHAPE(2, 1, 1, 1, 1, 1, 1, 3));
    expect_runs(&s, BL_SCALAR);
    expect_runs(&s, BL_SHAPE(3, 0, 2));
    if (s.node->input_count > 1)
        expect_overflow(&s);
    bl__op_sample_free(&s);
}
