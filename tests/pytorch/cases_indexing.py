"""Cases of indexing along an axis, at places read at run, and by a mask."""
import torch

from make_fixtures import bools, given, integers, real, values


def gather(add):
    for shape, axis, places in (((3, 4), 0, (2, 4)), ((3, 4), 1, (3, 6)), ((3, 4), -1, (2, 2)), ((5,), 0, (7,)),
                                ((2, 3, 2), 1, (1, 4, 2)), ((3, 4), 0, (0, 4)), ((2, 0), 0, (3, 0))):
        limit = shape[axis] - 1
        add("gather", lambda x, i: torch.gather(x, axis, i), real(shape), integers(places, 0, limit), attributes=(axis,))
    add("gather", lambda x, i: torch.gather(x, 0, i), integers((4, 2), -9, 9), integers((3, 2), 0, 3), attributes=(0,))
    add("gather", lambda x, i: torch.gather(x.transpose(0, 1).clone().transpose(0, 1), 1, i), real((3, 4)),
        integers((3, 2), 0, 3), attributes=(1,))
    for shape, axis, places in (((3, 4), 1, (1, 2)), ((3, 4), 0, (2, 1)), ((1, 4), 1, (3, 2)), ((2, 1, 3), 2, (1, 4, 2)),
                                ((3, 4), -1, (3, 4)), ((0, 4), 1, (1, 2))):
        limit = shape[axis] - 1
        add("take_along_axis", lambda x, i: torch.take_along_dim(x, i, axis), real(shape), integers(places, 0, limit),
            attributes=(axis,))


def scatter(add):
    # Without two elements for one place: which of them stays, PyTorch does not say, and its gradient reaches both.
    for shape, axis, index in (((3, 4), 0, [[2, 0, 1, 2], [0, 1, 2, 1]]), ((3, 4), 1, [[3, 1], [0, 2], [2, 3]]),
                               ((5,), -1, [4, 0, 2]), ((2, 2, 2), 1, [[[1, 0]], [[0, 1]]]), ((2, 3), 0, [[1, 0, 1]]),
                               ((3,), 0, [])):
        places = given(torch.tensor(index, dtype=torch.int64).numpy())
        add("scatter", lambda x, i, s: torch.scatter(x, axis, i, s), real(shape), places, real(places.shape),
            attributes=(axis,))
    add("scatter", lambda x, i, s: torch.scatter(x, 1, i, s), integers((2, 3), -9, 9), given([[2, 0], [1, 2]]),
        integers((2, 3), -9, 9), attributes=(1,))
    for shape, axis, places in (((3, 4), 0, (5, 4)), ((3, 4), 1, (3, 6)), ((3, 4), -1, (2, 2)), ((5,), 0, (7,)),
                                ((2, 3, 2), 1, (1, 4, 2)), ((3, 4), 0, (0, 4))):
        limit = shape[axis] - 1
        add("scatter_add", lambda x, i, s: torch.scatter_add(x, axis, i, s), real(shape), integers(places, 0, limit),
            real(places), attributes=(axis,))
    add("scatter_add", lambda x, i, s: torch.scatter_add(x, 0, i, s), integers((3, 2), -9, 9), integers((4, 2), 0, 2),
        integers((5, 3), -9, 9), attributes=(0,))


def parts(add):
    for shape, axis, count in (((4, 3), 0, 6), ((4, 3), 1, 2), ((4, 3), -1, 5), ((5,), 0, 3), ((2, 3, 2), 1, 4), ((4, 3), 0, 0),
                               ((4, 0), 0, 2)):
        some = list(shape)
        some[axis] = count
        index = integers((count,), 0, shape[axis] - 1)
        add("index_select", lambda x, i: torch.index_select(x, axis, i), real(shape), index, attributes=(axis,))
        add("index_add", lambda x, i, s: torch.index_add(x, axis, i, s), real(shape), index, real(some), attributes=(axis,))
    add("index_select", lambda x, i: torch.index_select(x, 0, i), bools((4, 2)), integers((3,), 0, 3, "i32"), attributes=(0,))
    add("index_add", lambda x, i, s: torch.index_add(x, 1, i, s), integers((2, 3), -9, 9), integers((4,), 0, 2),
        integers((2, 4), -9, 9), attributes=(1,))


def at_run(add):
    """PyTorch has the slices where the starts are numbers."""
    def place(starts, sizes):
        return tuple(slice(int(start), int(start) + size) for start, size in zip(starts, sizes))

    def update(x, part, starts):
        whole = x.clone()
        whole[place(starts, part.shape)] = part
        return whole

    for shape, sizes, starts in (((4, 5), (2, 3), (1, 2)), ((4, 5), (4, 5), (0, 0)), ((4, 5), (1, 1), (3, 4)), ((6,), (2,), (4,)),
                                 ((2, 3, 4), (1, 2, 4), (1, 0, 0)), ((4, 5), (0, 2), (4, 3))):
        add("dynamic_slice", lambda x, s: x[place(s, sizes)], real(shape), given(starts), attributes=sizes)
        add("dynamic_update_slice", update, real(shape), real(sizes), given(starts, "i32"))


def masked(add):
    for shape, mask in (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((4,), ()), ((2, 1, 2), (3, 1)), ((0, 2), (2,)), ((), ())):
        add("masked_fill", lambda x, m: torch.masked_fill(x, m, -1.5),
            real(shape), bools(mask), attributes=(-1.5,))
    add("masked_fill", lambda x, m: x.masked_fill(m, float("-inf")), values([1, float("nan"), 3]),
        given([False, True, True], "bool"), attributes=(float("-inf"),))
    add("masked_fill", lambda x, m: x.masked_fill(m, 7), integers((2, 2), -9, 9), bools((2, 2)), attributes=(7,))


def cases(add):
    for part in (gather, scatter, parts, at_run, masked):
        part(add)
