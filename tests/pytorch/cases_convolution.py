"""PyTorch's cases of convolutions and their transposes. Attributes are stride, padding, dilation and output padding
of each axis, and the groups."""
import torch.nn.functional as F

from make_fixtures import real


def per_axis(value, axes):
    return tuple(value) if isinstance(value, tuple) else (value,) * axes


def cases(add):
    def conv(axes, x, weight, bias=False, stride=1, padding=0, dilation=1, groups=1):
        stride, padding, dilation = (per_axis(v, axes) for v in (stride, padding, dilation))
        inputs = [real(x), real(weight)] + ([real(weight[:1])] if bias else [])
        function = getattr(F, f"conv{axes}d")
        add(f"conv{axes}d", lambda *t: function(*t, stride=stride, padding=padding, dilation=dilation, groups=groups),
            *inputs, attributes=stride + padding + dilation + (0,) * axes + (groups,))

    def transpose(axes, x, weight, bias=False, stride=1, padding=0, dilation=1, output_padding=0, groups=1):
        stride, padding, dilation, output_padding = (
            per_axis(v, axes) for v in (stride, padding, dilation, output_padding))
        inputs = [real(x), real(weight)] + ([real((weight[1] * groups,))] if bias else [])
        function = getattr(F, f"conv_transpose{axes}d")
        add(f"conv_transpose{axes}d",
            lambda *t: function(*t, stride=stride, padding=padding, dilation=dilation, output_padding=output_padding,
                                groups=groups),
            *inputs, attributes=stride + padding + dilation + output_padding + (groups,))

    conv(1, (2, 3, 7), (4, 3, 3))
    conv(1, (2, 3, 7), (4, 3, 3), True)
    conv(1, (3, 7), (4, 3, 3), True, padding=1)
    conv(1, (2, 4, 9), (6, 2, 3), True, stride=2, padding=2, groups=2)
    conv(1, (1, 2, 11), (2, 2, 4), False, stride=3, padding=1, dilation=2)
    conv(1, (2, 4, 6), (4, 1, 2), False, groups=4)
    conv(1, (2, 3, 5), (2, 3, 1), True)
    conv(1, (2, 3, 40), (2, 3, 1), True)
    conv(1, (2, 3, 5), (2, 3, 1), True, padding=1)
    conv(1, (0, 3, 5), (2, 3, 2), True)
    conv(1, (2, 1, 2), (1, 1, 5), False, padding=4)

    conv(2, (2, 3, 5, 6), (4, 3, 3, 3), True)
    conv(2, (2, 3, 5, 6), (4, 3, 3, 2), padding=(2, 0))
    conv(2, (3, 5, 6), (2, 3, 2, 2), True, stride=2)
    conv(2, (2, 4, 7, 6), (4, 2, 3, 2), True, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
    conv(2, (1, 2, 8, 8), (2, 2, 3, 3), dilation=3, padding=3)
    conv(2, (2, 3, 6, 7), (5, 3, 1, 1), True)
    conv(2, (2, 3, 6, 7), (5, 3, 1, 1), stride=2)
    conv(2, (2, 6, 6, 7), (3, 2, 1, 1), groups=3)
    conv(2, (2, 3, 4, 4), (3, 1, 3, 3), padding=1, groups=3)
    conv(2, (2, 1, 12, 12), (3, 1, 5, 5), True, padding=2, stride=3)
    conv(2, (0, 2, 4, 4), (3, 2, 2, 2), True)
    conv(2, (2, 2, 4, 1), (3, 2, 2, 1), True)

    conv(3, (2, 2, 3, 4, 3), (3, 2, 2, 2, 2), True)
    conv(3, (2, 3, 4, 3), (3, 2, 2, 2, 2), padding=1)
    conv(3, (1, 2, 5, 4, 5), (2, 1, 2, 1, 3), True, stride=(2, 1, 1), padding=(0, 1, 1), dilation=(2, 1, 1), groups=2)
    conv(3, (1, 2, 2, 3, 4), (3, 2, 1, 1, 1))
    conv(3, (0, 1, 2, 2, 2), (1, 1, 1, 2, 1))
    conv(3, (1, 1, 4, 4, 4), (2, 1, 2, 2, 2), stride=2)

    transpose(1, (2, 3, 5), (3, 4, 3))
    transpose(1, (2, 3, 5), (3, 4, 3), True, stride=2, padding=1)
    transpose(1, (2, 3, 5), (3, 4, 3), True, stride=3, output_padding=2)
    transpose(1, (3, 5), (3, 2, 2), True, dilation=3)
    transpose(1, (1, 4, 4), (4, 2, 3), stride=2, groups=2)
    transpose(1, (1, 2, 4), (2, 1, 2), True, dilation=3, output_padding=2)
    transpose(1, (1, 2, 4), (2, 1, 2), stride=2, dilation=4, output_padding=3)
    transpose(1, (0, 2, 4), (2, 3, 2))
    transpose(1, (2, 3, 5), (3, 4, 1), True)

    transpose(2, (2, 3, 3, 4), (3, 2, 3, 2), True)
    transpose(2, (2, 3, 3, 4), (3, 2, 3, 3), stride=2, padding=1, output_padding=1)
    transpose(2, (3, 3, 4), (3, 2, 2, 2), True, stride=(1, 2))
    transpose(2, (2, 4, 3, 3), (4, 1, 2, 2), True, stride=2, dilation=2, groups=2)
    transpose(2, (1, 1, 2, 2), (1, 2, 2, 3), True, dilation=(3, 2), output_padding=(2, 1))
    transpose(2, (2, 3, 6, 6), (3, 2, 1, 1), True)
    transpose(2, (0, 2, 3, 3), (2, 1, 2, 2))

    transpose(3, (2, 2, 2, 3, 2), (2, 2, 2, 2, 2), True)
    transpose(3, (2, 2, 3, 2), (2, 1, 2, 1, 2), stride=2, padding=(1, 0, 0), output_padding=1)
    transpose(3, (1, 2, 2, 2, 2), (2, 1, 2, 2, 2), True, dilation=2, groups=2)
    transpose(3, (1, 1, 2, 2, 3), (1, 1, 2, 2, 2), dilation=(1, 2, 1), output_padding=(0, 1, 0))
    transpose(3, (0, 1, 2, 2, 2), (1, 1, 1, 2, 1))
    transpose(3, (1, 2, 2, 2, 2), (2, 3, 1, 1, 1), True)
