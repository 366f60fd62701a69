/* First values: bit for bit those of PyTorch's initialisers and layers, and the rules that are refused. */
#include "init_reference.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define SAME(parameter, reference)                                                                    \
    cr_assert_eq(memcmp(bl_parameter_data(parameter), reference, sizeof(reference)), 0, "%s differs", \
                 bl_parameter_name(parameter))

Test(init, layers_as_pytorch)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_rng *rng = bl_rng_new(context, 3);
    cr_assert_eq(bl_linear_params(params, "head", 3, 10, true, rng), BL_OK);
    bl_parameter *weight = bl_params_find(params, "head.weight"), *bias = bl_params_find(params, "head.bias");
    cr_assert(bl_shape_equal(bl_parameter_shape(weight), BL_SHAPE(10, 3)));
    cr_assert(bl_shape_equal(bl_parameter_shape(bias), BL_SHAPE(10)));
    SAME(weight, linear_weight);
    SAME(bias, linear_bias);

    bl_rng_seed(rng, 3);
    cr_assert_eq(bl_embedding_params(params, "embedding", 10, 3, rng), BL_OK);
    SAME(bl_params_find(params, "embedding.weight"), embedding_weight);

    bl_rng_seed(rng, 3);
    cr_assert_eq(bl_linear_params(params, "plain", 3, 10, false, rng), BL_OK);
    cr_assert_null(bl_params_find(params, "plain.bias"));
    SAME(bl_params_find(params, "plain.weight"), linear_weight);

    /* without inputs the weight draws nothing, and the bias draws zeros */
    float next[3];
    bl_rng_seed(rng, 7);
    cr_assert_eq(bl_linear_params(params, "empty", 0, 4, true, rng), BL_OK);
    const float *zeros = bl_parameter_data(bl_params_find(params, "empty.bias"));
    for (int i = 0; i < 4; i++)
        cr_assert_eq(zeros[i], 0.0f);
    cr_assert_eq(bl_rng_uniform_f32(rng, 0, 1, next, 3), BL_OK);
    cr_assert_eq(memcmp(next, after_linear_without_inputs, sizeof(next)), 0);
    bl_rng_free(rng);
    bl_params_free(params);
    bl_context_free(context);
}

Test(init, convolutions_as_pytorch)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_rng *rng = bl_rng_new(context, 11);
    cr_assert_eq(bl_conv1d_params(params, "a", 4, 6, 3, 1, true, rng), BL_OK);
    cr_assert(bl_shape_equal(bl_parameter_shape(bl_params_find(params, "a.weight")), BL_SHAPE(6, 4, 3)));
    SAME(bl_params_find(params, "a.weight"), conv1d_weight);
    SAME(bl_params_find(params, "a.bias"), conv1d_bias);

    bl_rng_seed(rng, 11);
    cr_assert_eq(bl_conv2d_params(params, "b", 4, 6, 3, 2, 2, true, rng), BL_OK);
    cr_assert(bl_shape_equal(bl_parameter_shape(bl_params_find(params, "b.weight")), BL_SHAPE(6, 2, 3, 2)));
    SAME(bl_params_find(params, "b.weight"), conv2d_weight);
    SAME(bl_params_find(params, "b.bias"), conv2d_bias);

    bl_rng_seed(rng, 11);
    cr_assert_eq(bl_conv_transpose1d_params(params, "c", 2, 3, 4, 1, true, rng), BL_OK);
    cr_assert(bl_shape_equal(bl_parameter_shape(bl_params_find(params, "c.weight")), BL_SHAPE(2, 3, 4)));
    SAME(bl_params_find(params, "c.weight"), conv_transpose1d_weight);
    SAME(bl_params_find(params, "c.bias"), conv_transpose1d_bias);

    bl_rng_seed(rng, 11);
    cr_assert_eq(bl_conv_transpose2d_params(params, "d", 4, 6, 2, 3, 2, true, rng), BL_OK);
    cr_assert(bl_shape_equal(bl_parameter_shape(bl_params_find(params, "d.weight")), BL_SHAPE(4, 3, 2, 3)));
    SAME(bl_params_find(params, "d.weight"), conv_transpose2d_weight);
    SAME(bl_params_find(params, "d.bias"), conv_transpose2d_bias);

    size_t count = bl_params_count(params);
    cr_assert_eq(bl_conv2d_params(params, "e", 4, 6, 3, 2, 4, true, rng), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_params_error(params)->message,
                     "bl_conv2d_params: e: 4 groups do not divide 4 and 6 channels");
    bl_params_clear_error(params);
    cr_assert_eq(bl_conv_transpose1d_params(params, "e", 4, 6, 3, 0, true, rng), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_conv1d_params(params, "a", 4, 6, 3, 1, true, rng), BL_ERR_EXISTS);
    cr_assert_eq(bl_conv2d_params(params, "e", 4, -6, 3, 1, 1, true, rng), BL_ERR_SHAPE);
    cr_assert_eq(bl_params_count(params), count);
    cr_assert_eq(bl_conv2d_params(params, "e", 4, 6, 3, 1, 1, false, rng), BL_OK);
    cr_assert_null(bl_params_find(params, "e.bias"));
    cr_assert_eq(bl_conv1d_params(NULL, "f", 4, 6, 3, 1, true, rng), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_conv_transpose2d_params(params, "f", 0, 0, 5, 1, 1, true, rng), BL_OK);
    bl_rng_free(rng);
    bl_params_free(params);
    bl_context_free(context);
}

