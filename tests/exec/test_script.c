/* Long sequences of single numbers run as one instruction, and compute the same as one op after the other. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    LEAST = 128, /* steps of a script */
    MOST = 600
};

TestSuite(script, .init = open_all, .fini = close_all);

static uint64_t state;

static size_t below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 11) % n;
}

static bl_program *compile(bl_tensor *const *outputs, size_t count, bool fused, bl_precision precision)
{
    bl_compile_options options = bl_compile_defaults();
    options.fuse = fused;
    options.precision = precision;
    bl_program *program = bl_compile_list(context, outputs, count, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

static size_t instructions(bl_tensor *const *outputs, size_t count)
{
    bl_program *program = compile(outputs, count, true, BL_PRECISION_RECORDED);
    size_t found = bl_program_instruction_count(program);
    bl_program_free(program);
    return found;
}

static void run(bl_program *program)
{
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
}

static void expect_equal(bl_program *a, bl_program *b, bl_tensor *const *outputs, size_t count, bool wide)
{
    for (size_t i = 0; i < count; i++) {
        bl_dtype dtype = wide ? BL_F64 : bl_tensor_dtype(outputs[i]);
        size_t bytes = (size_t)bl_tensor_count(outputs[i]) * bl_dtype_size(dtype);
        cr_assert_arr_eq(bl_output_data(a, outputs[i]), bl_output_data(b, outputs[i]), bytes,
                         "output %zu of %zu, wide %d", i, count, wide);
    }
}

/* Together and alone, as recorded and in f64, all outputs have the same bits; and again, over what the first
 * run has left. */
static void expect_same_bits(bl_tensor *const *outputs, size_t count)
{
    for (int wide = 0; wide < 2; wide++) {
        bl_precision precision = wide ? BL_PRECISION_F64 : BL_PRECISION_RECORDED;
        bl_program *together = compile(outputs, count, true, precision);
        bl_program *alone = compile(outputs, count, false, precision);
        run(alone);
        for (int i = 0; i < 2; i++) {
            run(together);
            expect_equal(together, alone, outputs, count, wide);
        }
        bl_program_free(together);
        bl_program_free(alone);
    }
}

static bl_tensor *number(double value)
{
    float narrow = (float)value;
    return bl_constant(graph, BL_F32, BL_SCALAR, &narrow);
}

/* One op of many on numbers that were made before, mostly lately. */
static bl_tensor *any_op(bl_tensor *const *made, size_t count)
{
    bl_tensor *a = made[count - 1 - below(count < 8 ? count : 8)], *b = made[below(count)];
    switch (below(14)) {
    case 0:
        return bl_add(a, b);
    case 1:
        return bl_sub(b, a);
    case 2:
        return bl_mul(a, b);
    case 3:
        return bl_div(a, bl_add_scalar(bl_square(b), 1));
    case 4:
        return bl_neg(a);
    case 5:
        return bl_tanh(a);
    case 6:
        return bl_mul_scalar(a, 0.75);
    case 7:
        return bl_exp(bl_neg(bl_abs(a)));
    case 8:
        return bl_maximum(a, b);
    case 9:
        return bl_mul(a, a);
    case 10:
        return bl_clamp(a, -2, 2);
    case 11:
        return bl_sub_scalar(a, 0.5);
    case 12:
        return bl_sigmoid(b);
    default:
        return bl_add(a, number((double)below(100) / 50 - 1)); /* a leaf in between */
    }
}

/* Many programs at random, with derivatives, of which several values are outputs. */
Test(script, bits_are_the_same)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        bl_tensor *made[MOST + 2], *outputs[6], *wrt[2];
        size_t count = 0, steps = LEAST + 2 + below(MOST - LEAST - 2);
        state = seed * UINT64_C(0x9e3779b97f4a7c15);
        bl_graph_reset(graph);
        wrt[0] = made[count++] = bl_tanh(number(0.3));
        wrt[1] = made[count++] = number(-1.25);
        while (count < steps) {
            made[count] = any_op(made, count);
            count++;
        }
        outputs[0] = made[count - 1];
        outputs[1] = made[below(count)];
        outputs[2] = made[0];
        outputs[3] = made[2 + below(count - 2)];
        cr_assert_eq(bl_grad(outputs, 1, NULL, wrt, 2, outputs + 4), BL_OK, "%s",
                     error_text(bl_graph_error(graph)));
        expect_same_bits(outputs, 6);
    }
}

