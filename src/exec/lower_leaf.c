/* Lowering leaves: where the values that come from outside the tape stand. */
#include "exec/lower.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <string.h>

static const int64_t no_strides[BL_MAX_RANK] = {0};

void bl__take_values(void *to, bl_dtype to_dtype, const void *from, bl_dtype from_dtype, size_t count)
{
    if (to_dtype == from_dtype) {
        memcpy(to, from, count * bl_dtype_size(to_dtype));
        return;
    }
    for (size_t i = 0; i < count; i++)
        ((double *)to)[i] = (double)((const float *)from)[i];
}

static void *constant_block(bl__lowering *l, const bl_tensor *tensor, size_t count, size_t *storage)
{
    size_t bytes = count * bl_dtype_size(bl__lower_dtype(l, (bl_dtype)tensor->dtype));
    void *data = bl__arena_take_aligned(&l->program->arena, bytes);
    *storage = bl__new_storage(l, BL__CONSTANT, bytes);
    if (!data && bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
    if (!data || *storage == SIZE_MAX)
        return NULL;
    l->program->storages[*storage].data = data;
    return data;
}

static void lower_constant(bl__lowering *l, const bl__node *node)
{
    const bl__constant_attributes *attributes = bl__attributes(node);
    const bl_tensor *tensor = &node->outputs[0];
    size_t storage;
    void *data = constant_block(l, tensor, (size_t)tensor->count, &storage);
    if (!data || !bl__contiguous_value(l, tensor, storage, bl__value_of(l, tensor)))
        return;
    if (tensor->count > 0)
        bl__take_values(data, (bl_dtype)bl__value_of(l, tensor)->dtype, attributes->data,
                        (bl_dtype)tensor->dtype, (size_t)tensor->count);
}

/* One value of the program's dtype from a double that the dtype can hold. */
static void set_value(void *data, bl_dtype dtype, double value)
{
    switch (dtype) {
    case BL_F32:
        *(float *)data = (float)value;
        break;
    case BL_F64:
        *(double *)data = value;
        break;
    case BL_I32:
        *(int32_t *)data = (int32_t)value;
        break;
    case BL_I64:
        *(int64_t *)data = (int64_t)value;
        break;
    default: /* bool: bl_full takes no storage dtype */
        *(uint8_t *)data = value != 0;
        break;
    }
}

/* A full tensor is one element that every stride stays on. */
static void lower_full(bl__lowering *l, const bl__node *node)
{
    const bl__full_attributes *attributes = bl__attributes(node);
    const bl_tensor *tensor = &node->outputs[0];
    bl__operand *value = bl__value_of(l, tensor);
    size_t storage;
    void *data = constant_block(l, tensor, 1, &storage);
    if (!data || !bl__contiguous_value(l, tensor, storage, value))
        return;
    value->stride = no_strides;
    value->contiguous = tensor->count <= 1;
    set_value(data, (bl_dtype)value->dtype, attributes->value);
}

static void lower_input(bl__lowering *l, const bl__node *node)
{
    const bl__input_attributes *attributes = bl__attributes(node);
    const bl_tensor *tensor = &node->outputs[0];
    bl_program *p = l->program;
    bl__operand *value = bl__value_of(l, tensor);
    bl_dtype dtype = bl__lower_dtype(l, (bl_dtype)tensor->dtype);
    size_t bytes = (size_t)tensor->count * bl_dtype_size(dtype);
    size_t storage = bl__new_storage(l, BL__INPUT, bytes);
    if (storage == SIZE_MAX || !bl__contiguous_value(l, tensor, storage, value))
        return;
    const char *name = bl__arena_string(&p->arena, attributes->name);
    if (!name || (p->input_count == p->input_capacity &&
                  !bl__grow(l->allocator, &p->inputs, &p->input_capacity, sizeof(*p->inputs)))) {
        bl__lower_out_of_memory(l);
        return;
    }
    p->storages[storage].owner = p->input_count;
    p->inputs[p->input_count++] = (bl__input){.ordinal = attributes->ordinal,
                                              .name = name,
                                              .dtype = dtype,
                                              .shape = bl_tensor_shape(tensor),
                                              .bytes = bytes};
}

/* A parameter's own memory, or the private f64 copy that this precision, or a frozen program, wants. */
static void lower_parameter(bl__lowering *l, const bl__node *node)
{
    const bl__parameter_attributes *attributes = bl__attributes(node);
    const bl_tensor *tensor = &node->outputs[0];
    bl_parameter *parameter = attributes->parameter;
    bl__operand *value = bl__value_of(l, tensor);
    bl_dtype dtype = bl__lower_dtype(l, parameter->dtype);
    size_t storage = bl__new_storage(l, BL__STATE, (size_t)tensor->count * bl_dtype_size(dtype));
    size_t index = storage == SIZE_MAX ? SIZE_MAX : bl__state_of(l, parameter);
    if (index == SIZE_MAX || !bl__contiguous_value(l, tensor, storage, value))
        return;
    bl__state *state = &l->program->states[index];
    state->read = true;
    state->generation = (unsigned)attributes->generation;
    state->storage = storage;
    l->program->storages[storage].owner = index;
    bool private_copy = dtype != parameter->dtype || (l->program->frozen && dtype == BL_F64);
    if (!private_copy || parameter->count == 0)
        return;
    state->copy_bytes = (size_t)parameter->count * sizeof(double);
    state->copy = bl__allocate_data(l->allocator, state->copy_bytes);
    if (!state->copy) {
        bl__lower_out_of_memory(l);
        return;
    }
    bl__take_values(state->copy, dtype, parameter->data, parameter->dtype, (size_t)parameter->count);
}

/* A frozen program remembers where its leaves are, for the gradient check to perturb them; one with a check
 * looks at them. */
static void note_leaf(bl__lowering *l, const bl__node *node)
{
    bl_program *p = l->program;
    const bl__instruction_name *name = bl__name_of(l, node->origin, node->op->name);
    if (!name || (p->leaf_count == p->leaf_capacity &&
                  !bl__grow(l->allocator, &p->leaves, &p->leaf_capacity, sizeof(*p->leaves))))
        bl__lower_out_of_memory(l);
    else
        p->leaves[p->leaf_count++] =
            (bl__leaf){node->id, bl__value_of(l, &node->outputs[0]), name, node->op->key == BL__KEY_full};
}

void bl__lower_leaf(bl__lowering *l, const bl__node *node)
{
    switch (node->op->key) {
    case BL__KEY_input:
        lower_input(l, node);
        break;
    case BL__KEY_constant:
        lower_constant(l, node);
        break;
    case BL__KEY_full:
        lower_full(l, node);
        break;
    case BL__KEY_parameter:
        lower_parameter(l, node);
        break;
    default:
        bl__program_fail(l->program, BL_ERR_UNSUPPORTED, node->op->name, "there is no such leaf");
        break;
    }
    if ((l->program->frozen || l->program->check != BL_CHECK_NOTHING) && bl__lowering_ok(l))
        note_leaf(l, node);
}

/* ---- states ---- */

static bool grow_state_table(bl__lowering *l)
{
    size_t size = l->state_table_size ? l->state_table_size * 2 : 16;
    size_t *table = bl__allocate(l->allocator, size, sizeof(*table));
    if (!table)
        return false;
    for (size_t i = 0; i < l->program->state_count; i++) {
        size_t slot = l->program->states[i].parameter->id & (size - 1);
        while (table[slot])
            slot = (slot + 1) & (size - 1);
        table[slot] = i + 1;
    }
    bl__release(l->allocator, l->state_table, l->state_table_size, sizeof(*l->state_table));
    l->state_table = table;
    l->state_table_size = size;
    return true;
}

size_t bl__state_of(bl__lowering *l, bl_parameter *parameter)
{
    bl_program *p = l->program;
    if ((p->state_count + 1) * 2 > l->state_table_size && !grow_state_table(l)) {
        bl__lower_out_of_memory(l);
        return SIZE_MAX;
    }
    size_t slot = parameter->id & (l->state_table_size - 1);
    while (l->state_table[slot]) {
        size_t index = l->state_table[slot] - 1;
        if (p->states[index].parameter == parameter)
            return index;
        slot = (slot + 1) & (l->state_table_size - 1);
    }
    if (p->state_count == p->state_capacity &&
        !bl__grow(l->allocator, &p->states, &p->state_capacity, sizeof(*p->states))) {
        bl__lower_out_of_memory(l);
        return SIZE_MAX;
    }
    l->state_table[slot] = p->state_count + 1;
    p->states[p->state_count] = (bl__state){.parameter = bl__parameter_retain(parameter),
                                            .generation = atomic_load(&parameter->generation)};
    return p->state_count++;
}
