/* bl_grad: values, what is reached, its arguments, and ops that differentiate in every way. Looks at
 * graph/graph.h for the places of gradient nodes. */
#include "bowline/bowline.h"
#include "graph/graph.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(grad, .init = open_all, .fini = close_all);

static bl_tensor *vector(int64_t n, const double *values)
{
    return bl_constant(graph, BL_F64, BL_SHAPE(n), values);
}

static bl_tensor *number(double value)
{
    return bl_constant(graph, BL_F64, BL_SCALAR, &value);
}

/* The values of an f64 tensor of up to 16 elements; good until the next call. */
static const double *values_of(bl_tensor *tensor)
{
    static double values[16];
    size_t bytes = (size_t)bl_tensor_count(tensor) * sizeof(double);
    for (int i = 0; i < 16; i++)
        values[i] = (double)NAN;
    cr_assert(bl_tensor_valid(tensor), "%s", error_text(bl_graph_error(graph)));
    cr_assert_leq(bytes, sizeof(values));
    cr_assert_eq(bl_eval(tensor, values, bytes), BL_OK, "%s", error_text(bl_context_error(context)));
    return values;
}

static double value_of(bl_tensor *tensor)
{
    cr_assert_eq(bl_tensor_count(tensor), 1);
    return values_of(tensor)[0];
}

Test(grad, values)
{
    double data[] = {1, 2, -3};
    bl_tensor *x = vector(3, data);
    bl_tensor *gradient = bl_gradient(bl_mul(bl_square(x), x), x); /* 3 x^2 */
    const double *v = values_of(gradient);
    cr_expect(v[0] == 3 && v[1] == 12 && v[2] == 27);
    cr_expect(!bl_is_unreached(gradient));
    cr_expect(bl_shape_equal(bl_tensor_shape(gradient), BL_SHAPE(3)));
    /* And again, and again, and once more. */
    bl_tensor *second = bl_gradient(gradient, x), *third = bl_gradient(second, x);
    v = values_of(second);
    cr_expect(v[0] == 6 && v[1] == 12 && v[2] == -18);
    v = values_of(third);
    cr_expect(v[0] == 6 && v[1] == 6 && v[2] == 6);
    v = values_of(bl_gradient(third, x));
    cr_expect(v[0] == 0 && v[1] == 0 && v[2] == 0);
}

/* The 16-bit floats compute nothing, but cotangents flow through them, and add up in them. */
Test(grad, storage_dtypes)
{
    double data[] = {1, 2, -3};
    bl_tensor *x = vector(3, data);
    bl_tensor *half = bl_cast(bl_cast(x, BL_F32), BL_BF16);
    bl_tensor *a = bl_cast(half, BL_F64), *b = bl_square(bl_cast(bl_reshape(half, BL_SHAPE(1, 3)), BL_F64));
    bl_tensor *gradient = bl_gradient(bl_add(a, bl_reshape(b, BL_SHAPE(3))), x); /* 1 + 2x */
    cr_expect(!bl_is_unreached(gradient));
    const double *v = values_of(gradient);
    cr_expect(v[0] == 3 && v[1] == 5 && v[2] == -5);
}

Test(grad, broadcasts_are_undone)
{
    double row[] = {1, 2, 3}, column[] = {10, 20}, fives[] = {5, 5, 5, 5, 5, 5};
    bl_tensor *r = vector(3, row), *s = number(7);
    bl_tensor *c = bl_constant(graph, BL_F64, BL_SHAPE(2, 1), column);
    bl_tensor *y = bl_mul(bl_add(r, c), s); /* [2,3] */
    bl_tensor *wrt[] = {r, c, s}, *gradients[3];
    bl_tensor *cotangent = bl_constant(graph, BL_F64, BL_SHAPE(2, 3), fives);
    cr_assert_eq(bl_grad(&y, 1, &cotangent, wrt, 3, gradients), BL_OK);
    cr_expect(bl_shape_equal(bl_tensor_shape(gradients[0]), BL_SHAPE(3)));
    cr_expect(bl_shape_equal(bl_tensor_shape(gradients[1]), BL_SHAPE(2, 1)));
    cr_expect(bl_shape_equal(bl_tensor_shape(gradients[2]), BL_SCALAR));
    const double *v = values_of(gradients[0]);
    cr_expect(v[0] == 70 && v[1] == 70 && v[2] == 70);
    v = values_of(gradients[1]);
    cr_expect(v[0] == 105 && v[1] == 105);
    cr_expect_eq(value_of(gradients[2]), 5 * (2 * 6 + 3 * 30));
}

