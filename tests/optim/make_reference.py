#!/usr/bin/env python3
"""Writes tests/optim/reference.h: training runs of a small model as PyTorch computes them in f64.

Needs Debian's python3-torch (1.13.1):  /usr/bin/python3 tests/optim/make_reference.py > tests/optim/reference.h

The model is an autoencoder: h = tanh(x w1^T + b1), y = h w2, loss = mean (y - target)^2, with w1 and w2 [5,3];
tied, w2 is w1. All starting values are dyadic fractions, so that both sides begin with the same bits.

What PyTorch 1.13 does not have (Lion, Adafactor, LAMB, Muon) is written down here from the papers, in f64, in the
variants that include/bowline/optimizers.h names.
"""
import math

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)  # also of NAdam's product of momenta, which is f32 otherwise
STEPS, EVERY = 200, 25


def fractions(count, multiplier, modulus, offset, scale):
    return torch.tensor([((i * multiplier) % modulus - offset) / scale for i in range(count)], dtype=torch.float64)


def run(tied, make, late=0, drop=0, sign=1, shift=0.0):
    w1 = (fractions(15, 7, 11, 5, 8) * (1 + shift)).reshape(5, 3).requires_grad_()
    b1 = fractions(5, 3, 5, 2, 16).requires_grad_()
    w2 = w1 if tied else fractions(15, 5, 13, 6, 8).reshape(5, 3).requires_grad_()
    x = fractions(12, 5, 9, 4, 4).reshape(4, 3)
    target = fractions(12, 4, 7, 3, 2).reshape(4, 3)
    optimizers = make([w1, b1] if tied else [w1, b1, w2])
    losses = []
    for step in range(STEPS):
        loss = ((torch.tanh(x @ w1.T + b1) @ w2 - target) ** 2).mean()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        (sign * loss).backward()
        if step < late:
            w2.grad = None
        for optimizer in optimizers:
            if drop and step == drop:
                optimizer.param_groups[0]["lr"] /= 4
            optimizer.step()
        if step % EVERY == EVERY - 1:
            losses.append(loss.item())
    return losses, [p.detach().flatten().tolist() for p in (w1, b1, w2)]


class Transcribed(torch.optim.Optimizer):
    """An optimizer by formula(p, g, state, lr), which returns the new p; state["t"] counts p's updates."""

    def __init__(self, parameters, formula, lr):
        super().__init__(parameters, {"lr": lr})
        self.formula = formula

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    state["t"] = state.get("t", 0) + 1
                    p.copy_(self.formula(p.clone(), p.grad, state, group["lr"]))


def lion(lr, betas=(0.9, 0.99), weight_decay=0.0):
    """Chen et al. 2023, algorithm 2."""
    def formula(p, g, state, lr):
        m = state.get("m", torch.zeros_like(p))
        c = betas[0] * m + (1 - betas[0]) * g
        state["m"] = betas[1] * m + (1 - betas[1]) * g
        return p - lr * (torch.sign(c) + weight_decay * p)
    return lambda parameters: [Transcribed(parameters, formula, lr)]


