/* Drives the kernels directly; see call.h. */
#include "call.h"

#include "cpu/kernel_set.h"
#include "support/sets.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

char reason[BL__MESSAGE_BYTES];

/* Fills in the strides and returns how many elements the memory holds. */
static int64_t lay_out(tensor *t, layout how)
{
    int64_t count = 1;
    int rank = t->operand.rank;
    for (int i = 0; i < rank; i++) {
        int d = how == TURNED ? i : rank - 1 - i;
        if (how == STEPPED && i == 0)
            count = 2;
        t->stride[d] = how == SPREAD ? 0 : count;
        count *= t->size[d];
        if (how == STEPPED && i == 0)
            count += 3;
    }
    return how == SPREAD && t->operand.count > 0 ? 1 : count;
}

tensor *new_tensor(bl_dtype dtype, bl_shape shape, layout how)
{
    tensor *t = calloc(1, sizeof(*t));
    memcpy(t->size, shape.size, sizeof(t->size));
    t->operand.dtype = (uint8_t)dtype;
    t->operand.rank = (uint8_t)shape.rank;
    t->operand.count = bl_shape_count(shape);
    t->operand.size = t->size;
    t->operand.stride = t->stride;
    size_t bytes = (size_t)lay_out(t, how) * bl_dtype_size(dtype);
    t->memory = malloc(bytes ? bytes : 1);
    memset(t->memory, 0xff, bytes);
    t->operand.data = t->memory;
    return t;
}

void free_tensor(tensor *t)
{
    free(t->memory);
    free(t);
}

tensor *exchange_axes(tensor *t, int a, int b)
{
    tensor *view = calloc(1, sizeof(*view));
    *view = *t;
    view->memory = NULL;
    view->operand.size = view->size;
    view->operand.stride = view->stride;
    view->size[a] = t->size[b];
    view->size[b] = t->size[a];
    view->stride[a] = t->stride[b];
    view->stride[b] = t->stride[a];
    return view;
}

void *element(const tensor *t, int64_t i)
{
    int64_t offset = 0;
    for (int d = t->operand.rank - 1; d >= 0; d--) {
        offset += i % t->size[d] * t->stride[d];
        i /= t->size[d];
    }
    return (char *)t->operand.data + offset * (int64_t)bl_dtype_size(t->operand.dtype);
}

double get(const tensor *t, int64_t i)
{
    const void *at = element(t, i);
    switch (t->operand.dtype) {
    case BL_F32:
        return (double)*(const float *)at;
    case BL_F64:
        return *(const double *)at;
    case BL_I32:
        return *(const int32_t *)at;
    case BL_I64:
        return (double)*(const int64_t *)at;
    case BL_BOOL:
        return *(const uint8_t *)at;
    default:
        return *(const uint16_t *)at;
    }
}

void set(tensor *t, int64_t i, double value)
{
    void *at = element(t, i);
    switch (t->operand.dtype) {
    case BL_F32:
        *(float *)at = (float)value;
        break;
    case BL_F64:
        *(double *)at = value;
        break;
    case BL_I32:
        *(int32_t *)at = (int32_t)value;
        break;
    case BL_I64:
        *(int64_t *)at = (int64_t)value;
        break;
    case BL_BOOL:
        *(uint8_t *)at = value != 0;
        break;
    default:
        *(uint16_t *)at = (uint16_t)value;
    }
}

void set_all(tensor *t, int64_t period)
{
    bool real = t->operand.dtype == BL_F32 || t->operand.dtype == BL_F64;
    for (int64_t i = 0; i < t->operand.count; i++) {
        int64_t step = i % period * 7 % 33 - 16; /* 7 and 33 have no common divisor: 33 different values */
        set(t, i,
            t->operand.dtype == BL_BOOL ? (double)(step & 1)
            : real                      ? (double)step / 2
                                        : (double)(step / 2));
    }
}

bl_status call_kernel(int key, tensor *const *inputs, uint32_t input_count, tensor *output,
                      const void *attributes)
{
    return call_kernel_of_many(key, inputs, input_count, &output, 1, attributes);
}

bl_status call_kernel_of_many(int key, tensor *const *inputs, uint32_t input_count, tensor *const *outputs,
                              uint32_t output_count, const void *attributes)
{
    const bl__kernel_set *set = bl__kernel_set_of(wanted_set());
    const bl__kernel *kernel = set ? bl__cpu_kernel(set, key) : NULL;
    bl_allocator allocator = bl__default_allocator();
    bl__operand *operands[16];
    bl__arena arena;
    size_t scratch_bytes = 0;
    cr_assert(kernel, "no kernel for key %d", key);
    for (uint32_t i = 0; i < input_count; i++)
        operands[i] = &inputs[i]->operand;
    for (uint32_t i = 0; i < output_count; i++)
        operands[input_count + i] = &outputs[i]->operand;
    bl__environment environment = {.message = reason, .threads = 1, .kernels = set};
    bl__call call = {.inputs = operands,
                     .outputs = operands + input_count,
                     .attributes = attributes,
                     .input_count = input_count,
                     .output_count = output_count,
                     .environment = &environment};
    reason[0] = '\0';
    bl__arena_init(&arena, &allocator);
    bl_status status = kernel->prepare(&call, &arena, &scratch_bytes);
    if (status == BL_OK) {
        void *scratch = bl__allocate_data(&allocator, scratch_bytes);
        environment.scratch = scratch;
        status = kernel->run(&call);
        bl__release_data(&allocator, scratch, scratch_bytes);
    }
    bl__arena_free(&arena);
    return status;
}

double rounded(bl_dtype dtype, double value)
{
    return dtype == BL_F32 ? (double)(float)value : value;
}

bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

bool close_to(bl_dtype dtype, double value, double expected)
{
    double unit = dtype == BL_F32 ? 0x1p-23 : 0x1p-52, tiny = dtype == BL_F32 ? 0x1p-149 : 0x1p-1074;
    return same(value, expected) || fabs(value - expected) <= 3 * unit * fabs(expected) + 2 * tiny;
}
