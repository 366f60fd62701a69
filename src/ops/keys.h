/* Private. The list of the library's ops: the one line that an op adds outside its family's file. From it
 * come the keys of the kernel tables and the table that the generic suites walk. */
#ifndef BOWLINE_OPS_KEYS_H
#define BOWLINE_OPS_KEYS_H

/* Whether the build found LAPACK; the factorizations are there only then. */
#ifndef BL__LAPACK
#define BL__LAPACK 0
#endif

/* clang-format off */
#if BL__LAPACK
#define BL__LAPACK_OPS(X) X(cholesky) X(inverse) X(solve) X(det) X(slogdet) X(logdet)
#else
#define BL__LAPACK_OPS(X)
#endif

#define BL__OPS(X) \
    /* leaf.c */ X(input) X(constant) X(full) X(parameter) \
    /* state.c */ X(assign) X(assign_slice) X(group) \
    /* binary.c */ X(add) X(sub) X(mul) X(div) X(pow) X(maximum) \
    /* scalar.c */ X(add_scalar) X(sub_scalar) X(mul_scalar) X(div_scalar) X(pow_scalar) X(maximum_scalar) \
                   X(scalar_sub) X(scalar_div) \
    /* unary.c */ X(neg) X(exp) X(log) X(sqrt) X(square) X(abs) X(sign) X(relu) X(tanh) X(sigmoid) X(cast) \
    /* compare.c */ X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) X(where) \
    /* reduce.c */ X(sum) X(mean) X(nansum) \
    /* extremes.c */ X(max) X(min) X(argmax) X(argmin) \
    /* count.c */ X(any) X(all) X(count_nonzero) \
    /* products.c */ X(prod) \
    /* statistics.c */ X(var) X(std) \
    /* logsumexp.c, norm.c */ X(logsumexp) X(logsumexp_backward) X(norm) \
    /* scan.c */ X(cumsum) X(cumprod) X(recurrence) \
    /* sort.c */ X(sort) X(topk) X(take_sorted) X(put_sorted) \
    /* shape.c */ X(reshape) X(permute) X(expand) \
    /* slice.c */ X(slice) X(slice_backward) X(concat) \
    /* matmul.c */ X(matmul) X(linear) \
    /* convolution.c */ X(convolution) X(convolution_input) X(convolution_weight) \
    /* conv.c */ X(conv1d) X(conv2d) X(conv3d) X(conv_transpose1d) X(conv_transpose2d) X(conv_transpose3d) \
    /* pooling.c */ X(max_pool) X(plane_gather) X(plane_scatter) \
    /* resample.c */ X(resample) X(resample_backward) \
    /* rows.c */ X(embedding) X(embedding_backward) X(one_hot) \
    /* softmax.c */ X(softmax) X(log_softmax) X(softmax_backward) X(log_softmax_backward) \
    /* trigonometry.c */ X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(atan2) X(hypot) \
    /* hyperbolic.c */ X(sinh) X(cosh) X(asinh) X(acosh) X(atanh) \
    /* exponentials.c */ X(expm1) X(exp2) X(log1p) X(log2) X(log10) X(xlogy) X(rsqrt) X(reciprocal) \
                         X(erf) X(erfc) \
    /* rounding.c */ X(floor) X(ceil) X(round) X(trunc) \
    /* remainder.c */ X(fmod) X(remainder) X(fmod_scalar) X(remainder_scalar) \
    /* bounds.c */ X(minimum) X(minimum_scalar) X(clamp) X(hardtanh) X(relu6) \
    /* logic.c */ X(logical_and) X(logical_or) X(logical_xor) X(logical_not) X(isnan) X(isinf) X(isfinite) \
    /* activations.c */ X(gelu) X(gelu_backward) X(gelu_tanh) X(silu) X(mish) X(softplus) X(log_sigmoid) \
    /* rectifiers.c */ X(leaky_relu) X(elu) X(selu) X(celu) \
    /* gates.c */ X(hardsigmoid) X(hardswish) X(prelu) X(glu) \
    /* shrink.c */ X(softsign) X(tanhshrink) X(threshold) X(hardshrink) X(softshrink) \
    /* flip.c */ X(flip) \
    /* pad.c */ X(pad) \
    /* triangle.c */ X(tril) X(triu) \
    /* diagonal.c */ X(diagonal) X(diag_embed) \
    /* gather.c */ X(gather) X(scatter) X(scatter_add) \
    /* index_select.c */ X(index_select) X(index_add) \
    /* dynamic_slice.c */ X(dynamic_slice) X(dynamic_update_slice) \
    /* losses_regression.c */ X(l1_loss) X(smooth_l1_loss) X(huber_loss) \
    /* losses_binary.c */ X(probability_loss) X(logistic_loss) X(binary_cross_entropy) \
                          X(binary_cross_entropy_with_logits) X(soft_margin_loss) \
    /* loss.c */ X(cross_entropy_weighted) X(cross_entropy_soft) \
    /* linear_cross_entropy.c */ X(linear_cross_entropy) \
    /* losses_classes.c */ X(take_target) X(nll_loss) X(multi_margin_loss) \
    /* losses_likelihood.c */ X(kl_div) X(gaussian_nll_loss) X(poisson_nll_loss) \
    /* losses_margin.c */ X(margin_ranking_loss) X(hinge_embedding_loss) X(cosine_embedding_loss) \
                          X(triplet_margin_loss) \
    /* distances.c */ X(cosine_similarity) X(pairwise_distance) X(normalize) \
    /* layer_norm.c */ X(standardize) X(standardize_backward) X(layer_norm) X(rms_norm) \
    /* group_norm.c */ X(group_norm) X(instance_norm) X(local_response_norm) \
    /* batch_norm.c */ X(batch_norm) \
    /* random.c */ X(uniform) X(normal) X(bernoulli) \
    /* dropout.c */ X(dropout) \
    /* attention.c, attention_fused.c */ X(scaled_dot_product_attention) X(attention) X(attention_backward) \
    /* rotary.c */ X(rotary_embedding) \
    /* region.c */ X(stop_gradient) X(checkpoint) X(custom_gradient) \
    /* einsum.c */ X(einsum) \
    /* vector_products.c */ X(dot) X(vdot) X(outer) X(mv) X(cross) \
    /* matrix_products.c */ X(bmm) X(addmm) X(addmv) X(baddbmm) \
    /* matrix_functions.c */ X(trace) X(kron) X(cdist) X(matrix_power) \
    /* triangular.c */ X(solve_triangular) \
    /* cholesky.c, lu.c */ BL__LAPACK_OPS(X) \
    /* loss.c */ X(mse_loss) X(cross_entropy) X(cross_entropy_backward)
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
