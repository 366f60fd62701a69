/* Small instructions that run side by side: the same bits as one after the other, and only where it can be.
 */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bl_context *context;
static bl_graph *graph;

static void open_both(void)
{
    context = bl_context_new(NULL);
    graph = bl_graph_new(context);
}

static void close_both(void)
{
    bl_graph_free(graph);
    bl_context_free(context);
}

TestSuite(strand, .init = open_both, .fini = close_both);

enum {
    SIDE = 64,
    DEPTH = 3,
    TOWERS = 3,
    SQUARE = SIDE * SIDE
};

/* A tower of products and functions, 9 to 18 us each product. */
static bl_tensor *tower(bl_tensor *x, int number)
{
    for (int i = 0; i < DEPTH; i++)
        x = bl_tanh(bl_matmul(bl_add_scalar(x, 0.01 * (number + 1)), bl_transpose(x, 0, 1)));
    return bl_softmax(x, -1);
}

static bl_tensor *towers(bl_tensor *x, int count)
{
    bl_tensor *tops[TOWERS], *sum = NULL;
    for (int i = 0; i < count; i++)
        tops[i] = tower(x, i);
    for (int i = 0; i < count; i++)
        sum = sum ? bl_add(sum, bl_mul_scalar(tops[i], i + 1)) : tops[i];
    return sum;
}

static bl_tensor *square_input(const char *name)
{
    return bl_input(graph, name, BL_F32, BL_SHAPE(SIDE, SIDE));
}

static void fill(float *data, unsigned seed)
{
    for (int i = 0; i < SQUARE; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (float)(seed >> 8) / (float)(1 << 24) - 0.5f;
    }
}

static bl_program *compile(bl_tensor *const *outputs, size_t count, int threads)
{
    bl_compile_options options = bl_compile_defaults();
    options.threads = threads;
    bl_program *program = bl_compile_list(context, outputs, count, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* Runs a program and compares its outputs with those that were kept, or keeps them. */
static void run_and_compare(bl_program *program, bl_tensor *x, bl_tensor *const *outputs, size_t count,
                            void **kept, int runs)
{
    float data[SQUARE];
    fill(data, 1);
    cr_assert_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK);
    for (int run = 0; run < runs; run++) {
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        for (size_t i = 0; i < count; i++) {
            size_t bytes = (size_t)bl_tensor_count(outputs[i]) * bl_dtype_size(bl_tensor_dtype(outputs[i]));
            const void *found = bl_output_data(program, outputs[i]);
            if (!kept[i])
                kept[i] = memcpy(malloc(bytes), found, bytes);
            cr_assert_eq(memcmp(kept[i], found, bytes), 0, "output %zu, run %d", i, run);
        }
    }
}

Test(strand, towers_run_side_by_side_with_the_same_bits)
{
    bl_tensor *x = square_input("x"), *loss = bl_mean(towers(x, TOWERS), BL_ALL_AXES, false);
    bl_tensor *outputs[] = {loss, bl_gradient(loss, x)};
    void *kept[2] = {NULL};
    for (int threads = 1; threads <= 8; threads++) {
        bl_program *program = compile(outputs, 2, threads);
        size_t beside = bl_program_describe(program).side_by_side;
        if (threads == 1)
            cr_expect_eq(beside, 0);
        else
            cr_expect_geq(beside, 2 * DEPTH, "%zu of %zu instructions on %d threads", beside,
                          bl_program_instruction_count(program), threads);
        run_and_compare(program, x, outputs, 2, kept, 10);
        bl_program_free(program);
    }
    free(kept[0]);
    free(kept[1]);
}

Test(strand, what_depends_on_each_other_does_not)
{
    bl_tensor *x = square_input("x"), *y = towers(x, 1);
    bl_program *program = compile(&y, 1, 4);
    cr_expect_eq(bl_program_describe(program).side_by_side, 0);
    bl_program_free(program);
}

Test(strand, what_takes_no_time_does_not)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(4, 4)), *tops[20];
    for (int i = 0; i < 20; i++)
        tops[i] = bl_matmul(bl_add_scalar(x, i), x);
    bl_program *program = compile(tops, 20, 4);
    cr_expect_eq(bl_program_describe(program).side_by_side, 0);
    bl_program_free(program);
}

Test(strand, checked_programs_and_instructions_that_fail_keep_their_order)
{
    bl_tensor *x = square_input("x"), *y = towers(x, TOWERS);
    bl_compile_options options = bl_compile_defaults();
    options.threads = 4;
    options.check = BL_CHECK_NAN;
    bl_program *checked = bl_compile_list(context, &y, 1, &options);
    cr_expect_eq(bl_program_describe(checked).side_by_side, 0);
    bl_program_free(checked);
    bl_tensor *rows = bl_input(graph, "rows", BL_I64, BL_SHAPE(SIDE)), *picked[TOWERS];
    for (int i = 0; i < TOWERS; i++)
        picked[i] = bl_index_select(bl_matmul(x, bl_add_scalar(x, i)), 0, rows);
    bl_program *program = compile(picked, TOWERS, 4);
    float data[SQUARE];
    int64_t wrong[SIDE] = {[5] = SIDE};
    fill(data, 1);
    bl_set_input(program, x, data, sizeof(data));
    bl_set_input(program, rows, wrong, sizeof(wrong));
    cr_expect_eq(bl_run(program), BL_ERR_INDEX);
    bl_program_free(program);
}

