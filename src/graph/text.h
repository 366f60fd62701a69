/* Private. Text that grows into a caller's buffer: counts what the whole needs, writes what fits. */
#ifndef BOWLINE_GRAPH_TEXT_H
#define BOWLINE_GRAPH_TEXT_H

#include "bowline/tensor.h"

#include <stdarg.h>

typedef struct bl__text {
    char *data; /* may be NULL when size is 0 */
    size_t size;
    size_t length;
} bl__text;

void bl__text_add(bl__text *text, const char *format, ...) BL_PRINTF(2, 3);
void bl__text_add_list(bl__text *text, const char *format, va_list arguments) BL_PRINTF(2, 0);
void bl__text_shape(bl__text *text, bl_shape shape);

/* A shape as text that lives until the end of the enclosing block: for arguments of messages. */
#define BL__SHAPE_TEXT(shape) bl__shape_text((shape), (char[128]){0})
const char *bl__shape_text(bl_shape shape, char buffer[128]);

/* The shortest decimal digits (up to 17) that read back as the same float or double. */
void bl__text_number(bl__text *text, double value, bl_dtype dtype, int precision);

#endif
