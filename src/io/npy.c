/* .npy: a magic number, a header that is a dictionary in Python's spelling, and the values. */
#include "io/npy.h"
#include "graph/text.h"

#include <string.h>

#define MAGIC "\x93NUMPY"

enum {
    MAGIC_LENGTH = 6,
    LONGEST_HEADER = 1 << 20
};

/* ---- Python's spelling ---- */

/* A place in the header. After a failure `problem` says what is wrong. */
typedef struct reader {
    const char *text;
    size_t size;
    size_t at;
    const char *problem;
} reader;

typedef struct description {
    char descr[16]; /* "<f4" */
    bool fortran;
    bl_shape shape;
    bool has_descr, has_order, has_shape;
    bool structured; /* descr is no string */
    bool deep;       /* of more than 8 axes */
} description;

static char peek(reader *r)
{
    while (r->at < r->size && memchr(" \t\r\n", r->text[r->at], 4))
        r->at++;
    return r->at < r->size ? r->text[r->at] : '\0';
}

static bool take(reader *r, char wanted)
{
    if (r->problem || peek(r) != wanted)
        return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word)
{
    size_t length = strlen(word);
    peek(r);
    if (r->size - r->at < length || memcmp(r->text + r->at, word, length) != 0)
        return false;
    r->at += length;
    return true;
}

/* A string in either quotes, without escapes, cut to what there is room for. */
static bool take_string(reader *r, char *out, size_t size)
{
    char quote = peek(r);
    if (quote != '\'' && quote != '"')
        return false;
    const char *begin = r->text + r->at + 1, *end = memchr(begin, quote, r->size - r->at - 1);
    if (!end)
        return false;
    size_t length = (size_t)(end - begin), kept = length < size - 1 ? length : size - 1;
    memcpy(out, begin, kept);
    out[kept] = '\0';
    r->at += length + 2;
    return true;
}

/* A whole number from 0 on; old files end it with an L. */
static bool take_size(reader *r, int64_t *out)
{
    int64_t value = 0;
    bool any = false;
    for (char c = peek(r); c >= '0' && c <= '9'; c = r->at < r->size ? r->text[r->at] : '\0') {
        if (!bl__multiply(value, 10, &value) || value > INT64_MAX - (c - '0'))
            return false;
        value += c - '0';
        any = true;
        r->at++;
    }
    if (any && r->at < r->size && r->text[r->at] == 'L')
        r->at++;
    *out = value;
    return any;
}

static void take_shape(reader *r, description *out)
{
    int64_t size;
    if (!take(r, '(')) {
        r->problem = "the shape is no tuple";
        return;
    }
    while (!take(r, ')')) {
        if (!take_size(r, &size) || (!take(r, ',') && peek(r) != ')')) {
            r->problem = "the shape is no tuple of whole numbers";
            return;
        }
        out->deep = out->deep || out->shape.rank == BL_MAX_RANK;
        if (!out->deep)
            out->shape.size[out->shape.rank++] = size;
    }
}

static void take_member(reader *r, description *out)
{
    char key[24];
    if (!take_string(r, key, sizeof(key)) || !take(r, ':')) {
        r->problem = "the header is no dictionary";
    } else if (strcmp(key, "descr") == 0 && !out->has_descr) {
        out->has_descr = true;
        out->structured = peek(r) == '[';
        if (!out->structured && !take_string(r, out->descr, sizeof(out->descr)))
            r->problem = "descr is no string";
    } else if (strcmp(key, "fortran_order") == 0 && !out->has_order) {
        out->has_order = true;
        out->fortran = take_word(r, "True");
        if (!out->fortran && !take_word(r, "False"))
            r->problem = "fortran_order is neither True nor False";
    } else if (strcmp(key, "shape") == 0 && !out->has_shape) {
        out->has_shape = true;
        take_shape(r, out);
    } else {
        r->problem = "a key is there twice or unknown";
    }
}

/* The dictionary; false with *problem. A structured descr ends the reading: it is not supported anyway. */
static bool take_dictionary(reader *r, description *out)
{
    if (!take(r, '{'))
        r->problem = "the header is no dictionary";
    while (!r->problem && !out->structured && !take(r, '}')) {
        take_member(r, out);
        if (!r->problem && !out->structured && !take(r, ',') && peek(r) != '}')
            r->problem = "the header is no dictionary";
    }
    if (!r->problem && !out->structured && peek(r) != '\0')
        r->problem = "something follows the header's dictionary";
    if (!r->problem && !out->structured && !(out->has_descr && out->has_order && out->has_shape))
        r->problem = "descr, fortran_order or shape is missing";
    return !r->problem;
}

/* ---- dtypes ---- */

