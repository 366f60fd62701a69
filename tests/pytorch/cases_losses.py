"""Cases of losses and distances. Class axes are the last here and the second in PyTorch."""
import itertools

import numpy as np
import torch
import torch.nn.functional as F

from make_fixtures import given, integers, real, signed, values

REDUCTIONS = ("none", "mean", "sum")
SHAPES = [(4, 3), (), (2, 0, 3), (2, 1, 3, 2)]
INF = float("inf")


def some(places, reduction):
    """All places for one reduction, the first for the others."""
    return places if reduction == "mean" else places[:1]


def signs(shape):
    """A pattern of -1 and 1."""
    count = int(np.prod(shape, dtype=np.int64))
    return values(((np.arange(count) * 5 % 7 % 2) * 2 - 1).reshape(shape), grad=False)


def classes_second(x):
    return x if x.dim() == 1 else x.movedim(-1, 1)


def pairs(add):
    for r, reduction in enumerate(REDUCTIONS):
        for shape in some(SHAPES, reduction):
            x, t = real(shape), real(shape)
            add("l1_loss", lambda x, t: F.l1_loss(x, t, reduction=reduction), x, t, attributes=(r,))
            for beta in (0.0, 1.0, 2.5):
                add("smooth_l1_loss", lambda x, t: F.smooth_l1_loss(x, t, reduction=reduction, beta=beta), x, t,
                    attributes=(r, beta))
            for delta in (0.5, 2.0):
                add("huber_loss", lambda x, t: F.huber_loss(x, t, reduction=reduction, delta=delta), x, t,
                    attributes=(r, delta))
            add("soft_margin_loss", lambda x, t: F.soft_margin_loss(x, t, reduction=reduction), real(shape, -4, 4),
                signs(shape), attributes=(r,))
            add("hinge_embedding_loss", lambda x, t: F.hinge_embedding_loss(x, t, margin=1.5, reduction=reduction),
                real(shape), signs(shape), attributes=(r, 1.5))
            add("margin_ranking_loss",
                lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.5, reduction=reduction), x, t, signs(shape),
                attributes=(r, 0.5))
    add("l1_loss", lambda x, t: F.l1_loss(x, t, reduction="none"), values([1, INF, -INF]),
        values([1, 0, 0]), attributes=(0,))
    add("l1_loss", lambda x, t: F.l1_loss(x, t), values([1, float("nan")], grad=False), values([1, 0], grad=False),
        attributes=(1,))
    ties = values([0.5, 1, -1])
    add("margin_ranking_loss", lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.5), ties, values([0, 0, 0]),
        values([1, 1, 1], grad=False), attributes=(1, 0.5))
    add("hinge_embedding_loss", lambda x, t: F.hinge_embedding_loss(x, t), values([1, 2, 0]),
        values([-1, -1, -1], grad=False), attributes=(1, 1))


def distributions(add):
    names = REDUCTIONS + ("batchmean",)
    for r, reduction in enumerate(names):
        for shape in some(SHAPES[:2] + SHAPES[3:], reduction):
            add("kl_div", lambda x, t: F.kl_div(x, t, reduction=reduction), real(shape, -3, 0), real(shape, 0.1, 1),
                attributes=(r, 0))
            add("kl_div", lambda x, t: F.kl_div(x, t, reduction=reduction, log_target=True), real(shape, -3, 0),
                real(shape, -3, 0), attributes=(r, 1))
    add("kl_div", lambda x, t: F.kl_div(x, t, reduction="none"), real((3,), -2, 0), values([0, 1, 0], grad=False),
        attributes=(0, 0))
    for (r, reduction), full in itertools.product(enumerate(REDUCTIONS), (False, True)):
        for shape, variance in some((((4, 3), (4, 1)), ((2, 3), (2, 3)), ((2, 3, 2), (2, 3, 2))), reduction):
            add("gaussian_nll_loss", lambda x, t, v: F.gaussian_nll_loss(x, t, v, full=full, reduction=reduction),
                real(shape), real(shape), real(variance, 0.3, 2), attributes=(r, full, 1e-6))
        for log_input in (False, True):
            add("poisson_nll_loss",
                lambda x, t: F.poisson_nll_loss(x, t, log_input=log_input, full=full, reduction=reduction),
                real((4, 3), -1 if log_input else 0.3, 2), real((4, 3), 0, 5, grad=not full),
                attributes=(r, log_input, full, 1e-8))
    # PyTorch's variance is held above eps without telling its derivative.
    add("gaussian_nll_loss", lambda x, t, v: F.gaussian_nll_loss(x, t, v, eps=0.5, reduction="none"), real((3,)),
        real((3,)), values([0.25, 0.125, 2]), attributes=(0, 0, 0.5))


