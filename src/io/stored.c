/* The dtypes of files, and how their values become those of the library. */
#include "io/stored.h"
#include "graph/half.h"
#include "graph/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- what there is to know of each ---- */

const char *bl_stored_dtype_name(bl_stored_dtype dtype)
{
    static const char *const names[] = {
#define NAME(dtype, name, bytes) name,
        BL_STORED_DTYPE_LIST(NAME)
#undef NAME
    };
    return (unsigned)dtype < BL_STORED_COUNT ? names[dtype] : "?";
}

size_t bl_stored_dtype_size(bl_stored_dtype dtype)
{
    static const uint8_t sizes[] = {
#define SIZE(dtype, name, bytes) bytes,
        BL_STORED_DTYPE_LIST(SIZE)
#undef SIZE
    };
    return (unsigned)dtype < BL_STORED_COUNT ? sizes[dtype] : 0;
}

bl_stored_dtype bl_stored_dtype_of(bl_dtype dtype)
{
    static const uint8_t stored[BL_DTYPE_COUNT] = {
        [BL_F32] = BL_STORED_F32, [BL_F64] = BL_STORED_F64,   [BL_I32] = BL_STORED_I32,
        [BL_I64] = BL_STORED_I64, [BL_BOOL] = BL_STORED_BOOL, [BL_BF16] = BL_STORED_BF16,
        [BL_F16] = BL_STORED_F16,
    };
    return (unsigned)dtype < BL_DTYPE_COUNT ? (bl_stored_dtype)stored[dtype] : BL_STORED_COUNT;
}

bl_dtype bl_stored_dtype_same(bl_stored_dtype dtype)
{
    for (int i = 0; i < BL_DTYPE_COUNT; i++) {
        if (bl_stored_dtype_of((bl_dtype)i) == dtype)
            return (bl_dtype)i;
    }
    return BL_DTYPE_COUNT;
}

size_t bl_stored_bytes(const bl_stored_tensor *tensor)
{
    int64_t bytes, count = tensor ? bl_shape_count(tensor->shape) : -1;
    if (count < 0 || !bl__multiply(count, (int64_t)bl_stored_dtype_size(tensor->dtype), &bytes))
        return 0;
    return (size_t)bytes;
}

void bl__stored_copy(void *data, const void *values, size_t bytes)
{
    if (bytes > 0)
        memcpy(data, values, bytes);
}

/* ---- conversion: in blocks, by way of f64 or i64 ---- */

enum {
    BLOCK = 256
};

typedef union block {
    double floats[BLOCK];
    int64_t integers[BLOCK];
} block;

static bool is_float(bl_stored_dtype dtype)
{
    return dtype == BL_STORED_F16 || dtype == BL_STORED_BF16 || dtype == BL_STORED_F32 ||
           dtype == BL_STORED_F64;
}

bool bl__stored_convertible(bl_stored_dtype from, bl_stored_dtype to)
{
    if ((unsigned)from >= BL_STORED_COUNT || (unsigned)to >= BL_STORED_COUNT)
        return false;
    return from == to || (is_float(to) ? true : to != BL_STORED_BOOL && !is_float(from));
}

#define GET(type, convert, out)                                  \
    for (size_t i = 0; i < count; i++) {                         \
        type value;                                              \
        memcpy(&value, values + i * sizeof(type), sizeof(type)); \
        (out)[i] = convert(value);                               \
    }                                                            \
    break

#define PUT(type, convert, in)                                 \
    for (size_t i = 0; i < count; i++) {                       \
        type value = convert((in)[i]);                         \
        memcpy(data + i * sizeof(type), &value, sizeof(type)); \
    }                                                          \
    break

#define TO_INTEGER(value) ((int64_t)(value))
/* What i64 does not hold shows as INT64_MIN, which no u64 is. */
#define FROM_U64(value) ((value) > INT64_MAX ? INT64_MIN : (int64_t)(value))
#define TO_F64(value)   ((double)(value))
#define TO_F32(value)   ((float)(value))
#define TO_F16(value)   bl__f32_to_f16((float)(value))
#define TO_BF16(value)  bl__f32_to_bf16((float)(value))

