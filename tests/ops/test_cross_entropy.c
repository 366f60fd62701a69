/* cross_entropy. Values and gradients are PyTorch 1.13's. Applies an entry (ops/registry.h) to inputs that no
 * builder gives it. */
#include "check.h"
#include "ops/attributes.h"
#include "ops/keys.h"
#include "ops/registry.h"

TestSuite(cross_entropy, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* ---- cross_entropy ---- */

static bl_tensor *logits(void)
{
    return REAL(BL_SHAPE(4, 3), 1, 2, -1, 0.5, 0.5, 3, -2, 0, 1, 0.1, 0.2, 0.3);
}

static bl_tensor *targets(void)
{
    return CONSTANT(BL_I64, BL_SHAPE(4), 1, 2, -100, 0);
}

static bl_tensor *reduced(bl_tensor *x, bl_tensor *classes, bl_reduction reduction)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.reduction = reduction;
    return bl_cross_entropy_with(x, classes, &options);
}

Test(cross_entropy, mean)
{
    bl_tensor *x = logits(), *loss = bl_cross_entropy(x, targets());
    EXPECT_TYPE(loss, BL_F64, BL_SCALAR);
    EXPECT(loss, 0.5676544831295218);
    EXPECT(bl_gradient(loss, x), 0.0864988201141397, -0.0982051624339196, 0.011706342319779909,
           0.023503153553735015, 0.023503153553735015, -0.04700630710747007, 0, 0, 0, -0.23313013154809087,
           0.11074166451111578, 0.12238846703697516);
}

Test(cross_entropy, none_and_sum)
{
    bl_tensor *x = logits(), *classes = bl_cast(targets(), BL_I32);
    bl_tensor *none = reduced(x, classes, BL_REDUCE_NONE), *sum = reduced(x, classes, BL_REDUCE_SUM);
    EXPECT_TYPE(none, BL_F64, BL_SHAPE(4));
    EXPECT(none, 0.34901221676818633, 0.1520083843911351, 0, 1.201942848229244);
    EXPECT(sum, 1.7029634493885655);
    for (int i = 0; i < 2; i++)
        EXPECT(bl_gradient(i ? none : sum, x), 0.25949646034241913, -0.2946154873017588, 0.03511902695933973,
               0.07050946066120505, 0.07050946066120505, -0.14101892132241023, 0, 0, 0, -0.6993903946442727,
               0.33222499353334733, 0.3671654011109255);
}

Test(cross_entropy, of_many_axes)
{
    bl_tensor *x = bl_reshape(logits(), BL_SHAPE(2, 2, 3)), *classes = bl_reshape(targets(), BL_SHAPE(2, 2));
    EXPECT(bl_cross_entropy(x, classes), 0.5676544831295218);
    EXPECT_TYPE(reduced(x, classes, BL_REDUCE_NONE), BL_F64, BL_SHAPE(2, 2));
    EXPECT(bl_cross_entropy(REAL(BL_SHAPE(3), 1, 2, -1), CONSTANT(BL_I32, BL_SCALAR, 1)),
           0.34901221676818633);
}

/* No target counts: NaN, with a gradient of zero. */
Test(cross_entropy, over_nothing)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 2, nan_, inf),
              *ignored = CONSTANT(BL_I64, BL_SHAPE(2), -100, -100);
    bl_tensor *mean = bl_cross_entropy(x, ignored);
    EXPECT(mean, nan_);
    EXPECT(bl_gradient(mean, x), 0, 0, 0, 0);
    EXPECT(reduced(x, ignored, BL_REDUCE_SUM), 0);
    EXPECT(bl_gradient(reduced(x, ignored, BL_REDUCE_SUM), x), 0, 0, 0, 0);
    EXPECT(bl_gradient(bl_gradient(mean, x), x), 0, 0, 0, 0);
    bl_tensor *scale = bl_scalar(graph, BL_F64, 2), *by_x = bl_gradient(bl_mul(mean, scale), x);
    EXPECT(bl_gradient(by_x, scale), 0);
    bl_tensor *none = bl_constant(graph, BL_I64, BL_SHAPE(0), NULL);
    EXPECT(bl_cross_entropy(EMPTY(BL_SHAPE(0, 3)), none), nan_);
    EXPECT(reduced(EMPTY(BL_SHAPE(0, 3)), none, BL_REDUCE_SUM), 0);
}

