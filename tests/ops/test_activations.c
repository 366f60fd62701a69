/* Smooth activation functions. Values are PyTorch 1.13's in f64. */
#include "check.h"
#include "ops/keys.h"

TestSuite(activations, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(activations, values)
{
    bl_tensor *x = REAL(BL_SHAPE(6), -4, -1.5, -0.25, 0, 0.75, 5);
    EXPECT(bl_gelu(x), -0.00012668496733247991, -0.10021080190328704, -0.10032341857926907, 0,
           0.58002948571734891, 4.9999985667421409);
    EXPECT(bl_gelu_tanh(x), -7.0245948192271257e-05, -0.10042842301976707, -0.100324649298315, 0,
           0.57996055516562028, 4.9999997708203807);
    EXPECT(bl_silu(x), -0.071944839848366235, -0.27363828570953452, -0.10945587477855048, 0,
           0.50938402438154473, 4.9665357453785761);
    EXPECT(bl_mish(x), -0.07259174079202535, -0.29809974216680674, -0.129926963679141, 0, 0.61001833521829341,
           4.9995520775294056);
    EXPECT(bl_softplus(x, 1, 20), 0.018149927917809738, 0.20141327798275241, 0.57593941987884356,
           0.69314718055994529, 1.1368710061148999, 5.0067153484891183);
    EXPECT(bl_softplus(x, 2, 1), 0.00016770318644788442, 0.024293675786871031, 0.23703849209005334,
           0.34657359027997264, 0.75, 5);
    EXPECT(bl_softplus(x, -0.5, 20), -4.2538560220859454, -2.2737420122297998, -1.5151980706343382,
           -1.3862943611198906, -1.04624652827968, -0.15777946858509925);
    EXPECT(bl_log_sigmoid(x), -4.0181499279178094, -1.7014132779827524, -0.82593941987884356,
           -0.69314718055994529, -0.38687100611489994, -0.0067153484891180684);
}

Test(activations, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(6), -4, -1.5, -0.25, 0, 0.75, 5);
    EXPECT(bl_gradient(bl_gelu(x), x), -0.00050364966122642149, -0.1274691922299796, 0.304626645116364, 0.5,
           0.99922572173923518, 1.0000071469460019);
    EXPECT(bl_gradient(bl_gelu_tanh(x), x), -0.00033512319712218684, -0.12771079315143308,
           0.30464590484893955, 0.5, 0.99893825613741427, 1.000001546361988);
    EXPECT(bl_gradient(bl_silu(x), x), -0.052664614891072908, -0.041294154299142946, 0.37628997842980233, 0.5,
           0.84259994449675357, 1.0265474324296655);
    EXPECT(bl_gradient(bl_mish(x), x), -0.053773209793480332, -0.064097815892258686, 0.43981560172180506,
           0.59999999999999998, 0.98575835571668802, 1.0008002248320829);
    EXPECT(bl_gradient(bl_softplus(x, 1, 20), x), 0.017986209962091555, 0.18242552380635632,
           0.43782349911420188, 0.5, 0.67917869917539297, 0.99330714907571516);
    EXPECT(bl_gradient(bl_softplus(x, 2, 1), x), 0.00033535013046647816, 0.047425873177566788,
           0.37754066879814546, 0.5, 1, 1);
    EXPECT(bl_gradient(bl_softplus(x, -0.5, 20), x), 0.88079707797788243, 0.67917869917539297,
           0.53120937337375629, 0.5, 0.40733340004593022, 0.07585818002124356);
    EXPECT(bl_gradient(bl_log_sigmoid(x), x), 0.98201379003790845, 0.81757447619364365, 0.56217650088579818,
           0.5, 0.32082130082460697, 0.0066928509242848563);
}

typedef bl_tensor *function(bl_tensor *x);

static bl_tensor *softplus(bl_tensor *x)
{
    return bl_softplus(x, 1, 20);
}

static bl_tensor *unbounded_softplus(bl_tensor *x)
{
    return bl_softplus(x, 1, inf);
}

