/* Reads fixture files line by line: see reader.h. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_LINE = 1 << 18
};

struct reader {
    FILE *file;
    char line[LONGEST_LINE];
    double *pool; /* the values of the case at hand */
    size_t used, room;
    int number; /* of the line */
    bool failed;
    read_case read;
};

static char message[600];

const char *reader_error(void)
{
    return message;
}

bool reader_well(const reader *r)
{
    return !r->failed;
}

static bool fail(reader *r, const char *what)
{
    snprintf(message, sizeof(message), "line %d: %s", r->number, what);
    r->failed = true;
    return false;
}

reader *reader_open(const char *family)
{
    char path[500];
    snprintf(path, sizeof(path), "%s/%s.txt", PYTORCH_FIXTURES, family);
    reader *r = calloc(1, sizeof(*r));
    if (r) {
        r->room = (size_t)1 << 17;
        r->pool = malloc(r->room * sizeof(double));
        r->file = fopen(path, "r");
    }
    if (r && r->pool && r->file)
        return r;
    snprintf(message, sizeof(message), "cannot read %s", path);
    reader_close(r);
    return NULL;
}

void reader_close(reader *r)
{
    if (!r)
        return;
    if (r->file)
        fclose(r->file);
    free(r->pool);
    free(r);
}

static bool next_line(reader *r)
{
    if (!fgets(r->line, sizeof(r->line), r->file))
        return false;
    r->number++;
    size_t length = strlen(r->line);
    if (length == 0 || r->line[length - 1] != '\n')
        return fail(r, "the line is too long");
    r->line[length - 1] = '\0';
    return true;
}

/* The next word of the line; "" at its end. */
static char *word(char **rest)
{
    char *start = *rest + strspn(*rest, " ");
    size_t length = strcspn(start, " ");
    *rest = start + length + (start[length] ? 1 : 0);
    start[length] = '\0';
    return start;
}

static bool read_dtype(const char *name, bl_dtype *dtype)
{
    for (int d = 0; d < BL_DTYPE_COUNT; d++) {
        if (strcmp(name, bl_dtype_name((bl_dtype)d)) == 0) {
            *dtype = (bl_dtype)d;
            return true;
        }
    }
    return false;
}

/* "[2,3]" */
static bool read_shape(const char *text, bl_shape *shape)
{
    *shape = BL_SCALAR;
    if (*text++ != '[')
        return false;
    while (*text && *text != ']' && shape->rank < BL_MAX_RANK) {
        char *end;
        shape->size[shape->rank++] = strtoll(text, &end, 10);
        if (end == text)
            return false;
        text = end + (*end == ',');
    }
    return strcmp(text, "]") == 0;
}

/* As many numbers as the shape has elements. What stands for f32 is rounded to it. */
static bool read_values(reader *r, char *rest, bool single, values *v)
{
    v->count = (size_t)bl_shape_count(v->shape);
    if (v->count > MOST_VALUES || v->count > r->room - r->used)
        return fail(r, "too many values");
    v->data = r->pool + r->used;
    r->used += v->count;
    for (size_t i = 0; i < v->count; i++) {
        char *end;
        double number = strtod(rest, &end);
        if (end == rest)
            return fail(r, "values are missing");
        v->data[i] = single ? (double)(float)number : number;
        rest = end;
    }
    return rest[strspn(rest, " ")] == '\0' || fail(r, "there are more values than elements");
}

static bool read_input(reader *r, char *rest)
{
    read_case *c = &r->read;
    if (c->input_count == MOST_INPUTS)
        return fail(r, "too many inputs");
    values *v = &c->input[c->input_count];
    if (!read_dtype(word(&rest), &v->dtype))
        return fail(r, "unknown dtype");
    c->wants_gradient[c->input_count++] = strcmp(word(&rest), "grad") == 0;
    if (!read_shape(word(&rest), &v->shape))
        return fail(r, "not a shape");
    return read_values(r, rest, v->dtype == BL_F64, v);
}

/* Outputs come once with f64 inputs, all of them, and then once more with f32, the floats only. */
static bool read_output(reader *r, char *rest, size_t *next_single)
{
    read_case *c = &r->read;
    values v;
    if (!read_dtype(word(&rest), &v.dtype) || !read_shape(word(&rest), &v.shape))
        return fail(r, "no dtype or shape");
    if (!read_values(r, rest, false, &v))
        return false;
    if (v.dtype != BL_F32) {
        if (c->output_count == MOST_OUTPUTS)
            return fail(r, "too many outputs");
        c->output[BL_F32][c->output_count] = v; /* what is no float is the same for both */
        c->output[BL_F64][c->output_count++] = v;
        return true;
    }
    while (*next_single < c->output_count && c->output[BL_F64][*next_single].dtype != BL_F64)
        ++*next_single;
    if (*next_single == c->output_count)
        return fail(r, "an output of f32 has no counterpart");
    c->output[BL_F32][(*next_single)++] = v;
    return true;
}

static bool read_gradient(reader *r, char *rest)
{
    read_case *c = &r->read;
    bl_dtype dtype;
    if (!read_dtype(word(&rest), &dtype))
        return fail(r, "unknown dtype");
    size_t place = (size_t)strtoul(word(&rest), NULL, 10);
    if (place >= c->input_count)
        return fail(r, "a gradient by no input");
    values *v = &c->gradient[dtype][place];
    v->dtype = dtype;
    v->shape = c->input[place].shape;
    return read_values(r, rest, false, v);
}

static bool read_attributes(reader *r, char *rest)
{
    read_case *c = &r->read;
    for (char *text = word(&rest); *text; text = word(&rest)) {
        if (c->attribute_count == MOST_ATTRIBUTES)
            return fail(r, "too many attributes");
        c->attribute[c->attribute_count++] = strtod(text, NULL);
    }
    return true;
}

/* The lines after "case NAME NUMBER". */
static bool read_body(reader *r)
{
    size_t next_single = 0;
    while (next_line(r)) {
        char *rest = r->line, *kind = word(&rest);
        bool good = strcmp(kind, "attributes") == 0 ? read_attributes(r, rest)
                    : strcmp(kind, "input") == 0    ? read_input(r, rest)
                    : strcmp(kind, "output") == 0   ? read_output(r, rest, &next_single)
                    : strcmp(kind, "gradient") == 0 ? read_gradient(r, rest)
                                                    : false;
        if (strcmp(kind, "end") == 0)
            return true;
        if (!good)
            return r->failed ? false : fail(r, "an unknown line");
    }
    return fail(r, "the file ends within a case");
}

static bool skip_body(reader *r)
{
    while (next_line(r)) {
        if (strcmp(r->line, "end") == 0)
            return true;
    }
    return fail(r, "the file ends within a case");
}

const read_case *reader_next(reader *r, const char *name)
{
    while (!r->failed && next_line(r)) {
        char *rest = r->line;
        r->used = 0;
        memset(&r->read, 0, sizeof(r->read));
        if (strcmp(word(&rest), "case") != 0) {
            fail(r, "no case begins here");
            return NULL;
        }
        snprintf(r->read.name, sizeof(r->read.name), "%s", word(&rest));
        r->read.number = (int)strtol(word(&rest), NULL, 10);
        if (name && strcmp(name, r->read.name) != 0) {
            if (!skip_body(r))
                return NULL;
            continue;
        }
        return read_body(r) ? &r->read : NULL;
    }
    return NULL;
}
