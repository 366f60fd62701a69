/* Rows of edges.h: losses and distances. */
#include "edges.h"
#include "ops/rules.h"

static bl_tensor *take_target(bl_tensor *const *x)
{
    bl__take_target_attributes attributes = {.ignores = 0};
    return bl__apply(&bl__op_take_target, x, 2, &attributes);
}

static bl_tensor *cross_entropy_backward(bl_tensor *const *x)
{
    bl__loss_attributes attributes = {.reduction = BL_REDUCE_MEAN, .ignore_index = -100};
    return bl__apply(&bl__op_cross_entropy_backward, x, 3, &attributes);
}

static bl_tensor *cross_entropy_weighted(bl_tensor *const *x)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.weight = x[2];
    return bl_cross_entropy_with(x[0], x[1], &options);
}

/* clang-format off */
#define PAIR(first, second) (first ":ab " second ":ab", first ":1a1111b1 " second ":1a1111b1", "a=nan b=nan", "--+", NULL)
#define THREE(second, third, scalars) ("r:ab " second ":ab " third ":ab", "r:1a1111b1 " second ":1a1111b1 " third ":1a1111b1", "a=nan b=nan", scalars, NULL)
#define CLASSES(empty) ("r:av iv:a", "r:1a11111v iv:1a11111", empty, "---", NULL)

#define ROWS(X) \
    X(mse_loss, PAIR("r", "r"), bl_mse_loss(x[0], x[1])) \
    X(l1_loss, PAIR("r", "r"), bl_l1_loss(x[0], x[1])) \
    X(smooth_l1_loss, PAIR("r", "r"), bl_smooth_l1_loss(x[0], x[1])) \
    X(huber_loss, PAIR("r", "r"), bl_huber_loss(x[0], x[1])) \
    X(binary_cross_entropy, PAIR("p", "p"), bl_binary_cross_entropy(x[0], x[1])) \
    X(binary_cross_entropy_with_logits, PAIR("r", "p"), bl_binary_cross_entropy_with_logits(x[0], x[1])) \
    X(soft_margin_loss, PAIR("r", "s"), bl_soft_margin_loss(x[0], x[1])) \
    X(kl_div, PAIR("r", "p"), bl_kl_div(x[0], x[1])) \
    X(poisson_nll_loss, PAIR("r", "r"), bl_poisson_nll_loss(x[0], x[1])) \
    X(hinge_embedding_loss, PAIR("r", "s"), bl_hinge_embedding_loss(x[0], x[1])) \
    X(gaussian_nll_loss, THREE("r", "p", "--++"), bl_gaussian_nll_loss(x[0], x[1], x[2])) \
    X(margin_ranking_loss, THREE("r", "s", "---+"), bl_margin_ranking_loss(x[0], x[1], x[2])) \
    X(cosine_embedding_loss, ("r:ab r:ab s:a", "r:1a11111b r:1a11111b s:1a11111", "a=nan b=z", "----", NULL), bl_cosine_embedding_loss(x[0], x[1], x[2])) \
    X(triplet_margin_loss, ("r:ab r:ab r:ab", "r:1a11111b r:1a11111b r:1a11111b", "a=nan b=1", "----", NULL), bl_triplet_margin_loss(x[0], x[1], x[2])) \
    X(take_target, ("r:av iv:a", "r:1a11111v iv:1a11111", "v=!", "---", NULL), take_target(x)) \
    X(nll_loss, CLASSES("a=nan v=!"), bl_nll_loss(x[0], x[1])) \
    X(multi_margin_loss, CLASSES("a=nan v=!"), bl_multi_margin_loss(x[0], x[1])) \
    X(cross_entropy, CLASSES("a=nan v=!"), bl_cross_entropy(x[0], x[1])) \
    X(cross_entropy_weighted, ("r:av iv:a p:v", "r:1a11111v iv:1a11111 p:v", "a=nan v=!", "----", NULL), cross_entropy_weighted(x)) \
    X(cross_entropy_soft, ("r:av p:av", "r:1a11111v p:1a11111v", "a=nan v=!", "---", NULL), bl_cross_entropy(x[0], x[1])) \
    X(cross_entropy_backward, ("r:av iv:a r:", "r:1a11111v iv:1a11111 r:", "v=!", "--=-", NULL), cross_entropy_backward(x)) \
    X(linear_cross_entropy, ("r:ai r:vi r:v iv:a", "r:1a11111i r:vi r:v iv:1a11111", "i=z a=nan v=!", "-----", NULL), bl_linear_cross_entropy(x[0], x[1], x[2], x[3])) \
    X(cosine_similarity, ("r:ab1 r:1bc", "r:1a1111b1 r:111111bc", "b=0", "++-", "ac"), bl_cosine_similarity(x[0], x[1], edge_at('b'), 1e-8)) \
    X(pairwise_distance, ("r:a1w r:1cw", "r:11111a1w r:111111cw", "w=0", "++-", "ac"), bl_pairwise_distance(x[0], x[1]))
/* clang-format on */

ROWS(EDGE_BUILD)

const edge_row edge_rows_losses[] = {ROWS(EDGE_ROW){0}};