/* What a script computes is right: powers of two, which are exact, in two dtypes and another shape. */
Test(script, computes_powers)
{
    float value = 2;
    double wide = 0.5;
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SCALAR), *y = x;
    bl_tensor *z = bl_input(graph, "z", BL_F64, BL_SHAPE(1, 1)), *w = z;
    for (int i = 0; i < LEAST; i++)
        y = i % 2 ? bl_neg(y) : bl_mul_scalar(y, 2);
    for (int i = 0; i < LEAST; i++)
        w = bl_mul(w, z);
    bl_tensor *outputs[] = {y, w, bl_gradient(w, z)};
    bl_program *program = compile(outputs, 3, true, BL_PRECISION_RECORDED);
    cr_assert_eq(bl_set_input(program, x, &value, sizeof(value)), BL_OK);
    cr_assert_eq(bl_set_input(program, z, &wide, sizeof(wide)), BL_OK);
    run(program);
    cr_expect_eq(bl_item(program, y), 0x1p65);
    cr_expect_eq(bl_item(program, w), 0x1p-129);
    cr_expect_eq(bl_item(program, outputs[2]), 129 * 0x1p-128);
    bl_program_free(program);
}

static bl_tensor *long_chain(bl_tensor *x, int steps)
{
    bl_tensor *y = x;
    for (int i = 0; i < steps; i++)
        y = i % 2 ? bl_mul(y, x) : bl_add(y, x);
    return y;
}

Test(script, is_one_instruction_with_a_name_and_costs)
{
    bl_tensor *x = number(0.5), *y;
    bl_scope_push(graph, "deep");
    y = long_chain(x, 1000);
    bl_scope_pop(graph);
    bl_program *program = compile(&y, 1, true, BL_PRECISION_RECORDED);
    cr_assert_eq(bl_program_instruction_count(program), 1);
    bl_instruction_info info = bl_program_instruction(program, 0);
    cr_expect_str_eq(info.op, "add+mul+add+mul+996 more");
    cr_expect_str_eq(info.scope, "deep");
    cr_expect_eq(info.flops, 1000);
    cr_expect_eq(info.bytes_read, 4); /* what passes from step to step does not count */
    cr_expect_eq(info.bytes_written, 4);
    cr_expect_leq(bl_program_workspace_bytes(program), 2 * 64); /* two cells or three, and the output */
    cr_expect_eq(bl_program_workspace_bytes(program), bl_program_workspace_bound(program));
    bl_program_free(program);
}

Test(script, which_sequences_are_long_enough)
{
    bl_tensor *x = number(0.5);
    bl_tensor *y = long_chain(x, LEAST), *shorter = long_chain(x, LEAST - 1);
    cr_expect_eq(instructions(&y, 1), 1);
    cr_expect_eq(instructions(&shorter, 1), 4); /* groups */
    bl_graph_reset(graph);
    y = bl_cast(long_chain(bl_cast(long_chain(number(2), LEAST), BL_F64), LEAST), BL_F32);
    cr_expect_eq(instructions(&y, 1), 4, "a script for each dtype, and casts");
    expect_same_bits(&y, 1);
}

/* Where each value is looked at, or is to fit a budget, there is an instruction for each op or group. */
Test(script, not_where_single_ops_count)
{
    bl_tensor *y = long_chain(number(0.5), LEAST);
    bl_compile_options options = bl_compile_defaults();
    options.check = BL_CHECK_FINITE;
    bl_program *checked = bl_compile_list(context, &y, 1, &options);
    cr_expect_eq(bl_program_instruction_count(checked), LEAST);
    bl_program_free(checked);
    options = bl_compile_defaults();
    options.memory_budget = 1 << 20;
    bl_program *limited = bl_compile_list(context, &y, 1, &options);
    cr_expect_eq(bl_program_instruction_count(limited), 4);
    bl_program_free(limited);
}

/* Tensors before, between and behind scripts: groups, sums, views and products that take and give numbers. */
Test(script, among_tensors)
{
    float values[6] = {1, -2, 3, 0.5f, 0.25f, -1};
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(2, 3), values);
    bl_tensor *square = bl_square(x), *sum = bl_sum(square, BL_ALL_AXES, false); /* a group with a sum */
    bl_tensor *first = bl_slice(bl_slice(x, 0, 0, 1, 1), 1, 2, 3, 1);            /* a view, [1,1] */
    bl_tensor *group = bl_tanh(bl_neg(number(0.2)));
    bl_tensor *y = bl_mul_scalar(sum, 0.01);
    for (int i = 0; i < LEAST; i++)
        y = i % 3 ? bl_mul(y, group) : bl_add(y, bl_mul(sum, first)); /* [1,1] from here on */
    bl_tensor *open = bl_exp(square), *scaled = bl_mul(open, y);
    bl_tensor *product = bl_matmul(scaled, bl_transpose(x, 0, 1)); /* [2,2] */
    bl_tensor *corner = bl_matmul(bl_slice(product, 0, 0, 1, 1), bl_slice(product, 1, 0, 1, 1));
    bl_tensor *z = bl_add(bl_reshape(corner, BL_SHAPE(1, 1)), y);
    for (int i = 0; i < LEAST; i++)
        z = bl_tanh(bl_add(z, i % 2 ? y : group));
    bl_tensor *outputs[] = {z, scaled, product, bl_add(bl_expand(z, BL_SHAPE(2, 3)), open), y, group};
    expect_same_bits(outputs, 6);
    bl_tensor *gradient[6];
    cr_assert_eq(bl_grad(&z, 1, NULL, &sum, 1, gradient), BL_OK);
    cr_assert_eq(bl_grad(gradient, 1, NULL, &first, 1, gradient + 1), BL_OK);
    expect_same_bits(gradient, 2);
}

