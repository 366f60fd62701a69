/* Running: check, compute, and only then commit. */
#include "exec/check.h"
#include "exec/strand.h"
#include "graph/shape.h"

#include <math.h>
#include <string.h>

bl_status bl__program_fail(bl_program *program, bl_status status, const char *op, const char *format, ...)
{
    va_list arguments;
    program->head.error = (bl_error){.code = BL_OK};
    va_start(arguments, format);
    bl__report_list(program->head.context, &program->head.error, status, op, NULL, format, arguments);
    va_end(arguments);
    return status;
}

const bl_error *bl_program_error(const bl_program *program)
{
    static const bl_error no_program = {.code = BL_ERR_ARGUMENT, .message = "the program is NULL"};
    return program ? &program->head.error : &no_program;
}

static unsigned char *storage_data(const bl_program *p, const bl__storage *storage)
{
    switch ((bl__location)storage->place) {
    case BL__WORKSPACE:
        return p->workspace ? p->workspace + p->storages[storage->root].offset : NULL;
    case BL__CONSTANT:
        return storage->data;
    case BL__STATE: {
        const bl__state *state = &p->states[storage->owner];
        return state->copy ? (unsigned char *)state->copy : state->parameter->data;
    }
    case BL__INPUT:
        break;
    }
    union {
        const void *from;
        unsigned char *to;
    } data = {.from = p->inputs[storage->owner].data}; /* kernels only read inputs */
    return data.to;
}

void *bl__value_data(const bl_program *program, const bl__operand *value)
{
    unsigned char *data = storage_data(program, &program->storages[value->storage]);
    return data ? data + (size_t)value->offset * bl__dtype_bytes((bl_dtype)value->dtype) : NULL;
}

/* Points every operand at its data. */
static void resolve(bl_program *p)
{
    for (size_t i = 0; i < p->operand_count; i++)
        p->operands[i]->data = bl__value_data(p, p->operands[i]);
    p->environment.layout++;
    p->resolved = true;
}

/* ---- states ---- */

static void leave_states(bl_program *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bl__parameter_leave(p->states[i].parameter, p->states[i].written);
}

static bl_status enter_states(bl_program *p)
{
    for (size_t i = 0; i < p->state_count; i++) {
        bl__state *state = &p->states[i];
        if (!bl__parameter_enter(state->parameter, state->written)) {
            leave_states(p, i);
            return bl__program_fail(p, BL_ERR_BUSY, "run", "%s is in use by another run",
                                    state->parameter->name);
        }
        if (atomic_load_explicit(&state->parameter->generation, memory_order_relaxed) != state->generation) {
            leave_states(p, i + 1);
            return bl__program_fail(p, BL_ERR_STALE, "run",
                                    "the names of %s were tied or untied after it was recorded",
                                    state->parameter->name);
        }
    }
    return BL_OK;
}

/* Fills the private f64 copies anew from the parameters they stand for. */
static void refresh_copies(bl_program *p)
{
    for (size_t i = 0; i < p->state_count; i++) {
        const bl__state *state = &p->states[i];
        const float *from = state->parameter->data;
        for (int64_t k = 0; state->copy && k < state->parameter->count; k++)
            state->copy[k] = (double)from[k];
    }
}

/* ---- effects ---- */

static void commit(const bl_program *p, const bl__effect *effect)
{
    const bl_parameter *parameter = p->states[effect->state].parameter;
    const unsigned char *from = bl__value_data(p, effect->value);
    bl_dtype dtype = (bl_dtype)effect->value->dtype;
    size_t from_size = bl_dtype_size(dtype), to_size = bl_dtype_size(parameter->dtype);
    if (effect->run == 0)
        return;
    for (int64_t row = 0; row < effect->rows; row++) {
        const unsigned char *source = from + (size_t)(row * effect->run) * from_size;
        unsigned char *target =
            (unsigned char *)parameter->data + (size_t)(effect->start + row * effect->stride) * to_size;
        if (dtype == parameter->dtype) {
            memcpy(target, source, (size_t)effect->run * to_size);
            continue;
        }
        for (int64_t k = 0; k < effect->run; k++) /* a program in f64 over an f32 state */
            ((float *)(void *)target)[k] = (float)((const double *)(const void *)source)[k];
    }
}

