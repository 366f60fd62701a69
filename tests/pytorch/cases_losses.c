/* PyTorch's cases of losses and distances. The first attribute is the reduction; what has weights has them as
 * its last inputs. */
#include "cases.h"

static bl_reduction reduction_of(const pytorch_case *c)
{
    return (bl_reduction)integer_at(c, 0);
}

#define A c->input[0]
#define B c->input[1]
#define C c->input[2]

#define WITH(name, ...) DEFINE_BUILD(name, bl_##name##_with(A, B, &(bl_##name##_options){__VA_ARGS__}))

#define WITH_THREE(name, ...) \
    DEFINE_BUILD(name, bl_##name##_with(A, B, C, &(bl_##name##_options){__VA_ARGS__}))

DEFINE_BUILD(l1_loss, bl_l1_loss_reduced(A, B, reduction_of(c)))
DEFINE_BUILD(soft_margin_loss, bl_soft_margin_loss_reduced(A, B, reduction_of(c)))
WITH(smooth_l1_loss, .beta = c->attribute[1], .reduction = reduction_of(c))
WITH(huber_loss, .delta = c->attribute[1], .reduction = reduction_of(c))
WITH(hinge_embedding_loss, .margin = c->attribute[1], .reduction = reduction_of(c))
WITH_THREE(margin_ranking_loss, .margin = c->attribute[1], .reduction = reduction_of(c))
WITH_THREE(cosine_embedding_loss, .margin = c->attribute[1], .reduction = reduction_of(c))
WITH(kl_div, .log_target = integer_at(c, 1) != 0, .reduction = reduction_of(c))
WITH_THREE(gaussian_nll_loss, .full = integer_at(c, 1) != 0, .eps = c->attribute[2],
           .reduction = reduction_of(c))
WITH(poisson_nll_loss, .log_input = integer_at(c, 1) != 0, .full = integer_at(c, 2) != 0,
     .eps = c->attribute[3], .reduction = reduction_of(c))
WITH_THREE(triplet_margin_loss, .margin = c->attribute[1], .p = c->attribute[2], .eps = c->attribute[3],
           .swap = integer_at(c, 4) != 0, .reduction = reduction_of(c))
WITH(nll_loss, .ignore_index = integer_at(c, 1), .weight = C, .reduction = reduction_of(c))
WITH(multi_margin_loss, .p = integer_at(c, 1), .margin = c->attribute[2], .weight = C,
     .reduction = reduction_of(c))
WITH(pairwise_distance, .p = c->attribute[0], .eps = c->attribute[1], .keepdim = integer_at(c, 2) != 0)
DEFINE_BUILD(cosine_similarity, bl_cosine_similarity(A, B, (int)integer_at(c, 0), c->attribute[1]))
DEFINE_BUILD(cross_entropy,
             bl_cross_entropy_with(A, B,
                                   &(bl_cross_entropy_options){.ignore_index = integer_at(c, 1),
                                                               .reduction = reduction_of(c),
                                                               .label_smoothing = c->attribute[2],
                                                               .weight = C}))

/* Attributes 1 and 2 say which weights there are, in this order. */
static bl_binary_cross_entropy_options binary_options(const pytorch_case *c)
{
    size_t next = 2;
    bl_binary_cross_entropy_options options = {.reduction = reduction_of(c)};
    options.weight = integer_at(c, 1) ? c->input[next++] : NULL;
    options.pos_weight = integer_at(c, 2) ? c->input[next] : NULL;
    return options;
}

static void build_binary_cross_entropy(pytorch_case *c)
{
    bl_binary_cross_entropy_options options = binary_options(c);
    c->output[0] = bl_binary_cross_entropy_with(A, B, &options);
}

static void build_binary_cross_entropy_with_logits(pytorch_case *c)
{
    bl_binary_cross_entropy_options options = binary_options(c);
    c->output[0] = bl_binary_cross_entropy_with_logits_with(A, B, &options);
}

/* clang-format off */
const pytorch_builder pytorch_losses[] = {
    ROW(l1_loss), ROW(smooth_l1_loss), ROW(huber_loss), ROW(kl_div), ROW(gaussian_nll_loss), ROW(poisson_nll_loss),
    ROW(binary_cross_entropy), ROW(binary_cross_entropy_with_logits), ROW(soft_margin_loss),
    {"cross_entropy_weighted", build_cross_entropy, 0, 0, 0, 0}, {"cross_entropy_soft", build_cross_entropy, 0, 0, 0, 0},
    ROW(nll_loss), ROW(multi_margin_loss),
    ROW(margin_ranking_loss), ROW(hinge_embedding_loss), ROW(cosine_embedding_loss), ROW(triplet_margin_loss),
    ROW(cosine_similarity), ROW(pairwise_distance), END_ROW};
/* clang-format on */