Test(grad, wrt_may_be_anything_on_the_way)
{
    bl_tensor *x = number(3), *y = bl_square(x), *z = bl_mul(y, x); /* z = x^3 */
    bl_tensor *outputs[] = {z}, *wrt[] = {x, y, z, x, y}, *g[5];
    cr_assert_eq(bl_grad(outputs, 1, NULL, wrt, 5, g), BL_OK);
    cr_expect_eq(value_of(g[0]), 27, "d z / d x in all");
    cr_expect_eq(value_of(g[1]), 3, "d z / d y");
    cr_expect_eq(value_of(g[2]), 1, "d z / d z");
    cr_expect(g[3] == g[0] && g[4] == g[1], "asked twice, answered twice");
    bl_tensor *two = number(2);
    cr_assert_eq(bl_grad(outputs, 1, &two, wrt + 2, 1, g), BL_OK);
    cr_expect_eq(g[0], two, "with respect to itself: the cotangent");
    cr_assert_eq(bl_grad(outputs, 1, NULL, wrt + 1, 1, g), BL_OK);
    cr_expect_eq(value_of(g[0]), 3, "with respect to y alone");
    /* The output of one may be the wrt of another, and the same output may come twice. */
    bl_tensor *both[] = {z, y, z}, *cotangents[] = {NULL, two, number(10)};
    cr_assert_eq(bl_grad(both, 3, cotangents, wrt, 3, g), BL_OK);
    cr_expect_eq(value_of(g[0]), 11 * 27 + 2 * 6);
    cr_expect_eq(value_of(g[1]), 11 * 3 + 2);
    cr_expect_eq(value_of(g[2]), 11);
}

Test(grad, what_is_not_reached_is_zeros_and_says_so)
{
    double data[] = {1.5, -2};
    bl_tensor *x = vector(2, data), *other = vector(2, data);
    bl_tensor *rounded = bl_cast(bl_cast(x, BL_I64), BL_F64);
    bl_tensor *chosen = bl_cast(bl_greater(x, other), BL_F64);
    bl_tensor *y = bl_mul(bl_mul(rounded, chosen), bl_exp(other));
    bl_tensor *late = vector(2, data);
    bl_tensor *wrt[] = {x, other, late, y}, *g[4];
    cr_assert_eq(bl_grad(&y, 1, NULL, wrt, 4, g), BL_OK, "%s", error_text(bl_graph_error(graph)));
    cr_expect(bl_is_unreached(g[0]), "nothing flows through integers");
    cr_expect(!bl_is_unreached(g[1]));
    cr_expect(bl_is_unreached(g[2]), "recorded after the output");
    cr_expect(!bl_is_unreached(g[3]));
    const double *v = values_of(g[0]);
    cr_expect(v[0] == 0 && v[1] == 0);
    cr_expect(bl_shape_equal(bl_tensor_shape(g[2]), BL_SHAPE(2)));
    cr_expect(!bl_is_unreached(NULL) && !bl_is_unreached(x));
    bl_tensor *early = bl_gradient(x, y);
    cr_expect(bl_is_unreached(early), "an input does not depend on what is made of it");
    /* Zeros that are reached are not unreached. */
    cr_expect(!bl_is_unreached(bl_gradient(bl_mul_scalar(x, 0), x)));
    /* Nothing asked, nothing recorded. */
    int64_t nodes = bl_graph_node_count(graph);
    cr_expect_eq(bl_grad(&y, 1, NULL, NULL, 0, NULL), BL_OK);
    cr_expect_eq(bl_graph_node_count(graph), nodes);
}

