#!/usr/bin/python3
"""Makes gpt2.safetensors and gpt2_expected.safetensors: a small GPT-2 as Hugging Face's GPT2LMHeadModel stores one
(https://huggingface.co/gpt2: names without a prefix, Conv1D weights [in, out], masks as attn.bias, no head), and what
PyTorch computes of it: logits, loss, and the loss's gradient by every parameter. The forward pass below is written
from the paper and the model's description; torch alone is needed (Debian: python3-torch).

usage: make_gpt2.py FOLDER"""

import json
import math
import struct
import sys

import torch

VOCABULARY, WIDTH, HEADS, LAYERS, POSITIONS, BATCH, LENGTH = 23, 8, 2, 2, 12, 2, 10


def make_parameters():
    torch.manual_seed(5)

    def normal(*shape, deviation=0.3, mean=0.0):
        return torch.randn(*shape) * deviation + mean

    made = {"wte.weight": normal(VOCABULARY, WIDTH), "wpe.weight": normal(POSITIONS, WIDTH)}
    for i in range(LAYERS):
        h = f"h.{i}."
        for norm in ("ln_1", "ln_2"):
            made[h + norm + ".weight"] = normal(WIDTH, mean=1.0)
            made[h + norm + ".bias"] = normal(WIDTH)
        for name, rows, columns in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                                    ("mlp.c_fc", WIDTH, 4 * WIDTH), ("mlp.c_proj", 4 * WIDTH, WIDTH)):
            made[h + name + ".weight"] = normal(rows, columns)
            made[h + name + ".bias"] = normal(columns)
    made["ln_f.weight"] = normal(WIDTH, mean=1.0)
    made["ln_f.bias"] = normal(WIDTH)
    return {name: value.requires_grad_() for name, value in made.items()}


def norm(x, p, name):
    return torch.nn.functional.layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"], 1e-5)


def conv1d(x, p, name):
    return x @ p[name + ".weight"] + p[name + ".bias"]


def gelu_new(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x ** 3)))


def split_heads(x):
    return x.view(BATCH, LENGTH, HEADS, WIDTH // HEADS).transpose(1, 2)


def attention(x, p, h):
    q, k, v = (split_heads(part) for part in conv1d(x, p, h + "attn.c_attn").split(WIDTH, dim=2))
    scores = q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS)
    mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
    weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
    y = (weights @ v).transpose(1, 2).reshape(BATCH, LENGTH, WIDTH)
    return conv1d(y, p, h + "attn.c_proj")


def forward(tokens, p):
    x = p["wte.weight"][tokens] + p["wpe.weight"][:LENGTH]
    for i in range(LAYERS):
        h = f"h.{i}."
        x = x + attention(norm(x, p, h + "ln_1"), p, h)
        x = x + conv1d(gelu_new(conv1d(norm(x, p, h + "ln_2"), p, h + "mlp.c_fc")), p, h + "mlp.c_proj")
    return norm(x, p, "ln_f") @ p["wte.weight"].t()


def write(path, tensors, metadata):
    """The safetensors format: length, JSON header, values."""
    header, values = {"__metadata__": metadata}, b""
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        data = tensor.detach().contiguous().numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + values)


def main(folder):
    p = make_parameters()
    tokens = torch.randint(0, VOCABULARY, (BATCH, LENGTH))
    targets = torch.randint(0, VOCABULARY, (BATCH, LENGTH))
    logits = forward(tokens, p)
    loss = torch.nn.functional.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))
    loss.backward()
    mask = torch.ones(POSITIONS, POSITIONS).tril().view(1, 1, POSITIONS, POSITIONS)
    stored = dict(p)
    for i in range(LAYERS):
        stored[f"h.{i}.attn.bias"] = mask
    write(folder + "/gpt2.safetensors", stored, {"format": "pt"})
    expected = {"gradient." + name: value.grad for name, value in p.items()}
    expected.update(tokens=tokens, targets=targets, logits=logits, loss=loss.view(1))
    write(folder + "/gpt2_expected.safetensors", expected, {"torch": torch.__version__})


main(sys.argv[1])