static void get_floats(bl_stored_dtype from, const unsigned char *values, double *out, size_t count)
{
    switch (from) {
    case BL_STORED_F16:
        GET(uint16_t, bl__f16_to_f32, out);
    case BL_STORED_BF16:
        GET(uint16_t, bl__bf16_to_f32, out);
    case BL_STORED_F32:
        GET(float, TO_F64, out);
    default:
        GET(double, TO_F64, out);
    }
}

static void get_integers(bl_stored_dtype from, const unsigned char *values, int64_t *out, size_t count)
{
    switch (from) {
    case BL_STORED_BOOL:
    case BL_STORED_U8:
        GET(uint8_t, TO_INTEGER, out);
    case BL_STORED_I8:
        GET(int8_t, TO_INTEGER, out);
    case BL_STORED_I16:
        GET(int16_t, TO_INTEGER, out);
    case BL_STORED_U16:
        GET(uint16_t, TO_INTEGER, out);
    case BL_STORED_I32:
        GET(int32_t, TO_INTEGER, out);
    case BL_STORED_U32:
        GET(uint32_t, TO_INTEGER, out);
    case BL_STORED_U64:
        GET(uint64_t, FROM_U64, out);
    default:
        GET(int64_t, TO_INTEGER, out);
    }
}

/* Writes floats from a block of floats. */
static void put_floats(bl_stored_dtype to, const double *in, unsigned char *data, size_t count)
{
    switch (to) {
    case BL_STORED_F16:
        PUT(uint16_t, TO_F16, in);
    case BL_STORED_BF16:
        PUT(uint16_t, TO_BF16, in);
    case BL_STORED_F32:
        PUT(float, TO_F32, in);
    default:
        PUT(double, TO_F64, in);
    }
}

/* Writes any dtype from a block of integers that it holds: to f32 they are rounded once. */
static void put_integers(bl_stored_dtype to, const int64_t *in, unsigned char *data, size_t count)
{
    switch (to) {
    case BL_STORED_BOOL:
    case BL_STORED_U8:
        PUT(uint8_t, (uint8_t), in);
    case BL_STORED_I8:
        PUT(int8_t, (int8_t), in);
    case BL_STORED_I16:
        PUT(int16_t, (int16_t), in);
    case BL_STORED_U16:
        PUT(uint16_t, (uint16_t), in);
    case BL_STORED_I32:
        PUT(int32_t, (int32_t), in);
    case BL_STORED_U32:
        PUT(uint32_t, (uint32_t), in);
    case BL_STORED_U64:
        PUT(uint64_t, (uint64_t), in);
    case BL_STORED_F16:
        PUT(uint16_t, TO_F16, in);
    case BL_STORED_BF16:
        PUT(uint16_t, TO_BF16, in);
    case BL_STORED_F32:
        PUT(float, TO_F32, in);
    case BL_STORED_F64:
        PUT(double, TO_F64, in);
    default:
        PUT(int64_t, TO_INTEGER, in);
    }
}

/* The integers that a dtype holds, as far as i64 does. */
static void range(bl_stored_dtype dtype, int64_t *low, int64_t *high)
{
    static const struct {
        int64_t low, high;
    } ranges[BL_STORED_COUNT] = {
        [BL_STORED_BOOL] = {0, 1},
        [BL_STORED_U8] = {0, UINT8_MAX},
        [BL_STORED_I8] = {INT8_MIN, INT8_MAX},
        [BL_STORED_I16] = {INT16_MIN, INT16_MAX},
        [BL_STORED_U16] = {0, UINT16_MAX},
        [BL_STORED_I32] = {INT32_MIN, INT32_MAX},
        [BL_STORED_U32] = {0, UINT32_MAX},
        [BL_STORED_U64] = {0, INT64_MAX},
    };
    bool bounded = ranges[dtype].high > 0;
    *low = bounded ? ranges[dtype].low : INT64_MIN;
    *high = bounded ? ranges[dtype].high : INT64_MAX;
}

/* Whether a block of integers is what `from` may hold and what `to` can hold. */
static bool check(bl_stored_dtype from, bl_stored_dtype to, const int64_t *integers, size_t count,
                  bl__stored_misfit *misfit)
{
    int64_t low, high;
    range(from == BL_STORED_BOOL ? from : to, &low, &high);
    if (from == BL_STORED_U64 && low < 0)
        low = 0; /* where INT64_MIN stands for what is too large */
    for (size_t i = 0; i < count; i++) {
        if (integers[i] < low || integers[i] > high) {
            misfit->index += i;
            misfit->value = integers[i];
            misfit->malformed = from == BL_STORED_BOOL;
            return false;
        }
    }
    return true;
}