/* NumPy's letters for the dtypes that it has. */
static const struct {
    bl_stored_dtype dtype;
    char kind, size;
} kinds[] = {
    {BL_STORED_BOOL, 'b', '1'}, {BL_STORED_U8, 'u', '1'},  {BL_STORED_I8, 'i', '1'},
    {BL_STORED_I16, 'i', '2'},  {BL_STORED_U16, 'u', '2'}, {BL_STORED_F16, 'f', '2'},
    {BL_STORED_I32, 'i', '4'},  {BL_STORED_U32, 'u', '4'}, {BL_STORED_F32, 'f', '4'},
    {BL_STORED_F64, 'f', '8'},  {BL_STORED_I64, 'i', '8'}, {BL_STORED_U64, 'u', '8'},
};

enum {
    KINDS = sizeof(kinds) / sizeof(*kinds)
};

/* The dtype of a descr, and whether its bytes are to be turned around; BL_STORED_COUNT for others. */
static bl_stored_dtype dtype_of(const char *descr, bool *swapped)
{
    *swapped = descr[0] == '>';
    if (strlen(descr) != 3 || !strchr("<>=|", descr[0]))
        return BL_STORED_COUNT;
    for (int i = 0; i < KINDS; i++) {
        if (descr[1] == kinds[i].kind && descr[2] == kinds[i].size &&
            (descr[0] != '|' || kinds[i].size == '1'))
            return kinds[i].dtype;
    }
    return BL_STORED_COUNT;
}

/* ---- values ---- */

/* Copies one element, turned around where that is asked for. */
static void copy_element(unsigned char *out, const unsigned char *in, size_t size, bool swapped)
{
    for (size_t i = 0; i < size; i++)
        out[i] = in[swapped ? size - 1 - i : i];
}

/* Copies values that stand column by column row by row: `at` is the index of an element in rows. */
static void copy_values(bl__array *array, const unsigned char *values, bool fortran, bool swapped)
{
    bl_shape shape = array->tensor.shape;
    int64_t index[BL_MAX_RANK] = {0}, stride[BL_MAX_RANK], place = 0;
    size_t size = bl_stored_dtype_size(array->tensor.dtype);
    unsigned char *out = array->data;
    if (!swapped && (!fortran || shape.rank < 2)) {
        bl__stored_copy(out, values, array->bytes);
        return;
    }
    for (int d = 0; d < shape.rank; d++)
        stride[d] = !fortran ? 0 : d == 0 ? 1 : stride[d - 1] * shape.size[d - 1];
    for (size_t at = 0; at < array->bytes; at += size) {
        copy_element(out + at, values + (fortran ? (size_t)place * size : at), size, swapped);
        for (int d = shape.rank - 1; fortran && d >= 0; d--) {
            place += stride[d];
            if (++index[d] < shape.size[d])
                break;
            place -= stride[d] * shape.size[d];
            index[d] = 0;
        }
    }
}

/* ---- reading ---- */

static bl_status malformed(const bl__caller *caller, const char *what, const char *problem)
{
    return bl__caller_fail(caller, BL_ERR_FORMAT, "%s: %s", bl__path_end(what), problem);
}

/* Finds the header's text; NULL with what is wrong reported. */
static const unsigned char *find_header(const bl__caller *caller, const char *what,
                                        const unsigned char *bytes, size_t size, size_t *length)
{
    if (size < 10 || memcmp(bytes, MAGIC, MAGIC_LENGTH) != 0) {
        malformed(caller, what, "it does not begin as a .npy file does");
        return NULL;
    }
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) {
        bl__caller_fail(caller, BL_ERR_UNSUPPORTED, "%s: version %d.%d of .npy is not supported",
                        bl__path_end(what), bytes[6], bytes[7]);
        return NULL;
    }
    size_t digits = bytes[6] == 1 ? 2 : 4;
    *length = 0;
    for (size_t i = digits; i-- > 0;)
        *length = *length << 8 | (size > 8 + i ? bytes[8 + i] : 0);
    if (*length > LONGEST_HEADER || size < 8 + digits || *length > size - 8 - digits) {
        bl__caller_fail(caller, BL_ERR_FORMAT, "%s: a header of %zu bytes does not fit into the file's %zu",
                        bl__path_end(what), *length, size);
        return NULL;
    }
    return bytes + 8 + digits;
}

static bl_status unsupported(const bl__caller *caller, const char *what, const description *found)
{
    if (found->structured)
        return bl__caller_fail(caller, BL_ERR_UNSUPPORTED, "%s: structured arrays are not supported",
                               bl__path_end(what));
    if (found->deep)
        return bl__caller_fail(caller, BL_ERR_UNSUPPORTED, "%s: it has more than %d axes", bl__path_end(what),
                               BL_MAX_RANK);
    return bl__caller_fail(caller, BL_ERR_UNSUPPORTED, "%s: NumPy's dtype %s is not supported",
                           bl__path_end(what), found->descr);
}

