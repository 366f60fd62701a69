"""Cases of attention, positions, and recurrent cells and layers."""
import math

import torch
import torch.nn.functional as F
from torch import _VF

from make_fixtures import given, integers, real, values

INFINITY = float("inf")


# ---- attention ----

def repeat_heads(x, heads):
    return x if x.dim() < 3 or x.shape[-3] == heads else x.repeat_interleave(heads // x.shape[-3], -3)


def attention(causal=None, scale=0.0, safe=False):
    """PyTorch's, where it has the case: no scale, no offset and no query without a key in 1.13."""
    def function(q, k, v, mask=None):
        heads = q.shape[-3] if q.dim() > 2 else 1
        k, v = repeat_heads(k, heads), repeat_heads(v, heads)
        if scale:
            q = q * (scale * math.sqrt(q.shape[-1]))
        if causal is not None:
            past = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril(causal)
            if mask is not None and mask.is_floating_point():
                mask = mask.masked_fill(~past, -INFINITY)
            else:
                mask = past if mask is None else mask & past
        if not safe:
            return F._scaled_dot_product_attention(q, k, v, mask)[0]
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(~mask, torch.finfo(q.dtype).min).softmax(-1).masked_fill(~mask, 0)
        return weights @ v
    return function


def attention_cases(add):
    name = "scaled_dot_product_attention"

    def case(function, q, k, v, *mask, causal=None, scale=0.0):
        add(name, function, real(q), real(k), real(v), *mask,
            attributes=(int(causal is not None), causal or 0, scale))

    case(attention(), (2, 2, 3, 4), (2, 2, 4, 4), (2, 2, 4, 2))
    case(attention(), (4, 5), (6, 5), (6, 3))
    case(attention(), (3, 1, 2), (3, 1, 2), (3, 1, 2))
    case(attention(), (2, 0, 5), (2, 3, 5), (2, 3, 4))
    case(attention(scale=0.3), (2, 2, 3, 4), (2, 2, 4, 4), (2, 2, 4, 2), scale=0.3)
    case(attention(causal=0), (2, 2, 3, 4), (2, 2, 4, 4), (2, 2, 4, 2), causal=0)
    case(attention(causal=2), (2, 2, 3, 4), (2, 2, 4, 4), (2, 2, 4, 2), causal=2)
    case(attention(causal=0), (5, 3), (5, 3), (5, 3), causal=0)
    most = given([[True, False, True, True], [False, True, False, False], [True, True, True, True]], "bool")
    case(attention(), (2, 3, 5), (2, 4, 5), (2, 4, 2), most)
    case(attention(), (1, 2, 3, 5), (1, 2, 4, 5), (1, 2, 4, 2), given([[[[True]], [[True]]]], "bool"))
    case(attention(), (2, 3, 5), (2, 4, 5), (2, 4, 2), real((3, 4)))
    case(attention(), (2, 3, 5), (2, 4, 5), (2, 4, 2), real((2, 1, 4)))
    case(attention(), (2, 2, 3, 5), (2, 2, 4, 5), (2, 2, 4, 2),
         values([[0, -INFINITY, 1, 0.5], [-INFINITY, -INFINITY, -INFINITY, 2], [0, 0, -1, 0]], grad=False))
    case(attention(causal=1), (2, 3, 5), (2, 4, 5), (2, 4, 2), real((3, 4)), causal=1)
    case(attention(causal=0), (2, 3, 5), (2, 4, 5), (2, 4, 2), given([True, True, False, True], "bool"), causal=0)
    dead = given([[True, False, True], [False, False, False]], "bool")
    case(attention(safe=True), (2, 2, 4), (2, 3, 4), (2, 3, 2), dead)
    case(attention(), (2, 4, 3, 4), (2, 2, 4, 4), (2, 2, 4, 2))
    case(attention(causal=0), (4, 3, 5), (1, 3, 5), (1, 3, 2), causal=0)
    case(attention(), (1, 4, 3, 5), (1, 2, 4, 5), (1, 2, 4, 2), real((4, 3, 4)))


# ---- positions ----

def angles(positions, width, base, dtype):
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = positions.to(torch.float64).unsqueeze(-1) * frequency
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotary(base, interleaved, offset):
    def function(x, positions=None):
        if positions is None:
            positions = torch.arange(offset, offset + x.shape[-2])
        cos, sin = angles(positions, x.shape[-1], base, x.dtype)
        if interleaved:
            turned = torch.view_as_complex(x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2)) * torch.complex(cos, sin)
            return torch.view_as_real(turned).reshape(x.shape)
        cos, sin = torch.cat((cos, cos), -1), torch.cat((sin, sin), -1)
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat((-second, first), -1) * sin
    return function