/* Expects a refusal with every gradient the invalid tensor. */
static void expect_refused(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *cotangents,
                           bl_tensor *const *wrt, bl_status code, const char *part)
{
    bl_tensor *g[2] = {NULL, NULL};
    cr_expect_eq(bl_grad(outputs, output_count, cotangents, wrt, 2, g), code, "%s",
                 error_text(bl_graph_error(graph)));
    cr_expect(g[0] && g[0] == g[1] && !bl_tensor_valid(g[0]));
    cr_expect(error_says(bl_graph_error(graph), code, "bl_grad", part, NULL), "wanted \"%s\", got %s", part,
              error_text(bl_graph_error(graph)));
    bl_graph_clear_error(graph);
}

Test(grad, arguments)
{
    double data[] = {1, 2};
    bl_graph *elsewhere = bl_graph_new(context);
    bl_tensor *foreign = bl_scalar(elsewhere, BL_F64, 1);
    bl_tensor *x = vector(2, data), *y = bl_exp(x), *n = bl_full(graph, BL_I64, BL_SHAPE(2), 1);
    bl_tensor *wrt[] = {x, y}, *wrt_null[] = {x, NULL}, *wrt_integer[] = {n, x},
              *wrt_foreign[] = {x, foreign};
    bl_tensor *outputs[] = {y, x}, *second_null[] = {y, NULL}, *first_null[] = {NULL, y};
    bl_tensor *wide[] = {bl_full(graph, BL_F64, BL_SHAPE(3), 1)},
              *single[] = {bl_full(graph, BL_F32, BL_SHAPE(2), 1)};
    expect_refused(second_null, 2, NULL, wrt, BL_ERR_ARGUMENT, "NULL");
    expect_refused(first_null, 2, NULL, wrt, BL_ERR_ARGUMENT, "NULL");
    expect_refused(first_null, 1, NULL, wrt, BL_ERR_ARGUMENT, "NULL");
    expect_refused(NULL, 1, NULL, wrt, BL_ERR_ARGUMENT, "outputs");
    expect_refused(outputs, 0, NULL, wrt, BL_ERR_ARGUMENT, "outputs");
    expect_refused(outputs, 2, NULL, wrt_null, BL_ERR_ARGUMENT, "NULL");
    expect_refused(outputs, 2, NULL, wrt_foreign, BL_ERR_ARGUMENT, "another graph");
    expect_refused(outputs, 2, NULL, wrt_integer, BL_ERR_DTYPE, "wrt 0 is i64");
    expect_refused(&n, 1, NULL, wrt, BL_ERR_DTYPE, "output 0 is i64");
    expect_refused(outputs, 1, wide, wrt, BL_ERR_SHAPE, "cotangent 0 is [3] for an output of [2]");
    expect_refused(outputs, 1, single, wrt, BL_ERR_DTYPE, "cotangent 0 is f32 for an output of f64");
    expect_refused(outputs, 1, &foreign, wrt, BL_ERR_ARGUMENT, "another graph");
    bl_tensor *g[2] = {x, x};
    cr_expect_eq(bl_grad(outputs, 1, NULL, NULL, 2, g), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_grad(outputs, 1, NULL, wrt, 2, NULL), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_grad(NULL, 0, NULL, NULL, 0, NULL), BL_ERR_ARGUMENT);
    cr_expect_null(bl_gradient(NULL, NULL));
    int line = __LINE__ + 1;
    bl_tensor *bad = bl_gradient(NULL, x);
    cr_expect(bad && !bl_tensor_valid(bad));
    cr_expect_eq(bl_graph_error(graph)->line, line);

    /* A graph in error gives that error, whatever is asked. */
    bl_graph_clear_error(graph);
    bl_add(x, wide[0]);
    cr_expect_eq(bl_grad(outputs, 1, NULL, wrt, 2, g), BL_ERR_SHAPE);
    cr_expect(!bl_tensor_valid(g[0]) && !bl_tensor_valid(g[1]));
    cr_expect_eq(bl_grad(outputs, 1, NULL, outputs, 1, g), BL_ERR_SHAPE);
    cr_expect(!bl_tensor_valid(g[0]));
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_grad(outputs, 1, NULL, wrt, 2, g), BL_OK);
    bl_graph_free(elsewhere);
}