/* Counts the run in the random states that were drawn from. */
static void count_run(const bl_program *p)
{
    for (size_t i = 0; i < p->state_count; i++) {
        uint64_t *random = p->states[i].parameter->data; /* {seed, run} */
        if (p->states[i].drawn)
            random[1]++;
    }
}

static void commit_all(bl_program *p)
{
    for (size_t i = 0; i < p->effect_count; i++) {
        if (!p->effects[i].is_written)
            commit(p, &p->effects[i]);
    }
    count_run(p);
    if (p->profile.on)
        bl__profile_note(&p->profile, p->instruction_count);
}

/* ---- the run ---- */

static bl_status report_failure(bl_program *p, const bl__instruction_name *name, bl_status status)
{
    p->head.error = (bl_error){.code = BL_OK};
    bl__report(p->head.context, &p->head.error, status, name->op, name->scope, "%s%s%s%s",
               p->message[0] ? p->message : bl_status_text(status), name->label ? " (" : "",
               name->label ? name->label : "", name->label ? ")" : "");
    if (name->file)
        bl__report_place(p->head.context, &p->head.error, name->file, name->line);
    return status;
}

/* The instructions first .. end-1, one after the other. */
static bl_status compute_range(bl_program *p, size_t first, size_t end)
{
    bl__profile *profile = p->profile.on ? &p->profile : NULL;
    for (size_t i = first; i < end; i++) {
        const bl__instruction *instruction = &p->instructions[i];
        bl_status status = instruction->kernel->run(&instruction->call);
        if (status != BL_OK)
            return report_failure(p, instruction->name, status);
        if (profile)
            bl__profile_note(profile, i);
    }
    return BL_OK;
}

static bl_status compute(bl_program *p)
{
    size_t done = 0;
    for (size_t b = 0; b < p->band_count; b++) {
        const bl__band *band = &p->bands[b];
        bl_status status = compute_range(p, done, band->first);
        if (status != BL_OK)
            return status;
        bl__run_band(p, band, p->profile.on ? &p->profile : NULL);
        done = band->first + band->count;
    }
    return compute_range(p, done, p->instruction_count);
}

/* compute with a look at every value. */
static bl_status compute_checked(bl_program *p)
{
    bl__profile *profile = p->profile.on ? &p->profile : NULL;
    bl_status status = bl__check_leaves(p);
    for (size_t i = 0; i < p->instruction_count && status == BL_OK; i++) {
        const bl__instruction *instruction = &p->instructions[i];
        status = instruction->kernel->run(&instruction->call);
        if (status != BL_OK)
            return report_failure(p, instruction->name, status);
        status = bl__check_results(p, i);
        if (profile)
            bl__profile_note(profile, i);
    }
    return status == BL_OK ? bl__check_effects(p) : status;
}

static bl_status check_inputs(bl_program *p)
{
    for (size_t i = 0; i < p->input_count; i++) {
        if (!p->inputs[i].set)
            return bl__program_fail(p, BL_ERR_STATE, "run", "the input \"%s\" was never set",
                                    p->inputs[i].name);
    }
    return BL_OK;
}

bl_status bl_run(bl_program *program)
{
    if (!program)
        return BL_ERR_ARGUMENT;
    if (!program->head.valid) {
        bl__report_again(program->head.context, &program->head.error);
        return program->head.error.code;
    }
    if (program->running) /* from inside an op of the user's */
        return bl__program_fail(program, BL_ERR_BUSY, "run", "the program is running already");
    bl_status status = check_inputs(program);
    if (status != BL_OK || (status = enter_states(program)) != BL_OK)
        return status;
    if (!program->resolved)
        resolve(program);
    if (program->precision == BL_PRECISION_F64 && !program->frozen)
        refresh_copies(program);
    program->message[0] = '\0';
    program->environment.pool = program->head.context->pool; /* another compile may have made it anew */
    program->running = true;
    program->finding.kind = BL_NOT_FINITE_NOTHING;
    if (program->profile.on)
        bl__profile_begin(&program->profile);
    status = program->check == BL_CHECK_NOTHING ? compute(program) : compute_checked(program);
    program->running = false;
    if (status == BL_OK)
        commit_all(program);
    leave_states(program, program->state_count);
    if (program->profile.on && status == BL_OK)
        bl__profile_end(&program->profile, program->instruction_count + 1);
    program->ran = status == BL_OK; /* a run that failed on the way has spoilt the outputs of the last one */
    return status;
}
