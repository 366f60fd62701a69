/* Profiles: the clock around the steps of a run, and the records of what it said. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#include "bowline/profile.h"
#include "exec/program.h"

#include <string.h>
#include <time.h>

/* ---- the clock ---- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void add(bl__timing *timing, int64_t begin, int64_t end)
{
    timing->begin = begin;
    timing->last = end - begin;
    timing->total += timing->last;
    timing->least = timing->runs == 0 || timing->last < timing->least ? timing->last : timing->least;
    timing->runs++;
}

void bl__profile_begin(bl__profile *profile)
{
    profile->run_begin = profile->step_begin = now();
}

void bl__profile_note(bl__profile *profile, size_t index)
{
    int64_t end = now();
    add(&profile->timings[index], profile->step_begin, end);
    profile->step_begin = end;
}

void bl__profile_end(bl__profile *profile, size_t steps)
{
    add(&profile->timings[steps], profile->run_begin, now());
}

/* ---- starting and stopping ---- */

/* Whether a profile can be changed now. */
static bl_status check(bl_program *program, const char *op)
{
    if (!program)
        return BL_ERR_ARGUMENT;
    if (!program->head.valid) {
        bl__report_again(program->head.context, &program->head.error);
        return program->head.error.code;
    }
    return program->running ? bl__program_fail(program, BL_ERR_BUSY, op, "the program is running") : BL_OK;
}

bl_status bl_profile_start(bl_program *program)
{
    bl_status status = check(program, "profile_start");
    if (status != BL_OK)
        return status;
    bl__profile *profile = &program->profile;
    const bl_allocator *allocator = &program->head.context->allocator;
    size_t steps = program->instruction_count + 1;
    if (!profile->timings) {
        bl__timing *timings = bl__allocate(allocator, steps + 1, sizeof(*timings));
        bl__profile_line *lines = bl__allocate(allocator, steps, sizeof(*lines));
        if (!timings || !lines) {
            bl__release(allocator, timings, steps + 1, sizeof(*timings));
            bl__release(allocator, lines, steps, sizeof(*lines));
            return bl__program_fail(program, BL_ERR_MEMORY, "profile_start", "no memory for a profile");
        }
        profile->timings = timings;
        profile->lines = lines;
    }
    memset(profile->timings, 0, (steps + 1) * sizeof(*profile->timings));
    profile->on = true;
    return BL_OK;
}

bl_status bl_profile_stop(bl_program *program)
{
    bl_status status = check(program, "profile_stop");
    if (status == BL_OK)
        program->profile.on = false;
    return status;
}

void bl__profile_free(bl_program *program)
{
    const bl_allocator *allocator = &program->head.context->allocator;
    size_t steps = program->instruction_count + 1;
    bl__release(allocator, program->profile.timings, steps + 1, sizeof(bl__timing));
    bl__release(allocator, program->profile.lines, steps, sizeof(bl__profile_line));
}

/* ---- records ---- */

/* The record of the timing at `index`, whose work a mean run does once. */
static bl_profile_record record_of(const bl_program *program, size_t index, bl_instruction_info instruction)
{
    const bl__profile *profile = &program->profile;
    bl_profile_record record = {.instruction = instruction};
    if (!profile->timings || profile->timings[index].runs == 0)
        return record;
    const bl__timing *timing = &profile->timings[index];
    bool in_last = timing->begin >= profile->run_begin;
    double seconds = 1e-9 * (double)timing->total, runs = (double)timing->runs;
    record.runs = timing->runs;
    record.nanoseconds = timing->total;
    record.least = timing->least;
    record.last_begin = in_last ? timing->begin : 0;
    record.last_nanoseconds = in_last ? timing->last : 0;
    if (timing->total > 0) {
        record.flops_per_second = runs * (double)instruction.flops / seconds;
        record.bytes_per_second =
            runs * ((double)instruction.bytes_read + (double)instruction.bytes_written) / seconds;
    }
    return record;
}

bl_profile_record bl_profile_instruction(const bl_program *program, size_t index)
{
    bl_instruction_info instruction = bl_program_instruction(program, index);
    if (!instruction.op)
        return (bl_profile_record){.runs = 0};
    return record_of(program, index, instruction);
}

bl_profile_record bl_profile_run(const bl_program *program)
{
    if (!program || !program->head.valid)
        return (bl_profile_record){.runs = 0};
    bl_program_info info = bl_program_describe(program);
    bl_instruction_info run = {
        .op = "run", .flops = info.flops, .bytes_read = info.bytes_read, .bytes_written = info.bytes_written};
    return record_of(program, program->instruction_count + 1, run);
}
