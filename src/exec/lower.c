/* Lowering a node: a view becomes a layout, an op an instruction with its kernel. */
#include "exec/lower.h"
#include "graph/text.h"
#include "ops/keys.h"

#include <string.h>

bool bl__lowering_ok(const bl__lowering *l)
{
    return l->program->head.error.code == BL_OK;
}

void bl__lower_out_of_memory(bl__lowering *l)
{
    bl__program_fail(l->program, BL_ERR_MEMORY, "compile", "no memory for the program");
}

bl_dtype bl__lower_dtype(const bl__lowering *l, bl_dtype dtype)
{
    return l->program->precision == BL_PRECISION_F64 && dtype == BL_F32 ? BL_F64 : dtype;
}

bl__value *bl__value_of(bl__lowering *l, const bl_tensor *tensor)
{
    return &l->values[l->first_value[tensor->node->id] + tensor->output];
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
    if (p->storage_count == p->storage_capacity &&
        !bl__grow(l->allocator, &p->storages, &p->storage_capacity, sizeof(*p->storages))) {
        bl__lower_out_of_memory(l);
        return SIZE_MAX;
    }
    if (p->storage_count >= UINT32_MAX) {
        bl__program_fail(p, BL_ERR_OVERFLOW, "compile", "the program has too many values");
        return SIZE_MAX;
    }
    size_t index = p->storage_count++;
    p->storages[index] = (bl__storage){
        .place = (uint8_t)place, .device = p->device, .root = (uint32_t)index, .bytes = bytes, .last = -1};
    return index;
}

bool bl__contiguous_value(bl__lowering *l, const bl_tensor *tensor, size_t storage, bl__value *value)
{
    const bl__dims *dims = bl__dims_of(l, tensor->rank, tensor->size);
    if (!dims)
        return false;
    *value = (bl__value){.storage = storage,
                         .size = dims->size,
                         .stride = dims->stride,
                         .count = tensor->count,
                         .rank = tensor->rank,
                         .dtype = (uint8_t)bl__lower_dtype(l, (bl_dtype)tensor->dtype),
                         .contiguous = true};
    return true;
}

static size_t value_bytes(const bl__value *value)
{
    return (size_t)value->count * bl_dtype_size((bl_dtype)value->dtype);
}

/* ---- instructions ---- */

static const char *scope_path(bl__lowering *l, const bl__scope *scope)
{
    if (!scope)
        return NULL;
    if (scope != l->scope) {
        l->scope_path = bl__arena_string(&l->program->arena, scope->path);
        l->scope = l->scope_path ? scope : NULL;
    }
    return l->scope_path;
}

static void set_operand(bl__operand *operand, bl__source *source, const bl__value *value)
{
    size_t size = bl_dtype_size((bl_dtype)value->dtype);
    *operand = (bl__operand){.size = value->size,
                             .stride = value->stride,
                             .count = value->count,
                             .dtype = (bl_dtype)value->dtype,
                             .rank = value->rank};
    *source = (bl__source){value->storage, (size_t)value->offset * size};
}

/* Notes when the storages of an instruction are first written and last read. */
static void note_lifetimes(bl_program *p, const bl__instruction *instruction, int64_t index)
{
    size_t inputs = instruction->call.input_count, outputs = instruction->call.output_count;
    for (size_t i = 0; i < inputs + outputs; i++) {
        bl__storage *storage = &p->storages[instruction->sources[i].storage];
        if (storage->last < index)
            storage->last = index;
    }
}

