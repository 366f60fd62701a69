/* Lowering an op whose results are parts of one concat: one instruction, whose value is the concat's. */
#include "cpu/parts.h"
#include "exec/lower.h"

#include <string.h>

/* "op+concat", as the program keeps it; NULL without memory. */
static const char *name_both(bl__lowering *l, const char *op)
{
    static const char end[] = "+concat";
    size_t length = strlen(op);
    char *name = bl__arena_take(&l->program->arena, length + sizeof(end));
    if (name) {
        memcpy(name, op, length);
        memcpy(name + length, end, sizeof(end));
    }
    return name;
}

/* Describes the result that is the concat's i-th input, in its place among the parts. */
static bool describe(bl__lowering *l, const bl__node *concat, size_t input, bl__operand *parts)
{
    bl_layout layout;
    const bl_tensor *result = bl__layout_in_concat(concat, input, &layout);
    if (!result)
        return false;
    bl__operand *part = &parts[result->output];
    size_t bytes = result->rank * sizeof(int64_t);
    int64_t *stride = bl__arena_take(&l->program->arena, bytes);
    if (!stride || !bl__contiguous_value(l, result, 0, part))
        return false;
    memcpy(stride, layout.stride, bytes);
    part->stride = stride;
    part->offset = layout.offset;
    part->contiguous = bl__is_contiguous(result->rank, result->size, stride);
    return true;
}

bool bl__add_parts(bl__lowering *l, const bl__node *concat, const bl__node *maker, const bl__kernel *kernel,
                   bl__operand *const *inputs, const void *attributes, bl__operand *output)
{
    bl__arena *arena = &l->program->arena;
    bl__parts *parts = bl__arena_take(arena, sizeof(*parts));
    bl__operand *part = bl__arena_take(arena, concat->input_count * sizeof(*part));
    const char *name = name_both(l, maker->op->name);
    if (!parts || !part || !name)
        return false;
    for (size_t i = 0; i < concat->input_count; i++) {
        if (!describe(l, concat, i, part))
            return false;
    }
    *parts = (bl__parts){
        .kernel = kernel, .attributes = attributes, .part = part, .count = (uint32_t)concat->input_count};
    return bl__add_instruction(l, concat, name, &bl__kernel_parts, inputs, maker->input_count, &output, 1,
                               parts) != NULL;
}
