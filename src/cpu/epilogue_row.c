/* A product's bias, for small products to add: see epilogue_row.h. */
#include "cpu/epilogue_row.h"
#include "cpu/kernel_set.h"

#include <string.h>

/* Whether an operand is the same row, of numbers side by side, at every place but in the last axis. */
static bool is_row(const bl__group *group, const bl__operand *operand)
{
    int last = operand->rank - 1;
    bool is = last >= 0 && group->rank > 0 && operand->size[last] == group->size[group->rank - 1] &&
              (operand->size[last] == 1 || operand->stride[last] == 1);
    for (int d = 0; d < last && is; d++)
        is = operand->size[d] == 1 || operand->stride[d] == 0;
    return is;
}

static int64_t elements_of(const bl__group *group)
{
    int64_t count = 1;
    for (int d = 0; d < group->rank; d++)
        count *= group->size[d];
    return count;
}

/* How often a group takes a slot. */
static int uses_of(const bl__group *group, int slot)
{
    int uses = group->reducer && group->reduced == slot;
    for (int64_t s = 0; s < group->step_count; s++) {
        for (int i = 0; i < group->step[s].input_count; i++)
            uses += group->step[s].input[i] == slot;
    }
    return uses;
}

int bl__epilogue_find_row(const bl__epilogue *epilogue, const bl__call *call, const bl__call *group_call)
{
    const bl__group *group = epilogue->group;
    const bl__operand *product = epilogue->product;
    const bl__step *step = &group->step[0];
    int inputs = (int)group_call->input_count, sum = inputs, row = step->input[1];
    if (step->tile != call->environment->kernels->tiles[BL__KEY_add][product->dtype] ||
        step->input[0] != epilogue->input || row >= inputs || row == epilogue->input ||
        epilogue->home == epilogue->outputs || uses_of(group, epilogue->input) != 1 ||
        uses_of(group, row) != 1)
        return -1;
    bool same_rows = group->rank > 0 && elements_of(group) == product->count &&
                     product->size[product->rank - 1] == group->size[group->rank - 1];
    if (!same_rows || !is_row(group, group_call->inputs[row]))
        return -1;
    if (group->step_count == 1)
        return group->reducer ? -1 : row;
    return step->is_output || !bl__group_reads_before(group, sum, epilogue->home) ? -1 : row;
}

/* Where slots are that `row` and the first step, which is the product from now on, stood among. */
static uint8_t slot_without(int slot, int row, int inputs, int product)
{
    if (slot == inputs)
        slot = product;
    return (uint8_t)(slot > inputs ? slot - 2 : slot > row ? slot - 1 : slot);
}

bool bl__epilogue_drop_row(bl__call *call, int row, int product, bl__arena *arena)
{
    const bl__group *group = call->attributes;
    int inputs = (int)call->input_count;
    size_t bytes = offsetof(bl__group, step) + (size_t)group->step_count * sizeof(bl__step);
    bl__group *rest = bl__arena_take(arena, bytes);
    bl__operand **left = bl__arena_take(arena, (size_t)inputs * sizeof(*left));
    if (!rest || !left)
        return false;
    memcpy(rest, group, bytes);
    for (int i = 0, k = 0; i < inputs; i++) {
        if (i != row)
            left[k++] = call->inputs[i];
    }
    for (int64_t s = 1; s < group->step_count; s++) {
        bl__step *step = &rest->step[s - 1];
        *step = group->step[s];
        for (int i = 0; i < step->input_count; i++)
            step->input[i] = slot_without(step->input[i], row, inputs, product);
    }
    rest->step_count = group->step_count - 1;
    if (group->reducer)
        rest->reduced = slot_without(group->reduced, row, inputs, product);
    call->inputs = left;
    call->input_count--;
    call->attributes = rest;
    return true;
}
