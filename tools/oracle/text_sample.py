#!/usr/bin/env python3
"""Writes tests/training/expected/text_sample.h: the loss of 20 AdamW steps of models/text in PyTorch, windows in order,
and the loss over the held-out windows afterwards.

Usage: python tools/oracle/text_sample.py > tests/training/expected/text_sample.h     (needs torch 2.x, numpy, onnx)
"""
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models" / "text"
sys.path.insert(0, str(MODELS))
import make_text  # noqa: E402

BATCH = 16
STEPS = 20
VAL_SHARE = 0.1


def loss_of(network, x, y):
    scores = network(x)
    return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))


def main():
    torch.set_num_threads(1)
    tokens = torch.tensor(np.fromfile(MODELS / "text.bin", dtype="<u2").astype(np.int64))
    length = make_text.LENGTH
    starts = range(0, len(tokens) - length, length)
    x = torch.stack([tokens[s:s + length] for s in starts])
    y = torch.stack([tokens[s + 1:s + length + 1] for s in starts])
    train = len(x) - round(VAL_SHARE * len(x))
    network = make_text.make_network(int(tokens.max()) + 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.003, weight_decay=0.05)
    losses = []
    for step in range(STEPS):
        begin = step * BATCH % (train - train % BATCH + (BATCH if train % BATCH else 0))
        rows = slice(begin, min(begin + BATCH, train))
        optimizer.zero_grad()
        loss = loss_of(network, x[rows], y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        val = loss_of(network, x[train:], y[train:]).item()
    print(f"// Made by tools/oracle/text_sample.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print("#pragma once\n\nnamespace temper::training {\n\n// clang-format off")
    print(f"inline constexpr double kTextLosses[] = {{{', '.join(f'{v:.9g}' for v in losses)}}};")
    print(f"inline constexpr double kTextValLoss = {val:.9g};")
    print("// clang-format on\n\n}  // namespace temper::training")


main()