bl_status bl__npy_parse(const bl__caller *caller, const char *what, const unsigned char *bytes, size_t size,
                        bl__array *array)
{
    size_t length;
    int64_t wanted, count;
    bool swapped;
    description found = {.shape = {.rank = 0}};
    *array = (bl__array){.name = NULL};
    const unsigned char *text = find_header(caller, what, bytes, size, &length);
    if (!text)
        return caller->context->error.code;
    reader r = {(const char *)text, length, 0, NULL};
    if (!take_dictionary(&r, &found))
        return malformed(caller, what, r.problem);
    bl_stored_dtype dtype = dtype_of(found.descr, &swapped);
    if (found.structured || found.deep || dtype == BL_STORED_COUNT)
        return unsupported(caller, what, &found);
    count = bl_shape_count(found.shape);
    if (count < 0 || !bl__multiply(count, (int64_t)bl_stored_dtype_size(dtype), &wanted))
        return malformed(caller, what, "its elements cannot be counted");
    size_t left = size - (size_t)(text - bytes) - length;
    if ((uint64_t)wanted != left)
        return bl__caller_fail(caller, BL_ERR_FORMAT, "%s: %s %s takes %lld bytes, but there are %zu",
                               bl__path_end(what), bl_stored_dtype_name(dtype), BL__SHAPE_TEXT(found.shape),
                               (long long)wanted, left);
    array->bytes = left;
    array->data = bl__allocate_data(&caller->context->allocator, left);
    if (left > 0 && !array->data)
        return bl__caller_fail(caller, BL_ERR_MEMORY, "no memory for the %zu bytes of %s", left,
                               bl__path_end(what));
    array->tensor = (bl_stored_tensor){"", dtype, found.shape, array->data};
    copy_values(array, text + length, found.fortran, swapped);
    return BL_OK;
}

void bl__array_free(const bl_allocator *allocator, bl__array *array)
{
    bl__release_data(allocator, array->data, array->bytes);
    bl__release(allocator, array->name, array->name_size, 1);
    *array = (bl__array){.name = NULL};
}

/* ---- writing ---- */

static bool check_array(const bl__caller *caller, const bl_stored_tensor *array, const char *name)
{
    int64_t bytes, count = bl_shape_count(array->shape);
    if (array->shape.rank < 0 || array->shape.rank > BL_MAX_RANK)
        bl__caller_fail(caller, BL_ERR_SHAPE, "%s has an invalid shape", name);
    else if (count < 0 || !bl__multiply(count, (int64_t)bl_stored_dtype_size(array->dtype), &bytes))
        bl__caller_fail(caller, BL_ERR_OVERFLOW, "%s: %s is invalid or its elements cannot be counted", name,
                        BL__SHAPE_TEXT(array->shape));
    else if (bytes > 0 && !array->data)
        bl__caller_fail(caller, BL_ERR_ARGUMENT, "the values of %s are NULL", name);
    else
        return true;
    return false;
}

size_t bl__npy_header(const bl__caller *caller, const bl_stored_tensor *array, char header[BL__NPY_MOST])
{
    const char *name = array->name && array->name[0] ? array->name : "the array";
    int kind = 0;
    while (kind < KINDS && kinds[kind].dtype != array->dtype)
        kind++;
    if (kind == KINDS) {
        bl__caller_fail(caller, BL_ERR_DTYPE, "%s is %s, which NumPy does not have", name,
                        bl_stored_dtype_name(array->dtype));
        return 0;
    }
    if (!check_array(caller, array, name))
        return 0;
    bl__text text = {header, BL__NPY_MOST, 10}; /* behind magic number, version and length */
    bl__text_add(&text, "{'descr': '%c%c%c', 'fortran_order': False, 'shape': (",
                 kinds[kind].size == '1' ? '|' : '<', kinds[kind].kind, kinds[kind].size);
    for (int d = 0; d < array->shape.rank; d++)
        bl__text_add(&text, d > 0 ? ", %lld" : "%lld", (long long)array->shape.size[d]);
    bl__text_add(&text, array->shape.rank == 1 ? ",), }" : "), }");
    size_t whole = (text.length + 1 + 63) / 64 * 64, length = whole - 10;
    memset(header + text.length, ' ', whole - text.length);
    header[whole - 1] = '\n';
    memcpy(header, MAGIC "\x01", 8); /* version 1.0, the terminator being its 0 */
    header[8] = (char)(length & 255);
    header[9] = (char)(length >> 8);
    return whole;
}
