/* Losses of two classes, of one among several, and with a margin. */
#include "check.h"

TestSuite(losses_classes, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* ---- two classes ---- */

/* At probabilities of 0 and 1 as PyTorch has it: logarithms stop at -100, the divisor at f32's 1e-12. */
Test(losses_classes, binary_cross_entropy)
{
    const double steep = 1 / (double)1e-12F;
    bl_binary_cross_entropy_options options = bl_binary_cross_entropy_defaults();
    bl_tensor *p = REAL(BL_SHAPE(6), 0, 1, 0, 1, 0.5, nan_), *t = REAL(BL_SHAPE(6), 1, 0, 0, 1, 0.25, 0);
    options.reduction = BL_REDUCE_NONE;
    bl_tensor *loss = bl_binary_cross_entropy_with(p, t, &options);
    EXPECT(loss, 100, 100, 0, 0, log(2), nan_);
    EXPECT(bl_slice(bl_gradient(loss, p), 0, 0, 5, 1), -steep, steep, 0, 0, 1);
    EXPECT(bl_slice(bl_gradient(loss, t), 0, 0, 5, 1), 100, -100, 100, -100, 0);
    EXPECT(bl_binary_cross_entropy(REAL(BL_SHAPE(2), -0.5, 0.5), REAL(BL_SHAPE(2), 0.5, 0.5)), nan_);
    options.weight = REAL(BL_SHAPE(1), 2);
    options.reduction = BL_REDUCE_MEAN;
    EXPECT(bl_binary_cross_entropy_with(bl_slice(p, 0, 0, 5, 1), bl_slice(t, 0, 0, 5, 1), &options),
           2 * (200 + log(2)) / 5);
    EXPECT(bl_binary_cross_entropy(EMPTY(BL_SHAPE(0)), EMPTY(BL_SHAPE(0))), nan_);
}

Test(losses_classes, binary_cross_entropy_with_logits)
{
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        bl_binary_cross_entropy_options options = bl_binary_cross_entropy_defaults();
        bl_tensor *x = CONSTANT(dtype, BL_SHAPE(5), 1e4, -1e4, 1e4, -1e4, 0);
        bl_tensor *t = CONSTANT(dtype, BL_SHAPE(5), 1, 0, 0, 1, 0.25);
        options.reduction = BL_REDUCE_NONE;
        bl_tensor *loss = bl_binary_cross_entropy_with_logits_with(x, t, &options);
        EXPECT_NEAR(loss, 1e-7, 0, 0, 1e4, 1e4, log(2));
        EXPECT(bl_gradient(loss, x), 0, 0, 1, -1, 0.25);
        options.pos_weight = CONSTANT(dtype, BL_SCALAR, 3);
        loss = bl_binary_cross_entropy_with_logits_with(x, t, &options);
        EXPECT_NEAR(loss, 1e-7, 0, 0, 1e4, 3e4, 1.5 * log(2));
        EXPECT(bl_gradient(loss, x), 0, 0, 1, -3, 0);
        EXPECT(bl_gradient(bl_sum(bl_gradient(loss, x), BL_ALL_AXES, false), x), 0, 0, 0, 0, 1.5 / 4);
    }
    /* log(1 + e^-30), which 1 + e^-30 loses in f32 and nearly in f64 */
    bl_tensor *small = bl_binary_cross_entropy_with_logits(REAL(BL_SCALAR, 30), REAL(BL_SCALAR, 1));
    EXPECT_NEAR(bl_mul_scalar(small, exp(30)), 1e-12, 1 - 0.5 * exp(-30));
    EXPECT(bl_binary_cross_entropy_with_logits(REAL(BL_SCALAR, nan_), REAL(BL_SCALAR, 1)), nan_);
}

