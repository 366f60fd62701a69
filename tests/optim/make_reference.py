#!/usr/bin/env python3
"""Writes tests/optim/reference.h: training runs of a small model as PyTorch computes them in f64.

Needs Debian's python3-torch (1.13.1):  /usr/bin/python3 tests/optim/make_reference.py > tests/optim/reference.h

The model is an autoencoder: h = tanh(x w1^T + b1), y = h w2, loss = mean (y - target)^2, with w1 and w2 [5,3];
tied, w2 is w1. All starting values are dyadic fractions, so that both sides begin with the same bits.
"""
import torch

torch.set_num_threads(1)
STEPS, EVERY = 200, 10


def fractions(count, multiplier, modulus, offset, scale):
    return torch.tensor([((i * multiplier) % modulus - offset) / scale for i in range(count)], dtype=torch.float64)


def run(tied, make, late=0, drop=0):
    w1 = fractions(15, 7, 11, 5, 8).reshape(5, 3).requires_grad_()
    b1 = fractions(5, 3, 5, 2, 16).requires_grad_()
    w2 = w1 if tied else fractions(15, 5, 13, 6, 8).reshape(5, 3).requires_grad_()
    x = fractions(12, 5, 9, 4, 4).reshape(4, 3)
    target = fractions(12, 4, 7, 3, 2).reshape(4, 3)
    optimizer = make([w1, b1] if tied else [w1, b1, w2])
    losses = []
    for step in range(STEPS):
        if drop and step == drop:
            optimizer.param_groups[0]["lr"] /= 4
        loss = ((torch.tanh(x @ w1.T + b1) @ w2 - target) ** 2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if step < late:
            w2.grad = None
        optimizer.step()
        if step % EVERY == EVERY - 1:
            losses.append(loss.item())
    return losses, [p.detach().flatten().tolist() for p in (w1, b1, w2)]


def sgd(**options):
    return lambda parameters: torch.optim.SGD(parameters, **options)


def adam(**options):
    return lambda parameters: torch.optim.Adam(parameters, **options)


RUNS = [
    ("sgd", sgd(lr=0.1), {}),
    ("sgd weight decay", sgd(lr=0.1, weight_decay=0.02), {}),
    ("sgd momentum", sgd(lr=0.05, momentum=0.9), {}),
    ("sgd dampening", sgd(lr=0.1, momentum=0.8, dampening=0.5), {}),
    ("sgd nesterov", sgd(lr=0.05, momentum=0.9, nesterov=True), {}),
    ("sgd all", sgd(lr=0.1, momentum=0.7, dampening=0.25, weight_decay=0.01), {}),
    ("sgd dropped lr", sgd(lr=0.1, momentum=0.5), {"drop": 100}),
    ("adam", adam(lr=0.01), {}),
    ("adam weight decay", adam(lr=0.01, weight_decay=0.05), {}),
    ("adam betas", adam(lr=0.005, betas=(0.8, 0.95), eps=1e-3), {}),
    ("adam dropped lr", adam(lr=0.02), {"drop": 100}),
]
LATE = [
    ("sgd late", sgd(lr=0.1, momentum=0.8, dampening=0.5), {"late": 50}),
    ("adam late", adam(lr=0.01), {"late": 50}),
]


def numbers(values):
    return "{" + ", ".join("%.17g" % v for v in values) + "}"


print("/* Training runs that PyTorch %s computed in f64; written by make_reference.py. */" % torch.__version__[:6])
print("/* clang-format off */")
print("static const reference references[] = {")
for name, make, options in RUNS + LATE:
    for tied in (False, True):
        if tied and options.get("late"):
            continue
        losses, (w1, b1, w2) = run(tied, make, **options)
        print('    {"%s", %s,\n     %s,\n     %s,\n     %s,\n     %s},' % (
            name, "true" if tied else "false", numbers(losses), numbers(w1), numbers(b1), numbers(w2)))
print("};")
print("/* clang-format on */")
