/* solve_triangular: systems whose matrix is a triangle. */
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    A,
    B
};

static bl_status solve_triangular_infer(bl_infer_call *call)
{
    const bl__solve_triangular_attributes *attributes = call->attributes;
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B), out;
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = bl__require_square(call, A);
    if (status != BL_OK)
        return status;
    if (b.rank < 2 || b.size[b.rank - (attributes->left ? 2 : 1)] != a.size[a.rank - 1])
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s on the %s does not fit a right-hand side of %s",
                             BL__SHAPE_TEXT(a), attributes->left ? "left" : "right", BL__SHAPE_TEXT(b));
    if (!bl_shape_broadcast(bl__leading(a, 2), bl__leading(b, 2), &out))
        return bl_infer_fail(call, BL_ERR_SHAPE, "leading dimensions do not broadcast: %s and %s",
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    out.size[out.rank++] = b.size[b.rank - 2];
    out.size[out.rank++] = b.size[b.rank - 1];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), out);
}

bl_solve_triangular_options bl_solve_triangular_defaults(void)
{
    return (bl_solve_triangular_options){.upper = false, .left = true, .unitriangular = false};
}

bl_tensor *bl_solve_triangular(bl_tensor *a, bl_tensor *b, bool upper)
{
    bl_solve_triangular_options options = bl_solve_triangular_defaults();
    options.upper = upper;
    return bl_solve_triangular_with(a, b, &options);
}

bl_tensor *bl_solve_triangular_with(bl_tensor *a, bl_tensor *b, const bl_solve_triangular_options *options)
{
    bl_solve_triangular_options chosen = options ? *options : bl_solve_triangular_defaults();
    bl__solve_triangular_attributes attributes = {
        .upper = chosen.upper, .left = chosen.left, .unitriangular = chosen.unitriangular};
    return bl__apply_2(&bl__op_solve_triangular, a, b, &attributes);
}

/* AX = B: db = A^-T g, da = -db X^T; XA = B: db = g A^-T, da = -X^T db; da only where A is read. */
static void solve_triangular_vjp(bl_vjp_call *call)
{
    const bl__solve_triangular_attributes *attributes = call->attributes;
    bl__solve_triangular_attributes turned = *attributes;
    turned.upper = !attributes->upper;
    bl_tensor *x = call->outputs[0];
    bl_tensor *by_b =
        bl__apply_2(&bl__op_solve_triangular, bl__turned(call->inputs[A]), call->cotangents[0], &turned);
    if (call->needed[B])
        call->gradients[B] = by_b;
    if (!call->needed[A])
        return;
    bl_tensor *product = attributes->left ? bl_matmul(by_b, bl__turned(x)) : bl_matmul(bl__turned(x), by_b);
    call->gradients[A] = bl_neg(bl__triangle(product, attributes->upper, attributes->unitriangular));
}

static bl_tensor *solve_triangular_sample(bl_sampler *sampler)
{
    bl_shape a, b;
    do
        bl_sample_broadcast(sampler, &a, &b);
    while (a.rank > 2 || b.rank > 2);
    int64_t n = bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 4);
    int64_t k = bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 3);
    bl_solve_triangular_options options = {.upper = bl__sample_chance(sampler, 2),
                                           .left = bl__sample_chance(sampler, 2),
                                           .unitriangular = bl__sample_chance(sampler, 3)};
    a.size[a.rank++] = n;
    a.size[a.rank++] = n;
    b.size[b.rank++] = options.left ? n : k;
    b.size[b.rank++] = options.left ? k : n;
    bl_tensor *matrix = bl_sample_signed(sampler, a, 0.5, 1);
    return bl_solve_triangular_with(matrix, bl_sample_real(sampler, b, -1, 1), &options);
}

const bl_op bl__op_solve_triangular = {
    BL__OP(solve_triangular, 2), .attributes_size = sizeof(bl__solve_triangular_attributes),
    .infer = solve_triangular_infer, .vjp = solve_triangular_vjp, .sample = solve_triangular_sample};
