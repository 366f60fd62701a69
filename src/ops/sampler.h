/* Private. The sampler: a graph on which an op is recorded on random arguments, and the leaves among them. */
#ifndef BOWLINE_OPS_SAMPLER_H
#define BOWLINE_OPS_SAMPLER_H

#include "bowline/op.h"
#include "bowline/parameters.h"

/* A leaf of floats and its values, row by row: an input, to be given them, or a parameter, which has them.
 * They are exact in f32 whatever the sampler's dtype, so that two samplers of one seed and two dtypes agree.
 */
typedef struct bl__sample_leaf {
    bl_tensor *tensor;
    double *values;
    int64_t count;
} bl__sample_leaf;

/* A sampler over a graph and a registry of its own; NULL without memory or a context. */
bl_sampler *bl__sampler_new(bl_context *context, uint64_t seed, bl_dtype dtype);
void bl__sampler_free(bl_sampler *sampler);

/* The float dtype of its leaves. */
bl_dtype bl__sampler_dtype(const bl_sampler *sampler);

/* The leaves recorded so far, in their order; inputs are named x0, x1, .. */
size_t bl__sampler_leaf_count(const bl_sampler *sampler);
const bl__sample_leaf *bl__sampler_leaf(const bl_sampler *sampler, size_t index);

/* True once in `times`. */
bool bl__sample_chance(bl_sampler *sampler, int64_t times);
/* A random number in [low, high), exact in f32. */
double bl__sample_number(bl_sampler *sampler, double low, double high);

/* ---- what the public samples are made of, for ops that want a leaf of a certain kind ---- */

/* As bl_sample_real, always the input itself and never a view of one. */
bl_tensor *bl__sample_input(bl_sampler *sampler, bl_shape shape, double low, double high);
/* The same as a trainable parameter. */
bl_tensor *bl__sample_parameter(bl_sampler *sampler, bl_shape shape, double low, double high);
/* A buffer for effects to write. */
bl_parameter *bl__sample_buffer(bl_sampler *sampler, bl_dtype dtype, bl_shape shape);
/* The sampler's random state, made when it is first asked for, and its way back to run 0. */
bl_parameter *bl__sample_random(bl_sampler *sampler);
void bl__sampler_rewind(bl_sampler *sampler);
/* A constant of random integers in [low, high] of a given integer dtype. */
bl_tensor *bl__sample_integers(bl_sampler *sampler, bl_dtype dtype, bl_shape shape, int64_t low,
                               int64_t high);
/* A random shape without sizes of 0. */
bl_shape bl__sample_filled(bl_sampler *sampler, int low, int high);

#endif