Test(losses_classes, binary_cross_entropies_refuse)
{
    bl_binary_cross_entropy_options options = bl_binary_cross_entropy_defaults();
    bl_tensor *x = REAL(BL_SHAPE(2), 0.5, 0.5);
    EXPECT_ERROR(bl_binary_cross_entropy(x, REAL(BL_SHAPE(1), 1)), BL_ERR_SHAPE,
                 "bl_binary_cross_entropy: shapes differ: [2] and [1]", "test_losses_classes.c");
    options.weight = REAL(BL_SHAPE(3), 1, 1, 1);
    EXPECT_ERROR(bl_binary_cross_entropy_with(x, x, &options), BL_ERR_SHAPE,
                 "the weight of [3] does not broadcast to [2]");
    options.weight = NULL;
    options.pos_weight = REAL(BL_SHAPE(3), 1, 1, 1);
    EXPECT_ERROR(bl_binary_cross_entropy_with_logits_with(x, x, &options), BL_ERR_SHAPE,
                 "bl_binary_cross_entropy_with_logits: the weight of positives of [3]");
    EXPECT_ERROR(bl_binary_cross_entropy_with(x, x, &options), BL_ERR_ARGUMENT, "pos_weight is for logits");
    options.pos_weight = CONSTANT(BL_F32, BL_SCALAR, 1);
    EXPECT_ERROR(bl_binary_cross_entropy_with_logits_with(x, x, &options), BL_ERR_DTYPE, "dtypes differ");
    options.reduction = BL_REDUCE_BATCH_MEAN;
    EXPECT_ERROR(bl_binary_cross_entropy_with_logits_with(x, x, &options), BL_ERR_ARGUMENT,
                 "there is no reduction 3");
    cr_assert_null(bl_binary_cross_entropy(NULL, NULL));
}

Test(losses_classes, soft_margin)
{
    bl_tensor *x = REAL(BL_SHAPE(4), 1e4, -1e4, 0, 1), *t = REAL(BL_SHAPE(4), 1, 1, -1, -1);
    bl_tensor *loss = bl_soft_margin_loss_reduced(x, t, BL_REDUCE_NONE);
    EXPECT(loss, 0, 1e4, log(2), log(1 + exp(1)));
    EXPECT(bl_gradient(loss, x), 0, -1, 0.5, 1 / (1 + exp(-1)));
    EXPECT(bl_soft_margin_loss(bl_slice(x, 0, 2, 4, 1), bl_slice(t, 0, 2, 4, 1)),
           (log(2) + log(1 + exp(1))) / 2);
    /* targets are factors, whatever their size */
    bl_tensor *y = REAL(BL_SHAPE(3), 2, 2, -1), *scaled = REAL(BL_SHAPE(3), 0.5, 0, 3);
    loss = bl_soft_margin_loss_reduced(y, scaled, BL_REDUCE_NONE);
    EXPECT(loss, log(1 + exp(-1)), log(2), log(1 + exp(3)));
    EXPECT(bl_gradient(loss, y), -0.5 / (1 + exp(1)), 0, -3 / (1 + exp(-3)));
}

/* ---- one class among several ---- */

Test(losses_classes, nll)
{
    bl_nll_loss_options options = bl_nll_loss_defaults();
    bl_tensor *x = REAL(BL_SHAPE(3, 2), -1, -2, -3, -4, nan_, -inf);
    bl_tensor *t = CONSTANT(BL_I32, BL_SHAPE(3), 1, 0, -100);
    EXPECT(bl_nll_loss(x, t), 2.5);
    EXPECT(bl_gradient(bl_nll_loss(x, t), x), 0, -0.5, -0.5, 0, 0, 0);
    options.weight = REAL(BL_SHAPE(2), 3, 1);
    EXPECT(bl_nll_loss_with(x, t, &options), (2 + 9) / 4.0);
    options.reduction = BL_REDUCE_NONE;
    EXPECT(bl_nll_loss_with(x, t, &options), 2, 9, 0);
    options.reduction = BL_REDUCE_SUM;
    bl_tensor *sum = bl_nll_loss_with(x, t, &options);
    EXPECT(sum, 11);
    EXPECT(bl_gradient(sum, options.weight), 3, 2);
    bl_tensor *none = bl_nll_loss(x, CONSTANT(BL_I64, BL_SHAPE(3), -100, -100, -100));
    EXPECT(none, nan_);
    EXPECT(bl_gradient(none, x), 0, 0, 0, 0, 0, 0);
    EXPECT(bl_nll_loss(REAL(BL_SHAPE(2), -1, -2), CONSTANT(BL_I64, BL_SCALAR, 1)), 2);
}

static void expect_index_error(bl_tensor *loss, const char *message)
{
    bl_program *program = bl_compile(context, loss);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(error_says(bl_program_error(program), BL_ERR_INDEX, message, NULL), "%s",
              error_text(bl_program_error(program)));
    bl_program_free(program);
}