/* ---- ops of the test's own ---- */

static bl_status infer_like_first(bl_infer_call *call)
{
    for (int i = 0; i < call->op->output_count; i++) {
        call->dtype[i] = bl_tensor_dtype(call->inputs[0]);
        call->shape[i] = bl_tensor_shape(call->inputs[0]);
    }
    return BL_OK;
}

/* (a, b) -> (a + b, a b); `seen` notes which cotangents came. */
static int seen;

static bl_status compute_sum_and_product(const bl_compute_call *call)
{
    const double *a = call->inputs[0], *b = call->inputs[1];
    double *sum = call->outputs[0], *product = call->outputs[1];
    for (int64_t i = 0; i < bl_shape_count(call->output_shapes[0]); i++) {
        sum[i] = a[i] + b[i];
        product[i] = a[i] * b[i];
    }
    return BL_OK;
}

static void vjp_sum_and_product(bl_vjp_call *call)
{
    bl_tensor *sum = call->cotangents[0], *product = call->cotangents[1];
    seen |= (sum ? 1 : 0) | (product ? 2 : 0);
    for (size_t i = 0; i < 2; i++) {
        if (!call->needed[i])
            continue;
        bl_tensor *part = product ? bl_mul(product, call->inputs[1 - i]) : NULL;
        call->gradients[i] = sum && part ? bl_add(sum, part) : sum ? sum : part;
    }
}

static const bl_op sum_and_product = {.size = sizeof(bl_op),
                                      .name = "sum_and_product",
                                      .min_inputs = 2,
                                      .max_inputs = 2,
                                      .output_count = 2,
                                      .infer = infer_like_first,
                                      .vjp = vjp_sum_and_product,
                                      .compute = compute_sum_and_product};

Test(grad, several_outputs_of_one_node)
{
    bl_tensor *in[] = {number(3), number(5)}, *g[2];
    bl_tensor *sum = bl_apply(graph, &sum_and_product, in, 2, NULL), *product = bl_output(sum, 1);
    cr_assert_eq(bl_grad(&product, 1, NULL, in, 2, g), BL_OK);
    cr_expect_eq(seen, 2, "the sum's cotangent is absent");
    cr_expect_eq(value_of(g[0]), 5);
    cr_expect_eq(value_of(g[1]), 3);
    seen = 0;
    cr_expect_eq(value_of(bl_gradient(bl_square(sum), in[1])), 16);
    cr_expect_eq(seen, 1);
    bl_tensor *both[] = {sum, bl_neg(product)};
    cr_assert_eq(bl_grad(both, 2, NULL, in, 2, g), BL_OK);
    cr_expect_eq(value_of(g[0]), 1 - 5);
    cr_expect_eq(value_of(g[1]), 1 - 3);
    /* With respect to one output of the node, of what is made of the other. */
    bl_tensor *unrelated = bl_gradient(bl_exp(sum), product);
    cr_expect(bl_is_unreached(unrelated));
    cr_expect_eq(value_of(unrelated), 0);
    cr_expect_eq(value_of(bl_gradient(bl_square(product), product)), 30);
    /* d^2 (a b) / da db */
    cr_expect_eq(value_of(bl_gradient(bl_gradient(product, in[0]), in[1])), 1);
}

/* An op without a derivative. */
static bl_op mystery(void)
{
    return (bl_op){.size = sizeof(bl_op),
                   .name = "mystery",
                   .min_inputs = 1,
                   .max_inputs = 1,
                   .output_count = 1,
                   .infer = infer_like_first};
}

