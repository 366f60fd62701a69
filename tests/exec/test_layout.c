/* Results that stand where what reads them wants them: heads of attention in the rows of a layer, and
 * derivatives by parts of a tensor in the derivative by the tensor. Which do, and that the bits are those of
 * copies. */
#include "bowline/bowline.h"
#include "exec/budget.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(layout, .init = open_all, .fini = close_all);

enum {
    BATCH = 2,
    LENGTH = 29,
    HEADS = 3,
    EACH = 5,
    WIDTH = HEADS * EACH,
    NUMBERS = BATCH * LENGTH * 3 * WIDTH
};

/* Numbers that are not exact. */
static bl_tensor *numbers(bl_graph *g, bl_dtype dtype, bl_shape shape, double phase)
{
    static double values[NUMBERS];
    cr_assert_leq(bl_shape_count(shape), NUMBERS);
    for (int i = 0; i < NUMBERS; i++)
        values[i] = sin(phase + 1.3 * i);
    return bl_cast(bl_constant(g, BL_F64, shape, values), dtype);
}

/* [B,T,D] -> [B,H,T,D/H] */
static bl_tensor *split(bl_tensor *x)
{
    return bl_permute(bl_reshape(x, BL_SHAPE(BATCH, LENGTH, HEADS, EACH)), BL_AXES(0, 2, 1, 3));
}

static bl_tensor *merge(bl_tensor *y)
{
    return bl_reshape(bl_permute(y, BL_AXES(0, 2, 1, 3)), BL_SHAPE(BATCH, LENGTH, WIDTH));
}

static bl_tensor *attend(bl_tensor *q, bl_tensor *k, bl_tensor *v)
{
    bl_attention_options options = bl_attention_defaults();
    options.causal = true;
    return bl_scaled_dot_product_attention_with(q, k, v, &options);
}

/* A layer of attention over x, from one product for all of q, k and v, or from one for each. */
typedef struct layer {
    bl_tensor *x, *in, *heads, *result, *loss;
    bl_tensor *outputs[3]; /* the loss, and its derivatives by x and the first weight */
} layer;

static layer layer_of(bl_graph *g, bl_dtype dtype, bool in_one)
{
    layer l = {.x = numbers(g, dtype, BL_SHAPE(BATCH, LENGTH, WIDTH), 1)};
    bl_tensor *parts[3], *out = numbers(g, dtype, BL_SHAPE(WIDTH, WIDTH), 5);
    l.in = numbers(g, dtype, BL_SHAPE(in_one ? 3 * WIDTH : WIDTH, WIDTH), 2);
    if (in_one) {
        bl_chunk(bl_linear(l.x, l.in, NULL), 3, -1, parts);
    } else {
        parts[0] = bl_linear(l.x, l.in, NULL);
        for (int i = 1; i < 3; i++)
            parts[i] = bl_linear(l.x, numbers(g, dtype, BL_SHAPE(WIDTH, WIDTH), 2 + i), NULL);
    }
    l.heads = attend(split(parts[0]), split(parts[1]), split(parts[2]));
    l.result = bl_linear(merge(l.heads), out, NULL);
    l.loss = bl_sum(bl_square(l.result), BL_ALL_AXES, false);
    l.outputs[0] = l.loss;
    bl_tensor *by[] = {l.x, l.in};
    cr_assert_eq(bl_grad(&l.loss, 1, NULL, by, 2, l.outputs + 1), BL_OK);
    return l;
}

