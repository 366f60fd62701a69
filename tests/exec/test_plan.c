/* The memory plan: reuse and in-place results change no bit, and nothing recurses over a long chain. */
#include "bowline/bowline.h"
#include "exec/budget.h"
#include "support/errors.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static uint64_t state;

/* xorshift64; a number in 0..n-1. */
static int64_t below(int64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int64_t)(state % (uint64_t)n);
}

enum {
    NODES = 60,
    MOST = 24
};

/* Every value is a [size,size] f32 or is made one again. 6 is small, with ends of all kinds; of 24, each
 * value takes an element-wise kernel several tiles, so that one written over too early shows. */
static int64_t size;

static bl_tensor *square(bl_tensor *x)
{
    return bl_expand(x, BL_SHAPE(size, size));
}

/* One random op over earlier values: element-wise, reductions, products, views of all kinds, other dtypes. */
static bl_tensor *grow(bl_tensor **values, int64_t count)
{
    bl_tensor *a = values[below(count)], *b = values[count - 1 - below(count < 6 ? count : 6)];
    bl_tensor *c = values[count - 1 - below(count < 3 ? count : 3)];
    bl_tensor *pair[] = {bl_slice(a, 0, 0, 2, 1), bl_slice(b, 0, 2, size, 1)};
    int axis = (int)below(2);
    switch (below(20)) {
    case 0:
        return bl_add(a, b);
    case 1:
        return bl_mul(b, bl_tanh(a));
    case 2:
        return bl_sub(a, bl_transpose(b, 0, 1));
    case 3:
        return bl_maximum(bl_transpose(a, 0, 1), bl_transpose(b, 0, 1));
    case 4:
        return bl_tanh(bl_matmul(a, b));
    case 5:
        return bl_tanh(bl_matmul(bl_transpose(a, 0, 1), bl_transpose(b, 0, 1)));
    case 6:
        return square(bl_tanh(bl_sum(b, BL_AXES(axis), true)));
    case 7:
        return bl_sub(b, bl_max(b, BL_AXES(axis), true));
    case 8:
        return bl_where(bl_greater(a, b), bl_neg(b), c);
    case 9:
        return bl_softmax(b, axis);
    case 10:
        return bl_cast(bl_mul_scalar(bl_cast(bl_add(b, c), BL_F64), 0.25), BL_F32);
    case 11:
        return bl_concat(pair, 2, 0);
    case 12:
        return bl_reshape(bl_transpose(bl_reshape(b, BL_SHAPE(4, size * size / 4)), 0, 1),
                          BL_SHAPE(size, size));
    case 13:
        return bl_add(bl_slice(b, axis, 1, 2, 1), bl_slice(b, 1 - axis, 3, 4, 1)); /* two views of one */
    case 14:
        return bl_mul(b, b);
    case 15:
        return bl_neg(square(bl_slice(b, axis, 2, 3, 1)));
    case 16:
        return bl_tanh(bl_add(bl_reshape(square(bl_mean(a, BL_ALL_AXES, true)), BL_SHAPE(size, size)), c));
    case 17:
        return bl_cast(bl_cast(bl_greater(b, c), BL_I32), BL_F32);
    case 18:
        return bl_add(bl_cast(bl_argmax(b, BL_AXES(axis), true), BL_F32), c);
    default:
        return bl_relu(bl_add_scalar(b, 0.125));
    }
}

/* The outputs and the state of a run. */
static void run_once(bl_program *program, bl_parameter *kept, bl_tensor *input, bl_tensor **wanted,
                     const float *data, float found[6][MOST * MOST])
{
    size_t bytes = (size_t)(size * size) * sizeof(float);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    bl_parameter_write(kept, data, bytes);
    bl_set_input(program, input, data, bytes);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    for (int i = 0; i < 5; i++)
        cr_assert_eq(bl_read(program, wanted[i], found[i], bytes), BL_OK);
    bl_parameter_read(kept, found[5], bytes);
}

/* The same within the least budget, and one between that and what it takes without. */
static void compare_budgets(bl_context *context, bl_parameter *kept, bl_tensor *input, bl_tensor **wanted,
                            const float *data)
{
    static float free[6][MOST * MOST], within[6][MOST * MOST];
    size_t least = least_budget(context, wanted, 6), budget = BL_MEMORY_UNLIMITED;
    for (int i = 0; i < 3; i++) {
        bl_program *program = compile_within(context, wanted, 6, budget);
        run_once(program, kept, input, wanted, data, i == 0 ? free : within);
        cr_assert_leq(bl_program_workspace_bytes(program), budget);
        budget = i == 0 ? (least + bl_program_workspace_bytes(program)) / 2 : least;
        for (int k = 0; k < 6 && i > 0; k++)
            cr_assert_arr_eq(free[k], within[k], (size_t)(size * size) * sizeof(float), "output %d", k);
        bl_program_free(program);
    }
}

