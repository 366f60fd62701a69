/* bl_apply and bl_output: what is checked before an op of anybody's is recorded. Looks at graph/graph.h:
 * whether builders, which leave out what cannot be wrong, record the same. */
#include "bowline/bowline.h"
#include "graph/graph.h"
#include "ops/attributes.h"
#include "ops/registry.h"
#include "support/errors.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

static bl_context *context;
static bl_graph *graph;
static bl_tensor *x;

static void open_graph(void)
{
    context = bl_context_new(NULL);
    graph = bl_graph_new(context);
    x = bl_input(graph, "x", BL_F32, BL_SHAPE(2, 3));
}

static void close_graph(void)
{
    bl_graph_free(graph);
    bl_context_free(context);
}

TestSuite(apply, .init = open_graph, .fini = close_graph);

static bl_status infer_same(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static bl_status infer_refuse(bl_infer_call *call)
{
    return bl_infer_fail(call, BL_ERR_SHAPE, "%d is too many", 7);
}

static bl_status infer_refuse_silently(bl_infer_call *call)
{
    (void)call;
    return BL_ERR_DTYPE;
}

static bl_status infer_nothing(bl_infer_call *call)
{
    (void)call;
    return BL_OK;
}

static bl_status infer_huge(bl_infer_call *call)
{
    call->dtype[0] = BL_BOOL;
    call->shape[0] = BL_SHAPE(INT64_MAX / 4);
    return BL_OK;
}

static bl_status infer_negative(bl_infer_call *call)
{
    call->dtype[0] = BL_F32;
    call->shape[0] = BL_SHAPE(-1);
    return BL_OK;
}

/* Outputs 0..2: [], i32 [1] and the input's shape. */
static bl_status infer_three(bl_infer_call *call)
{
    call->dtype[0] = BL_F32;
    call->shape[0] = BL_SCALAR;
    call->dtype[1] = BL_I32;
    call->shape[1] = BL_SHAPE(1);
    call->dtype[2] = BL_F64;
    call->shape[2] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static bl_op base(void)
{
    return (bl_op){.size = sizeof(bl_op),
                   .name = "base",
                   .min_inputs = 1,
                   .max_inputs = 2,
                   .output_count = 1,
                   .infer = infer_same};
}

static void expect_refused(const bl_op *op, bl_tensor *const *inputs, size_t count, const void *attributes,
                           bl_status code, const char *part)
{
    int64_t nodes = bl_graph_node_count(graph);
    int line = __LINE__ + 1;
    bl_tensor *tensor = bl_apply(graph, op, inputs, count, attributes);
    cr_expect(tensor && !bl_tensor_valid(tensor));
    cr_expect(error_says(bl_graph_error(graph), code, part, NULL), "wanted %s with \"%s\", got %s",
              bl_status_name(code), part, error_text(bl_graph_error(graph)));
    cr_expect_eq(bl_graph_error(graph)->line, line);
    cr_expect_eq(bl_graph_node_count(graph), nodes);
    bl_graph_clear_error(graph);
}

Test(apply, the_op_is_checked)
{
    bl_op op = base();
    cr_expect_null(bl_apply(NULL, &op, &x, 1, NULL));
    expect_refused(NULL, &x, 1, NULL, BL_ERR_ARGUMENT, "op is NULL");
    op.size = sizeof(bl_op) - 8;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "size");
    op = base();
    op.size = 0;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "size");
    op = base();
    op.name = NULL;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "no name");
    op = base();
    op.infer = NULL;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "bl_base");
    op = base();
    op.output_count = 0;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "0 outputs");
    op.output_count = BL_MAX_OUTPUTS + 1;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "9 outputs");
    op.output_count = INT_MIN;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "outputs");
}

