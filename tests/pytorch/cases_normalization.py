"""Cases of normalisation layers. Batch norm gives its running statistics too."""
import itertools

import torch
import torch.nn.functional as F

from make_fixtures import real, values

AFFINE = ((0, 0), (1, 0), (0, 1), (1, 1))
INF = float("inf")


def some(places, present):
    """All places with both weight and bias, the first without one of them."""
    return places if present == (1, 1) else places[:1]


def affine(present, shape):
    return [real(shape) for p in present if p]


def split(present, tensors):
    """Weight and bias, None where there is none."""
    left = list(tensors)
    return [left.pop(0) if p else None for p in present]


def split_by_channel(present, tensors):
    """The same for group norm, whose gradient PyTorch 1.13 cannot form with a bias alone."""
    weight, bias = split(present, tensors)
    return torch.ones_like(bias) if weight is None and bias is not None else weight, bias


def rms_norm(x, axes, weight, eps):
    y = x * torch.rsqrt(x.square().mean(axes, keepdim=True) + eps)
    return y if weight is None else y * weight


def rows(add):
    for present in AFFINE:
        for shape, axes in some((((4, 3), 1), ((2, 3, 4), 2), ((5,), 1), ((2, 19), 1), ((0, 3), 1), ((2, 1, 2, 3), 3)),
                                present):
            normalized = shape[len(shape) - axes:]
            for eps in (1e-5, 0.5):
                add("layer_norm", lambda x, *rest: F.layer_norm(x, normalized, *split(present, rest), eps), real(shape),
                    *affine(present, normalized), attributes=(axes, *present, eps))
    add("layer_norm", lambda x: F.layer_norm(x, (4,)), values([[10, 11, 12, 9], [3, 3, 3, 3]]),
        attributes=(1, 0, 0, 1e-5))
    for present in ((0,), (1,)):
        for shape, axes in (((4, 3), 1), ((2, 3, 4), 2), ((2, 33), 1)):
            normalized, dims = shape[len(shape) - axes:], tuple(range(-axes, 0))
            add("rms_norm", lambda x, *rest: rms_norm(x, dims, *split(present, rest), 1e-5), real(shape),
                *affine(present, normalized), attributes=(axes, *present, 0, 1e-5))
    for p, (shape, axis) in itertools.product((1, 2, 3, INF), (((4, 3), 1), ((4, 3), 0), ((2, 3, 2), -2))):
        add("normalize", lambda x: F.normalize(x, p=p, dim=axis), real(shape), attributes=(axis, p, 1e-12))
    add("normalize", lambda x: F.normalize(x, dim=1, eps=2), real((4, 3)), attributes=(1, 2, 2))
    add("normalize", lambda x: F.normalize(x, dim=1, eps=0.5), values([[0, 0, 0], [3, 0, 4]]), attributes=(1, 2, 0.5))


def images(add):
    for present in AFFINE:
        places = (((2, 4, 3), 2), ((2, 4), 2), ((2, 6, 2, 2), 3), ((1, 4, 2, 1, 2), 1), ((2, 3, 5), 3))
        for shape, groups in some(places, present):
            add("group_norm", lambda x, *rest: F.group_norm(x, groups, *split_by_channel(present, rest)), real(shape),
                *affine(present, shape[1:2]), attributes=(groups, *present, 1e-5))
        for shape in some(((2, 3, 4), (2, 3, 2, 2), (1, 2, 2, 1, 3)), present):
            add("instance_norm",
                lambda x, *rest: F.instance_norm(x, None, None, *split_by_channel(present, rest), True), real(shape),
                *affine(present, shape[1:2]), attributes=(0, *present, 1e-5))
    for shape, size in itertools.product(((1, 5, 3), (1, 4, 2, 2)), (1, 2, 3, 4, 9)):
        add("local_response_norm", lambda x: F.local_response_norm(x, size, alpha=0.5, beta=0.75, k=2), real(shape),
            attributes=(size, 0.5, 0.75, 2))


def batch_norm(x, mean, variance, present, rest, training, momentum, eps):
    mean, variance = torch.tensor(mean, dtype=x.dtype), torch.tensor(variance, dtype=x.dtype)
    return F.batch_norm(x, mean, variance, *split(present, rest), training, momentum, eps), mean, variance


def batches(add):
    mean, variance = [0.5, -0.25, 2.0], [1.5, 0.75, 0.125]
    for present, training in itertools.product(AFFINE, (False, True)):
        for shape, momentum, eps in some((((2, 3, 4), 0.25, 0.5), ((4, 3), 0.1, 1e-5), ((2, 3, 2, 2), 1.0, 1e-5),
                                          ((1, 3, 2, 1, 2), 0.1, 1e-5)), present):
            add("batch_norm",
                lambda x, *rest: batch_norm(x, mean, variance, present, rest, training, momentum, eps), real(shape),
                *affine(present, (3,)), attributes=(training, *present, momentum, eps, *mean, *variance))


def cases(add):
    rows(add)
    images(add)
    batches(add)