/* What an ignored row holds does not count, NaN or not; nor does a class of probability zero. */
Test(cross_entropy, keeps_what_does_not_count_out)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), nan_, inf, 1, 0, -inf, 0),
              *classes = CONSTANT(BL_I64, BL_SHAPE(2), -100, 2);
    bl_tensor *loss = bl_cross_entropy(x, classes);
    EXPECT(loss, 0.6931471805599453);
    EXPECT(bl_gradient(loss, x), 0, 0, 0, 0.5, 0, -0.5);
    EXPECT(bl_cross_entropy(REAL(BL_SHAPE(1, 2), 0, -inf), CONSTANT(BL_I64, BL_SHAPE(1), 1)), inf);
    EXPECT(bl_cross_entropy(REAL(BL_SHAPE(1, 2), 0, nan_), CONSTANT(BL_I64, BL_SHAPE(1), 0)), nan_);
}

Test(cross_entropy, ignores_any_value)
{
    bl_cross_entropy_options options = {.ignore_index = 2, .reduction = BL_REDUCE_SUM};
    bl_tensor *x = logits(), *classes = CONSTANT(BL_I32, BL_SHAPE(4), 1, 2, 2, 0);
    bl_tensor *loss = bl_cross_entropy_with(x, classes, &options);
    EXPECT(loss, 0.34901221676818633 + 1.201942848229244);
    EXPECT(bl_slice(bl_gradient(loss, x), 0, 1, 3, 1), 0, 0, 0, 0, 0, 0);
    options.ignore_index = INT64_C(1) << 40; /* no i32 */
    EXPECT(bl_cross_entropy_with(x, CONSTANT(BL_I32, BL_SHAPE(4), 1, 2, 2, 0), &options),
           0.34901221676818633 + 0.1520083843911351 + 0.3490122167681864 + 1.201942848229244);
}

Test(cross_entropy, checks_targets_at_run)
{
    bl_tensor *loss = bl_cross_entropy(logits(), CONSTANT(BL_I64, BL_SHAPE(4), 0, 0, 3, 0));
    bl_program *program = bl_compile(context, loss);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(error_says(bl_program_error(program), BL_ERR_INDEX, "bl_cross_entropy: target 3 at [2]", "0..2",
                         NULL),
              "%s", error_text(bl_program_error(program)));
    bl_program_free(program);
}

Test(cross_entropy, refuses)
{
    bl_tensor *x = logits(), *classes = targets();
    bl_cross_entropy_options options = {.ignore_index = 0, .reduction = (bl_reduction)3};
    EXPECT_ERROR(bl_cross_entropy(bl_transpose(x, 0, 1), classes), BL_ERR_SHAPE,
                 "bl_cross_entropy: logits of [3,4] do not fit targets of [4]", "test_cross_entropy.c");
    EXPECT_ERROR(bl_cross_entropy(x, bl_reshape(classes, BL_SHAPE(4, 1))), BL_ERR_SHAPE, "[4,3]", "[4,1]");
    EXPECT_ERROR(bl_cross_entropy(EMPTY(BL_SHAPE(4, 0)), classes), BL_ERR_SHAPE,
                 "logits of [4,0] have no classes");
    EXPECT_ERROR(bl_cross_entropy(bl_scalar(graph, BL_F64, 0), classes), BL_ERR_SHAPE,
                 "logits of [] have no classes");
    EXPECT_ERROR(bl_cross_entropy(classes, classes), BL_ERR_DTYPE,
                 "the first operand is i64, not f32 or f64");
    EXPECT_ERROR(bl_cross_entropy(x, bl_cast(classes, BL_BOOL)), BL_ERR_DTYPE,
                 "the second operand is bool, not i32 or i64");
    EXPECT_ERROR(bl_cross_entropy(bl_cast(x, BL_F16), classes), BL_ERR_DTYPE, "f16, which is storage only");
    EXPECT_ERROR(bl_cross_entropy_with(x, classes, &options), BL_ERR_ARGUMENT, "there is no reduction 3");
    EXPECT_ERROR(bl_cross_entropy(x, NULL), BL_ERR_ARGUMENT, "bl_cross_entropy: a tensor is NULL");
    cr_assert_null(bl_cross_entropy(NULL, NULL));
}

