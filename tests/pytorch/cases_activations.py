"""Cases of activation functions."""
import torch
import torch.nn.functional as F

from make_fixtures import integers, real, signed, values

NAN, INF = float("nan"), float("inf")
SHAPES = [(2, 3), (), (7,), (2, 0, 3), (2, 1, 3, 1, 2), (1, 2, 1, 1, 2, 1, 1, 3)]
FAR = [-1e4, -100, -30, -3.5, 0.25, 3.5, 30, 100, 1e4]
ENDS = [INF, -INF, NAN]


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


def smooth(add):
    # At -inf (and in the derivatives at inf) PyTorch has NaN for these, where the library has the limits.
    for name, function in (("gelu", F.gelu), ("gelu_tanh", gelu_tanh), ("silu", F.silu), ("mish", F.mish)):
        for shape in SHAPES:
            add(name, function, real(shape, -5, 5))
        add(name, function, values(FAR + [NAN]))
        add(name, function, values([INF, NAN], grad=False))
    for shape in SHAPES:
        add("log_sigmoid", F.logsigmoid, real(shape, -5, 5))
        for beta, threshold in ((1.0, 20.0), (2.0, 1.0), (-0.5, 20.0), (0.25, INF)):
            add("softplus", lambda x: F.softplus(x, beta, threshold), real(shape, -5, 5),
                attributes=(beta, threshold))
    add("log_sigmoid", F.logsigmoid, values(FAR + ENDS))
    add("softplus", F.softplus, values(FAR + ENDS), attributes=(1, 20))
    add("softplus", lambda x: F.softplus(x, 2, 1), values([0.5, -0.5] + FAR + ENDS), attributes=(2, 1))


def in_pieces(add):
    with_number = (("leaky_relu", F.leaky_relu, (0.01, -0.5, 2.0)), ("elu", F.elu, (1.0, 0.5, -2.0)),
                   ("celu", F.celu, (1.0, 0.5, 2.0)))
    for name, function, numbers in with_number:
        for c in numbers:
            for shape in SHAPES:
                add(name, lambda x: function(x, c), real(shape, -4, 4), attributes=(c,))
            add(name, lambda x: function(x, c), values([0, -1, 1] + FAR + [INF, -INF]), attributes=(c,))
            add(name, lambda x: function(x, c), values([NAN, 1], grad=False), attributes=(c,))
    for name, function in (("selu", F.selu), ("hardsigmoid", F.hardsigmoid), ("hardswish", F.hardswish),
                           ("relu6", F.relu6)):
        for shape in SHAPES:
            add(name, function, real(shape, -5, 7))
        add(name, function, values([0, -1, 1, 6] + FAR + [INF]))
    add("selu", F.selu, values([-INF]))
    add("hardsigmoid", F.hardsigmoid, values([-3, 3, -INF]))
    add("relu6", F.relu6, values([-INF]))
    add("relu6", F.relu6, integers((3, 4), -9, 9))
    for bounds in ((-1.0, 1.0), (0.25, 2.0), (-3.0, -1.0)):
        for shape in SHAPES:
            add("hardtanh", lambda x: F.hardtanh(x, *bounds), real(shape, -4, 4), attributes=bounds)
        add("hardtanh", lambda x: F.hardtanh(x, *bounds), values([-3, -1, 0, 0.25, 1, 2, INF, -INF]),
            attributes=bounds)
    add("hardtanh", lambda x: F.hardtanh(x, -1, 3), integers((3, 4), -9, 9, "i32"), attributes=(-1, 3))


def shrinking(add):
    edges = values([-3, -1, -0.5, 0, 0.25, 0.5, 1, 3, INF, -INF])
    for name, function in (("softsign", F.softsign), ("tanhshrink", F.tanhshrink)):
        for shape in SHAPES:
            add(name, function, real(shape, -5, 5))
        add(name, function, values(FAR + ENDS))
    for name, function in (("hardshrink", F.hardshrink), ("softshrink", F.softshrink)):
        for c in (0.5, 1.0, 0.0):
            for shape in SHAPES:
                add(name, lambda x: function(x, c), real(shape, -3, 3), attributes=(c,))
            add(name, lambda x: function(x, c), edges, attributes=(c,))
    for settings in ((0.25, 7.0), (-1.0, -2.0)):
        for shape in SHAPES:
            add("threshold", lambda x: F.threshold(x, *settings), real(shape, -3, 3), attributes=settings)
        add("threshold", lambda x: F.threshold(x, *settings), edges, attributes=settings)


def with_two(add):
    for shape in SHAPES:
        add("prelu", F.prelu, real(shape, -4, 4), real((1,), -1, 1))
    for shape in ((2, 3), (4, 1), (2, 3, 2), (2, 3, 1, 2), (1, 2, 1, 1, 2, 1, 1, 3), (0, 3, 2)):
        add("prelu", F.prelu, signed(shape, 0.1, 4), real((shape[1],), -1, 1))
    add("prelu", F.prelu, values([[0, 1], [INF, -2], [-0.5, -INF]]), values([0.5, -2]))
    for shape, axis in (((4,), 0), ((4,), -1), ((2, 6), 1), ((2, 6), 0), ((4, 3, 2), -3), ((1, 2, 4), -1),
                        ((3, 0), 1), ((0, 2), 1)):
        add("glu", lambda x: F.glu(x, axis), real(shape, -5, 5), attributes=(axis,))
    add("glu", F.glu, values([1, -2, 3, NAN, 100, -100, INF, 1]), attributes=(-1,))


def cases(add):
    smooth(add)
    in_pieces(add)
    shrinking(add)
    with_two(add)