def rotary_cases(add):
    for interleaved in (False, True):
        for shape, base, offset in (((2, 3, 4, 6), 10000.0, 0), ((5, 2), 10.0, 7), ((3, 1, 8), 500000.0, -2)):
            add("rotary_embedding", rotary(base, interleaved, offset), real(shape),
                attributes=(base, int(interleaved), offset))
        function, attributes = rotary(10000.0, interleaved, 0), (10000.0, int(interleaved), 0)
        add("rotary_embedding", function, real((2, 3, 4, 6)), integers((4,), 0, 5000), attributes=attributes)
        add("rotary_embedding", function, real((2, 3, 4, 6)), integers((2, 1, 4), -5, 90, "i32"), attributes=attributes)
        add("rotary_embedding", function, real((0, 4, 6)), integers((4,), 0, 9), attributes=attributes)

    def sinusoids(length, width, dtype):
        cos, sin = angles(torch.arange(length), width, 10000.0, dtype)
        return torch.stack((sin, cos), -1).reshape(length, -1)[:, :width]
    for length, width in ((5, 8), (1, 2), (7, 4)):
        add("sinusoidal_positions", lambda x: x + sinusoids(length, width, x.dtype), real((length, width)))


# ---- recurrent cells and layers ----

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def cells(add):
    functions = {"lstm": lambda x, h, c, *w: _VF.lstm_cell(x, (h, c), *w), "gru": _VF.gru_cell}
    for batch, width, hidden in ((3, 4, 5), (1, 1, 1), (2, 7, 3)):
        for bias in (True, False):
            for kind in ("rnn", "lstm", "gru"):
                rows = GATES[kind] * hidden
                states = [real((batch, hidden), -1, 1)] * (2 if kind == "lstm" else 1)
                weights = [real((rows, width), -1, 1), real((rows, hidden), -1, 1)]
                weights += [real((rows,), -1, 1)] * 2 * bias
                for relu in (False, True) if kind == "rnn" else (False,):
                    function = functions.get(kind, _VF.rnn_relu_cell if relu else _VF.rnn_tanh_cell)
                    add(kind + "_cell", function, real((batch, width)), *states, *weights, attributes=(int(relu),))


def layer(kind, relu, layers, bidirectional, batch_first, bias, states, batched):
    directions = 2 if bidirectional else 1

    def function(x, *rest):
        given_states, weights = list(rest[:states]), list(rest[states:])
        hidden = weights[1].shape[1]
        if not batched:
            x, given_states = x.unsqueeze(1), [s.unsqueeze(1) for s in given_states]
        first = batch_first and batched
        zeros = x.new_zeros(layers * directions, x.shape[0 if first else 1], hidden)
        given_states = given_states or [zeros, zeros]
        settings = (weights, bias, layers, 0.0, False, bidirectional, first)
        if kind == "lstm":
            outputs = _VF.lstm(x, (given_states[0], given_states[1]), *settings)
        else:
            run = {"gru": _VF.gru, "rnn": _VF.rnn_relu if relu else _VF.rnn_tanh}[kind]
            outputs = run(x, given_states[0], *settings)
        return outputs if batched else [o.squeeze(1) for o in outputs]
    return function


def layer_case(add, kind, length=4, batch=2, width=3, hidden=2, layers=1, bidirectional=False, batch_first=False,
               bias=True, states=True, relu=False, batched=True):
    directions, rows = 2 if bidirectional else 1, GATES[kind] * hidden
    shape = (batch, length, width) if batch_first else (length, batch, width)
    state = (layers * directions, batch, hidden)
    if not batched:
        shape, state = (length, width), (layers * directions, hidden)
    count = (2 if kind == "lstm" else 1) if states else 0
    inputs = [real(shape)] + [real(state, -1, 1)] * count
    for cell in range(layers * directions):
        into = width if cell < directions else directions * hidden
        inputs += [real((rows, into), -1, 1), real((rows, hidden), -1, 1)] + [real((rows,), -1, 1)] * 2 * bias
    add(kind, layer(kind, relu, layers, bidirectional, batch_first, bias, count, batched), *inputs,
        attributes=(layers, int(bidirectional), int(batch_first), int(bias), int(states), int(relu)))


def cases(add):
    attention_cases(add)
    rotary_cases(add)
    cells(add)
    for kind in ("rnn", "lstm", "gru"):
        layer_case(add, kind)
        layer_case(add, kind, states=False)
        layer_case(add, kind, bias=False)
        layer_case(add, kind, batch_first=True, hidden=3)
        layer_case(add, kind, layers=2)
        layer_case(add, kind, layers=2, bidirectional=True, length=3)
        layer_case(add, kind, bidirectional=True, batch_first=True)
        layer_case(add, kind, layers=3, states=False, bias=False, length=2)
        layer_case(add, kind, length=1, batch=1, width=1, hidden=1)
        layer_case(add, kind, length=9, batch=1, width=2, hidden=4, bidirectional=True, states=False)
        layer_case(add, kind, batched=False)
        layer_case(add, kind, batched=False, bidirectional=True, layers=2, states=False)
    layer_case(add, "rnn", relu=True)
    layer_case(add, "rnn", relu=True, bidirectional=True, layers=2, batch_first=True)