Test(apply, the_arguments_are_checked)
{
    bl_op op = base();
    bl_tensor *three[] = {x, x, x};
    expect_refused(&op, three, 0, NULL, BL_ERR_ARGUMENT, "0 inputs");
    expect_refused(&op, three, 3, NULL, BL_ERR_ARGUMENT, "3 inputs");
    expect_refused(&op, NULL, 1, NULL, BL_ERR_ARGUMENT, "bl_base");
    op.attributes_size = 4;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "attributes");
    int four = 4;
    cr_expect(bl_tensor_valid(bl_apply(graph, &op, &x, 1, &four)));
    cr_expect(bl_tensor_valid(bl_apply(graph, &op, three, 2, &four)));
}

Test(apply, the_shape_rule_is_heard_and_checked)
{
    bl_op op = base();
    op.infer = infer_refuse;
    expect_refused(&op, &x, 1, NULL, BL_ERR_SHAPE, "bl_base: 7 is too many");
    op.infer = infer_refuse_silently;
    expect_refused(&op, &x, 1, NULL, BL_ERR_DTYPE, "bl_base");
    op.infer = infer_nothing;
    expect_refused(&op, &x, 1, NULL, BL_ERR_DTYPE, "output 0 has no dtype");
    op.infer = infer_huge;
    expect_refused(&op, &x, 1, NULL, BL_ERR_OVERFLOW, "bl_base");
    op.infer = infer_negative;
    expect_refused(&op, &x, 1, NULL, BL_ERR_SHAPE, "[-1]");
}

Test(apply, outputs)
{
    bl_op op = base();
    op.infer = infer_three;
    op.output_count = 3;
    bl_tensor *first = bl_apply(graph, &op, &x, 1, NULL);
    cr_assert(bl_tensor_valid(first));
    cr_expect_eq(bl_tensor_dtype(first), BL_F32);
    bl_tensor *last = bl_output(first, 2);
    cr_expect_eq(bl_tensor_dtype(last), BL_F64);
    cr_expect(bl_shape_equal(bl_tensor_shape(last), BL_SHAPE(2, 3)));
    cr_expect_eq(bl_output(last, 0), first, "any output leads to any other");
    cr_expect_eq(bl_tensor_dtype(bl_output(last, 1)), BL_I32);
    char text[80];
    bl_tensor_format(last, text, sizeof(text));
    cr_expect_str_eq(text, "%1.2 = base f64 [2,3]");
    cr_expect(!bl_tensor_valid(bl_output(first, 3)));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "bl_output", "base", "3", NULL));
    bl_graph_clear_error(graph);
    cr_expect(!bl_tensor_valid(bl_output(first, -1)));
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_output(x, 0), x);
    cr_expect_null(bl_output(NULL, 0));
}

static void square_plus(bl_graph *g, bl_tensor *const *inputs, size_t count, const void *attributes,
                        bl_tensor **outputs)
{
    float c;
    cr_expect(g == graph && count == 1);
    memcpy(&c, attributes, sizeof(c));
    outputs[0] = bl_add_scalar(bl_square(inputs[0]), (double)c);
}

static void nothing(bl_graph *g, bl_tensor *const *inputs, size_t count, const void *attributes,
                    bl_tensor **outputs)
{
    (void)g, (void)inputs, (void)count, (void)attributes, (void)outputs;
}

static void failing(bl_graph *g, bl_tensor *const *inputs, size_t count, const void *attributes,
                    bl_tensor **outputs)
{
    (void)g, (void)count, (void)attributes;
    outputs[0] = (bl_matmul)(inputs[0], inputs[0]); /* its caller's place is the one to name */
}

Test(apply, a_composite_is_recorded_as_its_decomposition)
{
    bl_op op = base();
    float half = 0.5f, values[6] = {1, 2, 3, 4, 5, 6}, out[6];
    op.attributes_size = sizeof(half);
    op.decompose = square_plus;
    bl_tensor *c = bl_constant(graph, BL_F32, BL_SHAPE(2, 3), values);
    bl_tensor *y = bl_apply(graph, &op, &c, 1, &half);
    cr_assert(bl_tensor_valid(y), "%s", error_text(bl_graph_error(graph)));
    char text[80];
    bl_tensor_format(y, text, sizeof(text));
    cr_expect_not_null(strstr(text, "add_scalar"), "%s", text);
    cr_assert_eq(bl_eval(y, out, sizeof(out)), BL_OK);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(out[i], values[i] * values[i] + half);
    op = base();
    op.decompose = nothing;
    expect_refused(&op, &x, 1, NULL, BL_ERR_ARGUMENT, "decomposition");
    op.decompose = failing;
    expect_refused(&op, &x, 1, NULL, BL_ERR_SHAPE, "bl_matmul");
}