static bl_program *compile(bl_tensor *const *outputs, size_t count, const bl_compile_options *options)
{
    bl_program *program = bl_compile_list(context, outputs, count, options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* How many instructions have a name. */
static int count_of(const bl_program *program, const char *op)
{
    int found = 0;
    for (size_t i = 0; i < bl_program_instruction_count(program); i++)
        found += strcmp(bl_program_instruction(program, i).op, op) == 0;
    return found;
}

static int named(bl_tensor *const *outputs, size_t count, const char *op)
{
    bl_program *program = compile(outputs, count, NULL);
    int found = count_of(program, op);
    bl_program_free(program);
    return found;
}

/* Whether two programs, which are freed, come to the same bits, also when they run again. */
static void expect_same(bl_program *a, bl_program *b, bl_tensor *const *outputs, size_t count)
{
    for (int run = 0; run < 2; run++) {
        cr_assert_eq(bl_run(a), BL_OK, "%s", error_text(bl_program_error(a)));
        cr_assert_eq(bl_run(b), BL_OK, "%s", error_text(bl_program_error(b)));
        for (size_t i = 0; i < count; i++) {
            size_t bytes = (size_t)bl_tensor_count(outputs[i]) * bl_dtype_size(bl_tensor_dtype(outputs[i]));
            cr_assert_eq(memcmp(bl_output_data(a, outputs[i]), bl_output_data(b, outputs[i]), bytes), 0,
                         "output %zu", i);
        }
    }
    bl_program_free(a);
    bl_program_free(b);
}

/* The bits are those of copies: on several threads, with a check of values, and in half the memory. */
static void expect_bits_of_copies(bl_tensor *const *outputs, size_t count)
{
    bl_compile_options copies = bl_compile_defaults(), other;
    copies.fuse = false;
    for (int threads = 1; threads <= 3; threads++) {
        other = bl_compile_defaults();
        other.threads = threads;
        expect_same(compile(outputs, count, &other), compile(outputs, count, &copies), outputs, count);
    }
    other.check = BL_CHECK_FINITE;
    expect_same(compile(outputs, count, &other), compile(outputs, count, &copies), outputs, count);
    bl_program *least = compile_within(context, outputs, count, least_budget(context, outputs, count));
    expect_same(least, compile(outputs, count, &copies), outputs, count);
}

Test(layout, heads_of_one_product)
{
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        layer l = layer_of(graph, dtype, true);
        cr_expect_eq(named(l.outputs, 3, "copy"), 0);
        cr_expect_eq(named(l.outputs, 3, "concat"), 0);
        cr_expect_eq(named(l.outputs, 3, "attention_backward+concat"), 1);
        expect_bits_of_copies(l.outputs, 3);
    }
}

Test(layout, heads_of_several_products)
{
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        layer l = layer_of(graph, dtype, false);
        cr_expect_eq(named(l.outputs, 3, "copy"), 0);
        cr_expect_eq(named(l.outputs, 3, "attention_backward"), 1);
        expect_bits_of_copies(l.outputs, 3);
    }
}

/* What is read side by side too, by an op or by the caller, stands side by side, and is copied for others. */
Test(layout, other_readers)
{
    layer l = layer_of(graph, BL_F32, true);
    bl_tensor *alone[] = {l.loss, l.heads};
    cr_expect_eq(named(alone, 2, "copy"), 1);
    expect_bits_of_copies(alone, 2);
    bl_tensor *several[] = {l.loss, bl_cumsum(bl_reshape(l.heads, BL_SHAPE(-1, 2)), 0),
                            bl_cumsum(bl_reshape(l.heads, BL_SHAPE(-1, 3)), 0)};
    cr_expect_eq(named(several, 3, "copy"), 1);
    expect_bits_of_copies(several, 3);
    /* two orders of axes: one of them is copied */
    bl_tensor *turned = bl_reshape(bl_permute(l.heads, BL_AXES(1, 0, 2, 3)), BL_SHAPE(HEADS, -1));
    bl_tensor *orders[] = {l.loss, bl_cumsum(turned, 1)};
    cr_expect_eq(named(orders, 2, "copy"), 1);
    expect_bits_of_copies(orders, 2);
    /* rows that would not be contiguous */
    bl_tensor *columns = bl_reshape(bl_permute(l.heads, BL_AXES(0, 1, 3, 2)), BL_SHAPE(-1, LENGTH));
    columns = bl_cumsum(columns, 1);
    cr_expect_eq(named(&columns, 1, "copy"), 1);
    expect_bits_of_copies(&columns, 1);
}

/* By q, k and v. */
static void find_derivatives(bl_tensor **d)
{
    bl_tensor *x[3];
    for (int i = 0; i < 3; i++)
        x[i] = numbers(graph, BL_F32, BL_SHAPE(BATCH, HEADS, LENGTH, EACH), 3 * i);
    bl_tensor *loss = bl_sum(bl_square(attend(x[0], x[1], x[2])), BL_ALL_AXES, false);
    cr_assert_eq(bl_grad(&loss, 1, NULL, x, 3, d), BL_OK);
}

