/* Products of matrices beside matmul: bmm, and addmm, addmv, baddbmm, which add one to something. */
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- bmm: [b, m, k] x [b, k, n] -> [b, m, n] ---- */

/* The shape of a product of operands `left` and the next one, which are given these ranks. */
static bl_status product_shape(bl_infer_call *call, size_t left, int left_rank, int right_rank, bl_shape *out)
{
    bl_status status = bl__require_rank(call, left, left_rank);
    if (status == BL_OK)
        status = bl__require_rank(call, left + 1, right_rank);
    if (status != BL_OK)
        return status;
    bl_shape a = bl__shape_in(call, left), b = bl__shape_in(call, left + 1);
    if (left_rank == 3 && a.size[0] != b.size[0])
        return bl_infer_fail(call, BL_ERR_SHAPE, "batches differ: %s x %s", BL__SHAPE_TEXT(a),
                             BL__SHAPE_TEXT(b));
    if (a.size[a.rank - 1] != b.size[right_rank == 1 ? 0 : right_rank - 2])
        return bl_infer_fail(call, BL_ERR_SHAPE, "inner dimensions differ: %s x %s", BL__SHAPE_TEXT(a),
                             BL__SHAPE_TEXT(b));
    *out = right_rank == 1 ? bl__leading(a, 1) : bl__shape_with(a, a.rank - 1, b.size[b.rank - 1]);
    return BL_OK;
}

static bl_status bmm_infer(bl_infer_call *call)
{
    bl_shape out;
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = product_shape(call, 0, 3, 3, &out);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), out) : status;
}

bl_tensor *bl_bmm(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_bmm, a, b, NULL);
}

static void bmm_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, bl_tensor **outputs)
{
    (void)graph;
    (void)input_count;
    (void)attributes;
    outputs[0] = bl_matmul(inputs[0], inputs[1]);
}

/* A size of a sample, now and then 0. */
static int64_t sample_size(bl_sampler *sampler)
{
    return bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 4);
}

static bl_tensor *bmm_sample(bl_sampler *sampler)
{
    int64_t b = sample_size(sampler), m = sample_size(sampler), k = sample_size(sampler);
    bl_tensor *left = bl_sample_real(sampler, BL_SHAPE(b, m, k), -1, 1);
    return bl_bmm(left, bl_sample_real(sampler, BL_SHAPE(b, k, sample_size(sampler)), -1, 1));
}

const bl_op bl__op_bmm = {BL__OP(bmm, 2), .flags = BL__OP_COMPOSITE, .infer = bmm_infer,
                          .decompose = bmm_decompose, .sample = bmm_sample};

/* ---- addmm, addmv, baddbmm: beta input + alpha (a b) ---- */

enum {
    INPUT,
    A,
    B
};

static bl_status infer_sum(bl_infer_call *call, int left_rank, int right_rank)
{
    bl_shape out, input = bl__shape_in(call, INPUT), both;
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = product_shape(call, A, left_rank, right_rank, &out);
    if (status != BL_OK)
        return status;
    if (!bl_shape_broadcast(input, out, &both) || !bl_shape_equal(both, out))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s does not broadcast to the product's %s",
                             BL__SHAPE_TEXT(input), BL__SHAPE_TEXT(out));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[INPUT]), out);
}

static bl_status addmm_infer(bl_infer_call *call)
{
    return infer_sum(call, 2, 2);
}

static bl_status addmv_infer(bl_infer_call *call)
{
    return infer_sum(call, 2, 1);
}

static bl_status baddbmm_infer(bl_infer_call *call)
{
    return infer_sum(call, 3, 3);
}

/* What a factor of 0 leaves out is not multiplied: NaN and infinity in it do not count. */
static void sum_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, bl_tensor **outputs)
{
    const bl__addmm_attributes *factors = attributes;
    bl_tensor *product = bl_matmul(inputs[A], inputs[B]), *input = inputs[INPUT];
    (void)graph;
    (void)input_count;
    if (factors->alpha != 1)
        product = bl_mul_scalar(product, factors->alpha);
    if (factors->beta != 1 && factors->beta != 0)
        input = bl_mul_scalar(input, factors->beta);
    outputs[0] = factors->beta == 0 ? product : bl_add(input, product);
}