/* Far away and at the infinities, values and both derivatives are the limits. */
Test(activations, limits)
{
    function *const gates[] = {bl_gelu, bl_gelu_tanh, bl_silu, bl_mish};
    function *const ramps[] = {softplus, unbounded_softplus};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        bl_tensor *x = CONSTANT(t, BL_SHAPE(7), -inf, -1e30, -1e4, 1e4, 1e30, inf, nan_);
        double most = t == BL_F32 ? (double)1e30f : 1e30;
        for (int i = 0; i < 4; i++) {
            bl_tensor *y = gates[i](x), *slope = bl_gradient(y, x);
            EXPECT(y, 0, 0, 0, 1e4, most, inf, nan_);
            EXPECT(slope, 0, 0, 0, 1, 1, 1, nan_);
            EXPECT(bl_slice(bl_gradient(slope, x), 0, 0, 6, 1), 0, 0, 0, 0, 0, 0);
        }
        for (int i = 0; i < 2; i++) {
            bl_tensor *y = ramps[i](x), *slope = bl_gradient(y, x);
            EXPECT(y, 0, 0, 0, 1e4, most, inf, nan_);
            EXPECT(slope, 0, 0, 0, 1, 1, 1, nan_);
            EXPECT(bl_gradient(slope, x), 0, 0, 0, 0, 0, 0, nan_);
        }
        bl_tensor *y = bl_log_sigmoid(x), *slope = bl_gradient(y, x);
        EXPECT(y, -inf, -most, -1e4, 0, 0, 0, nan_);
        EXPECT(slope, 1, 1, 1, 0, 0, 0, nan_);
        EXPECT(bl_gradient(slope, x), 0, 0, 0, 0, 0, 0, nan_);
    }
}

/* Where 1 + erf, 1 + tanh and log(1 + ..) would have lost all digits; in units of the results. */
Test(activations, small_results)
{
    bl_tensor *x = REAL(BL_SHAPE(1), -12), *low = REAL(BL_SHAPE(1), -100), *high = REAL(BL_SHAPE(1), 100);
    EXPECT(bl_mul_scalar(bl_gelu(x), 1e32), -2.1317785344932423);
    EXPECT(bl_mul_scalar(bl_softplus(low, 1, 20), 1e44), 3.7200759760208360);
    EXPECT(bl_mul_scalar(bl_log_sigmoid(high), 1e44), -3.7200759760208360);
    EXPECT(bl_mul_scalar(bl_mish(low), 1e42), -3.7200759760208360);
    EXPECT(bl_mul_scalar(bl_silu(low), 1e42), -3.7200759760208360);
}

Test(activations, softplus_settings)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 0.4, 0.5, 0.6);
    EXPECT(bl_softplus(x, 2, 1), 0.5855503329738889, 0.6566308437591114, 0.6); /* at 1 not above it yet */
    EXPECT(bl_gradient(bl_softplus(x, 2, 1), x), 0.6899744811276125, 0.7310585786300049, 1);
    EXPECT(bl_softplus(x, 1, -inf), 0.4, 0.5, 0.6);
    EXPECT_ERROR(bl_softplus(x, 0, 20), BL_ERR_ARGUMENT, "bl_softplus: beta = 0 is zero or not finite");
    EXPECT_ERROR(bl_softplus(x, inf, 20), BL_ERR_ARGUMENT, "beta = inf is zero or not finite");
    EXPECT_ERROR(bl_softplus(x, nan_, 20), BL_ERR_ARGUMENT, "beta = nan is zero or not finite");
    EXPECT_ERROR(bl_softplus(x, 1, nan_), BL_ERR_ARGUMENT, "bl_softplus: the threshold is NaN");
    bl_tensor *narrow = CONSTANT(BL_F32, BL_SHAPE(1), 1);
    EXPECT_ERROR(bl_softplus(narrow, 1e-60, 20), BL_ERR_ARGUMENT, "beta = 1e-60 is zero or not finite");
    EXPECT_ERROR(bl_softplus(narrow, 1e60, 20), BL_ERR_ARGUMENT, "beta = 1e+60 is zero or not finite");
    EXPECT(bl_softplus(x, 1e60, 20), 0.4, 0.5, 0.6);
}

/* With a threshold that nothing exceeds there is nothing to choose. */
Test(activations, softplus_without_a_threshold)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 0, 1000);
    EXPECT(bl_gradient(bl_softplus(x, 1, inf), x), 0.5, 1);
    cr_assert_eq(count_nodes(BL__KEY_where), 0);
    EXPECT(bl_gradient(bl_softplus(x, 1, 20), x), 0.5, 1);
    cr_assert_eq(count_nodes(BL__KEY_where), 1);
}

Test(activations, refuses)
{
    function *const functions[] = {bl_gelu, bl_gelu_tanh, bl_silu, bl_mish, softplus, bl_log_sigmoid};
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2), *half = bl_cast(n, BL_BF16);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        EXPECT_ERROR(functions[i](n), BL_ERR_DTYPE, "the operand is i64, not f32 or f64: cast it first");
        EXPECT_ERROR(functions[i](half), BL_ERR_DTYPE, "the operand is bf16, which is storage only");
        cr_assert_null(functions[i](NULL));
    }
    EXPECT_ERROR(bl_gelu(n), BL_ERR_DTYPE, "bl_gelu: the operand", "test_activations.c");
}
