"""Cases of reductions, scans and ordering."""
import torch

from make_fixtures import bools, distinct, integers, real, signed, values

INF, NAN = float("inf"), float("nan")
AXES = [((2, 3, 4), (1,), False), ((2, 3, 4), (0, 2), True), ((5,), (0,), False), ((2, 0, 3), (1,), False),
        ((2, 3), (-1,), True), ((3, 1, 2, 2), (0, 1, 2, 3), False), ((3, 17), (1,), False), ((2, 0, 3), (0,), False)]


def each_axis(function, x, axes, keepdim):
    """What PyTorch reduces over one axis only, over several."""
    for axis in sorted((a % x.dim() for a in axes), reverse=True):
        x = function(x, axis, keepdim)
    return x


def products(add):
    def prod(axes, keepdim):
        return lambda x: each_axis(torch.prod, x, axes, keepdim)
    for shape, axes, keepdim in AXES:
        add("prod", prod(axes, keepdim), signed(shape, 0.5, 1.5), attributes=(int(keepdim), *axes))
    add("prod", prod((0,), False), integers((2, 5), -3, 3), attributes=(0, 0))
    for row in ([2, 0, 3, 5], [0, 2, 0, 3], [0, 0, 0, 0], [1.5, -2, 0.5, 0]):
        add("prod", prod((0,), False), values(row), attributes=(0, 0))
        add("cumprod", lambda x: torch.cumprod(x, 0), values(row), attributes=(0,))
    add("prod", prod((0, 1), True), values([[2, 0], [3, 5]]), attributes=(1, 0, 1))
    add("prod", prod((1,), False), values([[NAN, 0], [INF, 0], [INF, -2]], grad=False), attributes=(0, 1))


def sums_and_scans(add):
    for shape, axes, keepdim in AXES:
        add("nansum", lambda x: torch.nansum(x, axes, keepdim), real(shape), attributes=(int(keepdim), *axes))
    add("nansum", lambda x: torch.nansum(x, 1), values([[1, NAN, 3], [NAN, NAN, NAN], [INF, NAN, 1]]),
        attributes=(0, 1))
    for shape, axis in (((7,), 0), ((2, 3), 0), ((2, 3), -1), ((2, 3, 4), 1), ((2, 0), 1), ((0, 2), 1), ((1, 1), 0)):
        add("cumsum", lambda x: torch.cumsum(x, axis), real(shape), attributes=(axis,))
        add("cumprod", lambda x: torch.cumprod(x, axis), signed(shape, 0.5, 1.5), attributes=(axis,))
    add("cumsum", lambda x: torch.cumsum(x, 1), integers((2, 5), -9, 9), attributes=(1,))
    add("cumprod", lambda x: torch.cumprod(x, 1), integers((2, 5), -3, 3), attributes=(1,))
    add("cumsum", lambda x: torch.cumsum(x, 0), values([1, INF, 2, -INF, 0, NAN]), attributes=(0,))


def extremes(add):
    for shape, axes, keepdim in AXES:
        flags = (int(keepdim), *axes)
        if all(shape[a] for a in axes):
            add("min", lambda x: torch.amin(x, axes, keepdim), distinct(shape), attributes=flags)
            add("min", lambda x: torch.amin(x, axes, keepdim), integers(shape, -3, 3), attributes=flags)
            if len(axes) == 1:
                add("argmin", lambda x: torch.argmin(x, axes[0], keepdim), distinct(shape, grad=False),
                    attributes=flags)
    add("min", lambda x: torch.amin(x, (0,), False), values([3, 1, 1, 2, 1]), attributes=(0, 0))
    add("min", lambda x: torch.amin(x, (0, 1), False), values([[2, 1], [1, 2]]), attributes=(0, 0, 1))
    special = values([[1, NAN, 2], [1, -INF, INF], [INF, INF, INF]], grad=False)
    add("min", lambda x: torch.amin(x, (1,), False), special, attributes=(0, 1))
    add("argmin", lambda x: torch.argmin(x, 1), special, attributes=(0, 1))
    add("argmin", lambda x: torch.argmin(x), distinct((3, 4), grad=False), attributes=(0, 0, 1))


