"""Cases of linear algebra: products, einsum, triangular systems. What needs LAPACK is in cases_factorizations.py."""
import torch

from make_fixtures import real, signed, values

# Subscripts and the shapes of their operands. Where NumPy and PyTorch differ, PyTorch's is meant.
EINSUM = [
    ("ij->ji", (2, 3)), ("ji", (2, 3)), ("ij->i", (2, 3)), ("ij->j", (2, 3)), ("ij->", (2, 3)), ("ij", (2, 3)),
    ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->ij", (2, 2, 3)), ("iji->j", (2, 3, 2)), ("ijij->ij", (2, 3, 2, 3)),
    ("iijj->ji", (2, 2, 3, 3)), ("iii->", (2, 2, 2)), ("->", ()), ("", ()),
    ("abcdefgh->hgfedcba", (1, 2, 1, 2, 1, 2, 1, 2)), ("aBc->cBa", (2, 3, 2)), ("Ba", (2, 3)), ("ba", (2, 3)),
    ("i,i->i", (3,), (3,)), ("i,i->", (3,), (3,)), ("i,j->ij", (2,), (3,)), ("i,j->ji", (2,), (3,)),
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij,kj->ki", (2, 3), (4, 3)),
    ("ij,j->i", (2, 3), (3,)), ("ij,ij->ij", (2, 3), (2, 3)), ("ij,ij->", (2, 3), (2, 3)),
    ("ij,ji->", (2, 3), (3, 2)), ("ij,k->", (2, 3), (2,)), ("ij,ik->jk", (2, 3), (2, 4)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("bij,bjk", (2, 2, 3), (2, 3, 2)), ("bij,bij->b", (2, 3, 2), (2, 3, 2)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 2, 2, 4)), ("bhqk,bkhd->bqhd", (2, 2, 3, 2), (2, 2, 2, 4)),
    ("abcd,cdef->abef", (2, 1, 2, 3), (2, 3, 2, 1)), ("abcd,dbca->a", (2, 2, 1, 3), (3, 2, 1, 2)),
    ("ii,ij->j", (2, 2), (2, 3)), ("iij,jkk->ik", (2, 2, 3), (3, 2, 2)),
    ("i,ij,j->", (2,), (2, 3), (3,)), ("ik,jkl,il->ij", (2, 3), (2, 3, 2), (2, 2)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 2), (2, 3), (3, 2)), ("i,j,k->kji", (2,), (3,), (2,)),
    ("ai,bi,ci,di->abcd", (2, 3), (1, 3), (2, 3), (2, 3)), ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
    ("...ij,...jk", (2, 2, 3), (3, 2)), ("...ij->...ji", (2, 2, 3)), ("...ii->...i", (2, 3, 3)),
    ("i...->...", (2, 3)), ("...i->i", (2, 2, 3)), ("...,...->...", (2, 3), (3,)), ("i...j,j->i...", (2, 2, 3), (3,)),
    ("...->...", (2, 3)), ("ij,ij->ij", (2, 3), (2, 1)), ("ij,j->i", (2, 3), (1,)), ("ij,jk->ik", (1, 1), (3, 2)),
    (" b i j , b j k -> b i k ", (2, 2, 3), (2, 3, 2)), ("ij,jk->ik", (2, 0), (0, 3)), ("ij,jk->ik", (0, 2), (2, 3)),
    ("i,i->", (0,), (0,)), ("ij->j", (0, 3)), ("bij,bjk->bik", (0, 2, 3), (0, 3, 2)),
]


def codes(text):
    """Subscripts as numbers, ended by a 0, for the builder to put together again."""
    return tuple(ord(c) for c in text) + (0,)