Test(strand, a_profile_has_a_time_for_each_and_changes_no_bit)
{
    bl_tensor *x = square_input("x"), *y = towers(x, TOWERS);
    void *kept[1] = {NULL};
    bl_program *program = compile(&y, 1, 2);
    cr_assert_gt(bl_program_describe(program).side_by_side, 0);
    run_and_compare(program, x, &y, 1, kept, 2);
    cr_assert_eq(bl_profile_start(program), BL_OK);
    run_and_compare(program, x, &y, 1, kept, 3);
    for (size_t i = 0; i < bl_program_instruction_count(program); i++) {
        bl_profile_record record = bl_profile_instruction(program, i);
        cr_expect_eq(record.runs, 3);
        cr_expect_gt(record.least, 0, "%s", record.instruction.op);
    }
    cr_assert_eq(bl_profile_stop(program), BL_OK);
    run_and_compare(program, x, &y, 1, kept, 10);
    bl_program_free(program);
    free(kept[0]);
}

static uint64_t state;

static int below(int n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int)(state % (uint64_t)n);
}

enum {
    NODES = 40,
    WANTED = 5
};

/* Over earlier values, most of them not the last, so that there are strands. */
static bl_tensor *grow(bl_tensor **values, int count)
{
    bl_tensor *a = values[below(count)], *b = values[below(count)];
    switch (below(8)) {
    case 0:
        return bl_tanh(bl_matmul(a, bl_transpose(b, 0, 1)));
    case 1:
        return bl_softmax(a, below(2));
    case 2:
        return bl_expand(bl_sum(a, BL_AXES(below(2)), true), BL_SHAPE(SIDE, SIDE));
    case 3:
        return bl_add(bl_mul_scalar(bl_matmul(a, b), 0.1), a); /* a product that is added to something */
    case 4:
        return bl_cumsum(bl_mul_scalar(a, 0.1), below(2));
    case 5:
        return bl_exp(bl_neg(bl_square(bl_sub(a, b))));
    case 6:
        return bl_transpose(a, 0, 1);
    default:
        return bl_mul_scalar(bl_matmul(bl_tanh(a), b), 0.1);
    }
}

Test(strand, random_graphs_give_the_same_bits)
{
    size_t beside = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        bl_tensor *values[NODES], *wanted[WANTED];
        void *kept[WANTED] = {NULL};
        state = seed * 0x9e3779b97f4a7c15u + 1;
        bl_graph_reset(graph);
        values[0] = square_input("x");
        for (int i = 1; i < NODES; i++)
            values[i] = grow(values, i);
        for (int i = 0; i < WANTED; i++)
            wanted[i] = bl_add_scalar(bl_add(values[NODES - 1 - below(10)], values[0]), i);
        for (int threads = 1; threads <= 3; threads++) {
            bl_program *program = compile(wanted, WANTED, threads);
            beside += bl_program_describe(program).side_by_side;
            run_and_compare(program, values[0], wanted, WANTED, kept, 3);
            bl_program_free(program);
        }
        for (int i = 0; i < WANTED; i++)
            free(kept[i]);
    }
    cr_expect_gt(beside, 500, "%zu instructions ran side by side", beside);
}

Test(strand, out_of_memory_is_told)
{
    failing_allocator memory;
    char text[256];
    failing_allocator_init(&memory);
    bl_context *poor = failing_allocator_context(&memory);
    bl_graph *on = bl_graph_new(poor);
    bl_tensor *y = towers(bl_input(on, "x", BL_F32, BL_SHAPE(SIDE, SIDE)), TOWERS);
    bl_compile_options options = bl_compile_defaults();
    options.threads = 2;
    bool done = false;
    for (long k = 1; !done; k++) {
        cr_assert_lt(k, 1000);
        failing_allocator_fail(&memory, k, false);
        bl_program *program = bl_compile_list(poor, &y, 1, &options);
        bl_status status = bl_program_error(program)->code;
        done = !failing_allocator_has_failed(&memory);
        cr_assert(status == BL_ERR_MEMORY || status == BL_OK, "allocation %ld: %s", k,
                  bl_status_text(status));
        if (status == BL_OK)
            cr_assert_gt(bl_program_describe(program).side_by_side, 0, "allocation %ld", k);
        failing_allocator_relent(&memory);
        bl_program_free(program);
    }
    bl_graph_free(on);
    bl_context_free(poor);
    cr_assert(failing_allocator_clean(&memory, text, sizeof(text)), "%s", text);
}
