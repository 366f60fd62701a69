/* Values in and out of a program: its inputs and outputs, by the tensors they were recorded as. */
#include "exec/program.h"
#include "graph/half.h"
#include "graph/text.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <math.h>
#include <string.h>

/* False, with the status of its compile, for a program that is NULL or invalid. */
static bool usable(bl_program *program, bl_status *status)
{
    *status = !program ? BL_ERR_ARGUMENT : program->head.valid ? BL_OK : program->head.error.code;
    return *status == BL_OK;
}

/* Whether the program knows a tensor's value under the same dtype and shape. */
static bool same_type(const bl_program *p, bl_dtype dtype, bl_shape shape, const bl_tensor *tensor)
{
    bool widened = tensor->dtype == BL_F32 && p->precision == BL_PRECISION_F64;
    return dtype == (widened ? BL_F64 : (bl_dtype)tensor->dtype) &&
           bl_shape_equal(shape, bl_tensor_shape(tensor));
}

/* ---- inputs ---- */

static bl__input *find_input(bl_program *p, const char *op, const bl_tensor *tensor)
{
    if (!bl_tensor_valid(tensor) || tensor->node->op->key != BL__KEY_input) {
        bl__program_fail(p, BL_ERR_ARGUMENT, op, "the tensor is not an input");
        return NULL;
    }
    const bl__input_attributes *attributes = bl__attributes(tensor->node);
    for (size_t i = 0; i < p->input_count; i++) {
        bl__input *input = &p->inputs[i];
        if (input->ordinal == attributes->ordinal && same_type(p, input->dtype, input->shape, tensor))
            return input;
    }
    bl__program_fail(p, BL_ERR_ARGUMENT, op, "\"%s\" is no input of the program", attributes->name);
    return NULL;
}

static bl__input *input_for(bl_program *p, const char *op, const bl_tensor *tensor, const void *data,
                            size_t bytes)
{
    bl__input *input = find_input(p, op, tensor);
    if (!input)
        return NULL;
    if (bytes != input->bytes)
        bl__program_fail(p, BL_ERR_ARGUMENT, op, "\"%s\" is %s %s, %zu bytes, not %zu", input->name,
                         bl_dtype_name(input->dtype), BL__SHAPE_TEXT(input->shape), input->bytes, bytes);
    else if (!data && bytes > 0)
        bl__program_fail(p, BL_ERR_ARGUMENT, op, "the data of \"%s\" is NULL", input->name);
    else
        return input;
    return NULL;
}

bl_status bl_set_input(bl_program *program, const bl_tensor *input, const void *data, size_t bytes)
{
    bl_status status;
    if (!usable(program, &status))
        return status;
    bl__input *slot = input_for(program, "set_input", input, data, bytes);
    if (!slot)
        return program->head.error.code;
    if (!slot->copy && bytes > 0) {
        slot->copy = bl__allocate_data(&program->head.context->allocator, bytes);
        if (!slot->copy)
            return bl__program_fail(program, BL_ERR_MEMORY, "set_input", "no memory for \"%s\"", slot->name);
    }
    if (bytes > 0)
        memcpy(slot->copy, data, bytes);
    program->resolved = program->resolved && slot->data == slot->copy;
    slot->data = slot->copy;
    slot->set = true;
    return BL_OK;
}

bl_status bl_bind_input(bl_program *program, const bl_tensor *input, const void *data, size_t bytes)
{
    bl_status status;
    if (!usable(program, &status))
        return status;
    bl__input *slot = input_for(program, "bind_input", input, data, bytes);
    if (!slot)
        return program->head.error.code;
    if (bytes > 0 && (uintptr_t)data % bl_dtype_size(slot->dtype) != 0)
        return bl__program_fail(program, BL_ERR_ARGUMENT, "bind_input",
                                "the data of \"%s\" is not aligned for %s", slot->name,
                                bl_dtype_name(slot->dtype));
    program->resolved = program->resolved && slot->data == data;
    slot->data = data;
    slot->set = true;
    return BL_OK;
}

/* ---- outputs ---- */

static const bl__output *find_output(bl_program *p, const char *op, const bl_tensor *tensor)
{
    for (size_t i = 0; i < p->output_count && bl_tensor_valid(tensor); i++) {
        const bl__output *output = &p->outputs[i];
        if (output->node == tensor->node->id && output->index == tensor->output &&
            same_type(p, output->dtype, output->shape, tensor)) {
            if (p->ran)
                return output;
            bl__program_fail(p, BL_ERR_STATE, op, "the last run failed, or there was none");
            return NULL;
        }
    }
    bl__program_fail(p, BL_ERR_ARGUMENT, op, "the tensor is no output of the program");
    return NULL;
}