Test(apply, a_leaf_is_made_by_its_builder)
{
    /* An op that calls itself a leaf or an effect, which only the library's are. */
    bl_op op = base();
    op.flags = BL_OP_LEAF;
    bl_program *program = bl_compile(context, bl_apply(graph, &op, &x, 1, NULL));
    cr_expect(error_says(bl_program_error(program), BL_ERR_UNSUPPORTED, "base", NULL));
    bl_program_free(program);
    op.flags = BL_OP_EFFECT;
    program = bl_compile(context, bl_apply(graph, &op, &x, 1, NULL));
    cr_expect(error_says(bl_program_error(program), BL_ERR_UNSUPPORTED, "base", NULL));
    bl_program_free(program);
}

/* ---- builders ---- */

static void expect_same(const bl_tensor *a, const bl_tensor *b)
{
    cr_expect(bl_tensor_valid(a) && bl_tensor_valid(b));
    cr_expect(a->node->op == b->node->op && a->hash == b->hash &&
                  bl__whole_bytes(a->node) == bl__whole_bytes(b->node),
              "%s", a->node->op->name);
    cr_expect(a->dtype == b->dtype && a->count == b->count && a->output == b->output &&
              bl_shape_equal(bl_tensor_shape(a), bl_tensor_shape(b)));
    cr_expect(bl_tensor_graph(a) == graph && bl_tensor_graph(b) == graph && a->node != b->node);
    cr_expect_eq(memcmp(bl__attributes(a->node), bl__attributes(b->node), a->node->op->attributes_size), 0);
}

Test(apply, builders_record_the_same_nodes)
{
    const bl_shape shapes[] = {BL_SCALAR, BL_SHAPE(2, 3), BL_SHAPE(0, 4)};
    for (int i = 0; i < 6; i++) {
        bl_dtype dtype = i < 3 ? BL_F32 : BL_F64;
        bl_tensor *both[] = {bl_input(graph, "a", dtype, shapes[i % 3]),
                             bl_input(graph, "b", dtype, shapes[i % 3])};
        expect_same(bl_mul(both[0], both[1]), bl_apply(graph, &bl__op_mul, both, 2, NULL));
        expect_same(bl_hypot(both[0], both[1]), bl_apply(graph, &bl__op_hypot, both, 2, NULL));
        expect_same(bl_tanh(both[1]), bl_apply(graph, &bl__op_tanh, &both[1], 1, NULL));
        bl__scalar_attributes three = {.value = 3};
        expect_same(bl_mul_scalar(both[0], 3), bl_apply(graph, &bl__op_mul_scalar, both, 1, &three));
    }
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK);
}

Test(apply, builders_refuse_what_is_not_alike)
{
    bl_graph *other = bl_graph_new(context);
    bl_tensor *y = bl_input(graph, "y", BL_F64, BL_SHAPE(2, 3)),
              *z = bl_input(graph, "z", BL_F32, BL_SHAPE(3, 2));
    bl_tensor *bad[] = {y, z, bl_input(other, "x", BL_F32, BL_SHAPE(2, 3)), NULL};
    const bl_status wanted[] = {BL_ERR_DTYPE, BL_ERR_SHAPE, BL_ERR_ARGUMENT, BL_ERR_ARGUMENT};
    for (int i = 0; i < 4; i++) {
        int64_t before = bl_graph_node_count(graph);
        cr_expect(!bl_tensor_valid(bl_mul(x, bad[i])), "%d", i);
        cr_expect_eq(bl_graph_error(graph)->code, wanted[i], "%d", i);
        cr_expect_eq(bl_graph_node_count(graph), before);
        bl_graph_clear_error(graph);
    }
    bl_graph_free(other);
}
