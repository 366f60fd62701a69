/* Reads fixtures/<family>.txt: see make_fixtures.py for the format. */
#ifndef TESTS_PYTORCH_READER_H
#define TESTS_PYTORCH_READER_H

#include "cases.h"

enum {
    MOST_VALUES = 4096
};

/* Values of any dtype, as doubles. */
typedef struct values {
    bl_dtype dtype;
    bl_shape shape;
    size_t count;
    double *data;
} values;

typedef struct read_case {
    char name[64];
    int number;
    double attribute[MOST_ATTRIBUTES];
    size_t attribute_count;
    values input[MOST_INPUTS];
    bool wants_gradient[MOST_INPUTS];
    size_t input_count;
    values output[BL_DTYPE_COUNT][MOST_OUTPUTS]; /* by BL_F32 and BL_F64: the dtype of float inputs */
    size_t output_count;
    values gradient[BL_DTYPE_COUNT][MOST_INPUTS]; /* likewise, by input */
} read_case;

typedef struct reader reader;

/* NULL, with reader_error saying why, when there is no such file. */
reader *reader_open(const char *family);
void reader_close(reader *r);

/* The next case, or the next of a name; NULL at the end or at what cannot be read. It lives until the next
 * call. */
const read_case *reader_next(reader *r, const char *name);

/* False once something could not be read. */
bool reader_well(const reader *r);
const char *reader_error(void);

#endif