/* In another order than the recorded one, which a program with a check keeps, no more is taken and bits are
 * the same: of the same instructions, each alone, and without an effect. */
static void compare_orders(bl_context *context, bl_tensor *input, bl_tensor **wanted, const float *data)
{
    bl_compile_options options = bl_compile_defaults();
    bl_program *programs[2];
    size_t bytes = (size_t)(size * size) * sizeof(float);
    options.fuse = false;
    for (int i = 0; i < 2; i++) {
        options.check = i == 0 ? BL_CHECK_NOTHING : BL_CHECK_NAN;
        programs[i] = bl_compile_list(context, wanted, 5, &options);
        bl_set_input(programs[i], input, data, bytes);
        cr_assert_eq(bl_run(programs[i]), BL_OK, "%s", error_text(bl_program_error(programs[i])));
    }
    cr_assert_eq(bl_program_instruction_count(programs[0]), bl_program_instruction_count(programs[1]));
    cr_assert_leq(bl_program_workspace_bytes(programs[0]), bl_program_workspace_bytes(programs[1]));
    for (int i = 0; i < 5; i++)
        cr_assert_arr_eq(bl_output_data(programs[0], wanted[i]), bl_output_data(programs[1], wanted[i]),
                         bytes);
    bl_program_free(programs[0]);
    bl_program_free(programs[1]);
}

/* Two programs over one random graph: of a few of its values, planned tightly and fused, and of all of them,
 * each computed alone, where nothing may be overwritten. */
static void compare(bl_context *context, uint64_t seed, size_t *tight_bytes, size_t *loose_bytes)
{
    state = seed * 0x9e3779b97f4a7c15u + 1;
    bl_compile_options alone = bl_compile_defaults();
    alone.fuse = false;
    bl_graph *graph = bl_graph_new(context);
    bl_params *params = bl_params_new(context);
    bl_parameter *kept = bl_params_add_buffer(params, "kept", BL_F32, BL_SHAPE(size, size));
    float data[MOST * MOST];
    size_t bytes = (size_t)(size * size) * sizeof(float);
    bl_tensor *values[NODES], *wanted[6];
    for (int64_t i = 0; i < size * size; i++)
        data[i] = (float)below(2000) / 1000 - 1;
    bl_parameter_write(kept, data, bytes);
    values[0] = bl_input(graph, "x", BL_F32, BL_SHAPE(size, size));
    values[1] = bl_constant(graph, BL_F32, BL_SHAPE(size, size), data);
    values[2] = bl_use(graph, kept);
    values[3] = bl_full(graph, BL_F32, BL_SHAPE(size, size), 0.5);
    for (int64_t i = 4; i < NODES; i++)
        values[i] = grow(values, i);
    cr_assert_eq(bl_graph_error(graph)->code, BL_OK, "%s", error_text(bl_graph_error(graph)));
    for (int i = 0; i < 5; i++)
        wanted[i] = values[NODES - 1 - below(20)];
    wanted[5] = bl_assign(kept, values[NODES - 1 - below(NODES - 4)]);
    bl_program *tight = bl_compile_list(context, wanted, 6, NULL),
               *loose = bl_compile_list(context, values, NODES, &alone);
    cr_assert_eq(bl_set_input(loose, values[0], data, bytes), BL_OK, "%s",
                 error_text(bl_program_error(loose)));
    bl_set_input(tight, values[0], data, bytes); /* an error when no output needs it */
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(bl_run(loose), BL_OK, "%s",
                     error_text(bl_program_error(loose))); /* before kept changes */
        cr_assert_eq(bl_run(tight), BL_OK, "%s", error_text(bl_program_error(tight)));
        for (int i = 0; i < 5; i++)
            cr_assert_arr_eq(bl_output_data(tight, wanted[i]), bl_output_data(loose, wanted[i]), bytes,
                             "seed %llu, round %d, output %d", (unsigned long long)seed, round, i);
    }
    cr_assert_geq(bl_program_workspace_bytes(tight), bl_program_workspace_bound(tight));
    cr_assert_geq(bl_program_workspace_bytes(loose), bl_program_workspace_bound(loose));
    *tight_bytes += bl_program_workspace_bytes(tight);
    *loose_bytes += bl_program_workspace_bytes(loose);
    bl_program_free(tight);
    bl_program_free(loose);
    compare_budgets(context, kept, values[0], wanted, data);
    compare_orders(context, values[0], wanted, data);
    bl_params_free(params);
    bl_graph_free(graph);
}