bool bl__stored_convert(bl_stored_dtype from, const void *values, bl_stored_dtype to, void *data,
                        size_t count, bl__stored_misfit *misfit)
{
    const unsigned char *in = values;
    unsigned char *out = data;
    size_t in_size = bl_stored_dtype_size(from), out_size = bl_stored_dtype_size(to);
    if (from == to && from != BL_STORED_BOOL) {
        if (out)
            bl__stored_copy(out, in, count * in_size);
        return true;
    }
    if (is_float(from) && !out)
        return true; /* floats become floats, and all of them fit */
    for (size_t done = 0; done < count; done += BLOCK) {
        block taken;
        size_t part = count - done < BLOCK ? count - done : BLOCK;
        if (is_float(from)) {
            get_floats(from, in + done * in_size, taken.floats, part);
            put_floats(to, taken.floats, out + done * out_size, part);
            continue;
        }
        get_integers(from, in + done * in_size, taken.integers, part);
        misfit->index = done;
        if (!check(from, to, taken.integers, part, misfit))
            return false;
        if (out)
            put_integers(to, taken.integers, out + done * out_size, part);
    }
    return true;
}

bl_status bl__stored_describe(const char *name, bl_stored_dtype to, const bl__stored_misfit *misfit,
                              char *text, size_t size)
{
    bl__text out = {text, size, 0};
    bl__text_add(&out, "element %zu of %s is ", misfit->index, name);
    if (misfit->value == INT64_MIN)
        bl__text_add(&out, "beyond what %s holds", bl_stored_dtype_name(to));
    else
        bl__text_add(&out,
                     misfit->malformed ? "%" PRId64 ", not 0 or 1" : "%" PRId64 ", which %s does not hold",
                     misfit->value, bl_stored_dtype_name(to));
    return misfit->malformed ? BL_ERR_FORMAT : BL_ERR_OVERFLOW;
}

bl_status bl__stored_report(const bl__caller *caller, const char *name, bl_stored_dtype to,
                            const bl__stored_misfit *misfit)
{
    char text[256];
    bl_status status = bl__stored_describe(name, to, misfit, text, sizeof(text));
    return bl__caller_fail(caller, status, "%s", text);
}

bl_status bl_stored_read(bl_context *context, const bl_stored_tensor *tensor, bl_dtype dtype, bool convert,
                         void *data, size_t bytes)
{
    bl__caller caller = {context, NULL, "stored_read"};
    if (!context)
        return BL_ERR_ARGUMENT;
    if (!tensor)
        return bl__caller_fail(&caller, BL_ERR_ARGUMENT, "the tensor is NULL");
    const char *name = tensor->name ? tensor->name : "the tensor";
    bl_stored_dtype from = tensor->dtype, to = bl_stored_dtype_of(dtype);
    int64_t count = bl_shape_count(tensor->shape), wanted = -1;
    if (count < 0 || (unsigned)from >= BL_STORED_COUNT || to == BL_STORED_COUNT ||
        !bl__multiply(count, (int64_t)bl_dtype_size(dtype), &wanted))
        return bl__caller_fail(&caller, BL_ERR_ARGUMENT, "%s: shape or dtype are invalid", name);
    if ((uint64_t)wanted != bytes || (bytes > 0 && (!data || !tensor->data)))
        return bl__caller_fail(&caller, BL_ERR_ARGUMENT, "%s has %lld bytes as %s, not %zu, or they are NULL",
                               name, (long long)wanted, bl_dtype_name(dtype), bytes);
    if (from != to && (!convert || !bl__stored_convertible(from, to)))
        return bl__caller_fail(&caller, BL_ERR_DTYPE,
                               convert ? "%s is %s, which does not become %s"
                                       : "%s is %s, not %s, and `convert` is not set",
                               name, bl_stored_dtype_name(from), bl_dtype_name(dtype));
    bl__stored_misfit misfit = {0, 0, false};
    if (!bl__stored_convert(from, tensor->data, to, data, (size_t)count, &misfit))
        return bl__stored_report(&caller, name, to, &misfit);
    return BL_OK;
}