/* Derivatives by q, k and v in some order, of which one may be left out or come twice. */
Test(layout, concats)
{
    bl_tensor *d[3];
    find_derivatives(d);
    static const struct {
        int count, parts[4], joined;
    } cases[] = {
        {3, {0, 1, 2}, 1}, {3, {2, 0, 1}, 1}, {2, {0, 1}, 0}, {4, {0, 1, 2, 1}, 0}, {3, {0, 1, 1}, 0}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (int axis = 0; axis < 4; axis++) {
            bl_tensor *parts[4], *outputs[2];
            for (int i = 0; i < cases[c].count; i++)
                parts[i] = d[cases[c].parts[i]];
            outputs[0] = bl_concat(parts, (size_t)cases[c].count, axis);
            outputs[1] = d[1];
            cr_expect_eq(named(outputs, 1, "attention_backward+concat"), cases[c].joined, "case %zu", c);
            expect_bits_of_copies(outputs, 1);
            cr_expect_eq(named(outputs, 2, "concat"), 1, "one of the parts is used alone");
            expect_bits_of_copies(outputs, 2);
        }
    bl_tensor *turned[3];
    for (int i = 0; i < 3; i++)
        turned[i] = bl_permute(d[i], BL_AXES(0, 1, 3, 2));
    bl_tensor *columns = bl_concat(turned, 3, 1);
    cr_expect_eq(named(&columns, 1, "concat"), 1, "rows would not be contiguous");
    expect_bits_of_copies(&columns, 1);
}

Test(layout, nothing_in_it)
{
    bl_tensor *x[3], *d[3];
    for (int i = 0; i < 3; i++)
        x[i] = numbers(graph, BL_F32, BL_SHAPE(0, HEADS, LENGTH, EACH), i);
    bl_tensor *loss = bl_sum(attend(x[0], x[1], x[2]), BL_ALL_AXES, false);
    cr_assert_eq(bl_grad(&loss, 1, NULL, x, 3, d), BL_OK);
    bl_tensor *whole = bl_concat(d, 3, 1);
    expect_bits_of_copies(&whole, 1);
}

/* An instruction into parts counts as the op does. */
Test(layout, flops)
{
    layer l = layer_of(graph, BL_F32, true);
    bl_compile_options copies = bl_compile_defaults();
    copies.fuse = false;
    bl_program *a = compile(l.outputs, 3, NULL), *b = compile(l.outputs, 3, &copies);
    int64_t flops[2] = {0};
    for (size_t i = 0; i < bl_program_instruction_count(b); i++) {
        bl_instruction_info info = bl_program_instruction(b, i);
        flops[0] = strcmp(info.op, "attention_backward") == 0 ? info.flops : flops[0];
    }
    for (size_t i = 0; i < bl_program_instruction_count(a); i++) {
        bl_instruction_info info = bl_program_instruction(a, i);
        flops[1] = strcmp(info.op, "attention_backward+concat") == 0 ? info.flops : flops[1];
    }
    cr_expect_gt(flops[0], 0);
    cr_expect_eq(flops[0], flops[1]);
    bl_program_free(a);
    bl_program_free(b);
}

Test(layout, out_of_memory_anywhere, .init = NULL, .fini = NULL)
{
    static failing_allocator memory;
    failing_allocator_init(&memory);
    bl_context_options options = failing_allocator_options(&memory);
    options.cached_programs = 0;
    bl_context *own = bl_context_new(&options);
    bl_graph *g = bl_graph_new(own);
    layer l = layer_of(g, BL_F32, true);
    bool failed = true;
    size_t blocks = memory.live_blocks;
    for (long k = 1; failed; k++) {
        failing_allocator_fail(&memory, k, false);
        bl_program *program = bl_compile_list(own, l.outputs, 3, NULL);
        bl_status status = bl_program_error(program)->code;
        failed = failing_allocator_has_failed(&memory);
        cr_assert_eq(status, failed ? BL_ERR_MEMORY : BL_OK, "allocation %ld", k);
        cr_assert(failed || k > 5);
        bl_program_free(program);
        bl_context_clear_error(own);
        if (failed)
            cr_assert_eq(memory.live_blocks, blocks, "allocation %ld", k);
    }
    bl_graph_free(g);
    bl_context_free(own);
    char left[200];
    cr_assert(failing_allocator_clean(&memory, left, sizeof(left)), "%s", left);
}

/* The sums beside attention's result stand apart like it. */
Test(layout, log_sums)
{
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        bl_tensor *x[3], *outputs[5];
        for (int i = 0; i < 3; i++)
            x[i] = numbers(graph, dtype, BL_SHAPE(BATCH, HEADS, LENGTH, i < 2 ? EACH : 1), 3 * i);
        for (int axis = 0; axis < 4; axis++) {
            bl_tensor *y = attend(x[0], bl_add_scalar(x[1], axis), x[2]);
            bl_tensor *parts[] = {y, bl_output(y, 1)};
            outputs[axis] = bl_concat(parts, 2, axis);
            cr_expect_eq(named(outputs + axis, 1, "attention+concat"), 1, "axis %d", axis);
        }
        bl_tensor *sums = bl_output(attend(x[0], x[1], x[2]), 1);
        outputs[4] = bl_cumsum(bl_reshape(bl_permute(sums, BL_AXES(0, 2, 1, 3)), BL_SHAPE(-1, HEADS)), 1);
        cr_expect_eq(named(outputs + 4, 1, "copy"), 0);
        expect_bits_of_copies(outputs, 5);
    }
}

/* The instruction of both has the label of the last, the concat's. */
Test(layout, the_label_is_that_of_the_concat)
{
    bl_tensor *d[3];
    find_derivatives(d);
    bl_tensor *whole = bl_label(bl_concat(d, 3, 3), "whole");
    bl_program *program = compile(&whole, 1, NULL);
    bl_instruction_info last = bl_program_instruction(program, bl_program_instruction_count(program) - 1);
    cr_assert_str_eq(last.op, "attention_backward+concat");
    cr_assert_str_eq(last.label, "whole");
    bl_program_free(program);
}