Test(losses_classes, targets_are_checked_at_run)
{
    bl_nll_loss_options options = bl_nll_loss_defaults();
    bl_tensor *x = REAL(BL_SHAPE(2, 2), -1, -2, -3, -4), *t = CONSTANT(BL_I64, BL_SHAPE(2), 1, -1);
    options.weight = REAL(BL_SHAPE(2), 1, 1);
    expect_index_error(bl_nll_loss(x, t), "target -1 at [1] is outside 0..1");
    expect_index_error(bl_nll_loss_with(x, t, &options), "target -1 at [1] is outside 0..1");
    expect_index_error(bl_multi_margin_loss(x, t), "target -1 at [1] is outside 0..1");
}

Test(losses_classes, multi_margin)
{
    bl_multi_margin_loss_options options = bl_multi_margin_loss_defaults();
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 0.5, 1.5, 0, 3, 1, 2), *t = CONSTANT(BL_I64, BL_SHAPE(2), 0, 0);
    options.reduction = BL_REDUCE_NONE;
    bl_tensor *loss = bl_multi_margin_loss_with(x, t, &options);
    EXPECT(loss, 2.5 / 3, 0);
    EXPECT(bl_gradient(loss, x), -2.0 / 3, 1.0 / 3, 1.0 / 3, 0, 0, 0); /* 0 where 1 - 3 + 2 = 0 */
    options.p = 2;
    options.margin = 2;
    options.weight = REAL(BL_SHAPE(3), 3, 1, 1);
    EXPECT(bl_multi_margin_loss_with(x, t, &options), 9 + 2.25, 1);
    EXPECT(bl_multi_margin_loss(x, t), 1.25 / 3);
}

Test(losses_classes, classes_refuse)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), -1, -2, -3, -4), *t = CONSTANT(BL_I64, BL_SHAPE(2), 1, 0);
    bl_nll_loss_options nll = bl_nll_loss_defaults();
    bl_multi_margin_loss_options hinge = bl_multi_margin_loss_defaults();
    EXPECT_ERROR(bl_nll_loss(x, bl_reshape(t, BL_SHAPE(2, 1))), BL_ERR_SHAPE,
                 "bl_nll_loss: log-probabilities of [2,2] do not fit targets of [2,1]",
                 "test_losses_classes.c");
    EXPECT_ERROR(bl_nll_loss(EMPTY(BL_SHAPE(2, 0)), t), BL_ERR_SHAPE, "[2,0] have no classes");
    EXPECT_ERROR(bl_nll_loss(x, x), BL_ERR_DTYPE, "the second operand is f64, not i32 or i64");
    nll.weight = REAL(BL_SHAPE(1, 2), 1, 1);
    EXPECT_ERROR(bl_nll_loss_with(x, t, &nll), BL_ERR_SHAPE,
                 "the weight of [1,2] does not fit the classes of [2,2]");
    hinge.p = 3;
    EXPECT_ERROR(bl_multi_margin_loss_with(x, t, &hinge), BL_ERR_ARGUMENT,
                 "bl_multi_margin_loss: p = 3 is neither 1 nor 2");
}

/* ---- with a margin ---- */

Test(losses_classes, margin_ranking_and_hinge_embedding)
{
    bl_tensor *a = REAL(BL_SHAPE(4), 1, 0.5, -1, nan_), *zero = bl_full(graph, BL_F64, BL_SHAPE(4), 0);
    bl_tensor *one = bl_full(graph, BL_F64, BL_SHAPE(4), 1);
    bl_tensor *loss =
        bl_margin_ranking_loss_with(a, zero, one, &(bl_margin_ranking_loss_options){0.5, BL_REDUCE_NONE});
    EXPECT(loss, 0, 0, 1.5, nan_);
    EXPECT(bl_slice(bl_gradient(loss, a), 0, 0, 3, 1), 0, -1, -1); /* -1 at 0 */
    EXPECT(bl_margin_ranking_loss(one, zero, bl_neg(one)), 1);
    bl_tensor *x = REAL(BL_SHAPE(4), 2, -3, 0.5, 7), *y = REAL(BL_SHAPE(4), 1, 1, -1, -1);
    bl_tensor *hinge =
        bl_hinge_embedding_loss_with(x, y, &(bl_hinge_embedding_loss_options){1, BL_REDUCE_NONE});
    EXPECT(hinge, 2, -3, 0.5, 0);
    EXPECT(bl_gradient(hinge, x), 1, 1, -1, 0);
    EXPECT(bl_hinge_embedding_loss(x, y), -0.125);
    EXPECT_ERROR(bl_margin_ranking_loss(a, zero, REAL(BL_SHAPE(1), 1)), BL_ERR_SHAPE,
                 "bl_margin_ranking_loss: shapes differ: [4] and [1]");
    EXPECT_ERROR(bl_hinge_embedding_loss_with(x, y, &(bl_hinge_embedding_loss_options){1, (bl_reduction)9}),
                 BL_ERR_ARGUMENT, "there is no reduction 9");
}

