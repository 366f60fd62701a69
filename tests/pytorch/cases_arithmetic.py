"""Cases of arithmetic of two tensors, of a tensor and a number, and of comparisons."""
import torch

from make_fixtures import bools, distinct, integers, real, signed, values

SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1, 3), (4, 1)), ((), (2, 2)), ((2, 0, 3), (3,)),
          ((1, 2, 1, 2), (3, 1, 2, 1))]
NUMBERS = [0.5, -3.0, 2.0]


def cases(add):
    for a, b in SHAPES:
        add("add", torch.add, real(a), real(b))
        add("sub", torch.sub, real(a), real(b))
        add("mul", torch.mul, real(a), real(b))
        add("div", torch.div, real(a), signed(b, 0.5, 2))
        add("pow", torch.pow, real(a, 0.3, 2), real(b, -2, 3))
        add("maximum", torch.maximum, signed(a, 0.5, 1), signed(b, 0.1, 0.4))
        add("where", torch.where, bools(a), real(b), real(a))
    add("maximum", torch.maximum, values([1, 2, float("nan"), 4, -0.5]), values([1, 3, 2, float("inf"), -0.5]))
    add("add", torch.add, integers((2, 3), -9, 9), integers((3,), -9, 9))
    add("mul", torch.mul, integers((2, 3), -9, 9, "i32"), integers((2, 3), -9, 9, "i32"))
    for c in NUMBERS:
        add("add_scalar", lambda x: x + c, real((2, 3)), attributes=(c,))
        add("sub_scalar", lambda x: x - c, real((3, 1, 2)), attributes=(c,))
        add("mul_scalar", lambda x: x * c, real((2, 3)), attributes=(c,))
        add("div_scalar", lambda x: x / c, real((2, 3)), attributes=(c,))
        add("pow_scalar", lambda x: x ** c, real((2, 3), 0.3, 2), attributes=(c,))
        add("maximum_scalar", lambda x: torch.clamp(x, min=c), real((7,), -4, 4), attributes=(c,))
        add("scalar_sub", lambda x: c - x, real(()), attributes=(c,))
        add("scalar_div", lambda x: c / x, signed((2, 3), 0.5, 2), attributes=(c,))
    special = values([float("nan"), float("inf"), -float("inf"), 0, -1, 1])
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        function = getattr(torch, {"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le",
                                   "greater": "gt", "greater_equal": "ge"}[name])
        add(name, function, integers((3, 4), -1, 1), integers((4,), -1, 1))
        add(name, function, special, values([float("nan"), 1, -1, 0, 0, float("inf")]))
        add(name, function, distinct((2, 3)), distinct((2, 1)))