static bool add_instruction(bl__lowering *l, const bl__node *origin, const char *op, const bl__kernel *kernel,
                            const bl__value *inputs, size_t input_count, const bl__value *outputs,
                            size_t output_count, const void *attributes)
{
    bl_program *p = l->program;
    size_t operands = input_count + output_count;
    if (p->instruction_count == p->instruction_capacity &&
        !bl__grow(l->allocator, &p->instructions, &p->instruction_capacity, sizeof(*p->instructions)))
        return false;
    bl__operand *operand = bl__arena_take(&p->arena, operands * sizeof(*operand));
    bl__source *sources = bl__arena_take(&p->arena, operands * sizeof(*sources));
    const char *label = origin->label ? bl__arena_string(&p->arena, origin->label) : NULL;
    const char *scope = scope_path(l, origin->scope);
    if (!operand || !sources || (origin->label && !label) || (origin->scope && !scope))
        return false;
    for (size_t i = 0; i < operands; i++)
        set_operand(&operand[i], &sources[i], i < input_count ? &inputs[i] : &outputs[i - input_count]);

    bl__instruction *instruction = &p->instructions[p->instruction_count];
    *instruction = (bl__instruction){.kernel = kernel,
                                     .call = {.inputs = operand,
                                              .outputs = operand + input_count,
                                              .attributes = attributes,
                                              .input_count = (uint32_t)input_count,
                                              .output_count = (uint32_t)output_count,
                                              .message = p->message,
                                              .message_size = sizeof(p->message)},
                                     .sources = sources,
                                     .op = op,
                                     .label = label,
                                     .scope = scope,
                                     .file = origin->file,
                                     .line = origin->line};
    size_t scratch = 0;
    if (kernel->prepare && kernel->prepare(&instruction->call, &p->arena, &scratch) != BL_OK)
        return false;
    scratch = (scratch + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    p->scratch_bytes = scratch > p->scratch_bytes ? scratch : p->scratch_bytes;
    note_lifetimes(p, instruction, (int64_t)p->instruction_count++);
    return true;
}

/* The kernel of an op on the program's device; NULL when it has none. */
static const bl__kernel *kernel_of(const bl__lowering *l, int key)
{
    switch (l->program->device) {
    case BL__DEVICE_CPU:
        return bl__cpu_kernel(key);
    default:
        return NULL;
    }
}

bool bl__copy_value(bl__lowering *l, const bl__node *origin, const bl__value *from, bl__value *to)
{
    const bl__dims *dims = bl__dims_of(l, from->rank, from->size);
    size_t storage = bl__new_storage(l, BL__WORKSPACE, value_bytes(from));
    if (!dims || storage == SIZE_MAX)
        return false;
    *to = *from;
    to->storage = storage;
    to->offset = 0;
    to->size = dims->size;
    to->stride = dims->stride;
    to->contiguous = true;
    if (add_instruction(l, origin, "copy", kernel_of(l, BL__KEY_COPY), from, 1, to, 1, NULL))
        return true;
    bl__lower_out_of_memory(l);
    return false;
}

/* ---- an op of the user's: its compute function behind the kernels' interface ---- */

typedef struct user_plan {
    bl_status (*compute)(const bl_compute_call *call);
    bl_compute_call call;
    const void **inputs;
    void **outputs;
} user_plan;

static bl_status run_user(const bl__call *call)
{
    user_plan *plan = call->plan;
    for (size_t i = 0; i < call->input_count; i++)
        plan->inputs[i] = call->inputs[i].data;
    for (size_t i = 0; i < call->output_count; i++)
        plan->outputs[i] = call->outputs[i].data;
    return plan->compute(&plan->call);
}

static const bl__kernel user_kernel = {.flags = BL__CAN_FAIL, .run = run_user};

static void describe(const bl__operand *operands, size_t count, bl_shape *shapes, bl_dtype *dtypes)
{
    for (size_t i = 0; i < count; i++) {
        shapes[i] = bl_shape_of(operands[i].rank, operands[i].size);
        dtypes[i] = operands[i].dtype;
    }
}

static bool plan_user(bl__lowering *l, const bl_op *op, const void *attributes)
{
    bl__arena *arena = &l->program->arena;
    bl__call *call = &l->program->instructions[l->program->instruction_count - 1].call;
    size_t inputs = call->input_count, outputs = call->output_count, all = inputs + outputs;
    user_plan *plan = bl__arena_take(arena, sizeof(*plan));
    bl_shape *shapes = bl__arena_take(arena, all * sizeof(*shapes));
    bl_dtype *dtypes = bl__arena_take(arena, all * sizeof(*dtypes));
    const void **in = bl__arena_take(arena, inputs * sizeof(*in));
    void **out = bl__arena_take(arena, outputs * sizeof(*out));
    if (!plan || !shapes || !dtypes || !in || !out)
        return false;
    describe(call->inputs, inputs, shapes, dtypes);
    describe(call->outputs, outputs, shapes + inputs, dtypes + inputs);
    *plan = (user_plan){.compute = op->compute,
                        .call = {.attributes = attributes,
                                 .input_count = inputs,
                                 .inputs = in,
                                 .input_shapes = shapes,
                                 .input_dtypes = dtypes,
                                 .outputs = out,
                                 .output_shapes = shapes + inputs,
                                 .output_dtypes = dtypes + inputs},
                        .inputs = in,
                        .outputs = out};
    call->plan = plan;
    return true;
}

/* ---- nodes ---- */

/* The layout of a view's output, over its input's storage where strides can say it, else over a copy. */
static void lower_view(bl__lowering *l, const bl__node *node)
{
    bl__value input = *bl__value_of(l, node->inputs[0]);
    const bl_tensor *output = &node->outputs[0];
    bl_layout from = {.shape = bl_tensor_shape(node->inputs[0]), .offset = input.offset}, to;
    for (int d = 0; d < input.rank; d++)
        from.stride[d] = input.stride[d];
    if (!node->op->view(&from, node->attributes, bl_tensor_shape(output), &to)) {
        bl__value copy;
        if (!bl__copy_value(l, node, &input, &copy))
            return;
        input = copy;
        from.offset = 0;
        for (int d = 0; d < input.rank; d++)
            from.stride[d] = input.stride[d];
        if (!node->op->view(&from, node->attributes, bl_tensor_shape(output), &to)) {
            bl__program_fail(l->program, BL_ERR_UNSUPPORTED, node->op->name,
                             "not a view even of contiguous memory");
            return;
        }
    }
    bl__value *value = bl__value_of(l, output);
    if (!bl__contiguous_value(l, output, input.storage, value))
        return;
    value->offset = to.offset;
    value->contiguous = bl__is_contiguous(output->rank, output->size, to.stride);
    if (!value->contiguous) {
        int64_t *stride = bl__arena_take(&l->program->arena, output->rank * sizeof(*stride));
        if (!stride) {
            bl__lower_out_of_memory(l);
            return;
        }
        memcpy(stride, to.stride, output->rank * sizeof(*stride));
        value->stride = stride;
    }
}

/* The values of the inputs as the kernel takes them: copied where they must be contiguous and are not. */
static bool gather_inputs(bl__lowering *l, const bl__node *node, const bl__kernel *kernel, bl__value *inputs)
{
    for (size_t i = 0; i < node->input_count; i++) {
        inputs[i] = *bl__value_of(l, node->inputs[i]);
        if ((kernel->flags & BL__STRIDED) || inputs[i].contiguous)
            continue;
        bl__value copy;
        if (!bl__copy_value(l, node, &inputs[i], &copy))
            return false;
        inputs[i] = copy;
    }
    return true;
}

static bool make_outputs(bl__lowering *l, const bl__node *node)
{
    for (int i = 0; i < node->op->output_count; i++) {
        const bl_tensor *output = &node->outputs[i];
        size_t size = bl_dtype_size(bl__lower_dtype(l, (bl_dtype)output->dtype));
        size_t storage = bl__new_storage(l, BL__WORKSPACE, (size_t)output->count * size);
        if (storage == SIZE_MAX || !bl__contiguous_value(l, output, storage, bl__value_of(l, output)))
            return false;
    }
    return true;
}

static void lower_op(bl__lowering *l, const bl__node *node)
{
    const bl_op *op = node->op;
    const bl__kernel *kernel = op->compute ? &user_kernel : kernel_of(l, op->key);
    if (!kernel) {
        bl__program_fail(l->program, BL_ERR_UNSUPPORTED, op->name, "there is no kernel for it");
        return;
    }
    bl__value few[4];
    size_t count = node->input_count;
    bl__value *inputs = count <= 4 ? few : bl__allocate(l->allocator, count, sizeof(*inputs));
    void *attributes = bl__arena_take(&l->program->arena, op->attributes_size);
    bool done = inputs && attributes && gather_inputs(l, node, kernel, inputs) && make_outputs(l, node);
    if (done && op->attributes_size > 0)
        memcpy(attributes, node->attributes, op->attributes_size);
    done = done && add_instruction(l, node, op->name, kernel, inputs, count,
                                   bl__value_of(l, &node->outputs[0]), (size_t)op->output_count, attributes);
    done = done && (!op->compute || plan_user(l, op, attributes));
    if (!done && bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
    if (done && (op->flags & BL__OP_RANDOM))
        bl__lower_draw(l, node);
    if (count > 4)
        bl__release(l->allocator, inputs, count, sizeof(*inputs));
}

void bl__lower_node(bl__lowering *l, const bl__node *node)
{
    if (node->op->flags & BL_OP_LEAF)
        bl__lower_leaf(l, node);
    else if (node->op->flags & BL_OP_EFFECT)
        bl__lower_effect(l, node);
    else if (node->op->view)
        lower_view(l, node);
    else
        lower_op(l, node);
}
