/* PyTorch's cases of the first ops. */
#include "cases.h"

/* clang-format off */
#define ONE(X) X(neg) X(exp) X(log) X(sqrt) X(square) X(abs) X(sign) X(relu) X(tanh) X(sigmoid)
#define REDUCTION(X) X(sum) X(mean) X(max) X(argmax)
#define ALONG(X) X(softmax) X(log_softmax)
#define SHAPED(X) X(reshape) X(expand)
/* clang-format on */

#define BUILD_ONE(op)   DEFINE_BUILD(op, bl_##op(c->input[0]))
#define BUILD_ALONG(op) DEFINE_BUILD(op, bl_##op(c->input[0], (int)integer_at(c, 0)))
#define BUILD_REDUCTION(op) \
    DEFINE_BUILD(op, bl_##op(c->input[0], axes_at(c, 1, c->attribute_count - 1), integer_at(c, 0) != 0))
#define BUILD_SHAPED(op) DEFINE_BUILD(op, bl_##op(c->input[0], shape_at(c, 0, c->attribute_count)))
ONE(BUILD_ONE)
REDUCTION(BUILD_REDUCTION)
ALONG(BUILD_ALONG)
SHAPED(BUILD_SHAPED)

DEFINE_BUILD(permute, bl_permute(c->input[0], axes_at(c, 0, c->attribute_count)))
DEFINE_BUILD(slice, bl_slice(c->input[0], (int)integer_at(c, 0), integer_at(c, 1), integer_at(c, 2),
                             integer_at(c, 3)))
DEFINE_BUILD(concat, bl_concat(c->input, c->input_count, (int)integer_at(c, 0)))
DEFINE_BUILD(matmul, bl_matmul(c->input[0], c->input[1]))
DEFINE_BUILD(linear, bl_linear(c->input[0], c->input[1], c->input[2]))
DEFINE_BUILD(embedding, bl_embedding(c->input[0], c->input[1]))
DEFINE_BUILD(embedding_padded, bl_embedding_padded(c->input[0], c->input[1], integer_at(c, 0)))
DEFINE_BUILD(one_hot, bl_one_hot(c->input[0], integer_at(c, 0), BL_I64))
DEFINE_BUILD(mse_loss, bl_mse_loss_reduced(c->input[0], c->input[1], (bl_reduction)integer_at(c, 0)))
DEFINE_BUILD(cast_i64, bl_cast(c->input[0], BL_I64))
DEFINE_BUILD(cast_bool, bl_cast(c->input[0], BL_BOOL))

static void build_cross_entropy(pytorch_case *c)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.reduction = (bl_reduction)integer_at(c, 0);
    options.ignore_index = integer_at(c, 1);
    c->output[0] = bl_cross_entropy_with(c->input[0], c->input[1], &options);
}

#define LIST(op) ROW(op),
const pytorch_builder pytorch_basics[] = {ONE(LIST) REDUCTION(LIST) ALONG(LIST) SHAPED(LIST) ROW(permute),
                                          ROW(slice),
                                          ROW(concat),
                                          /* Sums of 33 products as large as 4, in another order. */
                                          {"matmul", build_matmul, .forward_f32 = 1e-5},
                                          ROW(linear),
                                          ROW(embedding),
                                          ROW(embedding_padded),
                                          ROW(one_hot),
                                          ROW(mse_loss),
                                          ROW(cast_i64),
                                          ROW(cast_bool),
                                          ROW(cross_entropy),
                                          END_ROW};