Test(losses_classes, cosine_embedding)
{
    bl_cosine_embedding_loss_options options = bl_cosine_embedding_loss_defaults();
    bl_tensor *a = REAL(BL_SHAPE(3, 2), 1, 0, 3, 4, 0, 0), *b = REAL(BL_SHAPE(3, 2), 0, 1, 4, 3, 1, 1);
    bl_tensor *y = REAL(BL_SHAPE(3), 1, -1, 1);
    options.margin = 0.5;
    options.reduction = BL_REDUCE_NONE;
    bl_tensor *loss = bl_cosine_embedding_loss_with(a, b, y, &options);
    EXPECT(loss, 1, 0.46, 1);
    EXPECT(bl_cosine_embedding_loss_with(b, a, y, &options), 1, 0.46, 1);
    EXPECT_NEAR(bl_slice(bl_gradient(loss, a), 0, 2, 3, 1), 1e-9, -1e6 / sqrt(2),
                -1e6 / sqrt(2)); /* finite */
    EXPECT(bl_cosine_embedding_loss(bl_slice(a, 0, 0, 1, 1), bl_slice(b, 0, 0, 1, 1), REAL(BL_SHAPE(1), -1)),
           0);
    EXPECT_ERROR(bl_cosine_embedding_loss(a, b, REAL(BL_SHAPE(2), 1, 1)), BL_ERR_SHAPE,
                 "bl_cosine_embedding_loss: embeddings of [3,2] do not fit targets of [2]");
    EXPECT_ERROR(bl_cosine_embedding_loss(REAL(BL_SCALAR, 1), REAL(BL_SCALAR, 1), REAL(BL_SCALAR, 1)),
                 BL_ERR_SHAPE, "embeddings of [] have no axis");
}

Test(losses_classes, triplet_margin)
{
    bl_triplet_margin_loss_options options = bl_triplet_margin_loss_defaults();
    bl_tensor *anchor = REAL(BL_SHAPE(2, 2), 0, 0, 0, 0), *positive = REAL(BL_SHAPE(2, 2), 3, 4, 0, 1);
    bl_tensor *negative = REAL(BL_SHAPE(2, 2), 0, 2, 0, 9);
    options.eps = 0;
    options.reduction = BL_REDUCE_NONE;
    EXPECT(bl_triplet_margin_loss_with(anchor, positive, negative, &options), 4, 0);
    options.p = 1;
    EXPECT(bl_triplet_margin_loss_with(anchor, positive, negative, &options), 6, 0);
    options.p = inf;
    options.margin = 10;
    EXPECT(bl_triplet_margin_loss_with(anchor, positive, negative, &options), 12, 2);
    options.swap = true; /* the second's negative is 8 from the positive */
    EXPECT(bl_triplet_margin_loss_with(anchor, positive, negative, &options), 12, 3);
    EXPECT_NEAR(bl_triplet_margin_loss(anchor, positive, negative), 1e-6, 2);
    options.p = 0.5;
    EXPECT_ERROR(bl_triplet_margin_loss_with(anchor, positive, negative, &options), BL_ERR_ARGUMENT,
                 "bl_triplet_margin_loss: p = 0.5 is below 1");
    EXPECT_ERROR(bl_triplet_margin_loss(REAL(BL_SCALAR, 1), REAL(BL_SCALAR, 1), REAL(BL_SCALAR, 1)),
                 BL_ERR_SHAPE, "rows of [] have no elements");
}

/* ---- distances ---- */

