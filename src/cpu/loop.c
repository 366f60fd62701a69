/* Walking strided operands: merged axes, and copies of strided elements. */
#include "cpu/loop.h"

#include <stdarg.h>
#include <stdio.h>

void bl__loop_init(bl__loop *loop, int operands)
{
    loop->rank = 0;
    loop->operands = operands;
    loop->count = 1;
}

void bl__loop_push(bl__loop *loop, int64_t size, const int64_t *strides)
{
    loop->count *= size;
    if (size == 1)
        return;
    int last = loop->rank - 1;
    bool merges = last >= 0;
    for (int k = 0; k < loop->operands && merges; k++)
        merges = loop->stride[k][last] == strides[k] * size;
    if (merges)
        loop->size[last] *= size;
    else
        loop->size[++last] = size;
    for (int k = 0; k < loop->operands; k++)
        loop->stride[k][last] = strides[k];
    loop->rank = last + 1;
}

void bl__loop_place(const bl__loop *loop, int64_t index, bl__place *place)
{
    *place = (bl__place){{0}, {0}};
    index /= bl__loop_row(loop);
    for (int d = loop->rank - 2; d >= 0; d--) {
        place->index[d] = index % loop->size[d];
        index /= loop->size[d];
        for (int k = 0; k < loop->operands; k++)
            place->offset[k] += place->index[d] * loop->stride[k][d];
    }
}

int64_t bl__broadcast_stride(const bl__operand *operand, int rank, int d, int64_t size)
{
    int own = d - (rank - operand->rank);
    if (own < 0 || (operand->size[own] == 1 && size != 1))
        return 0;
    return operand->stride[own];
}

/* The number of bytes is a constant in each copy of these loops, so that a memcpy is one move. */
#define COPY_LOOP(bytes)            \
    for (int64_t i = 0; i < n; i++) \
    memcpy(target + (bytes)*to_stride * i, source + (bytes)*from_stride * i, (bytes))

#define FILL_LOOP(type)                                                \
    do {                                                               \
        type element;                                                  \
        memcpy(&element, source, sizeof(type));                        \
        for (size_t i = 0; i < (size_t)n; i++)                         \
            memcpy(target + sizeof(type) * i, &element, sizeof(type)); \
    } while (0)

static void fill(size_t bytes, int64_t n, char *target, const char *source)
{
    switch (bytes) {
    case 1:
        memset(target, *source, (size_t)n);
        break;
    case 2:
        FILL_LOOP(uint16_t);
        break;
    case 4:
        FILL_LOOP(uint32_t);
        break;
    default:
        FILL_LOOP(uint64_t);
        break;
    }
}

void bl__copy_elements(size_t bytes, int64_t n, void *to, int64_t to_stride, const void *from,
                       int64_t from_stride)
{
    char *target = to;
    const char *source = from;
    if (n <= 0)
        return;
    if (to_stride == 1 && from_stride == 1) {
        memcpy(target, source, (size_t)n * bytes);
        return;
    }
    if (to_stride == 1 && from_stride == 0) {
        fill(bytes, n, target, source);
        return;
    }
    switch (bytes) {
    case 1:
        COPY_LOOP(1);
        break;
    case 2:
        COPY_LOOP(2);
        break;
    case 4:
        COPY_LOOP(4);
        break;
    default:
        COPY_LOOP(8);
        break;
    }
}

void bl__copy_loop(const bl__loop *loop, size_t bytes, void *to, const void *from)
{
    int64_t row = bl__loop_row(loop), to_step = bl__loop_step(loop, 0), from_step = bl__loop_step(loop, 1);
    bl__place place = {{0}, {0}};
    if (loop->count == 0)
        return;
    do {
        bl__copy_elements(bytes, row, bl__at(to, bytes, place.offset[0]), to_step,
                          bl__at_const(from, bytes, place.offset[1]), from_step);
    } while (bl__loop_next(loop, &place));
}

bl_status bl__kernel_fail(const bl__call *call, bl_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (call->environment->message)
        vsnprintf(call->environment->message, BL__MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    return status;
}
