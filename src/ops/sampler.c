/* The sampler: random but repeatable arguments for an op, for the suite that walks all ops. */
#include "ops/sampler.h"
#include "bowline/ops.h"
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_LEAVES = 32, /* far more than any op's sample makes */
    MOST_ELEMENTS = 128
};

struct bl_sampler {
    bl_context *context;
    bl_graph *graph;
    bl_params *params;
    bl_parameter *random; /* see bl__sample_random */
    uint64_t state;
    bl_dtype dtype;
    size_t leaf_count;
    bl__sample_leaf leaves[MOST_LEAVES]; /* values in the graph's arena */
};

bl_sampler *bl__sampler_new(bl_context *context, uint64_t seed, bl_dtype dtype)
{
    if (!context)
        return NULL;
    bl_sampler *sampler = bl__allocate(&context->allocator, 1, sizeof(*sampler));
    if (!sampler)
        return NULL;
    sampler->context = bl__context_retain(context);
    sampler->graph = bl_graph_new(context);
    if (sampler->graph)
        sampler->graph->as_recorded = true; /* an op and its decomposition are told apart */
    sampler->params = bl_params_new(context);
    sampler->state = seed;
    sampler->dtype = dtype;
    if (sampler->graph && sampler->params)
        return sampler;
    bl__sampler_free(sampler);
    return NULL;
}

void bl__sampler_free(bl_sampler *sampler)
{
    if (!sampler)
        return;
    bl_context *context = sampler->context;
    bl_graph_free(sampler->graph);
    bl_params_free(sampler->params);
    bl__release(&context->allocator, sampler, 1, sizeof(*sampler));
    bl__context_release(context);
}

bl_graph *bl_sampler_graph(bl_sampler *sampler)
{
    return sampler ? sampler->graph : NULL;
}

bl_dtype bl__sampler_dtype(const bl_sampler *sampler)
{
    return sampler->dtype;
}

size_t bl__sampler_leaf_count(const bl_sampler *sampler)
{
    return sampler->leaf_count;
}

const bl__sample_leaf *bl__sampler_leaf(const bl_sampler *sampler, size_t index)
{
    return index < sampler->leaf_count ? &sampler->leaves[index] : NULL;
}

/* ---- numbers ---- */

