/* Maxima over windows: max_pool, and the ops that its derivatives are made of, which read and add at places
 * of a plane that indices give. */
#include "bowline/ops.h"
#include "ops/pooling_window.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- max_pool: the largest elements of windows, and their indices ---- */

static bl_status max_pool_infer(bl_infer_call *call)
{
    const bl__window_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status != BL_OK)
        return status;
    if (!bl__has_spatial(x, attributes->spatial, attributes->in))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the windows are not those of %s", BL__SHAPE_TEXT(x));
    call->dtype[1] = BL_I64;
    call->shape[1] = bl__with_spatial(x, attributes->spatial, attributes->out);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), call->shape[1]);
}

static void max_pool_vjp(bl_vjp_call *call)
{
    const bl__window_attributes *attributes = call->attributes;
    bl__plane_attributes plane = {.spatial = attributes->spatial};
    for (int d = 0; d < (int)plane.spatial; d++)
        plane.size[d] = attributes->in[d];
    if (call->cotangents[0])
        call->gradients[0] =
            bl__apply_2(&bl__op_plane_scatter, call->cotangents[0], call->outputs[1], &plane);
}

bl_max_pool_options bl_max_pool_defaults(int64_t kernel)
{
    return (bl_max_pool_options){.kernel = {kernel, kernel, kernel}, .dilation = {1, 1, 1}};
}

static bl_tensor *max_pool(const char *op, bl_tensor *x, int spatial, const bl_max_pool_options *options)
{
    bl__window_attributes attributes = {.method = BL__WINDOW_POOL};
    if (!bl__spatial_axes(op, x, BL__REALS, spatial, &attributes))
        return bl__refused(x);
    if (!options)
        return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "the options, which name the kernel, are NULL");
    for (int d = 0; d < spatial; d++) {
        attributes.kernel[d] = options->kernel[d];
        attributes.stride[d] = options->stride[d];
        attributes.padding[d] = options->padding[d];
        attributes.dilation[d] = options->dilation[d];
    }
    if (!bl__pool_windows(op, x, options->ceil_mode, &attributes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_max_pool, x, &attributes);
}

#define MAX_POOL(name, spatial)                                                   \
    bl_tensor *bl_##name(bl_tensor *x, int64_t kernel)                            \
    {                                                                             \
        bl_max_pool_options options = bl_max_pool_defaults(kernel);               \
        return max_pool(#name, x, spatial, &options);                             \
    }                                                                             \
    bl_tensor *bl_##name##_with(bl_tensor *x, const bl_max_pool_options *options) \
    {                                                                             \
        return max_pool(#name, x, spatial, options);                              \
    }

MAX_POOL(max_pool1d, 1)
MAX_POOL(max_pool2d, 2)
MAX_POOL(max_pool3d, 3)

static bl_tensor *adaptive_max_pool(const char *op, bl_tensor *x, int spatial, const int64_t *size)
{
    bl__window_attributes attributes = {.method = BL__WINDOW_ADAPTIVE};
    if (!bl__spatial_axes(op, x, BL__REALS, spatial, &attributes) ||
        !bl__resized_axes(op, x, size, 0, &attributes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_max_pool, x, &attributes);
}

bl_tensor *bl_adaptive_max_pool1d(bl_tensor *x, int64_t size)
{
    return adaptive_max_pool("adaptive_max_pool1d", x, 1, &size);
}

bl_tensor *bl_adaptive_max_pool2d(bl_tensor *x, int64_t height, int64_t width)
{
    return adaptive_max_pool("adaptive_max_pool2d", x, 2, (const int64_t[]){height, width});
}

static bl_tensor *max_pool_sample(bl_sampler *sampler)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    int most = shape.rank < 3 ? shape.rank : 3, spatial = (int)bl_sample_int(sampler, 1, most);
    bl_max_pool_options options = {.ceil_mode = bl__sample_chance(sampler, 2)};
    if (shape.rank > spatial && bl__sample_chance(sampler, 12))
        shape.size[0] = 0;
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    if (spatial < 3 && bl__sample_chance(sampler, 4)) {
        int64_t height = bl_sample_int(sampler, 0, 4), width = bl_sample_int(sampler, 1, 4);
        return spatial == 1 ? bl_adaptive_max_pool1d(x, width) : bl_adaptive_max_pool2d(x, height, width);
    }
    for (int d = 0; d < spatial; d++) {
        int64_t size = shape.size[shape.rank - spatial + d];
        options.kernel[d] = bl_sample_int(sampler, 1, size < 3 ? size : 3);
        options.stride[d] = bl_sample_int(sampler, 0, 3);
        options.padding[d] = bl_sample_int(sampler, 0, options.kernel[d] / 2);
        options.dilation[d] = size > 4 ? bl_sample_int(sampler, 1, 3) : 1;
    }
    return max_pool("max_pool", x, spatial, &options);
}

const bl_op bl__op_max_pool = {.size = sizeof(bl_op),
                               .name = "max_pool",
                               .key = BL__KEY_max_pool,
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .output_count = 2,
                               .attributes_size = sizeof(bl__window_attributes),
                               .infer = max_pool_infer,
                               .vjp = max_pool_vjp,
                               .sample = max_pool_sample};

/* ---- plane_gather: the elements of each plane of x [.., size] at indices [.., places]; 0 at index -1 ----
 */

enum {
    VALUES,
    INDICES
};

/* Values of a plane and indices into one, with the same axes in front of it. */
static bl_status check_plane(bl_infer_call *call)
{
    const bl__plane_attributes *attributes = call->attributes;
    bl_shape values = bl__shape_in(call, VALUES), indices = bl__shape_in(call, INDICES);
    static const int64_t zeros[3];
    bl_status status = bl__require(call, VALUES, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, INDICES, 1u << BL_I64);
    if (status != BL_OK)
        return status;
    if (values.rank < attributes->spatial || values.rank != indices.rank ||
        !bl_shape_equal(bl__with_spatial(values, attributes->spatial, zeros),
                        bl__with_spatial(indices, attributes->spatial, zeros)))
        return bl_infer_fail(call, BL_ERR_SHAPE, "indices of %s do not fit %s", BL__SHAPE_TEXT(indices),
                             BL__SHAPE_TEXT(values));
    return BL_OK;
}

static bl_status plane_gather_infer(bl_infer_call *call)
{
    const bl__plane_attributes *attributes = call->attributes;
    bl_status status = check_plane(call);
    if (status == BL_OK &&
        !bl__has_spatial(bl__shape_in(call, VALUES), attributes->spatial, attributes->size))
        status = bl_infer_fail(call, BL_ERR_SHAPE, "%s are other planes",
                               BL__SHAPE_TEXT(bl__shape_in(call, VALUES)));
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[VALUES]), bl__shape_in(call, INDICES));
}