def products(add):
    for n in (0, 1, 5):
        add("dot", torch.dot, real((n,)), real((n,)))
        add("vdot", torch.vdot, real((n,)), real((n,)))
        add("outer", torch.outer, real((n,)), real((3,)))
        add("mv", torch.mv, real((3, n)), real((n,)))
        add("bmm", torch.bmm, real((n, 2, 3)), real((n, 3, 4)))
        add("bmm", torch.bmm, real((2, 3, n)), real((2, n, 1)))
    add("outer", torch.outer, real((4,)), real((0,)))
    add("mv", torch.mv, real((0, 2)), real((2,)))
    nan = values([float("nan"), 1])
    for beta, alpha in ((1, 1), (0.5, -2), (0, 1), (1, 0), (-1, 0.25)):
        a = (beta, alpha)
        add("addmm", lambda x, p, q: torch.addmm(x, p, q, beta=beta, alpha=alpha), real((2, 4)), real((2, 3)),
            real((3, 4)), attributes=a)
        add("addmm", lambda x, p, q: torch.addmm(x, p, q, beta=beta, alpha=alpha), real((4,)), real((2, 3)),
            real((3, 4)), attributes=a)
        add("addmv", lambda x, p, q: torch.addmv(x, p, q, beta=beta, alpha=alpha), real((2,)), real((2, 3)),
            real((3,)), attributes=a)
        add("addmv", lambda x, p, q: torch.addmv(x, p, q, beta=beta, alpha=alpha), real(()), real((2, 3)),
            real((3,)), attributes=a)
        add("baddbmm", lambda x, p, q: torch.baddbmm(x, p, q, beta=beta, alpha=alpha), real((2, 2, 4)),
            real((2, 2, 3)), real((2, 3, 4)), attributes=a)
        add("baddbmm", lambda x, p, q: torch.baddbmm(x, p, q, beta=beta, alpha=alpha), real((2, 1)),
            real((2, 2, 3)), real((2, 3, 4)), attributes=a)
    add("addmm", lambda x, p, q: torch.addmm(x, p, q, beta=0), nan, real((2, 3)), real((3, 2)), attributes=(0, 1))
    for shape in ((1, 1), (3, 3), (2, 4), (0, 3), (5, 5)):
        add("trace", torch.trace, real(shape))
    # The gradient of torch.trace (1.13) goes on below the diagonal of a matrix that is taller than wide.
    add("trace", lambda x: torch.diagonal(x).sum(), real((4, 2)))


def other_matrices(add):
    for a, b in (((2,), (3,)), ((2, 2), (3, 1)), ((2, 3), (2,)), ((2,), (1, 2, 2)), ((), (2, 2)), ((0, 2), (2, 2))):
        add("kron", torch.kron, real(a), real(b))
    for a, b, axis in (((3,), (3,), -1), ((2, 3), (2, 3), 1), ((3, 2), (3, 2), 0), ((2, 3, 2), (1, 3, 2), 1),
                       ((2, 1, 3), (1, 2, 3), -1), ((0, 3), (0, 3), 1)):
        add("cross", lambda x, y: torch.linalg.cross(x, y, dim=axis), real(a), real(b), attributes=(axis,))
    # Exactly, not by the product that PyTorch takes for many points.
    for a, b in (((2, 3), (4, 3)), ((2, 1), (2, 1)), ((2, 2, 3), (2, 1, 3)), ((2, 1, 2, 2), (3, 2, 2)),
                 ((0, 3), (2, 3)), ((2, 7), (3, 7))):
        add("cdist", lambda x, y: torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist"), real(a), real(b))
    same = [[0.5, 1], [2, -1]]
    add("cdist", lambda x, y: torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist"), values(same),
        values(same))
    for n in (0, 1, 2, 3, 5, 8):
        add("matrix_power", lambda x: torch.linalg.matrix_power(x, n), real((2, 3, 3), -1, 1), attributes=(n,))
    for a, b in (((2, 3), (3, 4)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (4, 3, 2)),
                 ((3,), (2, 3, 2)), ((2, 2, 3), (3,)), ((2, 2, 0), (0, 3)), ((1, 2, 1, 2, 3), (2, 1, 2, 3, 2)),
                 ((0, 2, 3), (3, 2)), ((2, 3, 0), (2, 0, 1))):
        add("matmul", torch.matmul, real(a), real(b))


# The diagonal of signed numbers is away from 0, and little stands beside it.
def triangle(shape):
    return signed(shape, 0.5, 1.0)


def triangular(add):
    for upper in (0, 1):
        for left in (0, 1):
            for unit in (0, 1):
                for batch_a, batch_b in (((), ()), ((2,), (3, 1))):
                    n, k = 3, 2
                    add("solve_triangular",
                        lambda a, b: torch.linalg.solve_triangular(a, b, upper=bool(upper), left=bool(left),
                                                                   unitriangular=bool(unit)),
                        triangle((*batch_a, n, n)), real((*batch_b, n, k) if left else (*batch_b, k, n)),
                        attributes=(upper, left, unit))
    for a, b in (((0, 0), (0, 2)), ((2, 2), (2, 0)), ((0, 2, 2), (2, 1)), ((1, 1), (1, 1))):
        add("solve_triangular", lambda x, y: torch.linalg.solve_triangular(x, y, upper=False), triangle(a), real(b),
            attributes=(0, 1, 0))


def cases(add):
    for subscripts, *shapes in EINSUM:
        add("einsum", lambda *operands: torch.einsum(subscripts, *operands), *[real(s) for s in shapes],
            attributes=codes(subscripts))
    products(add)
    other_matrices(add)
    triangular(add)