/* A group that a script takes a value from has run before it, whatever could have joined it later; and it
 * puts its value where the script finds it, though no group or single op looks at it. */
Test(script, takes_from_groups)
{
    float values[6] = {1, -2, 3, 0.5f, 0.25f, -1};
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(2, 3), values);
    bl_tensor *square = bl_square(bl_neg(x)), *sum = bl_sum(square, BL_ALL_AXES, false);
    bl_tensor *wide = bl_cast(bl_exp(bl_neg(bl_cast(number(0.3), BL_F64))), BL_F32); /* a group of numbers */
    bl_tensor *y = bl_mul(sum, wide);
    for (int i = 0; i < LEAST; i++)
        y = i % 3 ? bl_mul(y, wide) : bl_add(y, sum);
    bl_tensor *later = bl_tanh(square), *after = bl_mul(bl_add(later, x), y);
    bl_tensor *outputs[] = {after, later, y};
    cr_assert_leq(instructions(outputs, 3), 4, "two groups, a script, and what uses it");
    expect_same_bits(outputs, 3);
}

/* Leaves that stand within a script, or right behind it, are there once. */
Test(script, leaves_in_between)
{
    float x_values[2] = {1, 2}, y_value = 3, z_value = 4, got[2];
    bl_tensor *one = number(1), *w = one;
    for (int i = 0; i < LEAST; i++)
        w = bl_mul(w, one);
    bl_tensor *y = bl_input(graph, "y", BL_F32, BL_SCALAR);
    w = bl_mul(w, y);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2)), *z = bl_input(graph, "z", BL_F32, BL_SCALAR);
    bl_tensor *outputs[] = {bl_mul(bl_mul(x, w), z)};
    bl_program *program = compile(outputs, 1, true, BL_PRECISION_RECORDED);
    cr_assert_eq(bl_set_input(program, x, x_values, sizeof(x_values)), BL_OK);
    cr_assert_eq(bl_set_input(program, y, &y_value, sizeof(y_value)), BL_OK);
    cr_assert_eq(bl_set_input(program, z, &z_value, sizeof(z_value)), BL_OK);
    run(program);
    cr_assert_eq(bl_read(program, outputs[0], got, sizeof(got)), BL_OK);
    cr_expect_eq(got[0], 12);
    cr_expect_eq(got[1], 24);
    bl_program_free(program);
}

/* A value that an op takes twice, and never again, has one cell to give back. */
Test(script, takes_a_value_twice)
{
    bl_tensor *x = number(0.9), *y = x, *z = number(0.8);
    for (int i = 0; i < LEAST; i++) {
        y = i % 2 ? bl_maximum(y, y) : bl_mul_scalar(y, 1.01);
        z = bl_add(bl_mul(z, z), bl_mul(y, x));
    }
    bl_tensor *outputs[] = {y, z};
    cr_assert_eq(instructions(outputs, 2), 1);
    expect_same_bits(outputs, 2);
}

static bl_status infer_halves(bl_infer_call *call)
{
    for (int i = 0; i < 2; i++) {
        call->dtype[i] = BL_F64;
        call->shape[i] = BL_SCALAR;
    }
    return BL_OK;
}

static bl_status compute_halves(const bl_compute_call *call)
{
    double x = *(const double *)call->inputs[0];
    *(double *)call->outputs[0] = x / 2;
    *(double *)call->outputs[1] = x / 4;
    return BL_OK;
}

/* Two outputs of one node are two values. */
Test(script, takes_one_output_of_a_node)
{
    const bl_op op = {.size = sizeof(op),
                      .name = "halves",
                      .min_inputs = 1,
                      .max_inputs = 1,
                      .output_count = 2,
                      .infer = infer_halves,
                      .compute = compute_halves};
    bl_tensor *x = bl_full(graph, BL_F64, BL_SCALAR, 1.5), *half = bl_apply(graph, &op, &x, 1, NULL);
    bl_tensor *quarter = bl_output(half, 1), *y = x;
    for (int i = 0; i < 3 * LEAST; i++)
        y = i == LEAST ? bl_sub(y, quarter) : i == 2 * LEAST ? bl_mul(quarter, half) : bl_mul(y, half);
    expect_same_bits(&y, 1);
    bl_tensor *z = quarter;
    for (int i = 0; i < LEAST; i++)
        z = bl_tanh(bl_sub(z, i == 5 ? half : quarter));
    expect_same_bits(&z, 1);
}

