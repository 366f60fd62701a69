#!/usr/bin/env python3
"""Writes tests/random/reference_calls.h: calls of PyTorch's CPU generator and what they draw on AVX2.

Needs Debian's python3-torch (1.13.1) on a machine with AVX2:
    /usr/bin/python3 tests/random/make_reference.py > tests/random/reference_calls.h
"""
import os

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"  # read when torch is loaded; other kernels draw other bits

import random

import numpy
import torch

torch.set_num_threads(1)
assert "CPU capability usage: AVX2" in torch.__config__.show()

LOWEST, HIGHEST = -(2**63), 2**63 - 1
DTYPES = {"F32": torch.float32, "F64": torch.float64}


def fnv(array):
    """FNV-1a over the bytes of the values, each little-endian."""
    hashed = 0xCBF29CE484222325
    for byte in array.astype(array.dtype.newbyteorder("<")).tobytes():
        hashed = ((hashed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return hashed


def integer(value):
    return "INT64_MIN" if value == LOWEST else "%d" % value


class Calls:
    """One C array: every method makes a call and writes down what it drew."""

    def __init__(self, name):
        self.generator = torch.Generator()
        print("\nstatic const reference_call reference_%s[] = {" % name)

    def end(self):
        print("};")

    def write(self, kind, arguments, array):
        bits = array.view("u%d" % array.itemsize)
        first = ", ".join("0x%x" % b for b in bits[:3]) or "0"
        print("{%s, %s.count = %d, .sum = 0x%x, .first = {%s}}," % (kind, arguments, len(bits), fnv(bits), first))

    def seed(self, seed):
        self.generator.manual_seed(seed)
        print("{SEED, .seed = 0x%x}," % (seed % 2**64))

    def state(self):
        self.write("STATE", "", self.generator.get_state().numpy().view("u8"))

    def words(self, pairs):
        """Raw draws: each number below 2^64 - 1 is two of them."""
        drawn = torch.randint(LOWEST, HIGHEST, (pairs,), generator=self.generator).numpy().view("u8")
        drawn = drawn + numpy.uint64(2**63)
        both = numpy.stack([drawn >> numpy.uint64(32), drawn & numpy.uint64(0xFFFFFFFF)], axis=1)
        self.write("NEXT", "", both.flatten().astype("u4"))

    def randint(self, low, high, count):
        drawn = torch.randint(low, high, (count,), generator=self.generator).numpy()
        self.write("RANDINT", ".low = %s, .high = %s, " % (integer(low), integer(high)), drawn)

    def randperm(self, count):
        self.write("RANDPERM", "", torch.randperm(count, generator=self.generator).numpy())

    def uniform(self, dtype, low, high, count):
        drawn = torch.empty(count, dtype=DTYPES[dtype]).uniform_(low, high, generator=self.generator)
        self.write("UNIFORM_" + dtype, ".real = {%s, %s}, " % (low.hex(), high.hex()), drawn.numpy())

    def normal(self, dtype, mean, deviation, count):
        drawn = torch.empty(count, dtype=DTYPES[dtype]).normal_(mean, deviation, generator=self.generator)
        self.write("NORMAL_" + dtype, ".real = {%s, %s}, " % (mean.hex(), deviation.hex()), drawn.numpy())


def engine():
    calls = Calls("engine")
    for seed in (0, 1, 2, 5489, 2**32 - 1, 2**32, 2**32 + 7, 2**63, 2**64 - 1):
        calls.seed(seed)
        calls.state()
        calls.words(2)
        calls.state()
        calls.words(1000)
        calls.state()
    calls.end()


def integers():
    calls = Calls("integers")
    calls.seed(11)
    for low, high in ((0, 1), (0, 10), (-5, 7), (0, 2**31), (0, 2**32 - 1), (0, 2**32), (0, 2**32 + 1), (-1, 2**32 - 1),
                      (-(2**40), 2**41), (LOWEST, 0), (LOWEST, HIGHEST), (LOWEST, LOWEST + 3), (HIGHEST - 4, HIGHEST)):
        for count in (0, 1, 1000):
            calls.randint(low, high, count)
    calls.end()


def permutations():
    calls = Calls("permutations")
    calls.seed(12)
    for count in (0, 1, 2, 3, 4, 10, 100, 1000, 65535, 65536, 65537, 100000):
        calls.randperm(count)
    calls.end()


def uniforms():
    calls = Calls("uniforms")
    calls.seed(13)
    for dtype in DTYPES:
        for low, high in ((0.0, 1.0), (-0.3, 0.7), (-(3**-0.5), 3**-0.5), (2.0, 2.0), (1e-30, 1e30), (-1.7e38, 1.7e38)):
            for count in (0, 1, 15, 16, 1000):
                calls.uniform(dtype, low, high, count)
    calls.end()


def normal_sizes():
    calls = Calls("normal_sizes")
    calls.seed(14)
    for count in range(101):
        calls.normal("F32", 0.0, 1.0, count)
        calls.normal("F64", -0.25, 0.02, count)
    for dtype in DTYPES:
        for mean, deviation in ((3.0, 0.0), (1e30, 1e-30), (1e-300, 1e-310)):
            for count in (5, 33):
                calls.normal(dtype, mean, deviation, count)
    calls.end()


def kept_value():
    """The second value of a pair: who takes it, who lets it be, who drops it."""
    calls = Calls("kept_value")
    calls.seed(15)
    calls.normal("F32", 0.0, 1.0, 1)  # keeps one back, unscaled
    calls.state()
    calls.normal("F64", 0.5, 3.0, 1)  # takes it
    calls.state()
    calls.normal("F64", 0.0, 1.0, 3)
    calls.normal("F32", 2.0, 0.5, 1)
    calls.normal("F32", 0.0, 1.0, 1)
    calls.uniform("F32", 0.0, 1.0, 2)  # none of these touches the value kept back
    calls.uniform("F64", 0.0, 1.0, 2)
    calls.randint(0, 10, 2)
    calls.randperm(5)
    calls.normal("F32", 0.0, 1.0, 16)
    calls.normal("F64", 0.0, 1.0, 17)
    calls.normal("F32", 0.0, 1.0, 0)
    calls.words(1)
    calls.normal("F32", 0.0, 1.0, 2)
    calls.state()
    calls.seed(15)  # drops it
    calls.normal("F32", 0.0, 1.0, 2)
    calls.end()


def mixed():
    """Calls as they come, at random but the same each time."""
    chosen = random.Random(16)
    calls = Calls("mixed")
    for _ in range(30):
        calls.seed(chosen.randrange(2 ** chosen.choice((8, 32, 64))))
        for _ in range(8):
            count = chosen.choice((chosen.randrange(18), chosen.randrange(101), chosen.randrange(1300)))
            dtype = chosen.choice(("F32", "F64"))
            a, b = sorted((chosen.uniform(-3, 3), chosen.uniform(-3, 3)))
            kind = chosen.randrange(6)
            if kind < 3:
                calls.normal(dtype, a, abs(b), count)
            elif kind == 3:
                calls.uniform(dtype, a, b, count)
            elif kind == 4:
                low = -chosen.randrange(2 ** chosen.randrange(1, 62))
                calls.randint(low, low + 1 + chosen.randrange(2 ** chosen.randrange(1, 62)), count)
            else:
                calls.randperm(count)
    calls.end()


def long_runs():
    calls = Calls("long_runs")
    for seed in (17, 2**40 + 18):
        calls.seed(seed)
        calls.words(50000)
        calls.randint(-3, 1000003, 100000)
        for dtype in DTYPES:
            calls.uniform(dtype, -0.1, 0.1, 100000)
            calls.normal(dtype, 0.0, 1.0, 200000)
            calls.normal(dtype, 0.01, 0.02, 100007)
    calls.end()


print("/* What PyTorch %s draws on AVX2; written by make_reference.py. */" % torch.__version__[:6])
print("/* clang-format off */")
print("#ifndef BOWLINE_TESTS_RANDOM_REFERENCE_CALLS_H")
print("#define BOWLINE_TESTS_RANDOM_REFERENCE_CALLS_H")
print('\n#include "reference.h"')
for group in (engine, integers, permutations, uniforms, normal_sizes, kept_value, mixed, long_runs):
    group()
print("\n#endif")
print("/* clang-format on */")
