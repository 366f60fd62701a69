/* Lowering a node: a view becomes a layout, an op an instruction over new storages. */
#include "exec/lower.h"
#include "cpu/kernels.h"
#include "exec/check.h"
#include "graph/text.h"
#include "ops/keys.h"

#include <string.h>

void bl__lower_out_of_memory(bl__lowering *l)
{
    bl__program_fail(l->program, BL_ERR_MEMORY, "compile", "no memory for the program");
}

const bl__dims *bl__dims_of(bl__lowering *l, int rank, const int64_t *size)
{
    uintptr_t hash = ((uintptr_t)size >> 4) * 2654435761u;
    bl__dims *dims = &l->dims[hash >> 8 & (BL__DIMS_CACHE - 1)];
    if (dims->size && dims->from == size && dims->rank == rank)
        return dims;
    size_t bytes = (size_t)rank * sizeof(int64_t);
    int64_t *copy = bl__arena_take(&l->program->arena, 2 * bytes);
    if (!copy) {
        bl__lower_out_of_memory(l);
        return NULL;
    }
    int64_t *stride = copy + rank;
    int64_t product = 1;
    if (rank > 0)
        memcpy(copy, size, bytes);
    for (int d = rank - 1; d >= 0; d--) {
        stride[d] = product;
        product *= size[d] > 0 ? size[d] : 1;
    }
    *dims = (bl__dims){.from = size, .size = copy, .stride = stride, .rank = rank};
    return dims;
}

bool bl__is_contiguous(int rank, const int64_t *size, const int64_t *stride)
{
    int64_t product = 1;
    for (int d = rank - 1; d >= 0; d--) {
        if (size[d] == 0)
            return true;
        if (size[d] != 1 && stride[d] != product)
            return false;
        product *= size[d];
    }
    return true;
}

size_t bl__new_storage(bl__lowering *l, bl__location place, size_t bytes)
{
    bl_program *p = l->program;
    if ((p->storage_count == p->storage_capacity &&
         !bl__grow(l->allocator, &p->storages, &p->storage_capacity, sizeof(*p->storages))) ||
        (p->storage_count == l->lifetime_capacity &&
         !bl__grow(l->allocator, &l->lifetimes, &l->lifetime_capacity, sizeof(*l->lifetimes)))) {
        bl__lower_out_of_memory(l);
        return SIZE_MAX;
    }
    if (p->storage_count >= UINT32_MAX) {
        bl__program_fail(p, BL_ERR_OVERFLOW, "compile", "the program has too many values");
        return SIZE_MAX;
    }
    size_t index = p->storage_count++;
    p->storages[index] = (bl__storage){.place = (uint8_t)place, .device = p->device, .root = (uint32_t)index};
    l->lifetimes[index] = (bl__lifetime){.bytes = bytes};
    return index;
}

bool bl__contiguous_value(bl__lowering *l, const bl_tensor *tensor, size_t storage, bl__operand *value)
{
    const bl__dims *dims = bl__dims_of(l, tensor->rank, tensor->size);
    if (!dims)
        return false;
    *value = (bl__operand){.size = dims->size,
                           .stride = dims->stride,
                           .count = tensor->count,
                           .dtype = (uint8_t)bl__lower_dtype(l, (bl_dtype)tensor->dtype),
                           .rank = tensor->rank,
                           .contiguous = true,
                           .storage = (uint32_t)storage};
    return true;
}

/* ---- nodes ---- */

static void set_layout(bl_layout *layout, const bl__operand *value)
{
    layout->offset = value->offset;
    for (int d = 0; d < value->rank; d++)
        layout->stride[d] = value->stride[d];
}

/* Has a value stand by other strides than the contiguous ones; false without memory. */
static bool set_strides(bl__lowering *l, const bl_tensor *tensor, const bl_layout *layout, bl__operand *value)
{
    size_t bytes = tensor->rank * sizeof(*layout->stride);
    value->offset = layout->offset;
    value->contiguous = bl__is_contiguous(tensor->rank, tensor->size, layout->stride);
    if (value->contiguous)
        return true;
    int64_t *stride = bl__arena_take(&l->program->arena, bytes);
    if (!stride)
        return false;
    memcpy(stride, layout->stride, bytes);
    value->stride = stride;
    return true;
}

