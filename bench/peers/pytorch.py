#!/usr/bin/python3
"""The cases of scripts/bench in PyTorch, spoken to as bench/protocol.h says: pytorch.py CASE --threads N.

Each case is a function that draws its numbers in the order in which the case in bench/suite draws them, and
returns a function that makes one step and returns the loss. Eager, as PyTorch is used; gradients are dropped
before they are computed, not zeroed."""
import argparse
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

WARM_STEPS = 10
NOW = time.process_time if "BENCH_CPU_TIME" in os.environ else time.perf_counter


def training(model, loss_of, optimizer):
    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss
    return step


def normal(*shape):
    return torch.empty(*shape).normal_()


def weight_tying():
    head = nn.Linear(3, 10)
    embedding = nn.Embedding(10, 3, _weight=head.weight)
    embedding.weight = head.weight
    tokens = torch.tensor([[4, 9, 3], [0, 3, 9]])
    target = F.one_hot(tokens, 10).float()
    return training(head, lambda: F.mse_loss(F.softmax(head(embedding(tokens)), -1), target),
                    torch.optim.Adam(head.parameters()))


def tiny_mlp():
    model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1))
    x, target = normal(32, 16), normal(32, 1)
    return training(model, lambda: F.mse_loss(model(x), target), torch.optim.Adam(model.parameters()))


def chain():
    def step():
        x = torch.tensor(1.0 + 1e-6, requires_grad=True)
        y = x
        for _ in range(20000):
            y = y * x
        y.backward()
        return x.grad
    return step


def elementwise():
    a = torch.empty(4 << 20).uniform_(-2, 2).requires_grad_()

    def step():
        a.grad = None
        loss = (torch.tanh(2 * a + 1) * torch.sigmoid(a) - a ** 2 / 2).sum()
        loss.backward()
        return loss
    return step


def mlp():
    model = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    x, labels = normal(128, 784), torch.randint(0, 10, (128,))
    return training(model, lambda: F.cross_entropy(model(x), labels), torch.optim.Adam(model.parameters()))


class Block(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = linear(width, 3 * width), linear(width, width)
        self.up, self.down = linear(width, 4 * width), linear(4 * width, width)
        self.register_buffer("above", torch.ones(length, length, dtype=torch.bool).triu(1))

    def attention(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2)
                   for part in self.qkv(x).chunk(3, -1))
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        weights = F.softmax(scores.masked_fill(self.above, float("-inf")), -1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def linear(in_width, out_width):
    """nn.Linear with weights of deviation 0.02; nothing is drawn that the case does not draw."""
    layer = nn.utils.skip_init(nn.Linear, in_width, out_width)
    nn.init.normal_(layer.weight, 0, 0.02)
    nn.init.zeros_(layer.bias)
    return layer


class GPT(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, length):
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(vocabulary, width).normal_(0, 0.02))
        self.positions = nn.Parameter(torch.empty(length, width).normal_(0, 0.02))
        self.blocks = nn.Sequential(*(Block(width, heads, length) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        x = F.embedding(tokens, self.tokens) + self.positions
        return F.linear(self.norm(self.blocks(x)), self.tokens)


def gpt():
    model = GPT(8192, 256, 4, 8, 256)
    tokens, targets = (torch.randint(0, 8192, (4 * 256,)).view(4, 256) for _ in range(2))
    return training(model, lambda: F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten()),
                    torch.optim.AdamW(model.parameters()))


def tied_head():
    weight = torch.empty(50257, 256).normal_(0, 0.02).requires_grad_()
    x = normal(1024, 256).requires_grad_()
    targets = torch.randint(0, 50257, (1024,))

    def step():
        weight.grad = x.grad = None
        loss = F.cross_entropy(F.linear(x, weight), targets)
        loss.backward()
        return loss
    return step


def lstm():
    model = nn.LSTM(512, 512, 2)
    x = normal(35, 20, 512)

    def step():
        model.zero_grad(set_to_none=True)
        loss = model(x)[0].square().mean()
        loss.backward()
        return loss
    return step


def conv():
    model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    x, labels = normal(128, 1, 28, 28), torch.randint(0, 10, (128,))
    return training(model, lambda: F.cross_entropy(model(x), labels), torch.optim.SGD(model.parameters(), 1e-3))


CASES = {function.__name__: function for function in
         (weight_tying, tiny_mlp, chain, elementwise, mlp, gpt, tied_head, lstm, conv)}
CASES["rerecord"] = weight_tying  # eager PyTorch records each step anew
ANEW = {"weight_tying", "rerecord", "tiny_mlp"}


class Session:
    """A case, and the loss of its last step."""

    def __init__(self, name):
        self.name = name

    def make(self):
        torch.manual_seed(0)
        self.step = CASES[self.name]()
        return "true"

    def run(self, count):
        if self.name in ANEW:
            self.make()
            for _ in range(WARM_STEPS):
                self.step()
        begun = NOW()
        for _ in range(count):
            loss = self.step()
        taken = NOW() - begun
        self.last = loss.item()
        return repr(taken)

    def loss(self):
        return repr(self.last)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    (torch.ones(64, 64) @ torch.ones(64, 64)).sum()  # what PyTorch sets up once
    session = Session(arguments.case)
    print("true", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "run":
            print(session.run(int(words[1]) if len(words) > 1 else 1), flush=True)
        elif words[0] in ("make", "loss"):
            print(getattr(session, words[0])(), flush=True)


if __name__ == "__main__":
    main()