Test(grad, an_op_without_a_derivative)
{
    bl_op op = mystery();
    bl_tensor *x = number(2), *w = number(3);
    bl_scope_push(graph, "block");
    int line = __LINE__ + 1;
    bl_tensor *m = bl_apply(graph, &op, &x, 1, NULL);
    bl_scope_pop(graph);
    bl_tensor *y = bl_mul(m, w), *g[2], *wrt[] = {w, x};
    cr_expect_eq(bl_grad(&y, 1, NULL, wrt, 1, g), BL_OK, "no path to w leads through it");
    cr_expect_eq(bl_grad(&y, 1, NULL, wrt, 2, g), BL_ERR_GRADIENT);
    cr_expect(!bl_tensor_valid(g[0]) && !bl_tensor_valid(g[1]));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_GRADIENT, "mystery", NULL));
    cr_expect_eq(bl_graph_error(graph)->line, line, "the op's place, not bl_grad's");
    cr_expect_eq(bl_context_error(context)->line, line);
    bl_graph_clear_error(graph);
    op.flags = BL_OP_PIECEWISE;
    bl_tensor *steps = bl_gradient(bl_apply(graph, &op, &x, 1, NULL), x);
    cr_expect(bl_tensor_valid(steps) && bl_is_unreached(steps), "zero where zero is right");
}

/* ---- ops that have only a decomposition ---- */

static bl_status compute_product(const bl_compute_call *call)
{
    const double *a = call->inputs[0], *b = call->inputs[1];
    for (int64_t i = 0; i < bl_shape_count(call->output_shapes[0]); i++)
        ((double *)call->outputs[0])[i] = a[i] * a[i] * b[i];
    return BL_OK;
}

/* a^2 b */
static void decompose_product(bl_graph *g, bl_tensor *const *inputs, size_t count, const void *attributes,
                              bl_tensor **outputs)
{
    (void)g, (void)count, (void)attributes;
    outputs[0] = bl_mul(bl_square(inputs[0]), inputs[1]);
}

static const bl_op product = {.size = sizeof(bl_op),
                              .name = "product",
                              .min_inputs = 2,
                              .max_inputs = 2,
                              .output_count = 1,
                              .infer = infer_like_first,
                              .decompose = decompose_product,
                              .compute = compute_product};

static bl_tensor *apply_product(bl_tensor *a, bl_tensor *b)
{
    bl_tensor *inputs[] = {a, b};
    return bl_apply(graph, &product, inputs, 2, NULL);
}

Test(grad, an_op_with_only_a_decomposition)
{
    bl_tensor *x = number(3), *w = number(5), *y = apply_product(x, w);
    cr_expect_eq(value_of(y), 45);
    bl_tensor *wrt[] = {x, w}, *g[2];
    cr_assert_eq(bl_grad(&y, 1, NULL, wrt, 2, g), BL_OK);
    cr_expect_eq(value_of(g[0]), 30);
    cr_expect_eq(value_of(g[1]), 9);
    cr_expect_eq(value_of(bl_gradient(g[0], w)), 6);
    cr_expect_eq(value_of(bl_gradient(g[0], x)), 10);

    /* One tensor in both places: x^3. */
    bl_tensor *cubed = apply_product(x, x);
    bl_tensor *slope = bl_gradient(cubed, x);
    cr_expect_eq(value_of(slope), 27);
    cr_expect_eq(value_of(bl_gradient(slope, x)), 18);

    /* One input made from the other: x^2 exp(x). */
    bl_tensor *e = bl_exp(x), *mixed = apply_product(x, e);
    slope = bl_gradient(mixed, x);
    double e3 = exp(3.0);
    cr_expect_float_eq(value_of(slope), (9 + 6) * e3, 1e-10);
    cr_expect_float_eq(value_of(bl_gradient(slope, x)), (9 + 12 + 2) * e3, 1e-9);
    cr_expect_eq(value_of(bl_gradient(mixed, e)), 9);

    /* Under itself, and with an input that nobody asks about. */
    bl_tensor *nested = apply_product(apply_product(x, w), x); /* w^2 x^5 */
    cr_expect_eq(value_of(bl_gradient(nested, w)), 2 * 5 * 243);
    cr_expect_eq(value_of(bl_gradient(nested, x)), 25.0 * 5 * 81);
}