/* The layout of a view's output, over its input's storage where strides can say it, else over a copy. */
static void lower_view(bl__lowering *l, const bl__node *node)
{
    bl__operand *input = bl__value_of(l, node->inputs[0]);
    const bl_tensor *output = &node->outputs[0];
    const void *attributes = bl__attributes(node);
    bl_layout from = {.shape = bl_tensor_shape(node->inputs[0])}, to;
    set_layout(&from, input);
    if (!node->op->view(&from, attributes, bl_tensor_shape(output), &to)) {
        input = bl__copy_value(l, node, input);
        if (!input)
            return;
        set_layout(&from, input);
        if (!node->op->view(&from, attributes, bl_tensor_shape(output), &to)) {
            bl__program_fail(l->program, BL_ERR_UNSUPPORTED, node->op->name,
                             "not a view even of contiguous memory");
            return;
        }
    }
    bl__operand *value = bl__value_of(l, output);
    if (!bl__contiguous_value(l, output, input->storage, value))
        return;
    if (!set_strides(l, output, &to, value))
        bl__lower_out_of_memory(l);
}

/* The values of the inputs as the kernel takes them: copied where they must be contiguous and are not. */
static bool gather_inputs(bl__lowering *l, const bl__node *node, const bl__kernel *kernel,
                          bl__operand **inputs)
{
    for (size_t i = 0; i < node->input_count; i++) {
        inputs[i] = bl__value_of(l, node->inputs[i]);
        if (!(kernel->flags & BL__STRIDED) && !inputs[i]->contiguous)
            inputs[i] = bl__copy_value(l, node, inputs[i]);
        if (!inputs[i])
            return false;
    }
    return true;
}

static bool make_outputs(bl__lowering *l, const bl__node *node, const bl__kernel *kernel)
{
    bl_layout layout;
    for (int i = 0; i < node->op->output_count; i++) {
        const bl_tensor *output = &node->outputs[i];
        bl__operand *value = bl__value_of(l, output);
        bool unused = (kernel->flags & BL__OPTIONAL_OUTPUTS) && !(l->used_outputs[node->id] >> i & 1);
        size_t size = unused ? 0 : bl_dtype_size(bl__lower_dtype(l, (bl_dtype)output->dtype));
        size_t storage = bl__new_storage(l, BL__WORKSPACE, (size_t)output->count * size);
        if (storage == SIZE_MAX || !bl__contiguous_value(l, output, storage, value))
            return false;
        value->unused = unused;
        if ((kernel->flags & BL__ROWS_APART) && bl__layout_of_result(&l->fusion, node, i, &layout) &&
            !set_strides(l, output, &layout, value))
            return false;
        l->program->storages[storage].is_checked = l->used_outputs[node->id] >> i & 1;
        l->program->storages[storage].may_be_infinite = bl__recorded_infinite(node->op, bl__attributes(node));
    }
    return true;
}

static bool add_op(bl__lowering *l, const bl__node *node, const bl__kernel *kernel, bl__operand **inputs)
{
    const bl_op *op = node->op;
    void *attributes = bl__arena_take(&l->program->arena, op->attributes_size);
    if (!attributes || !gather_inputs(l, node, kernel, inputs) || !make_outputs(l, node, kernel))
        return false;
    if (op->attributes_size > 0)
        memcpy(attributes, bl__attributes(node), op->attributes_size);
    bl__operand *outputs[BL_MAX_OUTPUTS];
    for (int i = 0; i < op->output_count; i++)
        outputs[i] = bl__value_of(l, &node->outputs[i]);
    bl__instruction *instruction = bl__add_instruction(l, node, op->name, kernel, inputs, node->input_count,
                                                       outputs, (size_t)op->output_count, attributes);
    if (instruction && op->compute)
        instruction->call.plan = bl__user_plan(l, op, instruction);
    return instruction && (!op->compute || instruction->call.plan) && bl__note_single(l, node);
}