/* SplitMix64. Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators". */
static uint64_t next(bl_sampler *sampler)
{
    uint64_t z = sampler->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t bl_sample_int(bl_sampler *sampler, int64_t low, int64_t high)
{
    if (high <= low)
        return low;
    uint64_t range = (uint64_t)high - (uint64_t)low + 1; /* 0 when it is all 64 bits */
    uint64_t draw = range ? next(sampler) % range : next(sampler);
    return (int64_t)((uint64_t)low + draw);
}

bool bl__sample_chance(bl_sampler *sampler, int64_t times)
{
    return bl_sample_int(sampler, 1, times) == 1;
}

/* In [0, 1). */
static double fraction(bl_sampler *sampler)
{
    return (double)(next(sampler) >> 11) * 0x1p-53;
}

double bl__sample_number(bl_sampler *sampler, double low, double high)
{
    return (double)(float)(low + (high - low) * fraction(sampler));
}

/* ---- shapes ---- */

bl_shape bl__sample_filled(bl_sampler *sampler, int low, int high)
{
    static const int64_t sizes[] = {1, 2, 2, 3, 3, 7};
    bl_shape shape = {.rank = (int)bl_sample_int(sampler, low, high)};
    int64_t count = 1;
    for (int d = 0; d < shape.rank; d++) {
        int64_t size = sizes[bl_sample_int(sampler, 0, 5)];
        shape.size[d] = count * size <= MOST_ELEMENTS ? size : 1;
        count *= shape.size[d];
    }
    return shape;
}

bl_shape bl_sample_shape(bl_sampler *sampler, int low, int high)
{
    bl_shape shape = bl__sample_filled(sampler, low, high);
    if (shape.rank > 0 && bl__sample_chance(sampler, 12))
        shape.size[bl_sample_int(sampler, 0, shape.rank - 1)] = 0;
    return shape;
}

/* A shape that broadcasts to `whole`: leading axes go and sizes become 1 by chance. */
static bl_shape narrowed(bl_sampler *sampler, bl_shape whole)
{
    int cut = bl__sample_chance(sampler, 3) ? (int)bl_sample_int(sampler, 0, whole.rank) : 0;
    bl_shape shape = {.rank = whole.rank - cut};
    for (int d = 0; d < shape.rank; d++)
        shape.size[d] = bl__sample_chance(sampler, 4) ? 1 : whole.size[cut + d];
    return shape;
}

void bl_sample_broadcast(bl_sampler *sampler, bl_shape *a, bl_shape *b)
{
    bl_shape whole = bl_sample_shape(sampler, 0, 5);
    *a = bl__sample_chance(sampler, 3) ? whole : narrowed(sampler, whole);
    *b = bl__sample_chance(sampler, 3) ? whole : narrowed(sampler, whole);
}

/* ---- leaves of floats ---- */

/* Distinct numbers in [low, high], with a random sign where `is_signed`: one in each of `count` bins, which
 * they do not fill, in random order. */
static double *draw_values(bl_sampler *sampler, int64_t count, double low, double high, bool is_signed)
{
    double *values = bl__arena_take(&sampler->graph->arena, (size_t)count * sizeof(*values));
    double bin = count > 0 ? (high - low) / (double)count : 0;
    for (int64_t i = 0; values && i < count; i++) {
        double value = low + bin * ((double)i + 0.2 + 0.6 * fraction(sampler));
        int64_t k = bl_sample_int(sampler, 0, i);
        if (k != i)
            values[i] = values[k];
        values[k] = (double)(float)(is_signed && bl__sample_chance(sampler, 2) ? -value : value);
    }
    return values;
}

static bl_tensor *note_leaf(bl_sampler *sampler, bl_tensor *tensor, double *values)
{
    bl_graph *graph = sampler->graph;
    if (!bl_tensor_valid(tensor))
        return &graph->invalid;
    if (sampler->leaf_count == MOST_LEAVES)
        return bl__fail(graph, BL_ERR_ARGUMENT, "sample", "more than %d leaves", MOST_LEAVES);
    sampler->leaves[sampler->leaf_count++] = (bl__sample_leaf){tensor, values, bl_tensor_count(tensor)};
    return tensor;
}

static bl_tensor *no_memory(bl_sampler *sampler)
{
    return bl__fail(sampler->graph, BL_ERR_MEMORY, "sample", "no memory for a leaf's values");
}

/* Values for a shape, or NULL, reported, where it is no shape or there is no memory. */
static double *values_for(bl_sampler *sampler, bl_shape shape, double low, double high, bool is_signed)
{
    int64_t count = bl_shape_count(shape);
    if (count < 0) {
        bl__fail(sampler->graph, BL_ERR_SHAPE, "sample", "the shape is invalid");
        return NULL;
    }
    double *values = draw_values(sampler, count, low, high, is_signed);
    if (!values)
        no_memory(sampler);
    return values;
}

static bl_tensor *new_input(bl_sampler *sampler, bl_shape shape, double low, double high, bool is_signed)
{
    char name[16];
    double *values = values_for(sampler, shape, low, high, is_signed);
    if (!values)
        return &sampler->graph->invalid;
    snprintf(name, sizeof(name), "x%zu", sampler->leaf_count);
    return note_leaf(sampler, bl_input(sampler->graph, name, sampler->dtype, shape), values);
}

bl_tensor *bl__sample_input(bl_sampler *sampler, bl_shape shape, double low, double high)
{
    return new_input(sampler, shape, low, high, false);
}

/* An input whose axes stand in another order, seen in the one asked for. */
static bl_tensor *permuted_input(bl_sampler *sampler, bl_shape shape, double low, double high, bool is_signed)
{
    bl_shape stored = {.rank = shape.rank};
    bl_axes back = {.count = shape.rank};
    int shift = (int)bl_sample_int(sampler, 1, shape.rank - 1);
    for (int d = 0; d < shape.rank; d++) {
        int from = (d + shift) % shape.rank;
        stored.size[d] = shape.size[from];
        back.axis[from] = d;
    }
    return bl_permute(new_input(sampler, stored, low, high, is_signed), back);
}

/* A part of a larger input: along one axis, a first element is left out and only every second one counts. */
static bl_tensor *sliced_input(bl_sampler *sampler, bl_shape shape, double low, double high, bool is_signed)
{
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bl_shape stored = shape;
    stored.size[axis] = 1 + 2 * shape.size[axis];
    bl_tensor *whole = new_input(sampler, stored, low, high, is_signed);
    return bl_slice(whole, axis, 1, stored.size[axis], 2);
}

static bl_tensor *sample_leaf(bl_sampler *sampler, bl_shape shape, double low, double high, bool is_signed)
{
    bool some = bl_shape_count(shape) > 0; /* an empty leaf has no element to perturb, nor has a view of it */
    if (some && shape.rank > 1 && bl__sample_chance(sampler, 5))
        return permuted_input(sampler, shape, low, high, is_signed);
    if (some && shape.rank > 0 && bl__sample_chance(sampler, 8))
        return sliced_input(sampler, shape, low, high, is_signed);
    return new_input(sampler, shape, low, high, is_signed);
}

bl_tensor *bl_sample_real(bl_sampler *sampler, bl_shape shape, double low, double high)
{
    return sample_leaf(sampler, shape, low, high, false);
}

bl_tensor *bl_sample_signed(bl_sampler *sampler, bl_shape shape, double low, double high)
{
    return sample_leaf(sampler, shape, low, high, true);
}

/* ---- parameters ---- */

static bl_tensor *parameter_failed(bl_sampler *sampler)
{
    const bl_error *error = bl_params_error(sampler->params);
    return bl__fail(sampler->graph, error->code, "sample", "%s", error->message);
}

/* The next name that the registry does not have. */
static void name_parameter(const bl_sampler *sampler, char name[32])
{
    snprintf(name, 32, "p%zu", bl_params_count(sampler->params));
}

bl_tensor *bl__sample_parameter(bl_sampler *sampler, bl_shape shape, double low, double high)
{
    char name[32];
    double *values = values_for(sampler, shape, low, high, false);
    if (!values)
        return &sampler->graph->invalid;
    name_parameter(sampler, name);
    bl_parameter *parameter =
        bl_params_add(sampler->params, name, sampler->dtype, shape, bl_init_zeros(), NULL);
    if (!parameter)
        return parameter_failed(sampler);
    size_t count = (size_t)bl_shape_count(shape), bytes = count * bl_dtype_size(sampler->dtype);
    float *narrow = bl__arena_take(&sampler->graph->arena, count * sizeof(*narrow));
    if (!narrow)
        return no_memory(sampler);
    for (size_t i = 0; i < count; i++)
        narrow[i] = (float)values[i];
    const void *data = sampler->dtype == BL_F32 ? (const void *)narrow : values;
    if (bl_parameter_write(parameter, data, bytes) != BL_OK)
        return bl__fail(sampler->graph, BL_ERR_ARGUMENT, "sample", "the parameter's values were not taken");
    return note_leaf(sampler, bl_use(sampler->graph, parameter), values);
}

bl_parameter *bl__sample_buffer(bl_sampler *sampler, bl_dtype dtype, bl_shape shape)
{
    char name[32];
    name_parameter(sampler, name);
    bl_parameter *buffer = bl_params_add_buffer(sampler->params, name, dtype, shape);
    if (!buffer)
        parameter_failed(sampler);
    return buffer;
}

bl_parameter *bl__sample_random(bl_sampler *sampler)
{
    if (!sampler->random)
        sampler->random = bl_params_add_random(sampler->params, "random", next(sampler));
    if (!sampler->random)
        parameter_failed(sampler);
    return sampler->random;
}

void bl__sampler_rewind(bl_sampler *sampler)
{
    int64_t state[2];
    if (!sampler->random)
        return;
    memcpy(state, bl_parameter_data(sampler->random), sizeof(state));
    state[1] = 0;
    bl_parameter_write(sampler->random, state, sizeof(state));
}

/* ---- constants ---- */

bl_tensor *bl__sample_integers(bl_sampler *sampler, bl_dtype dtype, bl_shape shape, int64_t low, int64_t high)
{
    int64_t count = bl_shape_count(shape);
    bl__arena *arena = &sampler->graph->arena;
    int64_t *wide = count < 0 ? NULL : bl__arena_take(arena, (size_t)count * sizeof(*wide));
    int32_t *narrow = count < 0 ? NULL : bl__arena_take(arena, (size_t)count * sizeof(*narrow));
    if (!wide || !narrow)
        return no_memory(sampler);
    for (int64_t i = 0; i < count; i++) {
        wide[i] = bl_sample_int(sampler, low, high);
        narrow[i] = (int32_t)wide[i];
    }
    return bl_constant(sampler->graph, dtype, shape, dtype == BL_I32 ? (const void *)narrow : wide);
}

bl_tensor *bl_sample_indices(bl_sampler *sampler, bl_shape shape, int64_t low, int64_t high)
{
    bl_dtype dtype = bl__sample_chance(sampler, 2) ? BL_I32 : BL_I64;
    return bl__sample_integers(sampler, dtype, shape, low, high);
}

bl_tensor *bl_sample_bools(bl_sampler *sampler, bl_shape shape)
{
    int64_t count = bl_shape_count(shape);
    uint8_t *values = count < 0 ? NULL : bl__arena_take(&sampler->graph->arena, (size_t)count);
    if (!values)
        return no_memory(sampler);
    for (int64_t i = 0; i < count; i++)
        values[i] = bl__sample_chance(sampler, 2);
    return bl_constant(sampler->graph, BL_BOOL, shape, values);
}