bl_status bl_read(bl_program *program, const bl_tensor *output, void *data, size_t bytes)
{
    bl_status status;
    if (!usable(program, &status))
        return status;
    const bl__output *found = find_output(program, "read", output);
    if (!found)
        return program->head.error.code;
    if (bytes != found->bytes || (!data && bytes > 0))
        return bl__program_fail(program, BL_ERR_ARGUMENT, "read", "the output is %s %s, %zu bytes, not %zu%s",
                                bl_dtype_name(found->dtype), BL__SHAPE_TEXT(found->shape), found->bytes,
                                bytes, data ? "" : " at NULL");
    if (bytes > 0)
        memcpy(data, bl__value_data(program, found->value), bytes);
    return BL_OK;
}

const void *bl_output_data(bl_program *program, const bl_tensor *output)
{
    bl_status status;
    const bl__output *found = usable(program, &status) ? find_output(program, "output_data", output) : NULL;
    return found ? bl__value_data(program, found->value) : NULL;
}

double bl__element_as_double(bl_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case BL_F32:
        return (double)((const float *)data)[index];
    case BL_F64:
        return ((const double *)data)[index];
    case BL_I32:
        return (double)((const int32_t *)data)[index];
    case BL_I64:
        return (double)((const int64_t *)data)[index];
    case BL_BOOL:
        return (double)((const uint8_t *)data)[index];
    case BL_BF16:
        return (double)bl__bf16_to_f32(((const uint16_t *)data)[index]);
    case BL_F16:
        return (double)bl__f16_to_f32(((const uint16_t *)data)[index]);
    case BL_DTYPE_COUNT:
        break;
    }
    return (double)NAN;
}

double bl_item(bl_program *program, const bl_tensor *output)
{
    bl_status status;
    const bl__output *found = usable(program, &status) ? find_output(program, "item", output) : NULL;
    if (!found)
        return (double)NAN;
    if (bl_shape_count(found->shape) == 1)
        return bl__element_as_double(found->dtype, bl__value_data(program, found->value), 0);
    bl__program_fail(program, BL_ERR_SHAPE, "item", "%s is not one element", BL__SHAPE_TEXT(found->shape));
    return (double)NAN;
}

double bl_item_at(bl_program *program, const bl_tensor *output, bl_shape index)
{
    bl_status status;
    const bl__output *found = usable(program, &status) ? find_output(program, "item_at", output) : NULL;
    if (!found)
        return (double)NAN;
    if (index.rank != found->shape.rank) {
        bl__program_fail(program, BL_ERR_ARGUMENT, "item_at", "an index of rank %d for an output of %s",
                         index.rank, BL__SHAPE_TEXT(found->shape));
        return (double)NAN;
    }
    int64_t flat = 0;
    for (int d = 0; d < index.rank; d++) {
        if (index.size[d] < 0 || index.size[d] >= found->shape.size[d]) {
            bl__program_fail(program, BL_ERR_INDEX, "item_at", "the index %s is outside %s",
                             BL__SHAPE_TEXT(index), BL__SHAPE_TEXT(found->shape));
            return (double)NAN;
        }
        flat = flat * found->shape.size[d] + index.size[d];
    }
    return bl__element_as_double(found->dtype, bl__value_data(program, found->value), flat);
}

bool bl__frozen_has(const bl_program *program, const bl_tensor *leaf)
{
    for (size_t i = 0; i < program->leaf_count; i++) {
        if (program->leaves[i].node == leaf->node->id)
            return true;
    }
    return false;
}

double *bl__frozen_values(bl_program *program, const bl_tensor *leaf)
{
    for (size_t i = 0; i < program->leaf_count; i++) {
        if (program->leaves[i].node == leaf->node->id)
            return bl__value_data(program, program->leaves[i].value);
    }
    return NULL;
}

bl_status bl_eval(bl_tensor *tensor, void *data, size_t bytes)
{
    bl_graph *graph = bl__graph_of(tensor);
    if (!graph)
        return BL_ERR_ARGUMENT;
    bl_program *program = bl_compile_list(graph->context, &tensor, 1, NULL);
    bl_status status = bl_run(program);
    if (status == BL_OK)
        status = bl_read(program, tensor, data, bytes);
    bl_program_free(program);
    return status;
}
