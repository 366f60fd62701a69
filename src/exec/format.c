/* What a program can tell about itself. */
#include "exec/program.h"
#include "graph/text.h"

size_t bl_program_instruction_count(const bl_program *program)
{
    return program && program->head.valid ? program->instruction_count : 0;
}

size_t bl_program_workspace_bytes(const bl_program *program)
{
    return program && program->head.valid ? program->planned_bytes + program->scratch_bytes : 0;
}

size_t bl_program_workspace_bound(const bl_program *program)
{
    return program && program->head.valid ? program->bound_bytes + program->scratch_bytes : 0;
}

/* "f32 [2,3] @128": dtype, shape, and where it is. */
static void add_operand(bl__text *text, const bl_program *p, const bl__operand *operand)
{
    const bl__storage *storage = &p->storages[operand->storage];
    size_t offset = (size_t)operand->offset * bl_dtype_size((bl_dtype)operand->dtype);
    bl__text_add(text, "%s ", bl_dtype_name((bl_dtype)operand->dtype));
    bl__text_shape(text, bl_shape_of(operand->rank, operand->size));
    switch ((bl__location)storage->place) {
    case BL__WORKSPACE:
        bl__text_add(text, " @%zu", p->storages[storage->root].offset + offset);
        break;
    case BL__CONSTANT:
        bl__text_add(text, " constant");
        break;
    case BL__STATE:
        bl__text_add(text, " %s", p->states[storage->owner].parameter->name);
        break;
    case BL__INPUT:
        bl__text_add(text, " \"%s\"", p->inputs[storage->owner].name);
        break;
    }
}

static void add_instruction(bl__text *text, const bl_program *p, size_t index)
{
    const bl__instruction *instruction = &p->instructions[index];
    const bl__instruction_name *name = instruction->name;
    const bl__call *call = &instruction->call;
    bl__text_add(text, "%6zu  %-18s ", index, name->op);
    for (size_t i = 0; i < call->output_count; i++) {
        bl__text_add(text, i ? ", " : "");
        add_operand(text, p, call->outputs[i]);
    }
    bl__text_add(text, " <- ");
    for (size_t i = 0; i < call->input_count; i++) {
        bl__text_add(text, i ? ", " : "");
        add_operand(text, p, call->inputs[i]);
    }
    if (name->scope)
        bl__text_add(text, "  in %s", name->scope);
    if (name->label)
        bl__text_add(text, "  (%s)", name->label);
    if (name->is_again)
        bl__text_add(text, "  again");
    bl__text_add(text, "\n");
}

size_t bl_program_format(const bl_program *program, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    if (size > 0)
        text[0] = '\0';
    if (!program || !program->head.valid) {
        bl__text_add(&out, "no program\n");
        return out.length;
    }
    bl__text_add(&out,
                 "%zu instructions, %zu effects, workspace %zu bytes (bound %zu), %zu inputs, %zu outputs\n",
                 program->instruction_count, program->effect_count, bl_program_workspace_bytes(program),
                 bl_program_workspace_bound(program), program->input_count, program->output_count);
    for (size_t i = 0; i < program->instruction_count; i++)
        add_instruction(&out, program, i);
    for (size_t i = 0; i < program->effect_count; i++)
        bl__text_add(&out, "commit  %s\n", program->states[program->effects[i].state].parameter->name);
    for (size_t i = 0; i < program->state_count; i++) {
        if (program->states[i].drawn)
            bl__text_add(&out, "count   %s\n", program->states[i].parameter->name);
    }
    return out.length;
}