/* ---- weights of classes, smoothing, probabilities ---- */

static bl_tensor *class_weight(void)
{
    return REAL(BL_SHAPE(3), 0.5, 1, 2);
}

Test(cross_entropy, weighs_classes)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.weight = class_weight();
    bl_tensor *x = logits(), *loss = bl_cross_entropy_with(x, targets(), &options);
    EXPECT_TYPE(loss, BL_F64, BL_SCALAR);
    EXPECT(loss, 0.35828583133287956);
    EXPECT(bl_gradient(loss, x), 0.07414184581211974, -0.08417585351478822, 0.010034007702668494,
           0.04029112037783145, 0.04029112037783145, -0.08058224075566299, 0, 0, 0, -0.09991291352061038,
           0.047460713361906756, 0.05245220015870364);
    options.reduction = BL_REDUCE_SUM;
    EXPECT(bl_cross_entropy_with(x, targets(), &options), 0.35828583133287956 * 3.5);
}

Test(cross_entropy, smooths_targets)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    bl_tensor *x = logits();
    options.label_smoothing = 0.2;
    bl_tensor *loss = bl_cross_entropy_with(x, targets(), &options);
    EXPECT(loss, 0.7609878164628552);
    EXPECT(bl_gradient(loss, x), 0.06427659789191748, -0.05376071798947518, -0.010515879902442316,
           0.0012809313315127907, 0.0012809313315127907, -0.0025618626630256208, 0, 0, 0,
           -0.18868568710364644, 0.08851944228889352, 0.10016624481475292);
    options.weight = class_weight();
    EXPECT(bl_cross_entropy_with(x, targets(), &options), 0.5858738474064937);
    options.reduction = BL_REDUCE_NONE;
    loss = bl_cross_entropy_with(x, targets(), &options);
    EXPECT(loss, 0.7939792906604592, 0.5286820380504144, 0, 0.7278971372118546);
}

Test(cross_entropy, takes_probabilities)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    bl_tensor *x = logits();
    bl_tensor *soft = REAL(BL_SHAPE(4, 3), 0.2, 0.8, 0, 0, 0, 1, 0.3, 0.3, 0.4, 1, 0, 0);
    EXPECT(bl_cross_entropy(x, soft), 0.862993916539188);
    EXPECT(bl_slice(bl_gradient(bl_cross_entropy(x, soft), x), 0, 0, 1, 1), 0.01487411508560478,
           -0.02365387182543971, 0.008779756739834933);
    options.weight = class_weight();
    EXPECT(bl_cross_entropy_with(x, soft, &options), 0.6263411147371233); /* divided by the rows */
    options.label_smoothing = 0.2;
    options.reduction = BL_REDUCE_NONE;
    EXPECT(bl_cross_entropy_with(x, soft, &options), 0.8460583133190044, 0.5286820380504144, 1.19711506734743,
           0.7278971372118546);
}

/* Nothing that counts: NaN without a gradient; and what does not count is kept out, as in the plain case. */
Test(cross_entropy, weighted_over_nothing)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.label_smoothing = 0.1;
    options.weight = REAL(BL_SHAPE(2), 1, 3);
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 2, nan_, inf);
    bl_tensor *none = bl_cross_entropy_with(x, CONSTANT(BL_I64, BL_SHAPE(2), -100, -100), &options);
    EXPECT(none, nan_);
    EXPECT(bl_gradient(none, x), 0, 0, 0, 0);
    bl_tensor *first = bl_cross_entropy_with(x, CONSTANT(BL_I64, BL_SHAPE(2), 0, -100), &options);
    double p = 1 / (1 + exp(1)); /* softmax [1, 2] = [p, 1 - p] */
    EXPECT(bl_slice(bl_gradient(first, x), 0, 1, 2, 1), 0, 0);
    EXPECT(first, -0.9 * log(p) - 0.1 / 2 * (log(p) + 3 * log(1 - p)));
}