def counts(add):
    for shape, axes, keepdim in AXES:
        flags = (int(keepdim), *axes)
        add("any", lambda x: each_axis(torch.any, x, axes, keepdim), bools(shape), attributes=flags)
        add("all", lambda x: each_axis(torch.all, x, axes, keepdim), bools(shape), attributes=flags)
        if not keepdim:
            add("count_nonzero", lambda x: torch.count_nonzero(x, axes), integers(shape, -1, 1), attributes=flags)
    add("count_nonzero", lambda x: torch.count_nonzero(x, 0), values([0, -0.0, NAN, INF, 0.5], grad=False),
        attributes=(0, 0))
    add("count_nonzero", lambda x: torch.count_nonzero(x, 1), bools((2, 5)), attributes=(0, 1))


def statistics(add):
    for name, function in (("var", torch.var), ("std", torch.std)):
        def of(axes, correction, keepdim):
            return lambda x: function(x, dim=axes, correction=correction, keepdim=keepdim)
        for shape, axes, keepdim in AXES:
            for correction in (0, 1, -1):
                add(name, of(axes, correction, keepdim), real(shape), attributes=(correction, int(keepdim), *axes))
        add(name, of((0,), 1, False), values([3]), attributes=(1, 0, 0))
        add(name, of((0,), 2, False), values([3, 1], grad=False), attributes=(2, 0, 0))
        add(name, of((1,), 1, False), values([[2, 2, 2], [1, 2, 3]]), attributes=(1, 0, 1))
        add(name, of((1,), 1, False), values([[1, NAN], [INF, 2]], grad=False), attributes=(1, 0, 1))


def logsumexp(add):
    for shape, axes, keepdim in AXES:
        add("logsumexp", lambda x: torch.logsumexp(x, axes, keepdim), real(shape, -4, 4),
            attributes=(int(keepdim), *axes))
    add("logsumexp", lambda x: torch.logsumexp(x, 1), values([[1000, 1000], [-1000, -999], [-INF, 2], [0, 0]]),
        attributes=(0, 1))
    # The gradient of a row of -inf is NaN in PyTorch, 0 here.
    add("logsumexp", lambda x: torch.logsumexp(x, 1), values([[-INF, -INF], [INF, 1], [NAN, 1]], grad=False),
        attributes=(0, 1))


def norms(add):
    def norm(p, axes, keepdim):
        return lambda x: torch.linalg.vector_norm(x, p, axes, keepdim)
    for p in (2, 1, 0, 3, 0.5, 1.5, -1, INF, -INF):
        for shape, axes, keepdim in AXES:
            if all(shape[a] for a in axes) or 0 <= p < INF:
                add("norm", norm(p, axes, keepdim), signed(shape, 0.2, 2), attributes=(p, int(keepdim), *axes))
        add("norm", norm(p, (1,), False), values([[0, 0, 0], [3, 0, -3], [1, 2, -2]]), attributes=(p, 0, 1))
    add("norm", norm(2, (1,), False), values([[NAN, 1], [INF, 2], [-INF, INF]], grad=False), attributes=(2, 0, 1))
    add("norm", norm(INF, (1,), False), values([[NAN, 1], [INF, 2], [-INF, INF]], grad=False),
        attributes=(INF, 0, 1))


def ordering(add):
    def sort(axis, descending):
        return lambda x: tuple(torch.sort(x, dim=axis, descending=descending, stable=True))

    def topk(k, axis, largest):
        return lambda x: tuple(torch.topk(x, k, axis, largest))
    special = [1, NAN, INF, -INF, NAN, 1, 0, 2]
    for descending in (False, True):
        for shape, axis in (((7,), 0), ((2, 3), 0), ((2, 3), -1), ((2, 5, 3), 1), ((2, 0), 1), ((0, 2), 1)):
            add("sort", sort(axis, descending), distinct(shape), attributes=(axis, int(descending)))
            add("argsort", lambda x: torch.argsort(x, axis, descending), distinct(shape, grad=False),
                attributes=(axis, int(descending)))
            for k in {0, shape[axis] // 2, shape[axis]}:
                add("topk", topk(k, axis, descending), distinct(shape), attributes=(k, axis, int(descending)))
        add("sort", sort(0, descending), values(special), attributes=(0, int(descending)))
        add("sort", sort(1, descending), integers((3, 20), -4, 4), attributes=(1, int(descending)))
        add("topk", topk(2, 0, descending), values([1, INF, -INF, 0, 2]), attributes=(2, 0, int(descending)))


def cases(add):
    products(add)
    sums_and_scans(add)
    extremes(add)
    counts(add)
    statistics(add)
    logsumexp(add)
    norms(add)
    ordering(add)