Test(losses_classes, cosine_similarity)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 3), 0, 0, 0, 1, 2, 2), *b = REAL(BL_SHAPE(2, 3), 1, 2, 2, 2, 1, -2);
    bl_tensor *cosine = bl_cosine_similarity(a, b, 1, 1e-8);
    EXPECT_TYPE(cosine, BL_F64, BL_SHAPE(2));
    EXPECT(cosine, 0, 0);
    EXPECT(bl_gradient(cosine, a), 1e8 / 3, 2e8 / 3, 2e8 / 3, 2.0 / 9, 1.0 / 9, -2.0 / 9);
    EXPECT(bl_gradient(cosine, b), 0, 0, 0, 1.0 / 9, 2.0 / 9, 2.0 / 9);
    EXPECT(bl_cosine_similarity(REAL(BL_SHAPE(3), 1, 2, 2), b, -1, 1e-8), 1, 0);
    EXPECT_TYPE(bl_cosine_similarity(a, b, 0, 1e-8), BL_F64, BL_SHAPE(3));
    EXPECT_ERROR(bl_cosine_similarity(a, b, 2, 1e-8), BL_ERR_ARGUMENT,
                 "bl_cosine_similarity: axis 2 is outside the rank of [2,3]", "test_losses_classes.c");
    EXPECT_ERROR(bl_cosine_similarity(a, REAL(BL_SHAPE(2), 1, 1), 0, 1e-8), BL_ERR_SHAPE,
                 "shapes do not broadcast: [2,3] and [2]");
    EXPECT_ERROR(bl_cosine_similarity(a, NULL, 0, 1e-8), BL_ERR_ARGUMENT, "a tensor is NULL");
    EXPECT_ERROR(bl_cosine_similarity(NULL, a, 0, 1e-8), BL_ERR_ARGUMENT, "a tensor is NULL");
    cr_assert_null(bl_cosine_similarity(NULL, NULL, 0, 1e-8));
}

/* Below eps the length is eps, with x / eps as its derivative; at eps it is the norm. */
Test(losses_classes, cosine_similarity_of_short_vectors)
{
    bl_tensor *a = REAL(BL_SHAPE(2), 3, 4), *b = REAL(BL_SHAPE(2), 20, 0);
    bl_tensor *cosine = bl_cosine_similarity(a, b, 0, 10);
    EXPECT(cosine, 60.0 / (10 * 20));
    EXPECT(bl_gradient(cosine, a), 0.1 - 0.03 * 0.3, -0.03 * 0.4); /* b / (10 20) - a.b / (10^2 20) a / 10 */
    bl_tensor *exact = bl_cosine_similarity(a, b, 0, 0);
    EXPECT(exact, 0.6);
    EXPECT(bl_gradient(exact, a), 0.128, -0.096);
    /* along one element the cosine is a sign, which is constant from eps on */
    bl_tensor *x = REAL(BL_SHAPE(1), 5), *sign = bl_cosine_similarity(x, REAL(BL_SHAPE(1), 20), 0, 5);
    EXPECT(sign, 1);
    EXPECT(bl_gradient(sign, x), 0);
    EXPECT(bl_gradient(bl_gradient(sign, x), x), 0);
}

Test(losses_classes, pairwise_distance)
{
    bl_pairwise_distance_options options = {.p = 2, .eps = 0, .keepdim = true};
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 3, 4, 0, 0), *b = REAL(BL_SHAPE(2), 0, 0);
    bl_tensor *distance = bl_pairwise_distance_with(a, b, &options);
    EXPECT_TYPE(distance, BL_F64, BL_SHAPE(2, 1));
    EXPECT(distance, 5, 0);
    EXPECT(bl_gradient(distance, a), 0.6, 0.8, 0, 0);
    options.p = 3;
    EXPECT(bl_pairwise_distance_with(a, b, &options), cbrt(27 + 64), 0);
    EXPECT(bl_gradient(bl_pairwise_distance_with(a, b, &options), b), -9 / cbrt(91 * 91),
           -16 / cbrt(91 * 91));
    options.p = inf;
    EXPECT(bl_pairwise_distance_with(a, b, &options), 4, 0);
    EXPECT_NEAR(bl_pairwise_distance(a, b), 1e-5, 5, 0);
    EXPECT_ERROR(bl_pairwise_distance_with(EMPTY(BL_SHAPE(2, 0)), EMPTY(BL_SHAPE(2, 0)), &options),
                 BL_ERR_SHAPE, "bl_pairwise_distance: axis 1 of [2,0] has no elements");
    options.p = nan_;
    EXPECT_ERROR(bl_pairwise_distance_with(a, b, &options), BL_ERR_ARGUMENT, "is below 1");
    EXPECT_ERROR(bl_pairwise_distance(REAL(BL_SCALAR, 1), REAL(BL_SCALAR, 1)), BL_ERR_SHAPE, "no axis");
}