Test(plan, random_graphs_give_the_same_bits_with_and_without_reuse)
{
    bl_context *context = bl_context_new(NULL);
    size_t tight = 0, loose = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        size = seed % 2 ? 6 : MOST;
        compare(context, seed, &tight, &loose);
    }
    cr_expect_lt(tight, loose / 2, "%zu of %zu bytes: the plan reuses memory", tight, loose);
    bl_context_free(context);
}

Test(plan, a_chain_needs_two_values_or_one)
{
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(1000)), *y = x, *z = bl_reshape(x, BL_SHAPE(20, 50));
    for (int i = 0; i < 100; i++) {
        y = bl_neg(y);
        z = i % 2 ? bl_matmul(z, bl_full(graph, BL_F32, BL_SHAPE(20, 50), 1))
                  : bl_matmul(z, bl_full(graph, BL_F32, BL_SHAPE(50, 20), 1));
    }
    bl_program *in_place = bl_compile(context, y), *products = bl_compile(context, z);
    size_t one = 4032;       /* 4000 bytes, rounded up to 64 */
    size_t tiles = 2 * 2048; /* what passes from op to op within a group */
    cr_expect_eq(bl_program_workspace_bytes(in_place), one + tiles, "%zu",
                 bl_program_workspace_bytes(in_place));
    cr_expect_eq(bl_program_workspace_bound(in_place), one + tiles);
    cr_expect_leq(bl_program_workspace_bytes(products), 5 * one + 65536, "%zu",
                  bl_program_workspace_bytes(products));
    bl_program_free(in_place);
    bl_program_free(products);
    bl_graph_free(graph);
    bl_context_free(context);
}

/* ---- long chains on a small stack ---- */

typedef struct chain {
    int64_t length;
    bl_shape shape;      /* of its values */
    const char *failure; /* NULL when all went well */
    double value, slope;
    int64_t nodes;
} chain;

#define DEMAND(condition)            \
    do {                             \
        if (!(condition)) {          \
            c->failure = #condition; \
            return;                  \
        }                            \
    } while (0)

static void follow(chain *c, bl_context *context, bl_graph *graph, bl_program **program, FILE *nowhere)
{
    float threes[] = {3, 3}, values[2], slopes[2];
    size_t bytes = (size_t)bl_shape_count(c->shape) * sizeof(float);
    bl_tensor *x = bl_input(graph, "x", BL_F32, c->shape), *y = x;
    for (int64_t i = 0; i < c->length; i++)
        y = bl_neg(y);
    bl_tensor *slope = bl_gradient(y, x);
    DEMAND(bl_tensor_valid(slope));
    c->nodes = bl_graph_node_count(graph);
    *program = bl_compile(context, y, slope);
    DEMAND(bl_set_input(*program, x, threes, bytes) == BL_OK);
    DEMAND(bl_run(*program) == BL_OK);
    DEMAND(bl_read(*program, y, values, bytes) == BL_OK);
    DEMAND(bl_read(*program, slope, slopes, bytes) == BL_OK);
    c->value = values[0];
    c->slope = slopes[0];
    if (c->shape.rank == 0)
        DEMAND(bl_program_instruction_count(*program) == 1); /* a script */
    else
        DEMAND(bl_program_instruction_count(*program) >=
               (size_t)c->length / 32); /* the most steps of a group; each of the slope runs with one of y */
    DEMAND(nowhere && bl_draw_dot(&slope, 1, NULL, nowhere) == BL_OK);
}

static void *follow_chain(void *argument)
{
    chain *c = argument;
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_program *program = NULL;
    FILE *nowhere = fopen("/dev/null", "w");
    follow(c, context, graph, &program, nowhere);
    if (nowhere)
        fclose(nowhere);
    bl_program_free(program);
    bl_graph_free(graph);
    bl_context_free(context);
    return NULL;
}

static void follow_on_a_small_stack(bl_shape shape)
{
#if defined(__SANITIZE_ADDRESS__)
    size_t stack = 256 * 1024; /* its frames are several times as large */
#else
    size_t stack = 64 * 1024;
#endif
    chain c = {.length = 1000000, .shape = shape};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, stack), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, follow_chain, &c), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    cr_assert_null(c.failure, "%s", c.failure);
    cr_expect_eq(c.value, 3);
    cr_expect_eq(c.slope, 1);
    cr_expect_geq(c.nodes, 2000000);
}

Test(plan, a_million_nodes_on_a_small_stack)
{
    follow_on_a_small_stack(BL_SHAPE(2));
}

Test(plan, a_million_numbers_on_a_small_stack)
{
    follow_on_a_small_stack(BL_SCALAR);
}