static void plane_gather_vjp(bl_vjp_call *call)
{
    if (call->needed[VALUES])
        call->gradients[VALUES] =
            bl__apply_2(&bl__op_plane_scatter, call->cotangents[0], call->inputs[INDICES], call->attributes);
}

/* A plane, indices into it of as many axes, and the axes in front, for the shapes of values. */
static bl_tensor *sample_plane(bl_sampler *sampler, bl__plane_attributes *attributes, bl_shape *plane)
{
    *plane = bl__sample_filled(sampler, 1, 4);
    bl_shape places = *plane;
    int64_t count = 1;
    attributes->spatial = bl_sample_int(sampler, 1, plane->rank < 3 ? plane->rank : 3);
    for (int d = 0; d < (int)attributes->spatial; d++) {
        int axis = plane->rank - (int)attributes->spatial + d;
        attributes->size[d] = plane->size[axis];
        count *= plane->size[axis];
        places.size[axis] = bl_sample_int(sampler, 0, 3);
    }
    return bl__sample_integers(sampler, BL_I64, places, -1, count - 1);
}

static bl_tensor *plane_gather_sample(bl_sampler *sampler)
{
    bl__plane_attributes attributes = {0};
    bl_shape plane;
    bl_tensor *indices = sample_plane(sampler, &attributes, &plane);
    return bl__apply_2(&bl__op_plane_gather, bl_sample_real(sampler, plane, -1, 1), indices, &attributes);
}

const bl_op bl__op_plane_gather = {BL__OP(plane_gather, 2), .attributes_size = sizeof(bl__plane_attributes),
                                   .infer = plane_gather_infer, .vjp = plane_gather_vjp,
                                   .sample = plane_gather_sample};

/* ---- plane_scatter: planes [.., size] of 0, to which values [.., places] are added at the indices ---- */

static bl_status plane_scatter_infer(bl_infer_call *call)
{
    const bl__plane_attributes *attributes = call->attributes;
    bl_shape values = bl__shape_in(call, VALUES);
    bl_status status = check_plane(call);
    if (status == BL_OK && !bl_shape_equal(values, bl__shape_in(call, INDICES)))
        status = bl_infer_fail(call, BL_ERR_SHAPE, "indices of %s do not fit %s",
                               BL__SHAPE_TEXT(bl__shape_in(call, INDICES)), BL__SHAPE_TEXT(values));
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[VALUES]),
                        bl__with_spatial(values, attributes->spatial, attributes->size));
}

static void plane_scatter_vjp(bl_vjp_call *call)
{
    if (call->needed[VALUES])
        call->gradients[VALUES] =
            bl__apply_2(&bl__op_plane_gather, call->cotangents[0], call->inputs[INDICES], call->attributes);
}

static bl_tensor *plane_scatter_sample(bl_sampler *sampler)
{
    bl__plane_attributes attributes = {0};
    bl_shape plane;
    bl_tensor *indices = sample_plane(sampler, &attributes, &plane);
    bl_tensor *values = bl_sample_real(sampler, bl_tensor_shape(indices), -1, 1);
    return bl__apply_2(&bl__op_plane_scatter, values, indices, &attributes);
}

const bl_op bl__op_plane_scatter = {BL__OP(plane_scatter, 2), .attributes_size = sizeof(bl__plane_attributes),
                                    .infer = plane_scatter_infer, .vjp = plane_scatter_vjp,
                                    .sample = plane_scatter_sample};
