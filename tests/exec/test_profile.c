/* Profiles: which runs they count, what the times add up to, and that they change nothing else. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(profile, .init = open_all, .fini = close_all);

static bl_parameter *state;
static bl_tensor *rows, *product, *result;

/* Rows of a table, which can fail, a product, two instructions of one op, and an effect. */
static bl_program *compiled(bl_context *in, bl_graph *on, bl_params *names)
{
    bl_tensor *table = bl_full(on, BL_F32, BL_SHAPE(10, 16), 0.5);
    bl_tensor *weight = bl_full(on, BL_F32, BL_SHAPE(16, 8), 0.25);
    rows = bl_input(on, "rows", BL_I64, BL_SHAPE(6));
    bl_scope_push(on, "layer");
    product = bl_label(bl_matmul(bl_neg(bl_full(on, BL_F32, BL_SHAPE(6, 16), 1)), weight), "scores");
    bl_tensor *found = bl_matmul(bl_embedding(table, rows), weight);
    bl_scope_pop(on);
    result = bl_sum(bl_tanh(bl_sub(bl_cumsum(found, 0), bl_cumsum(product, 0))), BL_ALL_AXES, false);
    state = bl_params_add_buffer(names, "state", BL_F32, BL_SCALAR);
    return bl_compile(in, result, bl_assign(state, bl_add(bl_use(on, state), result)));
}

static bl_program *ready(void)
{
    bl_program *program = compiled(context, graph, params);
    const int64_t places[6] = {0, 1, 2, 9, 8, 7};
    cr_assert_eq(bl_set_input(program, rows, places, sizeof(places)), BL_OK, "%s",
                 error_text(bl_program_error(program)));
    return program;
}

