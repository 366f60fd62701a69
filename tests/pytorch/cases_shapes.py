"""Cases of shapes: axes, lists of tensors, repeats, padding, triangles and diagonals, tensors from numbers."""
import torch
import torch.nn.functional as F

from make_fixtures import bools, given, integers, real, values

MODES = ("constant", "reflect", "replicate", "circular")
ANY = real((1,), grad=False)  # says which dtype is made


def axes(add):
    for shape, axis in (((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((2, 3), -3), ((), 0), ((0, 2), 2)):
        add("unsqueeze", lambda x: x.unsqueeze(axis), real(shape), attributes=(axis,))
    for shape, axis in (((1, 2, 1, 3), 0), ((1, 2, 1, 3), -2), ((1, 2, 1, 3), 1), ((1,), 0), ((1, 0), 0)):
        add("squeeze", lambda x: x.squeeze(axis), real(shape), attributes=(axis,))
    for shape in ((1, 2, 1, 3), (), (1, 1), (2, 3)):
        add("squeeze_all", torch.squeeze, real(shape))
    for shape, first, last in (((2, 3, 4), 0, -1), ((2, 3, 4), 1, 2), ((2, 3, 4), 0, 1), ((2, 3, 4), 1, 1), ((), 0, -1),
                               ((2, 0, 3), 1, 2)):
        add("flatten", lambda x: torch.flatten(x, first, last), real(shape), attributes=(first, last))
    add("flatten", lambda x: torch.flatten(x.transpose(0, 2).clone().transpose(0, 2)), real((2, 3, 4)),
        attributes=(0, -1))
    for shape, axis, sizes in (((2, 6), 1, (2, 3)), ((2, 6), -1, (-1, 2)), ((2, 6), 0, (1, 2, 1)), ((4,), 0, (2, 2)),
                               ((0, 4), 1, (2, -1)), ((6, 2), 0, (3, 1, 2))):
        add("unflatten", lambda x: x.unflatten(axis, sizes), real(shape), attributes=(axis, *sizes))
    for source, destination in (((0,), (2,)), ((2,), (0,)), ((0, 1), (1, 2)), ((-1, 0), (0, -1)), ((1,), (1,)), ((), ())):
        add("movedim", lambda x: torch.movedim(x, source, destination), real((2, 3, 4)),
            attributes=(*source, *destination))
    for shape, dims in (((4,), (0,)), ((2, 3), (0,)), ((2, 3), (-1,)), ((2, 3), (0, 1)), ((2, 3, 2), (0, 2)), ((2, 0), (1,)),
                        ((2, 3), ())):
        add("flip", lambda x: torch.flip(x, dims), real(shape), attributes=dims)
    add("flip", lambda x: torch.flip(x, (0,)), integers((3, 2), -9, 9), attributes=(0,))


def lists(add):
    for shape, axis in (((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((), 0), ((0, 2), 1), ((2, 1, 2), -2)):
        add("stack", lambda *x: torch.stack(x, axis), real(shape), real(shape), real(shape), attributes=(axis,))
    for shape, count, axis in (((6,), 3, 0), ((5,), 2, 0), ((2, 5), 3, 1), ((2, 4), 2, -1), ((4, 2), 4, 0), ((7, 2), 4, 0)):
        add("chunk", lambda x: torch.chunk(x, count, axis), real(shape), attributes=(count, axis))
    for shape, axis, start, length in (((4, 3), 0, 1, 2), ((4, 3), 1, 0, 3), ((4, 3), -1, 2, 1), ((4,), 0, 4, 0),
                                       ((0, 3), 1, 1, 2), ((2, 3, 4), 1, 1, 2)):
        add("narrow", lambda x: torch.narrow(x, axis, start, length), real(shape), attributes=(axis, start, length))
    for shapes in (((2, 1), (3,)), ((2, 3), ()), ((1,), (4,), (2, 1, 1)), ((2, 3), (2, 3)), ((0, 1), (3,)), ((2, 1, 3), (4, 1))):
        add("broadcast_tensors", torch.broadcast_tensors, *(real(shape) for shape in shapes))
    for shapes in (((2,), (3,)), ((2,), (3,), (4,)), ((3,),), ((2,), ()), ((0,), (2,)), ((1,), (2,), (1,), (2,))):
        for number, indexing in enumerate(("ij", "xy")):
            add("meshgrid", lambda *x: torch.meshgrid(*x, indexing=indexing), *(real(shape) for shape in shapes),
                attributes=(number,))


def repeats(add):
    for shape, shifts, dims in (((5,), (2,), (0,)), ((5,), (-7,), (0,)), ((2, 3), (1, -1), (0, 1)), ((2, 3), (1, 1), (1, 1)),
                                ((2, 3), (0,), (1,)), ((2, 0), (1,), (1,)), ((2, 3, 2), (4,), (-2,))):
        add("roll", lambda x: torch.roll(x, shifts, dims), real(shape), attributes=(*shifts, *dims))
    for shape, counts in (((3,), (2,)), ((2, 3), (1, 2)), ((2, 3), (2, 1, 3)), ((), (2, 2)), ((2, 3), (0, 2)), ((2, 0), (2, 2)),
                          ((2, 1, 2, 1), (2, 2, 2, 3))):
        add("repeat", lambda x: x.repeat(*counts), real(shape), attributes=counts)
    for shape, counts in (((3,), (2,)), ((2, 3), (2,)), ((2, 3), (2, 1)), ((2, 3), (2, 1, 2)), ((), (3,)), ((2, 2, 2), (2,)),
                          ((2, 3), ())):
        add("tile", lambda x: torch.tile(x, counts), real(shape), attributes=counts)
    for shape, count, axis in (((3,), 2, 0), ((2, 3), 2, 1), ((2, 3), 3, 0), ((2, 3), 1, -1), ((2, 3), 0, 1), ((0, 3), 2, 1),
                               ((2, 2, 2), 2, -2)):
        add("repeat_interleave", lambda x: torch.repeat_interleave(x, count, axis), real(shape), attributes=(count, axis))


def pad(add):
    def case(mode, shape, before, after, value=0.0, spec=real):
        pairs = [n for pair in reversed(list(zip(before, after))) for n in pair]
        while mode and pairs[-2:] == [0, 0]:  # PyTorch wants no amounts for axes in front that stay
            pairs = pairs[:-2]
        kind = {"value": value} if mode == 0 else {}
        add("pad", lambda x: F.pad(x, pairs, MODES[mode], **kind), spec(shape), attributes=(mode, value, *before, *after))

    case(0, (3,), (1,), (2,))
    case(0, (2, 3), (1, 0), (0, 2), 1.5)
    case(0, (2, 3), (0, 0), (0, 0))
    case(0, (2, 3), (-1, 1), (1, -2), -2.0)
    case(0, (4,), (-2,), (-1,))
    case(0, (0, 2), (1, 1), (0, 1), 3.0)
    case(0, (2, 1, 3), (1, 2, 0), (0, 1, 1))
    case(0, (2, 2), (1, 0), (0, 1), 7.0, lambda shape: integers(shape, -9, 9))
    case(0, (2, 2), (1, 0), (0, 1), 1.0, bools)
    for mode in (1, 2, 3):
        case(mode, (1, 2, 4), (0, 0, 2), (0, 0, 1))
        case(mode, (1, 2, 4), (0, 0, 3), (0, 0, 3))
        case(mode, (1, 2, 4), (0, 0, 0), (0, 0, 2))
        case(mode, (1, 2, 3, 4), (0, 0, 1, 2), (0, 0, 2, 0))
        case(mode, (2, 1, 2, 3), (0, 0, 0, 1), (0, 0, 1, 2))
    case(2, (1, 1, 3), (0, 0, 5), (0, 0, 4))
    case(3, (1, 1, 3), (0, 0, 3), (0, 0, 2))


def matrices(add):
    for name, function in (("tril", torch.tril), ("triu", torch.triu)):
        for shape, k in (((3, 3), 0), ((2, 4), 1), ((4, 2), -1), ((2, 3, 3), 0), ((2, 3), 7), ((2, 3), -7), ((0, 3), 0)):
            add(name, lambda x: function(x, k), real(shape), attributes=(k,))
        add(name, lambda x: function(x, 0), integers((3, 4), -9, 9), attributes=(0,))
        add(name, lambda x: function(x, 0), values([[1, float("nan")], [float("nan"), float("inf")]]), attributes=(0,))
    for shape, offset, a, b in (((3, 3), 0, 0, 1), ((2, 4), 1, 0, 1), ((2, 4), -1, 0, 1), ((2, 3, 4), 0, 0, 2),
                                ((2, 3, 4), 1, -1, 0), ((2, 3), 5, 0, 1), ((0, 3), 0, 0, 1), ((2, 3, 2, 3), -1, 1, 3)):
        add("diagonal", lambda x: torch.diagonal(x, offset, a, b), real(shape), attributes=(offset, a, b))
    for shape, offset, a, b in (((3,), 0, 0, 1), ((2,), 1, 0, 1), ((2,), -2, 0, 1), ((2, 3), 0, -2, -1), ((2, 3), 1, 0, 2),
                                ((2, 3), 0, 2, 0), ((0,), 1, 0, 1), ((0, 2), 0, 1, 2)):
        add("diag_embed", lambda x: torch.diag_embed(x, offset, a, b), real(shape), attributes=(offset, a, b))


def numbers(add):
    for start, stop, step in ((0, 5, 1), (1, 2, 0.25), (3, -2, -1.5), (0, 0, 1), (-1, 1.1, 0.5), (0.5, 3, 1)):
        add("arange", lambda x: torch.arange(start, stop, step, dtype=x.dtype), ANY, attributes=(start, stop, step))
    for start, stop, step in ((0, 5, 1), (5, 0, -2), (-3, 3, 4), (2, 2, 1), (0, 1, 7), (-9, -8, 1)):
        add("arange", lambda x: torch.arange(start, stop, step, dtype=x.dtype), given([0]), attributes=(start, stop, step))
    for start, stop, count in ((0, 1, 5), (3, -3, 4), (2, 5, 1), (0, 1, 0), (-1, 1, 2), (0.5, 8, 11)):
        add("linspace", lambda x: torch.linspace(start, stop, count, dtype=x.dtype), ANY, attributes=(start, stop, count))
    for rows, columns in ((3, 3), (2, 4), (4, 2), (1, 1), (0, 2), (2, 0)):
        add("eye", lambda x: torch.eye(rows, columns, dtype=x.dtype), ANY, attributes=(rows, columns))
    for shape in ((), (3,), (2, 3), (2, 0), (1, 2, 2)):
        add("zeros_like", torch.zeros_like, real(shape, grad=False))
        add("ones_like", torch.ones_like, real(shape, grad=False))
        add("full_like", lambda x: torch.full_like(x, 2.5), real(shape, grad=False), attributes=(2.5,))
    add("full_like", lambda x: torch.full_like(x, 7), integers((2,), 0, 1), attributes=(7,))


def cases(add):
    for part in (axes, lists, repeats, pad, matrices, numbers):
        part(add)
