#!/usr/bin/env python3
"""Writes tests/optim/schedules.h: learning rates as PyTorch's schedulers give them, step by step.

Needs Debian's python3-torch (1.13.1):  /usr/bin/python3 tests/optim/make_schedules.py > tests/optim/schedules.h
"""
import math
import warnings

import torch
from torch.optim import lr_scheduler as s

warnings.simplefilter("ignore")
STEPS, LR = 48, 0.25


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)


def rates(make):
    o = optimizer()
    scheduler = make(o)
    found = []
    for _ in range(STEPS):
        found.append(o.param_groups[0]["lr"])
        o.step()
        scheduler.step()
    return found


def one_cycle(**options):
    def make(o):
        # it refuses a step beyond the last one: stay there
        scheduler = s.OneCycleLR(o, LR, total_steps=40, cycle_momentum=False, **options)
        step = scheduler.step
        scheduler.step = lambda: step() if scheduler.last_epoch < 39 else None
        return scheduler
    return make


SCHEDULES = [
    ("constant", lambda o: s.ConstantLR(o, factor=0.3, total_iters=7)),
    ("step", lambda o: s.StepLR(o, step_size=9, gamma=0.3)),
    ("multi step", lambda o: s.MultiStepLR(o, milestones=[5, 20, 20, 33], gamma=0.4)),
    ("exponential", lambda o: s.ExponentialLR(o, gamma=0.93)),
    ("linear", lambda o: s.LinearLR(o, start_factor=0.05, end_factor=1, total_iters=13)),
    ("linear down", lambda o: s.LinearLR(o, start_factor=1, end_factor=0.2, total_iters=31)),
    ("polynomial", lambda o: s.PolynomialLR(o, total_iters=37, power=1.7)),
    ("cosine", lambda o: s.CosineAnnealingLR(o, T_max=17, eta_min=0.1 * LR)),
    ("cosine restarts", lambda o: s.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=0.05 * LR)),
    ("cosine repeats", lambda o: s.CosineAnnealingWarmRestarts(o, T_0=11)),
    ("one cycle", one_cycle()),
    ("one cycle linear", one_cycle(pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=20)),
    ("one cycle three", one_cycle(pct_start=0.25, three_phase=True)),
    ("function", lambda o: s.LambdaLR(o, lambda t: 1 / math.sqrt(1 + t))),
    ("sequence", lambda o: s.SequentialLR(o, [s.LinearLR(o, start_factor=0.1, end_factor=1, total_iters=6),
                                              s.CosineAnnealingLR(o, T_max=30),
                                              s.ConstantLR(o, factor=0.01, total_iters=100)], [6, 36])),
    ("chained", lambda o: s.ChainedScheduler([s.ConstantLR(o, factor=0.1, total_iters=4),
                                              s.ExponentialLR(o, gamma=0.9),
                                              s.StepLR(o, step_size=10, gamma=0.5)])),
]


def metrics():
    """Gets better, stays, gets worse, better by a little, NaN: dyadic fractions."""
    values = [2.0 - i / 8 for i in range(6)]
    values += [1.375] * 9 + [1.5, 1.25, 1.2490234375, 1.2480468750] + [math.nan] * 3
    values += [1.0] + [1.0 + (i * 7 % 5) / 16 for i in range(25)]
    return values[:STEPS]


PLATEAUS = [
    ("defaults", {}),
    ("patient", dict(factor=0.5, patience=2, cooldown=3, threshold=0.01)),
    ("absolute", dict(factor=0.5, patience=1, threshold=0.1, threshold_mode="abs", min_lr=0.1 * LR)),
    ("maximize", dict(mode="max", factor=0.3, patience=3, threshold=0.05, eps=0.004 * LR)),
    ("maximize absolute", dict(mode="max", factor=0.7, patience=0, threshold=0.0, threshold_mode="abs", cooldown=1)),
]


def plateau(options):
    o = optimizer()
    options = dict(eps=1e-8 * LR) | options  # ours are in units of the initial rate
    scheduler = s.ReduceLROnPlateau(o, **options)
    found = []
    for metric in metrics():
        scheduler.step(metric)
        found.append(o.param_groups[0]["lr"])
    return found


def row(values):
    texts = ["NAN" if math.isnan(v) else v.hex() for v in values]
    return "{" + ", ".join(texts) + "}"


print("/* Written by make_schedules.py with PyTorch %s; do not edit. */" % torch.__version__)
print("/* clang-format off */")
print("static const double metrics[STEPS] =\n    %s;" % row(metrics()))
print("static const reference schedules[] = {")
for name, make in SCHEDULES:
    print('    {"%s",\n     %s},' % (name, row(rates(make))))
print("};\nstatic const reference plateaus[] = {")
for name, options in PLATEAUS:
    print('    {"%s",\n     %s},' % (name, row(plateau(options))))
print("};")