Test(init, rules)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_rng *rng = bl_rng_new(context, 5);
    SAME(bl_params_add(params, "kaiming", BL_F64, BL_SHAPE(4, 3, 2, 2), bl_init_kaiming_uniform(), rng),
         kaiming);
    bl_rng_seed(rng, 5);
    SAME(bl_params_add(params, "normal", BL_F64, BL_SHAPE(5), bl_init_normal(0.5, 2), rng), normal);
    bl_rng_seed(rng, 5);
    SAME(bl_params_add(params, "uniform", BL_F32, BL_SHAPE(5), bl_init_uniform(-0.25, 0.75), rng), uniform);

    const float *ones =
        bl_parameter_data(bl_params_add(params, "ones", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL));
    const double *half =
        bl_parameter_data(bl_params_add(params, "half", BL_F64, BL_SCALAR, bl_init_constant(0.5), NULL));
    const float *zeros =
        bl_parameter_data(bl_params_add(params, "zeros", BL_F32, BL_SHAPE(2), bl_init_zeros(), NULL));
    cr_assert(ones[0] == 1.0f && ones[1] == 1.0f && *half == 0.5 && zeros[0] == 0.0f && zeros[1] == 0.0f);

    /* +-1/sqrt(16) */
    const double *bounded = bl_parameter_data(
        bl_params_add(params, "bounded", BL_F64, BL_SHAPE(200), bl_init_fan_in_uniform(16), rng));
    double largest = 0;
    for (int i = 0; i < 200; i++)
        largest = fmax(largest, fabs(bounded[i]));
    cr_assert(largest <= 0.25 && largest > 0.24);

    /* nothing is drawn for no elements */
    uint32_t before, after;
    bl_rng_seed(rng, 1);
    before = bl_rng_next(rng);
    bl_rng_seed(rng, 1);
    cr_assert_not_null(bl_params_add(params, "none", BL_F32, BL_SHAPE(0, 3), bl_init_normal(0, 1), rng));
    after = bl_rng_next(rng);
    cr_assert_eq(before, after);
    bl_rng_free(rng);
    bl_params_free(params);
    bl_context_free(context);
}

static void refuse(bl_params *params, bl_shape shape, bl_init init, bl_rng *rng, bl_status status,
                   const char *message)
{
    cr_assert_null(bl_params_add(params, "w", BL_F32, shape, init, rng));
    cr_assert_eq(bl_params_error(params)->code, status);
    cr_assert_str_eq(bl_params_error(params)->message, message);
    cr_assert_eq(bl_params_count(params), 0);
    cr_assert_eq(bl_params_name_count(params), 0);
    bl_params_clear_error(params);
}

Test(init, refused)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_rng *rng = bl_rng_new(context, 1);
    uint32_t first = bl_rng_next(rng);
    bl_rng_seed(rng, 1);
    refuse(params, BL_SHAPE(2), bl_init_kaiming_uniform(), rng, BL_ERR_SHAPE,
           "bl_params_add: w: kaiming_uniform needs a rank of 2 or more, not [2]");
    refuse(params, BL_SHAPE(2), bl_init_normal(0, -1), rng, BL_ERR_ARGUMENT,
           "bl_params_add: w: the normal's mean or deviation is negative or not finite");
    refuse(params, BL_SHAPE(2), bl_init_normal(NAN, 1), rng, BL_ERR_ARGUMENT,
           "bl_params_add: w: the normal's mean or deviation is negative or not finite");
    refuse(params, BL_SHAPE(2), bl_init_uniform(1, 0), rng, BL_ERR_ARGUMENT,
           "bl_params_add: w: the uniform's bounds are crossed or not finite");
    refuse(params, BL_SHAPE(2), bl_init_uniform(0, INFINITY), rng, BL_ERR_ARGUMENT,
           "bl_params_add: w: the uniform's bounds are crossed or not finite");
    refuse(params, BL_SHAPE(2), bl_init_fan_in_uniform(-3), rng, BL_ERR_ARGUMENT,
           "bl_params_add: w: fan_in is negative");
    refuse(params, BL_SHAPE(2), (bl_init){0, 0, 0}, rng, BL_ERR_ARGUMENT,
           "bl_params_add: w: the initialiser is none of bl_init_..");
    refuse(params, BL_SHAPE(2), bl_init_normal(0, 1), NULL, BL_ERR_ARGUMENT,
           "bl_params_add: w: the initialiser draws, but the generator is NULL");
    cr_assert_eq(bl_rng_next(rng), first, "a refused rule has drawn");
    bl_rng_free(rng);
    bl_params_free(params);
    bl_context_free(context);
}
