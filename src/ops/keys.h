/* Private. The list of the library's ops: the one line that an op adds outside its family's file. From it
 * come the keys of the kernel tables and the table that the generic suites walk. */
#ifndef BOWLINE_OPS_KEYS_H
#define BOWLINE_OPS_KEYS_H

/* clang-format off */
#define BL__OPS(X) \
    /* leaf.c */ X(input) X(constant) X(full) X(parameter) \
    /* state.c */ X(assign) X(assign_slice) X(group) \
    /* binary.c */ X(add) X(sub) X(mul) X(div) X(pow) X(maximum) \
    /* scalar.c */ X(add_scalar) X(sub_scalar) X(mul_scalar) X(div_scalar) X(pow_scalar) X(maximum_scalar) \
                   X(scalar_sub) X(scalar_div) \
    /* unary.c */ X(neg) X(exp) X(log) X(sqrt) X(square) X(abs) X(sign) X(relu) X(tanh) X(sigmoid) X(cast) \
    /* compare.c */ X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) X(where) \
    /* reduce.c */ X(sum) X(mean) X(max) X(argmax) \
    /* shape.c */ X(reshape) X(permute) X(expand) \
    /* slice.c */ X(slice) X(slice_backward) X(concat) \
    /* matmul.c */ X(matmul) X(linear) \
    /* rows.c */ X(embedding) X(embedding_backward) X(one_hot) \
    /* softmax.c */ X(softmax) X(log_softmax) \
    /* random.c */ X(uniform) X(normal) X(bernoulli) \
    /* dropout.c */ X(dropout) \
    /* attention.c */ X(scaled_dot_product_attention) \
    /* rotary.c */ X(rotary_embedding) \
    /* region.c */ X(stop_gradient) X(checkpoint) X(custom_gradient) \
    /* loss.c */ X(mse_loss) X(cross_entropy)
/* clang-format on */

enum {
    BL__KEY_NONE = 0, /* an op of the user's */
#define BL__KEY(name) BL__KEY_##name,
    BL__OPS(BL__KEY)
#undef BL__KEY
    BL__KEY_COPY, /* inserted by the compiler: the same elements, contiguous */
    BL__KEY_COUNT
};

#endif