def lamb(lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
    """You et al. 2020, algorithm 2, phi(z) = z."""
    def formula(p, g, state, lr):
        t = state["t"]
        m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g ** 2
        r = (m / (1 - betas[0] ** t)) / (torch.sqrt(v / (1 - betas[1] ** t)) + eps)
        u = r + weight_decay * p
        norms = p.norm().item(), u.norm().item()
        return p - lr * (norms[0] / norms[1] if min(norms) > 0 else 1) * u
    return lambda parameters: [Transcribed(parameters, formula, lr)]


def adafactor(lr=0.01, beta2_decay=-0.8, eps=(None, 1e-3), clip=1.0, weight_decay=0.0):
    """Shazeer and Stern 2018: no momentum, step sizes relative to the parameter (algorithms 4 and 5), lr as the bound
    of the relative step, and eps1 as a lower bound, as torch.optim.Adafactor of PyTorch 2.5."""
    def rms(x):
        return math.sqrt((x ** 2).mean().item())

    def formula(p, g, state, lr):
        eps1 = torch.finfo(p.dtype).eps if eps[0] is None else eps[0]
        t = state["t"]
        beta2 = 1 - t ** beta2_decay
        if p.dim() == 1:
            v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g ** 2
        else:
            r = state["r"] = beta2 * state.get("r", 0) + (1 - beta2) * (g ** 2).mean(1)
            c = state["c"] = beta2 * state.get("c", 0) + (1 - beta2) * (g ** 2).mean(0)
            v = torch.outer(r, c) / max(r.mean().item(), eps1)
        u = g / torch.sqrt(torch.clamp(v, min=eps1 ** 2))
        u = u / max(1.0, rms(u) / clip)
        alpha = max(eps[1], rms(p)) * min(lr, 1 / math.sqrt(t))
        return p - lr * weight_decay * p - alpha * u
    return lambda parameters: [Transcribed(parameters, formula, lr)]


def muon(lr, momentum=0.95, nesterov=True, weight_decay=0.1, match_adamw=False):
    """Jordan et al. 2024, for the matrices: Newton-Schulz with the usual quintic coefficients, in the parameter's
    dtype. PyTorch's AdamW for the rest."""
    a, b, c = 3.4445, -4.7750, 2.0315

    def newton_schulz(x):
        x = x / max(x.norm().item(), 1e-7)
        for _ in range(5):
            y = x.T @ x if x.shape[0] > x.shape[1] else x @ x.T
            z = b * y + c * y @ y
            x = a * x + (x @ z if x.shape[0] > x.shape[1] else z @ x)
        return x

    def formula(p, g, state, lr):
        m = state["m"] = momentum * state.get("m", 0) + (1 - momentum) * g
        d = momentum * m + (1 - momentum) * g if nesterov else m
        rows, columns = p.shape
        scale = 0.2 * max(rows, columns) ** 0.5 if match_adamw else max(1, rows / columns) ** 0.5
        return p - lr * weight_decay * p - lr * scale * newton_schulz(d)

    def make(parameters):
        return [Transcribed([p for p in parameters if p.dim() == 2], formula, lr),
                torch.optim.AdamW([p for p in parameters if p.dim() != 2], lr=0.01)]
    return make


def of(kind, **options):
    return lambda parameters: [kind(parameters, **options)]


optim = torch.optim
RUNS = [
    ("sgd", of(optim.SGD, lr=0.1), {}),
    ("sgd weight decay", of(optim.SGD, lr=0.1, weight_decay=0.02), {}),
    ("sgd momentum", of(optim.SGD, lr=0.05, momentum=0.9), {}),
    ("sgd dampening", of(optim.SGD, lr=0.1, momentum=0.8, dampening=0.5), {}),
    ("sgd nesterov", of(optim.SGD, lr=0.05, momentum=0.9, nesterov=True), {}),
    ("sgd all", of(optim.SGD, lr=0.1, momentum=0.7, dampening=0.25, weight_decay=0.01), {}),
    ("sgd dropped lr", of(optim.SGD, lr=0.1, momentum=0.5), {"drop": 100}),
    ("adam", of(optim.Adam, lr=0.01), {}),
    ("adam weight decay", of(optim.Adam, lr=0.01, weight_decay=0.05), {}),
    ("adam betas", of(optim.Adam, lr=0.005, betas=(0.8, 0.95), eps=1e-3), {}),
    ("adam amsgrad", of(optim.Adam, lr=0.02, betas=(0.8, 0.9), amsgrad=True), {}),
    ("adam dropped lr", of(optim.Adam, lr=0.02), {"drop": 100}),
    ("adamw", of(optim.AdamW, lr=0.01), {}),
    ("adamw all", of(optim.AdamW, lr=0.02, betas=(0.8, 0.9), weight_decay=0.5, amsgrad=True), {}),
    ("adamax", of(optim.Adamax, lr=0.01), {}),
    ("adamax all", of(optim.Adamax, lr=0.005, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.05), {}),
    # foreach: the other implementation multiplies by one momentum twice, against its documentation
    ("nadam", of(optim.NAdam, lr=0.005, foreach=True), {}),
    ("nadam all", of(optim.NAdam, lr=0.003, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.05, momentum_decay=0.02,
                     foreach=True), {}),
    ("radam", of(optim.RAdam, lr=0.01), {}),
    ("radam all", of(optim.RAdam, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.05), {}),
    ("adagrad", of(optim.Adagrad, lr=0.05), {}),
    ("adagrad all", of(optim.Adagrad, lr=0.1, lr_decay=0.01, weight_decay=0.02, initial_accumulator_value=0.1,
                       eps=1e-3), {}),
    ("adadelta", of(optim.Adadelta, lr=0.5), {}),
    ("adadelta all", of(optim.Adadelta, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.02), {}),
    ("rmsprop", of(optim.RMSprop, lr=0.001), {}),
    ("rmsprop momentum", of(optim.RMSprop, lr=0.001, momentum=0.5), {}),
    ("rmsprop all", of(optim.RMSprop, lr=0.001, alpha=0.9, eps=1e-2, momentum=0.8, centered=True,
                       weight_decay=0.02), {}),
    ("lion", lion(lr=0.003), {}),
    ("lion all", lion(lr=0.002, betas=(0.8, 0.95), weight_decay=0.5), {}),
    ("adafactor", adafactor(lr=0.003), {}),
    ("adafactor all", adafactor(lr=0.03, beta2_decay=-0.6, eps=(0.1, 0.5), clip=2.0, weight_decay=0.01), {}),
    ("lamb", lamb(lr=0.003), {}),
    ("lamb all", lamb(lr=0.003, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.0), {}),
    ("muon", muon(lr=0.003), {}),
    ("muon all", muon(lr=0.01, momentum=0.8, nesterov=False, weight_decay=0.5, match_adamw=True), {}),
]
LATE = [
    ("sgd late", of(optim.SGD, lr=0.1, momentum=0.8, dampening=0.5), {"late": 50}),
    ("adam late", of(optim.Adam, lr=0.01), {"late": 50}),
    ("nadam late", of(optim.NAdam, lr=0.005, foreach=True), {"late": 50}),
    ("adafactor late", adafactor(lr=0.003), {"late": 50}),
]
# Training -loss with maximize is training the loss: the tests compare such runs with the ones above.
for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.Adamax, optim.Adagrad, optim.Adadelta, optim.RMSprop):
    options = {"lr": 0.01, "weight_decay": 0.05}
    assert run(False, of(kind, **options)) == run(False, of(kind, maximize=True, **options), sign=-1)


def amplification(tied, make, options):
    """How much farther than its start a run gets when that is shifted a little. Where optimizers divide by small
    gradients, which is near the optimum, it may be 1e10, and then no two programs that round differently agree."""
    def values(shift):
        losses, parameters = run(tied, make, shift=shift, **options)
        return torch.tensor(sum(parameters, losses))
    return (values(1e-13) - values(0.0)).abs().max().item() / 1e-13


def numbers(values):
    return "{" + ", ".join("%.15g" % v for v in values) + "}"


print("/* Training runs that PyTorch %s computed in f64; written by make_reference.py. */" % torch.__version__[:6])
print("/* clang-format off */")
print("static const reference references[] = {")
for name, make, options in RUNS + LATE:
    for tied in (False, True):
        if tied and options.get("late"):
            continue
        assert amplification(tied, make, options) < 100, name
        losses, (w1, b1, w2) = run(tied, make, **options)
        print('    {"%s", %s,\n     %s,\n     %s,\n     %s,\n     %s},' % (
            name, "true" if tied else "false", numbers(losses), numbers(w1), numbers(b1),
            "{0}" if tied else numbers(w2)))
print("};")
print("/* clang-format on */")
