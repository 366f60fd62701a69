/* PyTorch's cases of linear algebra; what needs LAPACK is in cases_factorizations.c. */
#include "cases.h"

DEFINE_BUILD(matmul, bl_matmul(c->input[0], c->input[1]))
DEFINE_BUILD(dot, bl_dot(c->input[0], c->input[1]))
DEFINE_BUILD(vdot, bl_vdot(c->input[0], c->input[1]))
DEFINE_BUILD(outer, bl_outer(c->input[0], c->input[1]))
DEFINE_BUILD(mv, bl_mv(c->input[0], c->input[1]))
DEFINE_BUILD(cross, bl_cross(c->input[0], c->input[1], (int)integer_at(c, 0)))
DEFINE_BUILD(bmm, bl_bmm(c->input[0], c->input[1]))
DEFINE_BUILD(addmm, bl_addmm(c->input[0], c->input[1], c->input[2], c->attribute[0], c->attribute[1]))
DEFINE_BUILD(addmv, bl_addmv(c->input[0], c->input[1], c->input[2], c->attribute[0], c->attribute[1]))
DEFINE_BUILD(baddbmm, bl_baddbmm(c->input[0], c->input[1], c->input[2], c->attribute[0], c->attribute[1]))
DEFINE_BUILD(trace, bl_trace(c->input[0]))
DEFINE_BUILD(kron, bl_kron(c->input[0], c->input[1]))
DEFINE_BUILD(cdist, bl_cdist(c->input[0], c->input[1]))
DEFINE_BUILD(matrix_power, bl_matrix_power(c->input[0], integer_at(c, 0)))

/* The subscripts are the attributes, a character each. */
static void build_einsum(pytorch_case *c)
{
    char subscripts[MOST_ATTRIBUTES + 1] = "";
    for (size_t i = 0; i < c->attribute_count; i++)
        subscripts[i] = (char)integer_at(c, i);
    c->output[0] = bl_einsum(subscripts, c->input, c->input_count);
}

static void build_solve_triangular(pytorch_case *c)
{
    bl_solve_triangular_options options = {
        .upper = c->attribute[0] != 0, .left = c->attribute[1] != 0, .unitriangular = c->attribute[2] != 0};
    c->output[0] = bl_solve_triangular_with(c->input[0], c->input[1], &options);
}

const pytorch_builder pytorch_linalg[] = {ROW(matmul), ROW(einsum), ROW(dot),          ROW(vdot),
                                          ROW(outer),  ROW(mv),     ROW(cross),        ROW(bmm),
                                          ROW(addmm),  ROW(addmv),  ROW(baddbmm),      ROW(trace),
                                          ROW(kron),   ROW(cdist),  ROW(matrix_power), ROW(solve_triangular),
                                          END_ROW};
