#!/usr/bin/env python3
"""Writes tests/graph/init_reference.h: the first values that PyTorch draws for layers and initialisers.

Needs Debian's python3-torch (1.13.1):  /usr/bin/python3 tests/graph/make_init_reference.py > tests/graph/init_reference.h
"""
import math
import torch
import torch.nn as nn

torch.set_num_threads(1)


def write(name, tensor):
    kind, suffix = ("double", "") if tensor.dtype == torch.float64 else ("float", "f")
    values = [v.hex() + suffix for v in tensor.detach().flatten().tolist()]
    print("static const %s %s[] = {%s};" % (kind, name, ", ".join(values)))


print("/* First values drawn by PyTorch %s; written by make_init_reference.py. */" % torch.__version__[:6])
print("/* clang-format off */")
torch.manual_seed(3)
linear = nn.Linear(3, 10)
write("linear_weight", linear.weight)
write("linear_bias", linear.bias)
torch.manual_seed(3)
write("embedding_weight", nn.Embedding(10, 3).weight)
torch.manual_seed(5)
write("kaiming", nn.init.kaiming_uniform_(torch.empty(4, 3, 2, 2, dtype=torch.float64), a=math.sqrt(5)))
torch.manual_seed(5)
write("normal", nn.init.normal_(torch.empty(5, dtype=torch.float64), 0.5, 2))
torch.manual_seed(5)
write("uniform", nn.init.uniform_(torch.empty(5), -0.25, 0.75))
torch.manual_seed(7)
nn.Linear(0, 4)
write("after_linear_without_inputs", torch.empty(3).uniform_())
for name, layer in (("conv1d", lambda: nn.Conv1d(4, 6, 3)),
                    ("conv2d", lambda: nn.Conv2d(4, 6, (3, 2), groups=2)),
                    ("conv_transpose1d", lambda: nn.ConvTranspose1d(2, 3, 4)),
                    ("conv_transpose2d", lambda: nn.ConvTranspose2d(4, 6, (2, 3), groups=2))):
    torch.manual_seed(11)
    made = layer()
    write(name + "_weight", made.weight)
    write(name + "_bias", made.bias)
print("/* clang-format on */")
