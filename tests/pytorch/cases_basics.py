"""Cases of the first ops: functions of one tensor, reductions, shapes, products, rows, softmax, two losses."""
import torch
import torch.nn.functional as F

from make_fixtures import bools, distinct, given, integers, real, signed, values

SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 1e4, -1e4]
FUNCTIONS = {"neg": (-2, 2), "exp": (-3, 3), "log": (0.1, 3), "sqrt": (0.1, 3), "square": (-2, 2), "abs": (-2, 2),
             "sign": (-2, 2), "relu": (-2, 2), "tanh": (-3, 3), "sigmoid": (-5, 5)}
AXES = [((2, 3, 4), (1,), False), ((2, 3, 4), (0, 2), True), ((5,), (0,), False), ((2, 0, 3), (1,), False),
        ((2, 3), (-1,), True), ((3, 1, 2, 2), (0, 1, 2, 3), False)]


def unary(add):
    for name, (low, high) in FUNCTIONS.items():
        function = getattr(torch, name)
        for shape in ((), (7,), (2, 3), (3, 1, 2), (2, 0)):
            add(name, function, real(shape, low, high))
        # PyTorch's sign of NaN is 0, and so is its derivative of |NaN|: here NaN propagates.
        special = SPECIAL[1:] if name in ("abs", "sign") else SPECIAL
        add(name, function, values(special, grad=name not in ("log", "sqrt")))
        add(name, lambda x: function(x.transpose(0, 1).clone()).transpose(0, 1), real((2, 5), low, high))


def reductions(add):
    for shape, axes, keepdim in AXES:
        flags = (int(keepdim), *axes)
        add("sum", lambda x: torch.sum(x, axes, keepdim), real(shape), attributes=flags)
        add("mean", lambda x: torch.mean(x, axes, keepdim), real(shape), attributes=flags)
        if 0 not in shape:
            add("max", lambda x: torch.amax(x, axes, keepdim), distinct(shape), attributes=flags)
            add("max", lambda x: torch.amax(x, axes, keepdim), integers(shape, -3, 3), attributes=flags)
        if len(axes) == 1 and 0 not in shape:
            add("argmax", lambda x: torch.argmax(x, axes[0], keepdim), distinct(shape, grad=False), attributes=flags)
    add("max", lambda x: torch.amax(x, (0,), False), values([1, 3, 3, 2, 3]), attributes=(0, 0))
    # The gradient where the largest is NaN is NaN in PyTorch, zero here.
    add("max", lambda x: torch.amax(x, (1,), False), values([[1, float("nan"), 2], [1, 2, float("inf")]], grad=False),
        attributes=(0, 1))


def shapes(add):
    add("reshape", lambda x: x.reshape(3, 2), real((2, 3)), attributes=(3, 2))
    add("reshape", lambda x: x.reshape(2, 6), real((2, 3, 2)), attributes=(2, -1))
    add("reshape", lambda x: x.reshape(()), real((1, 1)), attributes=())
    add("permute", lambda x: x.permute(2, 0, 1), real((2, 3, 4)), attributes=(2, 0, 1))
    add("permute", lambda x: x.permute(1, 0), real((0, 3)), attributes=(1, 0))
    add("expand", lambda x: x.expand(2, 3, 4), real((3, 1)), attributes=(2, 3, 4))
    add("expand", lambda x: x.expand(2, 2), real(()), attributes=(2, 2))
    for axis, start, stop, step in ((0, 1, 5, 2), (1, 0, 3, 1), (-1, 2, 2, 1), (0, 0, 6, 4)):
        index = tuple([slice(None)] * (axis % 2) + [slice(start, stop, step)])
        add("slice", lambda x: x[index], real((6, 3)), attributes=(axis, start, stop, step))
    for axis in (0, 1, -1):
        add("concat", lambda *x: torch.cat(x, axis), real((2, 3)), real((2, 3)), real((2, 3)), attributes=(axis,))
    add("concat", lambda *x: torch.cat(x, 1), real((2, 0)), real((2, 3)), attributes=(1,))


def products(add):
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 1)), ((2, 1, 3, 4), (3, 4, 2)), ((4,), (4, 3)), ((3, 4), (4,)),
                 ((4,), (4,)), ((2, 3, 4), (4,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((17, 33), (33, 20))):
        add("matmul", torch.matmul, real(a), real(b))
    for shape in ((4,), (2, 4), (2, 3, 4), (0, 4), (2, 1, 3, 4)):
        add("linear", lambda x, w, b: F.linear(x, w, b), real(shape), real((3, 4)), real((3,)))
        add("linear", lambda x, w: F.linear(x, w), real(shape), real((3, 4)))


def rows(add):
    for shape in ((4,), (2, 3), (), (2, 0)):
        add("embedding", lambda w, i: F.embedding(i, w), real((5, 3)), integers(shape, 0, 4))
        add("embedding_padded", lambda w, i: F.embedding(i, w, padding_idx=1), real((5, 2)), integers(shape, 0, 4),
            attributes=(1,))
        add("one_hot", lambda i: F.one_hot(i, 6), integers(shape, 0, 5), attributes=(6,))


def softmax_and_losses(add):
    for shape, axis in (((5,), 0), ((2, 3), -1), ((2, 3, 4), 1), ((3, 1, 2), 0), ((2, 0), 0), ((1,), 0)):
        add("softmax", lambda x: torch.softmax(x, axis), real(shape, -3, 3), attributes=(axis,))
        add("log_softmax", lambda x: torch.log_softmax(x, axis), real(shape, -3, 3), attributes=(axis,))
    extreme = values([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, 0]])
    add("softmax", lambda x: torch.softmax(x, 1), extreme, attributes=(1,))
    add("log_softmax", lambda x: torch.log_softmax(x, 1), extreme, attributes=(1,))
    for number, reduction in enumerate(("none", "mean", "sum")):
        for shape in ((2, 3), (), (4, 1, 2)):
            add("mse_loss", lambda p, t: F.mse_loss(p, t, reduction=reduction), real(shape), real(shape),
                attributes=(number,))
        add("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction), real((4, 5), -3, 3),
            integers((4,), 0, 4), attributes=(number, -100))
        add("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction, ignore_index=2),
            real((6, 3), -3, 3), given([0, 2, 1, 2, 2, 0]), attributes=(number, 2))
        add("cross_entropy", lambda x, t: F.cross_entropy(x.movedim(-1, 1), t, reduction=reduction),
            real((2, 3, 4), -3, 3), integers((2, 3), 0, 3), attributes=(number, -100))


def casts(add):
    add("cast_i64", lambda x: x.to(torch.int64), values([1.5, -1.5, 0.99, -0.99, 3, 1e6], grad=False))
    add("cast_bool", lambda x: x.to(torch.bool), values([0, -0.0, 1, 0.5, float("nan")], grad=False))
    add("cast_i64", lambda x: x.to(torch.int64), bools((2, 3)))
    add("cast_bool", lambda x: x.to(torch.bool), integers((2, 3), -1, 1))


def cases(add):
    for part in (unary, reductions, shapes, products, rows, softmax_and_losses, casts):
        part(add)
    add("abs", torch.abs, signed((2, 3), 0.5, 2))
    add("neg", torch.neg, integers((2, 3), -9, 9))