def two_classes(add):
    for r, reduction in enumerate(REDUCTIONS):
        for shape in some(SHAPES[:2] + SHAPES[3:], reduction):
            p, t, x = real(shape, 0.05, 0.95), real(shape, 0, 1), real(shape, -5, 5)
            add("binary_cross_entropy", lambda p, t: F.binary_cross_entropy(p, t, reduction=reduction), p, t,
                attributes=(r, 0, 0))
            add("binary_cross_entropy_with_logits",
                lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), x, t,
                attributes=(r, 0, 0))
        for weight in some(((3,), (4, 1), (4, 3), ()), reduction):
            p, t, x = real((4, 3), 0.05, 0.95), real((4, 3), 0, 1), real((4, 3), -5, 5)
            w = real(weight, 0.5, 2, grad=False)
            add("binary_cross_entropy", lambda p, t, w: F.binary_cross_entropy(p, t, w, reduction=reduction), p, t,
                w, attributes=(r, 1, 0))
            add("binary_cross_entropy_with_logits",
                lambda x, t, w: F.binary_cross_entropy_with_logits(x, t, pos_weight=w, reduction=reduction), x, t, w,
                attributes=(r, 0, 1))
            add("binary_cross_entropy_with_logits",
                lambda x, t, w, q: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=q, reduction=reduction), x,
                t, w, real((3,), 0.2, 3, grad=False), attributes=(r, 1, 1))
    edge, hard = values([0, 1, 0, 1, 0.5, 1e-30]), values([1, 0, 0, 1, 0.5, 1], grad=False)
    add("binary_cross_entropy", lambda p, t: F.binary_cross_entropy(p, t, reduction="none"), edge, hard,
        attributes=(0, 0, 0))
    large, hard = values([1e4, -1e4, 1e4, -1e4, 30, -30]), values([1, 0, 0, 1, 1, 0], grad=False)
    add("binary_cross_entropy_with_logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
        large, hard, attributes=(0, 0, 0))
    add("soft_margin_loss", lambda x, t: F.soft_margin_loss(x, t, reduction="none"), values([50, -50, 0]),
        values([1, 1, -1], grad=False), attributes=(0,))


