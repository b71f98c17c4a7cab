#!/usr/bin/env python3
"""Writes regression.npz and regression.onnx: 1,000 points of 10 numbers with one target, and an untrained network.

Usage: python models/regression/make_regression.py      (needs numpy, torch 2.15, onnx and onnxscript)
The target is a linear part, a product and a sine of the inputs with noise of deviation 0.1, about 0 to 1 in spread.
"""
import pathlib

import numpy as np
import onnx
import torch
from torch import nn


def points(count=1000, columns=10, noise=0.1):
    """Returns input float32 [count, columns] and target float32 [count, 1]."""
    random = np.random.default_rng(0)
    x = random.standard_normal((count, columns))
    weights = random.uniform(-1, 1, columns)
    y = x @ weights / np.sqrt(columns) + 0.5 * x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2])
    y += noise * random.standard_normal(count)
    return x.astype(np.float32), y.astype(np.float32).reshape(-1, 1)


def main():
    folder = pathlib.Path(__file__).resolve().parent
    inputs, targets = points()
    np.savez_compressed(folder / "regression.npz", input=inputs, target=targets)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)).eval()
    program = torch.onnx.export(model, (torch.zeros(4, 10),), input_names=["input"], output_names=["output"],
                                dynamo=True, optimize=False, dynamic_shapes=({0: torch.export.Dim("batch")},),
                                verbose=False)
    onnx.save(onnx.load_from_string(program.model_proto.SerializeToString()), folder / "regression.onnx")


main()
