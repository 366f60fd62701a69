/* Appending instructions: operands, the kernel's preparation, and the name in messages. */
#include "exec/lower.h"
#include "ops/keys.h"

const bl__kernel *bl__kernel_of(const bl__lowering *l, int key)
{
    switch (l->program->device) {
    case BL__DEVICE_CPU:
        return bl__cpu_kernel(l->program->environment.kernels, key);
    default:
        return NULL;
    }
}

/* ---- names ---- */

static const char *scope_path(bl__lowering *l, const bl__scope *scope)
{
    if (scope != l->scope) {
        l->scope_path = bl__arena_string(&l->program->arena, scope->path);
        l->scope = l->scope_path ? scope : NULL;
    }
    return l->scope_path;
}

const bl__instruction_name *bl__name_of(bl__lowering *l, const bl__origin *origin, const char *op)
{
    uintptr_t hash = (uintptr_t)origin / 16 + (uintptr_t)op * 31;
    bl__named *named = &l->names[hash & (BL__NAME_CACHE - 1)];
    if (named->name && named->from == origin && named->name->op == op)
        return named->name;
    bl__arena *arena = &l->program->arena;
    bl__instruction_name *name = bl__arena_take(arena, sizeof(*name));
    if (!name)
        return NULL;
    *name = (bl__instruction_name){.op = op,
                                   .label = origin->label ? bl__arena_string(arena, origin->label) : NULL,
                                   .scope = origin->scope ? scope_path(l, origin->scope) : NULL,
                                   .file = origin->file,
                                   .line = origin->line};
    if ((origin->label && !name->label) || (origin->scope && !name->scope))
        return NULL;
    *named = (bl__named){origin, name};
    return name;
}

/* ---- instructions ---- */

/* Makes room for more operands, and leads the instructions to where theirs have moved. */
static bool make_operand_room(bl__lowering *l, size_t more)
{
    bl_program *p = l->program;
    if (p->operand_capacity - p->operand_count >= more)
        return true;
    while (p->operand_capacity - p->operand_count < more) {
        if (!bl__grow(l->allocator, &p->operands, &p->operand_capacity, sizeof(*p->operands)))
            return false;
    }
    bl__operand **operands = p->operands;
    for (size_t i = 0; i < p->instruction_count; i++) {
        bl__call *call = &p->instructions[i].call;
        call->inputs = operands;
        call->outputs = operands + call->input_count;
        operands += (size_t)call->input_count + call->output_count;
    }
    return true;
}

static bool make_room(bl__lowering *l, size_t operands)
{
    bl_program *p = l->program;
    return make_operand_room(l, operands) &&
           (p->instruction_count < p->instruction_capacity ||
            bl__grow(l->allocator, &p->instructions, &p->instruction_capacity, sizeof(*p->instructions)));
}

/* Notes that the storages of operands are used by an instruction. */
static void note_lifetimes(bl__lowering *l, bl__operand *const *operands, size_t count, int64_t index)
{
    for (size_t i = 0; i < count; i++) {
        bl__lifetime *lifetime = &l->lifetimes[operands[i]->storage];
        if (lifetime->last < index)
            lifetime->last = index;
    }
}

bool bl__prepare_instruction(bl_program *p, bl__instruction *instruction)
{
    const bl__kernel *kernel = instruction->kernel;
    size_t scratch = 0;
    if (kernel->prepare && kernel->prepare(&instruction->call, &p->arena, &scratch) != BL_OK)
        return false;
    scratch = (scratch + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    p->scratch_bytes = scratch > p->scratch_bytes ? scratch : p->scratch_bytes;
    return true;
}

bl__instruction *bl__add_instruction(bl__lowering *l, const bl__node *node, const char *op,
                                     const bl__kernel *kernel, bl__operand *const *inputs, size_t input_count,
                                     bl__operand *const *outputs, size_t output_count, const void *attributes)
{
    bl_program *p = l->program;
    size_t count = input_count + output_count;
    const bl__instruction_name *name = bl__name_of(l, node->origin, op);
    if (!name || !make_room(l, count))
        return NULL;
    bl__operand **operands = p->operands + p->operand_count;
    for (size_t i = 0; i < count; i++)
        operands[i] = i < input_count ? inputs[i] : outputs[i - input_count];
    bl__instruction *instruction = &p->instructions[p->instruction_count];
    *instruction = (bl__instruction){.kernel = kernel,
                                     .call = {.inputs = operands,
                                              .outputs = operands + input_count,
                                              .attributes = attributes,
                                              .input_count = (uint32_t)input_count,
                                              .output_count = (uint32_t)output_count,
                                              .environment = &p->environment},
                                     .name = name};
    if (!bl__prepare_instruction(p, instruction))
        return NULL;
    note_lifetimes(l, operands, count, (int64_t)p->instruction_count++);
    p->operand_count += count;
    return instruction;
}

bl__operand *bl__copy_value(bl__lowering *l, const bl__node *node, bl__operand *from)
{
    const bl__dims *dims = bl__dims_of(l, from->rank, from->size);
    size_t bytes = (size_t)from->count * bl_dtype_size((bl_dtype)from->dtype);
    size_t storage = bl__new_storage(l, BL__WORKSPACE, bytes);
    bl__operand *to = bl__arena_take(&l->program->arena, sizeof(*to));
    if (to && dims && storage != SIZE_MAX) {
        *to = *from;
        to->storage = (uint32_t)storage;
        to->offset = 0;
        to->size = dims->size;
        to->stride = dims->stride;
        to->contiguous = true;
        if (bl__add_instruction(l, node, "copy", bl__kernel_of(l, BL__KEY_COPY), &from, 1, &to, 1, NULL))
            return to;
    }
    if (bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
    return NULL;
}