/* A sum of a product of matrices of one element each is left to the product. */
Test(script, leaves_products_their_sums)
{
    float values[3] = {1, 2, 3};
    bl_tensor *row = bl_constant(graph, BL_F32, BL_SHAPE(1, 3), values);
    bl_tensor *column = bl_reshape(row, BL_SHAPE(3, 1)), *y = bl_full(graph, BL_F32, BL_SHAPE(1, 1), 0.5);
    for (int i = 0; i < 2 * LEAST; i++)
        y = i == LEAST ? bl_add(bl_matmul(row, column), y) : bl_mul_scalar(bl_neg(y), 0.99);
    bl_program *program = compile(&y, 1, true, BL_PRECISION_RECORDED);
    cr_assert_eq(bl_program_instruction_count(program), 3);
    cr_expect_str_eq(bl_program_instruction(program, 1).op, "matmul+add");
    run(program);
    bl_program_free(program);
}

/* States of one number are read before, and written after, all steps. */
Test(script, reads_and_writes_states)
{
    bl_parameter *p = bl_params_add_buffer(params, "p", BL_F32, BL_SCALAR);
    bl_parameter *q = bl_params_add_buffer(params, "q", BL_F32, BL_SCALAR);
    bl_tensor *old_p = bl_use(graph, p), *old_q = bl_use(graph, q), *y = old_p;
    bl_tensor *new_q = bl_add_scalar(old_p, 1);
    for (int i = 0; i < LEAST; i++)
        y = bl_add(bl_neg(y), old_q);
    y = bl_add(y, old_p);
    new_q = bl_add(new_q, old_q);
    bl_tensor *outputs[] = {bl_assign(p, y), bl_assign(q, new_q)};
    float values[2] = {3, 10};
    bl_parameter_write(p, &values[0], sizeof(float));
    bl_parameter_write(q, &values[1], sizeof(float));
    bl_program *program = compile(outputs, 2, true, BL_PRECISION_RECORDED);
    cr_assert_eq(bl_program_instruction_count(program), 1);
    run(program); /* an even number of turns: y is p again */
    bl_parameter_read(p, &values[0], sizeof(float));
    bl_parameter_read(q, &values[1], sizeof(float));
    cr_expect_eq(values[0], 6);
    cr_expect_eq(values[1], 14);
    bl_program_free(program);
}

/* Found again in the cache, and right with other constants. */
Test(script, is_found_again)
{
    double found[2];
    for (int i = 0; i < 2; i++) {
        bl_graph_reset(graph);
        bl_tensor *y = long_chain(number(i ? 0.25 : 0.5), LEAST);
        bl_program *program = compile(&y, 1, true, BL_PRECISION_RECORDED);
        run(program);
        found[i] = bl_item(program, y);
        bl_program_free(program);
        double expected = i ? 0.25 : 0.5, x = expected;
        for (int k = 0; k < LEAST; k++)
            expected = (float)(k % 2 ? expected * x : expected + x);
        cr_expect_eq(found[i], expected);
    }
    cr_expect_eq(bl_context_cache_info(context).hits, 1);
}

/* Whichever allocation is refused, compiling says so and loses nothing. */
Test(script, out_of_memory)
{
    failing_allocator memory;
    char left[200];
    bool failed = true;
    for (long k = 1; failed; k++) {
        failing_allocator_init(&memory);
        bl_context *own = failing_allocator_context(&memory);
        bl_graph *tape = bl_graph_new(own);
        bl_tensor *x = bl_input(tape, "x", BL_F32, BL_SCALAR), *y = x;
        for (int i = 0; i < MOST; i++)
            y = i % 2 ? bl_mul(y, x) : bl_mul_scalar(bl_tanh(y), 2);
        bl_tensor *slope = bl_gradient(y, x);
        failing_allocator_fail(&memory, k, false);
        bl_program *program = bl_compile(own, y, slope);
        failed = failing_allocator_has_failed(&memory);
        failing_allocator_relent(&memory);
        cr_assert_eq(bl_program_error(program)->code, failed ? BL_ERR_MEMORY : BL_OK, "allocation %ld", k);
        cr_assert(failed || k > 8);
        bl_program_free(program);
        bl_graph_free(tape);
        bl_context_free(own);
        cr_assert(failing_allocator_clean(&memory, left, sizeof(left)), "allocation %ld: %s", k, left);
    }
}