/* `concat`: where the op's results are parts, else NULL. */
static bool add(bl__lowering *l, const bl__node *node, const bl__node *concat, const bl__kernel *kernel,
                bl__operand **inputs)
{
    if (!concat)
        return add_op(l, node, kernel, inputs);
    void *attributes = bl__arena_take(&l->program->arena, node->op->attributes_size);
    if (!attributes || !gather_inputs(l, node, kernel, inputs) ||
        !make_outputs(l, concat, bl__kernel_of(l, BL__KEY_concat)))
        return false;
    memcpy(attributes, bl__attributes(node), node->op->attributes_size);
    return bl__add_parts(l, concat, node, kernel, inputs, attributes, bl__value_of(l, &concat->outputs[0]));
}

static void lower_op(bl__lowering *l, const bl__node *node, const bl__node *concat)
{
    const bl_op *op = node->op;
    const bl__kernel *kernel = op->compute ? &bl__user_kernel : bl__kernel_of(l, op->key);
    if (!kernel) {
        bl__program_fail(l->program, BL_ERR_UNSUPPORTED, op->name, "there is no kernel for it");
        return;
    }
    bl__operand *few[4];
    size_t count = node->input_count;
    bl__operand **inputs = count <= 4 ? few : bl__allocate(l->allocator, count, sizeof(*inputs));
    bool done = inputs && add(l, node, concat, kernel, inputs);
    if (!done && bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
    if (done && (op->flags & BL__OP_RANDOM))
        bl__lower_draw(l, node);
    if (count > 4)
        bl__release(l->allocator, inputs, count, sizeof(*inputs));
}

/* The names of both, for a check to tell which it was; NULL without memory. */
static bl__product_and_sum *name_both(bl__lowering *l, const bl__node *sum, const bl__node *product)
{
    bl__product_and_sum *both = bl__arena_take(&l->program->arena, sizeof(*both));
    if (!both)
        return NULL;
    both->product = bl__name_of(l, product->origin, product->op->name);
    both->sum = bl__name_of(l, sum->origin, sum->op->name);
    both->value = bl__value_of(l, &sum->outputs[0]);
    return both->product && both->sum ? both : NULL;
}

/* A sum of which one term is a product: the product's instruction, which takes the other term as its last
 * input and may write over it. */
static void lower_sum(bl__lowering *l, const bl__node *sum, const bl__node *product)
{
    bl__operand *inputs[BL__PRODUCT_INPUTS];
    size_t input_count = bl__product_inputs(l, sum, inputs);
    bl__operand *out = bl__arena_take(&l->program->arena, sizeof(*out)); /* in the product's shape */
    bool is_checked = l->program->check != BL_CHECK_NOTHING;
    const bl__product_and_sum *both = is_checked ? name_both(l, sum, product) : NULL;
    bool done =
        out && (both || !is_checked) && make_outputs(l, sum, &bl__kernel_matmul_add) &&
        bl__contiguous_value(l, &product->outputs[0], bl__value_of(l, &sum->outputs[0])->storage, out) &&
        bl__add_instruction(l, product, "matmul+add", &bl__kernel_matmul_add, inputs, input_count, &out, 1,
                            both);
    if (!done && bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
}

void bl__lower_node(bl__lowering *l, const bl__node *node)
{
    if (bl__fusion_at(&l->fusion, node->id)->product) {
        lower_sum(l, node, bl__product_of(l, node));
        return;
    }
    uint32_t maker = node->op->key == BL__KEY_concat ? bl__fusion_at(&l->fusion, node->id)->parts_of : 0;
    if (maker)
        lower_op(l, l->graph->nodes[maker - 1], node);
    else if (node->op->flags & BL_OP_LEAF)
        bl__lower_leaf(l, node);
    else if (node->op->flags & BL_OP_EFFECT)
        bl__lower_effect(l, node);
    else if (node->op->view)
        lower_view(l, node);
    else
        lower_op(l, node, NULL);
}
