#!/usr/bin/env python3
"""Writes tests/graph/recurrent_reference.h: the names and first values of PyTorch's recurrent layers.

Needs Debian's python3-torch (1.13.1):
    /usr/bin/python3 tests/graph/make_recurrent_reference.py > tests/graph/recurrent_reference.h
"""
import torch
import torch.nn as nn

torch.set_num_threads(1)


def write(kind, make):
    """One table a layer: for each parameter in its order the name, the shape, the values."""
    torch.manual_seed(11)
    print("static const reference %s_reference[] = {" % kind)
    for name, values in make().named_parameters():
        sizes = list(values.shape)
        numbers = ", ".join(v.hex() + "f" for v in values.detach().flatten().tolist())
        print("    {\"%s\", {.rank = %d, .size = {%s}}, (const float[]){%s}}," %
              (name, len(sizes), ", ".join(map(str, sizes)), numbers))
    print("};")


print("/* First values drawn by PyTorch %s; written by make_recurrent_reference.py. */" % torch.__version__[:6])
print("/* clang-format off */")
write("lstm", lambda: nn.LSTM(2, 3, num_layers=2, bidirectional=True))
write("gru", lambda: nn.GRU(2, 3, bias=False))
write("rnn", lambda: nn.RNN(2, 1, num_layers=2))
print("/* clang-format on */")
