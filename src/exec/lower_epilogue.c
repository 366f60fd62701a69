/* Lowering a group that goes on with a matrix product. */
#include "cpu/epilogue.h"
#include "exec/lower.h"

const bl__node *bl__product_of(const bl__lowering *l, const bl__node *node)
{
    uint32_t product = l->fusion.nodes[node->id].product;
    return product ? l->graph->nodes[product - 1] : node;
}

size_t bl__product_inputs(bl__lowering *l, const bl__node *node, bl__operand **inputs)
{
    const bl__node *product = bl__product_of(l, node), *term;
    inputs[0] = bl__value_of(l, product->inputs[0]);
    inputs[1] = bl__value_of(l, product->inputs[1]);
    if (product == node)
        return 2;
    term = node->inputs[0]->node;
    while (term != product && l->fusion.nodes[term->id].is_joined)
        term = term->inputs[0]->node;
    inputs[2] = bl__value_of(l, node->inputs[term == product ? 1 : 0]);
    return 3;
}

/* The product in a shape, in the memory of another operand, which a run looks up. */
static bl__operand *describe(bl__lowering *l, const bl_tensor *tensor, const bl__operand *home)
{
    bl__operand *operand = bl__arena_take(&l->program->arena, sizeof(*operand));
    return operand && bl__contiguous_value(l, tensor, home->storage, operand) ? operand : NULL;
}

/* The product's own memory, where others use it or no output of the group can be its home. */
static bl__operand *make_own(bl__lowering *l, const bl__node *node)
{
    const bl_tensor *tensor = &node->outputs[0];
    size_t bytes = (size_t)tensor->count * bl_dtype_size(bl__lower_dtype(l, (bl_dtype)tensor->dtype));
    bl__operand *value = l->fusion.nodes[node->id].is_used
                             ? bl__value_of(l, tensor)
                             : bl__arena_take(&l->program->arena, sizeof(*value));
    size_t storage = value ? bl__new_storage(l, BL__WORKSPACE, bytes) : SIZE_MAX;
    if (storage == SIZE_MAX || !bl__contiguous_value(l, tensor, storage, value))
        return NULL;
    return value;
}

/* Fills in where the product is; the outputs get one more where it has memory of its own. */
static bool place_product(bl__lowering *l, const bl__fusion_group *group, bl__epilogue *epilogue,
                          bl__operand **outputs, size_t *output_count)
{
    const bl__node *node = l->graph->nodes[group->product - 1];
    const bl_tensor *tensor = &node->outputs[0];
    size_t bytes = bl_dtype_size(bl__lower_dtype(l, (bl_dtype)tensor->dtype));
    size_t home = SIZE_MAX;
    if (!l->fusion.nodes[node->id].is_used)
        home = bl__epilogue_home(epilogue->group, epilogue->input, bytes);
    if (home == SIZE_MAX) {
        home = *output_count;
        outputs[home] = make_own(l, node);
        if (!outputs[home])
            return false;
        *output_count += 1;
    }
    epilogue->home = (uint8_t)home;
    epilogue->product = describe(l, &bl__product_of(l, node)->outputs[0], outputs[home]);
    epilogue->in_group = describe(l, group->inputs[epilogue->input], outputs[home]);
    return epilogue->product && epilogue->in_group;
}

bool bl__add_epilogue(bl__lowering *l, const bl__fusion_group *group, const bl__group *steps,
                      const char *name, bl__operand *const *inputs, bl__operand **outputs,
                      size_t output_count)
{
    bl__operand *all[BL__PRODUCT_INPUTS + BL__GROUP_INPUTS];
    const bl__node *product = l->graph->nodes[group->product - 1];
    bl__epilogue *epilogue = bl__arena_take(&l->program->arena, sizeof(*epilogue));
    if (!epilogue)
        return false;
    size_t count = bl__product_inputs(l, product, all);
    *epilogue = (bl__epilogue){.group = steps,
                               .factors = (uint8_t)count,
                               .input = group->product_input,
                               .outputs = (uint8_t)output_count};
    if (!place_product(l, group, epilogue, outputs, &output_count))
        return false;
    for (int i = 0; i < group->input_count; i++) {
        if (i != group->product_input)
            all[count++] = inputs[i];
    }
    return bl__add_instruction(l, bl__product_of(l, product), name, &bl__kernel_epilogue, all, count, outputs,
                               output_count, epilogue) != NULL;
}
