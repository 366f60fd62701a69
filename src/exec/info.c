/* What a program costs, known before it runs: operations, bytes moved, states. */
#include "cpu/flops.h"
#include "cpu/script.h"
#include "exec/strand.h"

/* ---- instructions ---- */

/* The bytes of `count` elements of an operand. */
static int64_t bytes_of(const bl__operand *operand, int64_t count)
{
    return bl__times(count, (int64_t)bl_dtype_size((bl_dtype)operand->dtype));
}

/* The elements in memory that an operand shows: those of a broadcast axis are one. */
static int64_t shown(const bl__operand *operand)
{
    int64_t count = 1;
    for (int d = 0; d < operand->rank; d++) {
        if (operand->size[d] == 0)
            return 0;
        count *= operand->stride[d] == 0 ? 1 : operand->size[d];
    }
    return count;
}

static int64_t bytes_read(const bl__instruction *instruction)
{
    const bl__call *call = &instruction->call;
    int64_t bytes = 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        int64_t count = shown(call->inputs[i]);
        if (i == 0 && (instruction->kernel->flags & BL__PICKS) && count > call->outputs[0]->count)
            count = call->outputs[0]->count;
        bytes = bl__plus(bytes, bytes_of(call->inputs[i], count));
    }
    return bytes;
}

/* The cells of a script, its first output, are its own. */
static int64_t bytes_written(const bl__instruction *instruction)
{
    const bl__call *call = &instruction->call;
    int64_t bytes = 0;
    for (uint32_t i = instruction->kernel == &bl__kernel_script; i < call->output_count; i++)
        bytes = bl__plus(bytes,
                         bytes_of(call->outputs[i], call->outputs[i]->unused ? 0 : call->outputs[i]->count));
    return bytes;
}

/* The commit: the effects that no instruction has written already, and the counts of the random states. */
static bl_instruction_info describe_commit(const bl_program *p)
{
    bl_instruction_info info = {.op = "commit"};
    for (size_t i = 0; i < p->effect_count; i++) {
        const bl__effect *effect = &p->effects[i];
        int64_t count = effect->is_written ? 0 : effect->rows * effect->run;
        size_t size = bl_dtype_size(p->states[effect->state].parameter->dtype);
        info.bytes_read = bl__plus(info.bytes_read, bytes_of(effect->value, count));
        info.bytes_written = bl__plus(info.bytes_written, bl__times(count, (int64_t)size));
    }
    for (size_t i = 0; i < p->state_count; i++) {
        int64_t counted = p->states[i].drawn ? (int64_t)sizeof(int64_t) : 0;
        info.bytes_read += counted;
        info.bytes_written += counted;
    }
    return info;
}

bl_instruction_info bl_program_instruction(const bl_program *program, size_t index)
{
    if (!program || !program->head.valid || index > program->instruction_count)
        return (bl_instruction_info){.op = NULL};
    if (index == program->instruction_count)
        return describe_commit(program);
    const bl__instruction *instruction = &program->instructions[index];
    const bl__instruction_name *name = instruction->name;
    return (bl_instruction_info){.op = name->op,
                                 .label = name->label,
                                 .scope = name->scope,
                                 .file = name->file,
                                 .line = name->line,
                                 .flops = instruction->kernel->flops(&instruction->call),
                                 .bytes_read = bytes_read(instruction),
                                 .bytes_written = bytes_written(instruction),
                                 .again = name->is_again};
}

/* ---- states ---- */

static void count_state(bl_state_count *total, const bl_parameter *parameter, int64_t times)
{
    total->count += (size_t)times;
    total->elements = bl__plus(total->elements, bl__times(parameter->count, times));
    total->bytes += parameter->bytes * (size_t)times;
}

static void count_states(const bl_program *p, bl_program_info *info)
{
    for (size_t i = 0; i < p->state_count; i++) {
        const bl_parameter *parameter = p->states[i].parameter;
        int64_t names = 0;
        for (const bl__name *name = parameter->names; name; name = name->next)
            names++;
        count_state(parameter->buffer ? &info->buffers : &info->parameters, parameter, 1);
        count_state(parameter->buffer ? &info->buffers_by_name : &info->parameters_by_name, parameter,
                    names > 0 ? names : 1);
        if (!parameter->buffer && p->states[i].written)
            count_state(&info->trained, parameter, 1);
        info->effects += p->states[i].drawn;
    }
}

/* ---- the program ---- */

bl_program_info bl_program_describe(const bl_program *program)
{
    bl_program_info info = {.instructions = 0};
    if (!program || !program->head.valid)
        return info;
    info.instructions = program->instruction_count;
    for (size_t i = 0; i < program->band_count; i++)
        info.side_by_side += program->bands[i].count;
    info.effects = program->effect_count;
    info.workspace_bytes = bl_program_workspace_bytes(program);
    info.workspace_bound = bl_program_workspace_bound(program);
    info.scratch_bytes = program->scratch_bytes;
    for (size_t i = 0; i <= program->instruction_count; i++) {
        bl_instruction_info instruction = bl_program_instruction(program, i);
        info.repeated += instruction.again;
        info.flops = bl__plus(info.flops, instruction.flops);
        info.bytes_read = bl__plus(info.bytes_read, instruction.bytes_read);
        info.bytes_written = bl__plus(info.bytes_written, instruction.bytes_written);
    }
    count_states(program, &info);
    return info;
}
