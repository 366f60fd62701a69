/* Which instruction set a program uses: the best, or the one that its options or its context name. */
#include "bowline/bowline.h"
#include "support/errors.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT = 1003
};

static float values[COUNT];

static void fill(void)
{
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)(i * 37 % COUNT) / 100 - 5;
}

static bl_context *context_on(bl_instruction_set set)
{
    bl_context_options options = bl_context_defaults();
    options.instruction_set = set;
    return bl_context_new(&options);
}

/* tanh(x) sigmoid(x) + x. */
static bl_tensor *record(bl_graph *graph)
{
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(COUNT), values);
    return bl_add(bl_mul(bl_tanh(x), bl_sigmoid(x)), x);
}

/* Runs y's program with some options and frees it; the set that it used. */
static bl_instruction_set run(bl_context *context, bl_tensor *y, const bl_compile_options *options,
                              float *result)
{
    bl_program *program = bl_compile_list(context, &y, 1, options);
    bl_instruction_set set = bl_program_instruction_set(program);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    cr_assert_eq(bl_read(program, y, result, COUNT * sizeof(*result)), BL_OK);
    bl_program_free(program);
    return set;
}

static bl_instruction_set best(void)
{
    int set = BL_ISA_COUNT - 1;
    while (!bl_instruction_set_runs((bl_instruction_set)set))
        set--;
    return (bl_instruction_set)set;
}

/* Every set gives the same bits for groups and single ops, and nearly those of the others. */
static void check_set(bl_context *context, bl_tensor *y, bl_instruction_set set, const float *expected)
{
    static float fused[COUNT], alone[COUNT];
    bl_compile_options options = bl_compile_defaults();
    options.instruction_set = set;
    cr_assert_eq(run(context, y, &options, fused), set);
    options.fuse = false;
    cr_assert_eq(run(context, y, &options, alone), set);
    cr_assert_eq(memcmp(fused, alone, sizeof(fused)), 0, "%s", bl_instruction_set_name(set));
    for (int i = 0; i < COUNT; i++)
        cr_assert_float_eq(fused[i], expected[i], 1e-6F, "%s, element %d", bl_instruction_set_name(set), i);
}

static void check_refusal(bl_context *context, bl_tensor *y, bl_instruction_set set)
{
    bl_compile_options options = bl_compile_defaults();
    options.instruction_set = set;
    bl_program *program = bl_compile_list(context, &y, 1, &options);
    cr_assert(error_says(bl_program_error(program), BL_ERR_UNSUPPORTED, bl_instruction_set_name(set), NULL),
              "%s", error_text(bl_program_error(program)));
    cr_assert_eq(bl_program_instruction_set(program), BL_ISA_DEFAULT);
    bl_program_free(program);
}

Test(instruction_set, each_that_runs_and_none_that_does_not, .init = fill)
{
    static float expected[COUNT];
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *y = record(graph);
    cr_assert_eq(run(context, y, NULL, expected), best());
    cr_assert(bl_instruction_set_runs(BL_ISA_DEFAULT) && bl_instruction_set_runs(BL_ISA_PLAIN));
    for (int set = BL_ISA_PLAIN; set < BL_ISA_COUNT; set++)
        if (bl_instruction_set_runs((bl_instruction_set)set)) {
            check_set(context, y, (bl_instruction_set)set, expected);
        } else {
            cr_log_info("%s: not run", bl_instruction_set_name((bl_instruction_set)set));
            check_refusal(context, y, (bl_instruction_set)set);
        }
    bl_graph_free(graph);
    bl_context_free(context);
}

Test(instruction_set, a_program_may_differ_from_its_context, .init = fill)
{
    static float plain[COUNT], chosen[COUNT], evaluated[COUNT];
    bl_context *context = context_on(BL_ISA_PLAIN);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *y = record(graph);
    bl_compile_options options = bl_compile_defaults();
    cr_assert_eq(run(context, y, NULL, plain), BL_ISA_PLAIN);
    cr_assert_eq(bl_eval(y, evaluated, sizeof(evaluated)), BL_OK);
    cr_assert_eq(memcmp(plain, evaluated, sizeof(plain)), 0);
    options.instruction_set = best();
    cr_assert_eq(run(context, y, &options, chosen), best());
    bl_graph_free(graph);
    bl_context_free(context);
}

Test(instruction_set, unknown_ones_are_refused, .init = fill)
{
    bl_instruction_set unknown = (bl_instruction_set)(BL_ISA_COUNT + 3);
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *y = record(graph);
    bl_compile_options options = bl_compile_defaults();
    options.instruction_set = unknown;
    bl_program *program = bl_compile_list(context, &y, 1, &options);
    cr_assert(error_says(bl_program_error(program), BL_ERR_ARGUMENT, "instruction set", "unknown", NULL));
    bl_program_free(program);
    cr_assert_null(context_on(unknown));
    cr_assert_not(bl_instruction_set_runs(unknown));
    cr_assert_str_eq(bl_instruction_set_name(unknown), "unknown");
    cr_assert_str_eq(bl_instruction_set_name(BL_ISA_AVX2), "avx2");
    cr_assert_eq(bl_program_instruction_set(NULL), BL_ISA_DEFAULT);
    bl_graph_free(graph);
    bl_context_free(context);
}
