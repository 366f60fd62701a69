"""Cases of linear algebra that need LAPACK."""
import torch

from make_fixtures import real, values


def regular(x):
    """Far from singular."""
    n = x.shape[-1]
    return x + (n + 1) * torch.eye(n, dtype=x.dtype)


SQUARES = [(1, 1), (2, 2), (3, 3), (2, 3, 3), (2, 1, 4, 4), (5, 5), (0, 0), (0, 2, 2)]


def cases(add):
    for shape in SQUARES:
        def definite(x):
            return x @ x.mT + shape[-1] * torch.eye(shape[-1], dtype=x.dtype)
        # The builder records the same matrix from x, which regular and definite make of it.
        add("cholesky", lambda x: torch.linalg.cholesky(definite(x)), real(shape, -1, 1))
        add("cholesky_of_lower", lambda x: torch.linalg.cholesky(x),
            values((torch.eye(shape[-1]).expand(shape) * (2 + torch.arange(shape[-1])) + 0.5).numpy()))
        add("inverse", lambda x: torch.linalg.inv(regular(x)), real(shape, -1, 1))
        add("det", lambda x: torch.linalg.det(regular(x) / 2), real(shape, -1, 1))
        add("slogdet", lambda x: tuple(torch.linalg.slogdet(-regular(x))), real(shape, -1, 1))
        add("logdet", lambda x: torch.logdet(regular(x)), real(shape, -1, 1))
    for a, b in (((3, 3), (3, 2)), ((3, 3), (3,)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (2, 3, 2)), ((3, 3), (2, 3, 2)),
                 ((2, 1, 2, 2), (3, 2, 1)), ((1, 1), (1, 1)), ((0, 0), (0, 2)), ((2, 2), (2, 0)), ((0, 2, 2), (0, 2, 1))):
        add("solve", lambda x, y: torch.linalg.solve(regular(x), y), real(a, -1, 1), real(b))
    add("inverse_power", lambda x: torch.linalg.matrix_power(regular(x), -3), real((2, 2), -1, 1))