static bl_tensor *apply_sum(const bl_op *op, bl_tensor *input, bl_tensor *a, bl_tensor *b, double beta,
                            double alpha)
{
    bl_tensor *inputs[] = {input, a, b};
    bl__addmm_attributes attributes = {.beta = beta, .alpha = alpha};
    return bl__apply(op, inputs, 3, &attributes);
}

bl_tensor *bl_addmm(bl_tensor *input, bl_tensor *a, bl_tensor *b, double beta, double alpha)
{
    return apply_sum(&bl__op_addmm, input, a, b, beta, alpha);
}

bl_tensor *bl_addmv(bl_tensor *input, bl_tensor *matrix, bl_tensor *vector, double beta, double alpha)
{
    return apply_sum(&bl__op_addmv, input, matrix, vector, beta, alpha);
}

bl_tensor *bl_baddbmm(bl_tensor *input, bl_tensor *a, bl_tensor *b, double beta, double alpha)
{
    return apply_sum(&bl__op_baddbmm, input, a, b, beta, alpha);
}

/* The op on factors of random sizes and a summand that broadcasts to their product. */
static bl_tensor *sample_sum(bl_sampler *sampler, const bl_op *op, int left_rank, int right_rank)
{
    static const double factors[] = {0, 1, -0.5, 2};
    bl_shape a = {.rank = left_rank}, b = {.rank = right_rank}, out, input;
    for (int d = 0; d < left_rank; d++)
        a.size[d] = b.size[d] = sample_size(sampler);
    b.size[right_rank == 1 ? 0 : right_rank - 2] = a.size[left_rank - 1];
    if (right_rank > 1)
        b.size[right_rank - 1] = sample_size(sampler);
    out = right_rank == 1 ? bl__leading(a, 1) : bl__shape_with(a, a.rank - 1, b.size[b.rank - 1]);
    int cut = bl__sample_chance(sampler, 3) ? (int)bl_sample_int(sampler, 0, out.rank) : 0;
    input = (bl_shape){.rank = out.rank - cut};
    for (int d = 0; d < input.rank; d++)
        input.size[d] = bl__sample_chance(sampler, 4) ? 1 : out.size[cut + d];
    bl_tensor *summand = bl_sample_real(sampler, input, -1, 1);
    bl_tensor *left = bl_sample_real(sampler, a, -1, 1), *right = bl_sample_real(sampler, b, -1, 1);
    double beta = factors[bl_sample_int(sampler, 0, 3)], alpha = factors[bl_sample_int(sampler, 0, 3)];
    return apply_sum(op, summand, left, right, beta, alpha);
}

static bl_tensor *addmm_sample(bl_sampler *sampler)
{
    return sample_sum(sampler, &bl__op_addmm, 2, 2);
}

static bl_tensor *addmv_sample(bl_sampler *sampler)
{
    return sample_sum(sampler, &bl__op_addmv, 2, 1);
}

static bl_tensor *baddbmm_sample(bl_sampler *sampler)
{
    return sample_sum(sampler, &bl__op_baddbmm, 3, 3);
}

const bl_op bl__op_addmm = {
    BL__OP(addmm, 3),     .flags = BL__OP_COMPOSITE,  .attributes_size = sizeof(bl__addmm_attributes),
    .infer = addmm_infer, .decompose = sum_decompose, .sample = addmm_sample};
const bl_op bl__op_addmv = {
    BL__OP(addmv, 3),     .flags = BL__OP_COMPOSITE,  .attributes_size = sizeof(bl__addmm_attributes),
    .infer = addmv_infer, .decompose = sum_decompose, .sample = addmv_sample};
const bl_op bl__op_baddbmm = {
    BL__OP(baddbmm, 3),     .flags = BL__OP_COMPOSITE,  .attributes_size = sizeof(bl__addmm_attributes),
    .infer = baddbmm_infer, .decompose = sum_decompose, .sample = baddbmm_sample};