def several_classes(add):
    places = [((4, 3), (4,)), ((5,), ()), ((2, 2, 3), (2, 2)), ((0, 5), (0,)), ((2, 2, 1, 1, 3), (2, 2, 1, 1))]
    for r, (shape, rows) in [(r, place) for r, name in enumerate(REDUCTIONS) for place in some(places, name)]:
        reduction = REDUCTIONS[r]
        classes, weight = shape[-1], real((shape[-1],), 0.5, 2, grad=False)
        x, t = real(shape, -3, 3), integers(rows, 0, classes - 1)
        if shape[0] > 0:
            for smoothing in (0.0, 0.3):
                add("cross_entropy_weighted",
                    lambda x, t, w: F.cross_entropy(classes_second(x), t, w, reduction=reduction,
                                                    label_smoothing=smoothing), x, t, weight,
                    attributes=(r, -100, smoothing))
            add("cross_entropy_weighted",
                lambda x, t: F.cross_entropy(classes_second(x), t, reduction=reduction, label_smoothing=0.3), x, t,
                attributes=(r, -100, 0.3))
            soft = real(shape, 0, 1)
            for smoothing in (0.0, 0.3):
                add("cross_entropy_soft",
                    lambda x, t: F.cross_entropy(classes_second(x), classes_second(t), reduction=reduction,
                                                 label_smoothing=smoothing), x, soft, attributes=(r, -100, smoothing))
                add("cross_entropy_soft",
                    lambda x, t, w: F.cross_entropy(classes_second(x), classes_second(t), w, reduction=reduction,
                                                    label_smoothing=smoothing), x, soft, weight,
                    attributes=(r, -100, smoothing))
        add("nll_loss", lambda x, t: F.nll_loss(classes_second(x), t, reduction=reduction), x, t,
            attributes=(r, -100))
        add("nll_loss", lambda x, t, w: F.nll_loss(classes_second(x), t, w, reduction=reduction), x, t, weight,
            attributes=(r, -100))
        if len(shape) <= 2 and shape[0] > 0:
            for p, margin in ((1, 1.0), (2, 0.5)):
                add("multi_margin_loss",
                    lambda x, t: F.multi_margin_loss(x, t, p=p, margin=margin, reduction=reduction), x, t,
                    attributes=(r, p, margin))
                add("multi_margin_loss",
                    lambda x, t, w: F.multi_margin_loss(x, t, p=p, margin=margin, weight=w, reduction=reduction), x,
                    t, weight, attributes=(r, p, margin))
    x, t, weight = real((4, 3), -3, 3), given([2, 1, 0, 1]), real((3,), 0.5, 2, grad=False)
    for r, reduction in enumerate(REDUCTIONS):
        add("nll_loss", lambda x, t, w: F.nll_loss(x, t, w, ignore_index=1, reduction=reduction), x, t, weight,
            attributes=(r, 1))
        for smoothing in (0.0, 0.3, 1.0):
            add("cross_entropy_weighted",
                lambda x, t, w: F.cross_entropy(x, t, w, ignore_index=1, reduction=reduction,
                                                label_smoothing=smoothing), x, t, weight,
                attributes=(r, 1, smoothing))
    far = values([[1e4, -1e4, 0], [-1e4, 1e4, 5e3]])
    add("cross_entropy_weighted", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.25), far, given([1, 1]),
        attributes=(1, -100, 0.25))


def distances(add):
    for r, reduction in enumerate(REDUCTIONS):
        a, b = real((4, 3)), real((4, 3))
        for margin in (0.0, 0.3):
            add("cosine_embedding_loss",
                lambda a, b, t: F.cosine_embedding_loss(a, b, t, margin=margin, reduction=reduction), a, b,
                signs((4,)), attributes=(r, margin))
        for p, swap in ((2, False), (2, True), (1, False), (3, True)):
            add("triplet_margin_loss",
                lambda a, b, c: F.triplet_margin_loss(a, b, c, margin=1.5, p=p, swap=swap, reduction=reduction), a, b,
                real((4, 3)), attributes=(r, 1.5, p, 1e-6, swap))
    for left, right, axis in (((4, 3), (4, 3), 1), ((4, 3), (3,), -1), ((4, 1, 3), (2, 3), 0), ((5,), (5,), 0),
                              ((2, 3, 2), (2, 3, 2), 1)):
        add("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, dim=axis), real(left), real(right),
            attributes=(axis, 1e-8))
        add("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, dim=axis, eps=2), real(left), real(right),
            attributes=(axis, 2))
    add("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, eps=0.25), values([[0, 0], [1, 0]]),
        real((2, 2)), attributes=(1, 0.25))
    for p in (1, 1.5, 2, 3, INF):
        for keepdim in (False, True):
            add("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, p=p, keepdim=keepdim), real((4, 3)),
                real((4, 3)), attributes=(p, 1e-6, keepdim))
        add("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, p=p, eps=0.5), real((2, 1, 3)),
            real((4, 3)), attributes=(p, 0.5, 0))
    same = values([[1, 2], [3, 4]])
    add("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, eps=0), same, values([[1, 2], [0, 0]]),
        attributes=(2, 0, 0))


def cases(add):
    pairs(add)
    distributions(add)
    two_classes(add)
    several_classes(add)
    distances(add)