static void decompose_nothing(bl_graph *g, bl_tensor *const *inputs, size_t count, const void *attributes,
                              bl_tensor **outputs)
{
    (void)g, (void)inputs, (void)count, (void)attributes, (void)outputs;
}

/* What a vjp may get wrong: see vjp_wrong. */
static bl_tensor *wrong;

static void vjp_wrong(bl_vjp_call *call)
{
    call->gradients[0] = wrong;
}

Test(grad, wrong_vjps_and_decompositions_are_told)
{
    bl_graph *elsewhere = bl_graph_new(context);
    double data[] = {1, 2};
    bl_tensor *x = vector(2, data), *pair[] = {x, x};
    bl_op op = product;
    op.decompose = decompose_nothing;
    cr_expect(!bl_tensor_valid(bl_gradient(bl_apply(graph, &op, pair, 2, NULL), x)));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "NULL", NULL), "%s",
              error_text(bl_graph_error(graph)));
    bl_graph_clear_error(graph);
    op = mystery();
    op.vjp = vjp_wrong;
    bl_tensor *y = bl_apply(graph, &op, &x, 1, NULL);
    wrong = bl_full(graph, BL_F32, BL_SHAPE(2), 1);
    cr_expect(!bl_tensor_valid(bl_gradient(y, x)));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_DTYPE, "mystery", "f32", "f64", NULL));
    bl_graph_clear_error(graph);
    wrong = bl_full(graph, BL_F64, BL_SHAPE(3), 1);
    cr_expect(!bl_tensor_valid(bl_gradient(y, x)));
    cr_expect_eq(bl_graph_error(graph)->code, BL_ERR_SHAPE);
    bl_graph_clear_error(graph);
    wrong = bl_full(elsewhere, BL_F64, BL_SHAPE(2), 1);
    cr_expect(!bl_tensor_valid(bl_gradient(y, x)));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "mystery", "another graph", NULL));
    bl_graph_clear_error(graph);
    /* A gradient may still have the broadcast shape, or that of a scalar. */
    wrong = bl_full(graph, BL_F64, BL_SHAPE(4, 2), 1);
    const double *v = values_of(bl_gradient(y, x));
    cr_expect(v[0] == 4 && v[1] == 4);
    wrong = bl_scalar(graph, BL_F64, 6);
    v = values_of(bl_gradient(y, x));
    cr_expect(v[0] == 6 && v[1] == 6);
    bl_graph_free(elsewhere);
}

/* ---- the walk ---- */

Test(grad, paths_are_added_up_not_walked_one_by_one)
{
    bl_tensor *x = number(1), *y = x;
    for (int i = 0; i < 60; i++)
        y = bl_add(y, y); /* 2^60 paths */
    int64_t nodes = bl_graph_node_count(graph);
    cr_expect_eq(value_of(bl_gradient(y, x)), 0x1p60);
    cr_expect_leq(bl_graph_node_count(graph), nodes + 3 * 60);
}

Test(grad, gradient_nodes_carry_the_place_and_scope_of_what_they_differentiate)
{
    bl_tensor *x = number(2);
    bl_scope_push(graph, "inner");
    int line = __LINE__ + 1;
    bl_tensor *y = bl_tanh(x);
    bl_scope_pop(graph);
    int64_t first = bl_graph_node_count(graph);
    bl_tensor *gradient = bl_gradient(y, x);
    for (int64_t id = first; id < bl_graph_node_count(graph); id++) {
        const bl__node *node = graph->nodes[id];
        if (node->input_count == 0)
            continue; /* the unit cotangent belongs to bl_gradient's place */
        cr_expect_eq(node->origin->line, line, "%s", node->op->name);
        cr_expect_not_null(node->origin->scope);
        cr_expect_str_eq(node->origin->scope->path, "inner");
    }
    cr_expect_float_eq(value_of(gradient), 1 - tanh(2.0) * tanh(2.0), 1e-12);
}