static void run(bl_program *program, int times)
{
    for (int i = 0; i < times; i++)
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The number of the instruction of an op; `skip` of them passed over. */
static size_t find(const bl_program *program, const char *op, int skip)
{
    for (size_t i = 0;; i++) {
        bl_instruction_info info = bl_program_instruction(program, i);
        cr_assert_not_null(info.op, "no %s", op);
        if (strcmp(info.op, op) == 0 && skip-- == 0)
            return i;
    }
}

Test(profile, times_of_all_runs_add_up_to_no_more_than_the_time_there_was)
{
    bl_program *program = ready();
    size_t count = bl_program_instruction_count(program);
    run(program, 2);
    cr_assert_eq(bl_profile_start(program), BL_OK);
    int64_t begin = now();
    run(program, 5);
    int64_t end = now(), sum = 0, last = begin;
    for (size_t i = 0; i <= count; i++) {
        bl_profile_record record = bl_profile_instruction(program, i);
        cr_assert_eq(record.runs, 5);
        cr_assert(record.least >= 0 && 5 * record.least <= record.nanoseconds);
        cr_assert(record.least <= record.last_nanoseconds && record.last_nanoseconds <= record.nanoseconds);
        cr_assert(record.last_begin >= last, "one after the other");
        last = record.last_begin + record.last_nanoseconds;
        sum += record.nanoseconds;
        if (record.nanoseconds > 0)
            cr_expect_float_eq(record.flops_per_second * (double)record.nanoseconds,
                               5e9 * (double)record.instruction.flops, 1);
    }
    bl_profile_record all = bl_profile_run(program);
    cr_expect_str_eq(all.instruction.op, "run");
    cr_expect_eq(all.instruction.flops, bl_program_describe(program).flops);
    cr_expect_eq(all.runs, 5);
    cr_expect(sum > 0 && sum <= all.nanoseconds && all.nanoseconds <= end - begin, "%lld of %lld of %lld",
              (long long)sum, (long long)all.nanoseconds, (long long)(end - begin));
    cr_expect(all.last_begin + all.last_nanoseconds >= last && last <= end);
    cr_expect_null(bl_profile_instruction(program, count + 1).instruction.op);
    bl_program_free(program);
}

Test(profile, stops_keeps_and_begins_again)
{
    bl_program *program = ready();
    cr_expect_eq(bl_profile_stop(program), BL_OK, "nothing was started");
    run(program, 1);
    cr_expect_eq(bl_profile_run(program).runs, 0);
    cr_expect_eq(bl_profile_instruction(program, 0).runs, 0);
    cr_expect_str_eq(bl_profile_instruction(program, 0).instruction.op,
                     bl_program_instruction(program, 0).op);
    bl_profile_start(program);
    run(program, 3);
    bl_profile_stop(program);
    run(program, 4);
    cr_expect_eq(bl_profile_run(program).runs, 3);
    bl_profile_start(program);
    cr_expect_eq(bl_profile_run(program).runs, 0);
    cr_expect_eq(bl_profile_instruction(program, 0).nanoseconds, 0);
    run(program, 2);
    cr_expect_eq(bl_profile_run(program).runs, 2);
    cr_expect_float_eq(*(const float *)bl_parameter_data(state), 10 * bl_item(program, result), 1e-3,
                       "ten runs, timed or not");
    bl_program_free(program);
}

Test(profile, a_run_that_fails_counts_where_it_was)
{
    bl_program *program = ready();
    const int64_t outside[6] = {0, 1, 2, 10, 8, 7};
    bl_profile_start(program);
    run(program, 1);
    bl_set_input(program, rows, outside, sizeof(outside));
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    size_t lookup = find(program, "embedding", 0), count = bl_program_instruction_count(program);
    cr_assert_gt(lookup, 0);
    for (size_t i = 0; i <= count; i++) {
        bl_profile_record record = bl_profile_instruction(program, i);
        cr_expect_eq(record.runs, i < lookup ? 2 : 1);
        cr_expect_eq(record.last_begin != 0, i < lookup);
    }
    cr_expect(bl_profile_run(program).runs == 1 && bl_profile_run(program).last_begin == 0);
    bl_program_free(program);
}

/* ---- the table ---- */

static const char *line_of(const char *text, const char *end)
{
    const char *at = strstr(text, end);
    cr_assert_not_null(at, "%s in\n%s", end, text);
    while (at > text && at[-1] != '\n')
        at--;
    return at;
}

Test(profile, the_table)
{
    bl_program *program = ready();
    char text[4096], part[100], number[32];
    cr_expect_eq(bl_profile_format(program, text, sizeof(text)), strlen("no profile\n"));
    cr_expect_str_eq(text, "no profile\n");
    bl_profile_start(program);
    bl_profile_format(program, text, sizeof(text));
    cr_expect_eq(strncmp(text, "0 runs\n", 7), 0, "%s", text);
    run(program, 3);
    size_t length = bl_profile_format(program, text, sizeof(text));
    cr_assert_eq(length, strlen(text));
    cr_expect_eq(strncmp(text, "3 runs, ", 8), 0, "%s", text);
    const char *instructions = line_of(text, "number  instruction\n");
    cr_expect_lt(line_of(text, "  2  matmul\n"), instructions, "both together");
    cr_expect_lt(line_of(text, "  1  commit\n"), instructions);
    for (int i = 0; i < 2; i++) {
        snprintf(number, sizeof(number), "%zu  matmul f32 [6,8]  in layer", find(program, "matmul", i));
        line_of(instructions, number);
    }
    line_of(instructions, "in layer  (scores)\n");
    snprintf(number, sizeof(number), "%zu  commit\n", bl_program_instruction_count(program));
    line_of(instructions, number);
    double last = 1e9, shares = 0;
    for (const char *line = strchr(instructions, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        double mean, least, share;
        cr_assert_eq(sscanf(line, "%lf %lf %lf", &mean, &least, &share), 3, "%s", line);
        cr_assert(mean <= last && least <= mean, "the longest first:\n%s", text);
        last = mean;
        shares += share;
    }
    cr_expect_float_eq(shares, 100, 1);
    cr_expect_eq(bl_profile_format(program, part, sizeof(part)), length);
    cr_expect(strlen(part) == sizeof(part) - 1 && strncmp(part, text, sizeof(part) - 1) == 0);
    cr_expect_eq(bl_profile_format(program, NULL, 0), length);
    cr_expect_eq(bl_profile_format(NULL, NULL, 0), strlen("no profile\n"));
    bl_program_free(program);
}

/* ---- errors ---- */

static bl_program *running;

static bl_status meddle(const bl_compute_call *call)
{
    cr_expect_eq(bl_profile_start(running), BL_ERR_BUSY);
    cr_expect_eq(bl_profile_stop(running), BL_ERR_BUSY);
    *(float *)call->outputs[0] = 1;
    return BL_OK;
}

static bl_status infer_scalar(bl_infer_call *call)
{
    call->dtype[0] = BL_F32;
    call->shape[0] = BL_SCALAR;
    return BL_OK;
}

Test(profile, not_from_inside_a_run)
{
    const bl_op op = {.size = sizeof(bl_op),
                      .name = "meddle",
                      .min_inputs = 1,
                      .max_inputs = 1,
                      .output_count = 1,
                      .infer = infer_scalar,
                      .compute = meddle};
    bl_tensor *x = bl_scalar(graph, BL_F32, 1), *y = bl_apply(graph, &op, &x, 1, NULL);
    running = bl_compile(context, y);
    bl_profile_start(running);
    run(running, 1);
    cr_expect_eq(bl_profile_run(running).runs, 1);
    cr_expect_eq(bl_program_describe(running).flops, 1, "one for its element");
    bl_program_free(running);
}

Test(profile, of_no_program)
{
    bl_program *invalid = bl_compile_list(context, NULL, 0, NULL);
    cr_expect_eq(bl_profile_start(NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_profile_stop(NULL), BL_ERR_ARGUMENT);
    bl_context_clear_error(context);
    cr_expect_eq(bl_profile_start(invalid), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
    cr_expect_null(bl_profile_run(invalid).instruction.op);
    cr_expect_null(bl_profile_run(NULL).instruction.op);
    cr_expect_null(bl_profile_instruction(NULL, 0).instruction.op);
    bl_program_free(invalid);
}

Test(profile, without_memory)
{
    failing_allocator memory;
    char left[200];
    failing_allocator_init(&memory);
    bl_context *tight = failing_allocator_context(&memory);
    bl_graph *on = bl_graph_new(tight);
    bl_params *names = bl_params_new(tight);
    bl_program *program = compiled(tight, on, names);
    const int64_t places[6] = {0};
    bl_set_input(program, rows, places, sizeof(places));
    run(program, 1);
    for (long k = 1; k <= 2; k++) {
        failing_allocator_fail(&memory, k, false);
        cr_assert_eq(bl_profile_start(program), BL_ERR_MEMORY);
        cr_expect(error_says(bl_program_error(program), BL_ERR_MEMORY, "profile_start", NULL));
        cr_expect_eq(bl_profile_run(program).runs, 0);
        run(program, 1);
        cr_expect_eq(bl_profile_run(program).runs, 0, "it goes on without");
    }
    cr_assert_eq(bl_profile_start(program), BL_OK);
    long before = memory.calls;
    run(program, 2);
    cr_expect_eq(bl_profile_format(program, NULL, 0) > 0 && bl_profile_start(program) == BL_OK, true);
    cr_expect_eq(memory.calls, before, "nothing more is taken");
    bl_program_free(program);
    bl_params_free(names);
    bl_graph_free(on);
    bl_context_free(tight);
    cr_expect(failing_allocator_clean(&memory, left, sizeof(left)), "%s", left);
}
