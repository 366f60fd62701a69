/* Kernels of random draws. The words of element i are a function of the draw and of i alone: f32 and
 * Bernoulli draws take word i of the draw, f64 draws words 2i and 2i + 1; normal draws take their words in
 * pairs. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/philox.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    TILE = 256, /* elements that are drawn at once: a multiple of those that one block gives */
    MOST_WORDS = 2 * TILE
};

/* The draw that an instruction makes; its last input is the state, {seed, run}. */
static bl__draw draw_of(const bl__call *call)
{
    const bl__random_attributes *attributes = call->attributes;
    const int64_t *state = call->inputs[call->input_count - 1]->data;
    return (bl__draw){.seed = (uint64_t)state[0], .run = (uint64_t)state[1], .stream = attributes->stream};
}

/* The words of up to TILE elements from `start` on, a multiple of TILE; an element takes `each`. */
static void take_words(const bl__draw *draw, int64_t start, int64_t n, int64_t each,
                       uint32_t words[MOST_WORDS])
{
    int64_t elements = BL__PHILOX_WORDS / each; /* of a block */
    bl__philox_words(draw, (uint64_t)(start / elements), (n + elements - 1) / elements, words);
}

static int64_t tile_size(int64_t start, int64_t count)
{
    return count - start < TILE ? count - start : TILE;
}

/* ---- uniform and normal: n elements of the recorded dtype from their words ---- */

typedef void fill_function(int64_t n, void *out, const uint32_t *words, double a, double b);

/* The upper 53 bits of two words. */
static double bits_53(const uint32_t *words)
{
    return (double)(((uint64_t)words[1] << 32 | words[0]) >> 11);
}

/* Rounding can reach the upper bound, which is outside: then the last number below it is meant. */
static void uniform_f32(int64_t n, void *out, const uint32_t *words, double low, double high)
{
    float *y = out, first = (float)low, end = (float)high, last = nextafterf(end, first);
    for (int64_t i = 0; i < n; i++) {
        float x = (float)(first + ((double)end - first) * ((words[i] >> 8) * 0x1p-24));
        y[i] = x < end ? x : last;
    }
}

static void uniform_f64(int64_t n, void *out, const uint32_t *words, double low, double high)
{
    double *y = out, last = nextafter(high, low);
    for (int64_t i = 0; i < n; i++) {
        double x = low + (high - low) * (bits_53(words + 2 * i) * 0x1p-53);
        y[i] = x < high ? x : last;
    }
}

/* Two normal numbers from two uniform ones, u in (0, 1] and v in [0, 1): sqrt(-2 log u) (cos, sin)(2 pi v).
 * Source: Box and Muller 1958, "A Note on the Generation of Random Normal Deviates". */