Test(cross_entropy, extreme_logits)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.label_smoothing = 0.5;
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        bl_tensor *x = CONSTANT(t, BL_SHAPE(1, 2), 1e4, -1e4), *second = CONSTANT(BL_I32, BL_SHAPE(1), 1);
        bl_tensor *loss = bl_cross_entropy_with(x, second, &options);
        EXPECT(loss, 0.75 * 2e4);
        EXPECT(bl_gradient(loss, x), 0.75, -0.75);
    }
}

/* A smoothing of 0 takes nothing from the other classes: a logit of -inf among them does not matter. */
Test(cross_entropy, without_smoothing)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    bl_tensor *x = REAL(BL_SHAPE(1, 3), 0, 0, -inf), *soft = REAL(BL_SHAPE(1, 3), 0.5, 0.5, 0);
    options.weight = REAL(BL_SHAPE(3), 2, 1, 1);
    EXPECT(bl_cross_entropy_with(x, CONSTANT(BL_I64, BL_SHAPE(1), 0), &options), log(2));
    options.reduction = BL_REDUCE_SUM;
    EXPECT(bl_cross_entropy_with(x, CONSTANT(BL_I64, BL_SHAPE(1), 0), &options), 2 * log(2));
    bl_cross_entropy(logits(), bl_expand(soft, BL_SHAPE(4, 3)));
    cr_assert_eq(count_nodes(BL__KEY_add_scalar), 0);
}

/* Without a weight the third of the inputs is none of the loss's. */
Test(cross_entropy, reads_no_more_than_its_inputs)
{
    const bl__class_loss_attributes attributes = {
        .reduction = BL_REDUCE_SUM, .ignore_index = -100, .label_smoothing = 0.5};
    bl_tensor *x = REAL(BL_SHAPE(1, 2), 0, 0), *second = CONSTANT(BL_I64, BL_SHAPE(1), 1);
    bl_tensor *inputs[] = {x, second, REAL(BL_SHAPE(2), 2, 3)};
    EXPECT(bl_apply(graph, &bl__op_cross_entropy_weighted, inputs, 2, &attributes), log(2));
}

Test(cross_entropy, options_refused)
{
    bl_tensor *x = logits(), *classes = targets();
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.label_smoothing = 1.5;
    EXPECT_ERROR(bl_cross_entropy_with(x, classes, &options), BL_ERR_ARGUMENT,
                 "bl_cross_entropy: the label smoothing 1.5 is outside 0..1", "test_cross_entropy.c");
    options.label_smoothing = nan_;
    EXPECT_ERROR(bl_cross_entropy_with(x, classes, &options), BL_ERR_ARGUMENT, "label smoothing");
    options = bl_cross_entropy_defaults();
    options.weight = REAL(BL_SHAPE(2), 1, 1);
    EXPECT_ERROR(bl_cross_entropy_with(x, classes, &options), BL_ERR_SHAPE,
                 "the weight of [2] does not fit the classes of [4,3]");
    options.weight = bl_cast(class_weight(), BL_F32);
    EXPECT_ERROR(bl_cross_entropy_with(x, classes, &options), BL_ERR_DTYPE, "dtypes differ");
    options.weight = NULL;
    options.ignore_index = 0;
    EXPECT_ERROR(bl_cross_entropy_with(x, x, &options), BL_ERR_ARGUMENT,
                 "ignore_index 0 with targets that are probabilities");
    EXPECT_ERROR(bl_cross_entropy(x, bl_transpose(x, 0, 1)), BL_ERR_SHAPE, "shapes differ: [4,3] and [3,4]");
    EXPECT_ERROR(bl_cross_entropy(x, bl_cast(x, BL_F32)), BL_ERR_DTYPE, "dtypes differ");
}
