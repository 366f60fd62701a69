#!/usr/bin/env python3
"""Computes values and gradients with PyTorch and writes them to fixtures/FAMILY.txt, which the tests compare with
the library's. Needs Debian's python3-torch (1.13); building and testing need neither it nor this script.

usage: tests/pytorch/make_fixtures.py [FAMILY...]        (default: all)

A family is a module cases_FAMILY.py beside this file with a function cases(add), and a table of builders in
cases_FAMILY.c. A case is

    add("softplus", torch.nn.functional.softplus, real((2, 3), -2, 2), attributes=(1, 20))

the name of a row of that table; a function of tensors, one an input, that gives a tensor or a tuple of them; the
inputs; and numbers that the row's builder reads as c->attribute[..]. The function is called with f64 and f32 inputs
for what real() and values() make, and as they are with what integers() and bools() make. Values are drawn from the
case's name and number, so other cases stay as they are when one is added. Gradients are those of the sum over all
float outputs of output * weight, where element i of output k weighs ((7 i + 3 k) mod 11 - 5.5) / 4.

A block of a fixture file:

    case NAME NUMBER
    attributes NUMBER...
    input DTYPE grad|- [SHAPE] VALUE...
    output f64|f32|i64|bool [SHAPE] VALUE...      every output in the order given; floats once in f64, once in f32
    gradient f64|f32 INPUT VALUE...               by each input marked grad
    end
"""
import importlib
import pathlib
import sys
import zlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent


class Input:
    """One input: how to draw it, and whether a gradient by it is wanted."""

    def __init__(self, shape, dtype, draw, grad):
        self.shape, self.dtype, self.draw, self.grad = tuple(shape), dtype, draw, grad


def real(shape, low=-2.0, high=2.0, grad=True):
    """Floats in [low, high), exact in f32."""
    return Input(shape, "f64", lambda rng: rng.uniform(low, high, shape).astype(np.float32), grad)


def signed(shape, low, high, grad=True):
    """Floats of magnitude low..high and either sign: away from 0."""
    def draw(rng):
        return (rng.uniform(low, high, shape) * rng.choice([-1.0, 1.0], shape)).astype(np.float32)
    return Input(shape, "f64", draw, grad)


def distinct(shape, low=-2.0, high=2.0, grad=True):
    """Floats no two of which are near each other, in random order: for what has kinks at ties."""
    def draw(rng):
        count = int(np.prod(shape, dtype=np.int64))
        grid = low + (high - low) * (np.arange(count) + 0.5) / max(count, 1)
        return rng.permutation(grid).reshape(shape).astype(np.float32)
    return Input(shape, "f64", draw, grad)


def values(array, grad=True):
    """Given floats, which must be exact in f32 (or NaN or infinite)."""
    array = np.asarray(array, dtype=np.float64)
    return Input(array.shape, "f64", lambda rng: array.astype(np.float32), grad)


def integers(shape, low, high, dtype="i64"):
    """Integers in [low, high]."""
    return Input(shape, dtype, lambda rng: rng.integers(low, high, shape, endpoint=True), False)


def given(array, dtype="i64"):
    """Given integers, or bools with dtype "bool"."""
    array = np.asarray(array)
    return Input(array.shape, dtype, lambda rng: array, False)


def bools(shape):
    return Input(shape, "bool", lambda rng: rng.integers(0, 1, shape, endpoint=True).astype(bool), False)


TORCH = {"f64": torch.float64, "f32": torch.float32, "i64": torch.int64, "i32": torch.int32, "bool": torch.bool}
NAMES = {dtype: name for name, dtype in TORCH.items()}


def text(array):
    """Numbers that read back as the same, the shortest way."""
    flat = np.asarray(array).reshape(-1)
    if flat.dtype.kind in "bui":
        return " ".join(str(int(v)) for v in flat)
    return " ".join(np.format_float_scientific(v, trim="-", exp_digits=1) if np.isfinite(v) else str(float(v))
                    for v in flat)


def shape_text(shape):
    return "[" + ",".join(str(n) for n in shape) + "]"


def weights(tensor, k):
    i = torch.arange(tensor.numel(), dtype=torch.int64)
    return (((7 * i + 3 * k) % 11).to(tensor.dtype) - 5.5).div(4).reshape(tensor.shape)


def evaluate(function, inputs, arrays, dtype):
    """Outputs and gradients for floats of one dtype."""
    tensors = []
    for spec, array in zip(inputs, arrays):
        kind = TORCH[dtype] if spec.dtype == "f64" else TORCH[spec.dtype]
        tensors.append(torch.from_numpy(np.array(array)).to(kind).requires_grad_(spec.grad))
    outputs = function(*tensors)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    total = sum((o * weights(o, k)).sum() for k, o in enumerate(outputs) if o.is_floating_point())
    wanted = [t for t in tensors if t.requires_grad]
    gradients = []
    if wanted and isinstance(total, torch.Tensor) and total.requires_grad:
        gradients = torch.autograd.grad(total, wanted, allow_unused=True)
        gradients = [torch.zeros_like(t) if g is None else g for g, t in zip(gradients, wanted)]
    elif wanted:
        gradients = [torch.zeros_like(t) for t in wanted]
    return outputs, gradients


def write_case(out, name, number, function, inputs, attributes):
    rng = np.random.default_rng(zlib.crc32(f"{name} {number}".encode()))
    arrays = [np.asarray(spec.draw(rng)) for spec in inputs]
    print(f"case {name} {number}", file=out)
    print("attributes", *(repr(float(a)) for a in attributes), file=out)
    for spec, array in zip(inputs, arrays):
        print("input", spec.dtype, "grad" if spec.grad else "-", shape_text(array.shape), text(array), file=out)
    for dtype in ("f64", "f32"):
        outputs, gradients = evaluate(function, inputs, arrays, dtype)
        for o in outputs:
            if dtype == "f64" or o.is_floating_point():
                print("output", NAMES[o.dtype], shape_text(o.shape), text(o.detach().numpy()), file=out)
        places = [i for i, spec in enumerate(inputs) if spec.grad]
        for place, gradient in zip(places, gradients):
            print("gradient", dtype, place, text(gradient.detach().numpy()), file=out)
    print("end", file=out)


def write_family(family):
    counts = {}
    path = HERE / "fixtures" / f"{family}.txt"
    with open(path, "w", encoding="ascii") as out:
        def add(name, function, *inputs, attributes=()):
            counts[name] = counts.get(name, 0) + 1
            write_case(out, name, counts[name], function, inputs, attributes)
        importlib.import_module(f"cases_{family}").cases(add)
    print(f"{family}: {sum(counts.values())} cases of {len(counts)} builders, {path.stat().st_size} bytes")


def main():
    torch.set_num_threads(1)
    # cases_FAMILY.py imports this file by its name: the same module, not a second one.
    sys.modules["make_fixtures"] = sys.modules[__name__]
    sys.path.insert(0, str(HERE))
    families = sys.argv[1:] or sorted(p.stem[len("cases_"):] for p in HERE.glob("cases_*.py"))
    for family in families:
        write_family(family)


if __name__ == "__main__":
    main()