static void normal_pair(double u, double v, double pair[2])
{
    const double pi = 3.14159265358979323846;
    double radius = sqrt(-2 * log(u)), angle = 2 * pi * v;
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

static void normal_f32(int64_t n, void *out, const uint32_t *words, double mean, double deviation)
{
    float *y = out;
    for (int64_t i = 0; i < n; i++) {
        double pair[2];
        normal_pair((words[i] + 0.5) * 0x1p-32, words[i + 1] * 0x1p-32, pair);
        y[i] = (float)(mean + deviation * pair[0]);
        if (++i < n)
            y[i] = (float)(mean + deviation * pair[1]);
    }
}

static void normal_f64(int64_t n, void *out, const uint32_t *words, double mean, double deviation)
{
    double *y = out;
    for (int64_t i = 0; i < n; i++) {
        double pair[2];
        normal_pair((bits_53(words + 2 * i) + 0.5) * 0x1p-53, bits_53(words + 2 * i + 2) * 0x1p-53, pair);
        y[i] = mean + deviation * pair[0];
        if (++i < n)
            y[i] = mean + deviation * pair[1];
    }
}

/* Fills the output; a program in f64 casts what was recorded in f32. */
static bl_status run_fill(const bl__call *call, fill_function *f32, fill_function *f64)
{
    const bl__random_attributes *attributes = call->attributes;
    const bl__operand *out = call->outputs[0];
    bool narrow = attributes->dtype == BL_F32, cast = narrow && out->dtype == BL_F64;
    bl__draw draw = draw_of(call);
    for (int64_t start = 0; start < out->count; start += TILE) {
        uint32_t words[MOST_WORDS];
        float drawn[TILE];
        int64_t n = tile_size(start, out->count);
        void *to = bl__at(out->data, bl_dtype_size(out->dtype), start);
        take_words(&draw, start, n, narrow ? 1 : 2, words);
        (narrow ? f32 : f64)(n, cast ? drawn : to, words, attributes->a, attributes->b);
        for (int64_t i = 0; cast && i < n; i++)
            ((double *)to)[i] = (double)drawn[i];
    }
    return BL_OK;
}

static bl_status run_uniform(const bl__call *call)
{
    return run_fill(call, uniform_f32, uniform_f64);
}

static bl_status run_normal(const bl__call *call)
{
    return run_fill(call, normal_f32, normal_f64);
}

const bl__kernel bl__kernel_uniform = {0, NULL, run_uniform, bl__flops_output};
const bl__kernel bl__kernel_normal = {0, NULL, run_normal, bl__flops_output};

/* ---- bernoulli: whether a word is below p 2^32 ---- */

/* The nearest whole number to p 2^32, 0..2^32. */
static uint64_t threshold(double p)
{
    return (uint64_t)(p * 0x1p32 + 0.5);
}

/* The element of a dtype that says `hit`. */
static void set_hit(bl_dtype dtype, void *data, int64_t i, bool hit)
{
    switch (dtype) {
    case BL_F32:
        ((float *)data)[i] = hit;
        break;
    case BL_F64:
        ((double *)data)[i] = hit;
        break;
    case BL_I32:
        ((int32_t *)data)[i] = hit;
        break;
    case BL_I64:
        ((int64_t *)data)[i] = hit;
        break;
    default: /* bool */
        ((uint8_t *)data)[i] = hit;
        break;
    }
}

static double probability_at(const bl__operand *probabilities, int64_t i)
{
    return probabilities->dtype == BL_F32 ? (double)((const float *)probabilities->data)[i]
                                          : ((const double *)probabilities->data)[i];
}

static bl_status run_bernoulli(const bl__call *call)
{
    const bl__random_attributes *attributes = call->attributes;
    const bl__operand *out = call->outputs[0], *each = call->input_count > 1 ? call->inputs[0] : NULL;
    uint64_t below = each ? 0 : threshold(attributes->a);
    bl__draw draw = draw_of(call);
    for (int64_t start = 0; start < out->count; start += TILE) {
        uint32_t words[MOST_WORDS];
        int64_t n = tile_size(start, out->count);
        take_words(&draw, start, n, 1, words);
        for (int64_t i = 0; i < n; i++) {
            if (each) {
                double p = probability_at(each, start + i);
                if (!(p >= 0 && p <= 1))
                    return bl__kernel_fail(call, BL_ERR_ARGUMENT, "the probability %g is outside [0, 1]", p);
                below = threshold(p);
            }
            set_hit(out->dtype, out->data, start + i, words[i] < below);
        }
    }
    return BL_OK;
}

const bl__kernel bl__kernel_bernoulli = {BL__CAN_FAIL, NULL, run_bernoulli, bl__flops_output};

/* ---- dropout: x times 1 / (1 - p) where a word is below (1 - p) 2^32, else times 0 ---- */

#define DROP(name, type)                                                                           \
    static void drop_##name(int64_t n, void *out, const void *in, const uint32_t *words, double p) \
    {                                                                                              \
        const type *x = in;                                                                        \
        type *y = out, factor[2] = {0, (type)(p < 1 ? 1 / (1 - p) : 0)};                           \
        uint64_t below = threshold(1 - p);                                                         \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = x[i] * factor[words[i] < below];                                                \
    }

DROP(f32, float)
DROP(f64, double)

static bl_status run_dropout(const bl__call *call)
{
    const bl__random_attributes *attributes = call->attributes;
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    size_t bytes = bl_dtype_size(x->dtype);
    bl__draw draw = draw_of(call);
    for (int64_t start = 0; start < y->count; start += TILE) {
        uint32_t words[MOST_WORDS];
        int64_t n = tile_size(start, y->count);
        take_words(&draw, start, n, 1, words);
        (x->dtype == BL_F32 ? drop_f32 : drop_f64)(n, bl__at(y->data, bytes, start),
                                                   bl__at_const(x->data, bytes, start), words, attributes->a);
    }
    return BL_OK;
}

/* A draw and a product. */
static int64_t flops_dropout(const bl__call *call)
{
    return bl__times(2, call->outputs[0]->count);
}

const bl__kernel bl__kernel_dropout = {BL__IN_PLACE, NULL, run_dropout, flops_dropout};
