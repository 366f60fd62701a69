"""Cases of element-wise functions, rounding, remainders, bounds and logic."""
import torch

from make_fixtures import bools, distinct, given, integers, real, signed, values

NAN, INF = float("nan"), float("inf")
SHAPES = [(2, 3), (), (7,), (2, 0, 3), (2, 1, 3, 1, 2), (1, 2, 1, 1, 2, 1, 1, 3)]
PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1, 3), (4, 1)), ((), (2, 2)), ((2, 0, 3), (3,)),
         ((1, 2, 1, 2), (3, 1, 2, 1))]
SPECIAL = [NAN, INF, -INF, 0, -0.0, 1, -1]
# Where a function of one tensor is defined.
DOMAINS = {"sin": (-4, 4), "cos": (-4, 4), "tan": (-1.3, 1.3), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9),
           "atan": (-5, 5), "sinh": (-3, 3), "cosh": (-3, 3), "asinh": (-5, 5), "acosh": (1.1, 9),
           "atanh": (-0.9, 0.9), "expm1": (-3, 3), "exp2": (-4, 4), "log1p": (-0.8, 5), "log2": (0.1, 9),
           "log10": (0.1, 9), "rsqrt": (0.1, 9), "reciprocal": (0.3, 4), "erf": (-3, 3), "erfc": (-3, 3)}


def functions_of_one(add):
    for name, (low, high) in DOMAINS.items():
        function = getattr(torch, name)
        for shape in SHAPES:
            add(name, function, real(shape, low, high))
        if name == "acosh":  # below its domain the library's derivative is NaN, as the value is
            add(name, function, values([NAN, INF, 0, 0.5, 1, 1 + 2 ** -20, 3.5, 40]))
        else:
            add(name, function, values(SPECIAL))
            add(name, function, values([1e-30, -1e-30, 2 ** -20, 3.5, -3.5, 40, -40]))
    add("sin", torch.sin, real((5,), -1000, 1000))
    add("cos", torch.cos, real((5,), -1000, 1000))


def functions_of_two(add):
    for a, b in PAIRS:
        add("atan2", torch.atan2, signed(a, 0.3, 3), signed(b, 0.3, 3))
        add("hypot", torch.hypot, signed(a, 0.3, 3), signed(b, 0.3, 3))
        add("xlogy", torch.xlogy, signed(a, 0.3, 3), real(b, 0.1, 5))
        add("minimum", torch.minimum, signed(a, 0.5, 1), signed(b, 0.1, 0.4))
        add("fmod", torch.fmod, signed(a, 2.1, 2.9), signed(b, 0.98, 1.02))
        add("remainder", torch.remainder, signed(a, 2.1, 2.9), signed(b, 0.98, 1.02))
    add("minimum", torch.minimum, values([1, 2, NAN, 4, -0.5, INF]), values([1, 3, 2, INF, -0.5, NAN]))
    add("minimum", torch.minimum, distinct((3, 4)), distinct((4,)))
    add("atan2", torch.atan2, values([0, 0, -0.0, -0.0, 1, -1, INF, -INF, NAN], grad=False),
        values([1, -1, 1, -1, 0, 0, INF, -INF, 1], grad=False))
    add("hypot", torch.hypot, values([3, INF, NAN, -5, 0]), values([4, 1, 1, 12, 1]))
    add("xlogy", torch.xlogy, values([2, 0, 0, 0, 0, 1, 1, -2]), values([3, 0, -1, NAN, INF, 0, -1, INF]))
    add("fmod", torch.fmod, values([5.5, -5.5, 5.5, -5.5, 1, NAN, INF], grad=False),
        values([2, 2, -2, -2, INF, 1, 2], grad=False))
    add("remainder", torch.remainder, values([5.5, -5.5, 5.5, -5.5, -1, 1, NAN, INF], grad=False),
        values([2, 2, -2, -2, INF, -INF, 1, 2], grad=False))
    for dtype in ("i32", "i64"):
        add("minimum", torch.minimum, integers((2, 3), -9, 9, dtype), integers((3,), -9, 9, dtype))
        for name in ("fmod", "remainder"):
            function = getattr(torch, name)
            add(name, function, integers((4, 5), -9, 9, dtype), given([-3, -1, 1, 2, 5], dtype))
            add(name, function, integers((3, 1), -9, 9, dtype), given([[-4, 3], [7, -2], [1, 2]], dtype))


def functions_with_numbers(add):
    for shape in SHAPES:
        for c in (0.5, -0.25):
            add("minimum_scalar", lambda x: torch.clamp(x, max=c), signed(shape, 0.6, 3), attributes=(c,))
        for bounds in ((-1.0, 0.5), (-INF, 0.25), (0.25, INF), (1.0, -1.0)):
            add("clamp", lambda x: torch.clamp(x, *bounds), signed(shape, 0.6, 0.9), attributes=bounds)
        for c in (1.0, -1.0):
            add("fmod_scalar", lambda x: torch.fmod(x, c), signed(shape, 2.1, 2.9), attributes=(c,))
            add("remainder_scalar", lambda x: torch.remainder(x, c), signed(shape, 2.1, 2.9), attributes=(c,))
    kinks = values([-2, -1, 0, 0.5, 0.75, NAN, INF, -INF])
    add("clamp", lambda x: torch.clamp(x, -1, 0.5), kinks, attributes=(-1, 0.5))
    for dtype in ("i32", "i64"):
        add("clamp", lambda x: torch.clamp(x, -3, 4), integers((3, 4), -9, 9, dtype), attributes=(-3, 4))
        add("clamp", lambda x: torch.clamp(x, max=4), integers((3, 4), -9, 9, dtype), attributes=(-INF, 4))
        add("minimum_scalar", lambda x: torch.clamp(x, max=2), integers((3, 4), -9, 9, dtype), attributes=(2,))
        for c in (3, -4, 1):
            add("fmod_scalar", lambda x: torch.fmod(x, c), integers((3, 4), -9, 9, dtype), attributes=(c,))
            add("remainder_scalar", lambda x: torch.remainder(x, c), integers((3, 4), -9, 9, dtype), attributes=(c,))


def rounding_and_logic(add):
    halves = values([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.25, -0.75, 1e6 + 0.5, NAN, INF, -INF])
    for name in ("floor", "ceil", "round", "trunc"):
        function = getattr(torch, name)
        for shape in SHAPES:
            add(name, function, real(shape, -5, 5))
        add(name, function, halves)
        add(name, function, integers((2, 3), -9, 9, "i32"))
    for name in ("logical_and", "logical_or", "logical_xor"):
        for a, b in PAIRS:
            add(name, getattr(torch, name), bools(a), bools(b))
    for shape in SHAPES:
        add("logical_not", torch.logical_not, bools(shape))
    for name in ("isnan", "isinf", "isfinite"):
        function = getattr(torch, name)
        for shape in SHAPES:
            add(name, function, real(shape))
        add(name, function, values(SPECIAL + [3e38, -3e38]))
        add(name, function, integers((2, 3), -9, 9))


def cases(add):
    functions_of_one(add)
    functions_of_two(add)
    functions_with_numbers(add)
    rounding_and_logic(add)
