/* Rows of edges.h: products of vectors and matrices, and what is made of matrices. */
#include "edges.h"

static bl_tensor *contract(bl_tensor *const *x)
{
    return bl_einsum(edge_is_high() ? "abcdefgh,hi->abcdefgi" : "ab,bc->ac", x, 2);
}
#if BL__LAPACK
static bl_tensor *slogdet(bl_tensor *x)
{
    bl_tensor *both[2];
    bl_slogdet(x, &both[0], &both[1]);
    return bl_add(both[0], both[1]);
}
#endif

/* clang-format off */
#define SQUARE(empty) ("d:ann", "d:11111ann", empty, "-", NULL)

#if BL__LAPACK
#define FACTORIZATIONS(X) \
    X(cholesky, SQUARE(NULL), bl_cholesky(x[0])) \
    X(inverse, SQUARE(NULL), bl_inverse(x[0])) \
    X(solve, ("d:a1nn r:1cnk", "d:11a111nn r:111c11nk", NULL, "---", "ac"), bl_solve(x[0], x[1])) \
    X(det, SQUARE("n=1"), bl_det(x[0])) \
    X(slogdet, SQUARE("n=1"), slogdet(x[0])) \
    X(logdet, SQUARE("n=0"), bl_logdet(x[0]))
#else
#define FACTORIZATIONS(X)
#endif

#define ROWS(X) FACTORIZATIONS(X) \
    X(matmul, ("r:amk r:1kn", "r:1a1111mk r:kn", "k=0", "---", "mn"), bl_matmul(x[0], x[1])) \
    X(linear, ("r:bi r:oi r:o", "r:b111111i r:oi r:o", "i=x2", "----", "bo"), bl_linear(x[0], x[1], x[2])) \
    X(einsum, ("r:ab r:bc", "r:a111111b r:bc", "b=0", "---", "ac"), contract(x)) \
    X(dot, ("r:a r:a", "!r:1111111a r:a", "a=0", "---", NULL), bl_dot(x[0], x[1])) \
    X(vdot, ("r:a r:a", "!r:1111111a r:a", "a=0", "---", NULL), bl_vdot(x[0], x[1])) \
    X(outer, ("r:a r:b", "!r:1111111a r:b", NULL, "---", "ab"), bl_outer(x[0], x[1])) \
    X(mv, ("r:mn r:n", "!r:111111mn r:n", "n=0", "---", NULL), bl_mv(x[0], x[1])) \
    X(cross, ("r:ab1 r:1bc", "r:1a1111b1 r:111111bc", "b=!", "---", "ac"), bl_cross(x[0], x[1], edge_at('b'))) \
    X(bmm, ("r:bmk r:bkn", "!r:11111bmk r:11111bkn", "k=0", "---", "mn"), bl_bmm(x[0], x[1])) \
    X(addmm, ("r:n r:mk r:kn", "!r:n r:111111mk r:111111kn", "k=x0", "+---", "mn"), bl_addmm(x[0], x[1], x[2], 1, 2)) \
    X(addmv, ("r:m r:mn r:n", "!r:m r:111111mn r:n", "n=x0", "+---", NULL), bl_addmv(x[0], x[1], x[2], 1, 2)) \
    X(baddbmm, ("r:n r:bmk r:bkn", "!r:n r:11111bmk r:11111bkn", "k=x0", "+---", "mn"), bl_baddbmm(x[0], x[1], x[2], 1, 2)) \
    X(trace, ("r:ab", "!r:111111ab", "a=0 b=0", "-", NULL), bl_trace(x[0])) \
    X(kron, ("r:ab r:cd", "!r:a111111b r:c111111d", NULL, "+++", "ac"), bl_kron(x[0], x[1])) \
    X(cdist, ("r:apm r:arm", "r:1111a1pm r:111a1rm", "m=0", "---", "pr"), bl_cdist(x[0], x[1])) \
    X(matrix_power, SQUARE(NULL), bl_matrix_power(x[0], 3)) \
    X(solve_triangular, ("d:a1nn r:1cnk", "d:11a111nn r:111c11nk", NULL, "---", "ac"), bl_solve_triangular(x[0], x[1], false))
/* clang-format on */

ROWS(EDGE_BUILD)

const edge_row edge_rows_products[] = {ROWS(EDGE_ROW){0}};
