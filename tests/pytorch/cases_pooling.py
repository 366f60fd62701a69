"""PyTorch's cases of pooling and of resampling to other sizes."""
import torch.nn.functional as F

from make_fixtures import distinct, real, values


def per_axis(value, axes):
    return tuple(value) if isinstance(value, tuple) else (value,) * axes


def pools(add):
    def max_pool(axes, x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
        kernel, padding, dilation = (per_axis(v, axes) for v in (kernel, padding, dilation))
        steps = per_axis(0 if stride is None else stride, axes)
        function = getattr(F, f"max_pool{axes}d")
        add(f"max_pool{axes}d",
            lambda t: function(t, kernel, None if stride is None else steps, padding, dilation, ceil_mode, True),
            x if not isinstance(x, tuple) else distinct(x),
            attributes=kernel + steps + padding + dilation + (int(ceil_mode),))

    def avg_pool(axes, x, kernel, stride=None, padding=0, ceil_mode=False, count=True, divisor=None):
        kernel, padding = (per_axis(v, axes) for v in (kernel, padding))
        steps = per_axis(0 if stride is None else stride, axes)
        function = getattr(F, f"avg_pool{axes}d")
        more = {} if divisor is None else {"divisor_override": divisor}
        add(f"avg_pool{axes}d",
            lambda t: function(t, kernel, None if stride is None else steps, padding, ceil_mode, count, **more),
            x if not isinstance(x, tuple) else real(x),
            attributes=kernel + steps + padding + (int(ceil_mode), int(count), divisor or 0))

    nan, inf = float("nan"), float("inf")
    for pool in (max_pool, avg_pool):
        pool(1, (2, 3, 8), 2)
        pool(1, (3, 9), 3, 2)
        pool(1, (2, 2, 7), 3, 1, 1)
        pool(1, (1, 2, 8), 3, 2, 1, ceil_mode=True)
        pool(1, (1, 1, 5), 2, 4, 1, ceil_mode=True)
        pool(1, (0, 2, 5), 2)
        pool(1, values([[[1, nan, 2, 3, inf, 4, -inf, -inf]]]), 2)
        pool(2, (2, 3, 6, 4), 2)
        pool(2, (3, 5, 6), (2, 3), (1, 2))
        pool(2, (2, 2, 5, 5), 3, 2, 1)
        pool(2, (1, 2, 6, 7), 3, 2, (1, 0), ceil_mode=True)
        pool(2, (1, 2, 7, 4), (1, 4), 3, (0, 2), ceil_mode=True)
        pool(2, (0, 2, 5, 4), 2)
        pool(3, (1, 2, 4, 4, 2), 2)
        pool(3, (2, 3, 4, 3), (1, 2, 3), (1, 2, 1), (0, 1, 1))
        pool(3, (1, 1, 3, 4, 5), 2, 2, 0, ceil_mode=True)
    max_pool(1, (2, 2, 9), 3, 1, 0, 3)
    max_pool(1, (1, 2, 9), 3, 2, 1, 2, True)
    max_pool(1, values([[[3, 3, 1, 2, 2, 2]]]), 3)
    max_pool(1, values([[[nan, 1, nan, nan, 2, 5]]]), 3)
    max_pool(2, (1, 2, 7, 8), 3, (1, 2), 1, (2, 1))
    max_pool(2, values([[[1, 2, 2], [2, 1, 2], [0, 2, 2]]]), 2, 1)
    max_pool(3, (1, 1, 5, 4, 4), 2, 1, 1, (1, 2, 2))
    avg_pool(1, (1, 2, 8), 3, 2, 1, True, False)
    avg_pool(1, (1, 2, 6), 2, 1, 1, False, False)
    avg_pool(2, (1, 2, 6, 7), 3, 2, 1, True, False)
    avg_pool(2, (1, 2, 6, 7), (3, 2), 2, 1, True, True, 5)
    avg_pool(2, (1, 2, 4, 4), 2, 1, 0, False, True, -3)
    avg_pool(3, (1, 1, 4, 4, 5), 3, 2, 1, True, False)
    avg_pool(3, (1, 1, 3, 3, 3), 2, 1, 1, False, True, 4)

    for p, low in ((2.0, -2.0), (1.0, 0.1), (3.0, 0.1), (1.5, 0.1)):
        add("lp_pool1d", lambda t, p=p: F.lp_pool1d(t, p, 3), real((2, 2, 8), low, 2), attributes=(p, 3))
        add("lp_pool2d", lambda t, p=p: F.lp_pool2d(t, p, 2), real((2, 2, 4, 5), low, 2), attributes=(p, 2))
    add("lp_pool1d", lambda t: F.lp_pool1d(t, 2.0, 2), values([[[0, 0, 3, 4]]]), attributes=(2, 2))
    add("lp_pool1d", lambda t: F.lp_pool1d(t, 3.0, 2), values([[[-2, 1, -1, 3]]]), attributes=(3, 2))
    add("lp_pool2d", lambda t: F.lp_pool2d(t, 2.0, 3), real((0, 2, 4, 5)), attributes=(2, 3))
    add("lp_pool2d", lambda t: F.lp_pool2d(t, 2.0, 1), real((2, 2, 3)), attributes=(2, 1))


def adaptive(add):
    for kind, draw, more in (("avg", real, {}), ("max", distinct, {"return_indices": True})):
        one, two = getattr(F, f"adaptive_{kind}_pool1d"), getattr(F, f"adaptive_{kind}_pool2d")
        for shape, size in (((2, 3, 8), 4), ((2, 7), 3), ((1, 2, 5), 5), ((1, 2, 4), 7), ((1, 1, 11), 1),
                            ((1, 2, 10), 4)):
            add(f"adaptive_{kind}_pool1d", lambda t, n=size: one(t, n, **more), draw(shape), attributes=(size,))
        for shape, size in (((2, 3, 6, 4), (3, 2)), ((2, 7, 5), (3, 4)), ((1, 2, 3, 4), (5, 1)), ((1, 2, 5, 4), (1, 1)),
                            ((1, 2, 7, 9), (2, 5)), ((0, 2, 4, 4), (2, 3))):
            add(f"adaptive_{kind}_pool2d", lambda t, n=size: two(t, n, **more), draw(shape), attributes=size)


def sizes(add):
    one = (((2, 2, 4), 8), ((1, 2, 5), 3), ((1, 2, 3), 7), ((1, 1, 1), 4), ((1, 2, 6), 1), ((1, 2, 4), 4),
           ((0, 2, 3), 5), ((1, 1, 7), 30))
    two = (((2, 2, 3, 2), (6, 4)), ((1, 2, 5, 4), (3, 2)), ((1, 2, 3, 4), (7, 9)), ((1, 1, 1, 3), (4, 1)),
           ((1, 2, 4, 4), (4, 4)), ((0, 2, 3, 3), (5, 2)), ((1, 1, 6, 5), (4, 11)))
    for shape, size in one:
        add("upsample_nearest1d", lambda t, n=size: F.interpolate(t, size=n), real(shape), attributes=(size,))
        for align in (False, True):
            add("upsample_linear", lambda t, n=size, a=align: F.interpolate(t, size=n, mode="linear", align_corners=a),
                real(shape), attributes=(size, int(align)))
    for shape, size in two:
        add("upsample_nearest", lambda t, n=size: F.interpolate(t, size=n), real(shape), attributes=size)
        for align in (False, True):
            for mode in ("bilinear", "bicubic"):
                add("upsample_" + mode,
                    lambda t, n=size, a=align, m=mode: F.interpolate(t, size=n, mode=m, align_corners=a),
                    real(shape), attributes=size + (int(align),))

    # Without elements PyTorch gives the gradient of the one, and the value of the other, another shape.
    for shape, r in (((4, 2, 3), 2), ((2, 9, 1, 2), 3), ((1, 2, 8, 2, 1), 2), ((0, 4, 2, 2), 2), ((3, 2, 2), 1),
                     ((1, 4, 3, 0), 2)):
        add("pixel_shuffle", lambda t, r=r: F.pixel_shuffle(t, r), real(shape, grad=0 not in shape), attributes=(r,))
    for shape, r in (((1, 4, 6), 2), ((2, 2, 3, 3), 3), ((1, 2, 1, 4, 2), 2), ((2, 1, 2, 2), 2), ((3, 2, 2), 1),
                     ((2, 3, 4, 4), 4)):
        add("pixel_unshuffle", lambda t, r=r: F.pixel_unshuffle(t, r), real(shape, grad=0 not in shape), attributes=(r,))


def cases(add):
    pools(add)
    adaptive(add)
    sizes(add)
