#!/usr/bin/env python3
"""LSTM, GRU and RNN of PyTorch in double, with lengths and first states, and their gradients.

Writes tests/ops/expected/recurrent.cpp. Element k of input i is 0.9 sin(1.3 k + i), as in
tests/ops/recurrent_cases.cpp; weights are in ONNX's order of gates.
"""
import pathlib

import numpy as np
import torch

STEPS, BATCH, INPUTS, HIDDEN, LENGTHS = 3, 2, 2, 2, [3, 2]
# Where PyTorch's gates stand in ONNX.
ORDER = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}


def numbers(place, *shape):
    k = np.arange(np.prod(shape))
    return torch.tensor(0.9 * np.sin(1.3 * k + place)).reshape(shape)


def gates(weights, op):
    parts = weights.reshape(len(ORDER[op]), HIDDEN, -1)
    return parts[ORDER[op]].reshape(weights.shape)


def run(op, directions):
    rows = len(ORDER[op]) * HIDDEN
    x = numbers(0, STEPS, BATCH, INPUTS)
    w = numbers(1, directions, rows, INPUTS)
    r = numbers(2, directions, rows, HIDDEN)
    b = numbers(3, directions, 2 * rows)
    states = [numbers(i, directions, BATCH, HIDDEN) for i in ((5, 6) if op == "LSTM" else (5,))]
    inputs = [x, w, r, b, *states]
    for value in inputs:
        value.requires_grad_()
    module = getattr(torch.nn, op)(INPUTS, HIDDEN, bidirectional=directions == 2).double()
    given = {}
    for d in range(directions):
        end = "_reverse" if d else ""
        given["weight_ih_l0" + end] = gates(w[d], op)
        given["weight_hh_l0" + end] = gates(r[d], op)
        given["bias_ih_l0" + end] = gates(b[d][:rows], op)
        given["bias_hh_l0" + end] = gates(b[d][rows:], op)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS))
    state = tuple(states) if op == "LSTM" else states[0]
    y, last = torch.func.functional_call(module, given, (packed, state))
    y = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=STEPS)[0]
    y = y.reshape(STEPS, BATCH, directions, HIDDEN).transpose(1, 2)
    outputs = [y, *(last if op == "LSTM" else (last,))]
    loss = sum((out * numbers(10 + i, *out.shape)).sum() for i, out in enumerate(outputs))
    return outputs, torch.autograd.grad(loss, inputs)


def text(values):
    rows = ["{" + ", ".join(repr(float(v)) for v in value.detach().flatten()) + "}" for value in values]
    return "{" + ", ".join(rows) + "}"


def main():
    lines = ["// Written by tools/oracle/recurrent.py.", '#include "tests/ops/expected/recurrent.h"', "",
             "namespace temper::op_suite {", "", "// clang-format off",
             "const std::vector<RecurrentValues>& recurrent_values() {",
             "  static const std::vector<RecurrentValues> values = {"]
    for op in ORDER:
        for directions in (1, 2):
            outputs, gradients = run(op, directions)
            lines.append(f'      {{"{op}", {directions}, {text(outputs)}, {text(gradients)}}},')
    lines += ["  };", "  return values;", "}", "// clang-format on", "", "}  // namespace temper::op_suite", ""]
    root = pathlib.Path(__file__).resolve().parents[2]
    (root / "tests/ops/expected/recurrent.cpp").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
