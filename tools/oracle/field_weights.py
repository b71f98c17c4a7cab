#!/usr/bin/env python3
"""Writes tests/training/fixtures/field/<case>/: models as PyTorch exports them whose weights were once left untrained,
or that were exported in training mode; data; and expected.npz, what PyTorch holds after one step of SGD with a rate of 1.

Usage: python tools/oracle/field_weights.py     (needs torch 2.x, onnx)
"""
import copy
import pathlib

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import helper, numpy_helper

OUT = pathlib.Path(__file__).parents[2] / "tests/training/fixtures/field"
X = torch.tensor([[1.0, 0], [0, 1], [1, 1], [-1, 2.0]])
TARGET = torch.tensor([0, 1, 2, 0])


def export(module, path, opset, **options):
    torch.onnx.export(module, (X,), str(path), input_names=["x"], output_names=["y"], dynamo=False, opset_version=opset,
                      dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, **options)


def forget_statistics(path):
    """The exporter runs the model in training mode, which moves the statistics."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if "running" in tensor.name:
            start = np.zeros(3, np.float32) if "mean" in tensor.name else np.ones(3, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(start, tensor.name))
    onnx.save(model, path)


def case(name):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "data.npz", x=X.numpy(), target=TARGET.numpy())
    return folder


def step(module):
    """The weights after one step, by name."""
    trained = copy.deepcopy(module).double().train()
    optimizer = torch.optim.SGD(trained.parameters(), lr=1)
    F.cross_entropy(trained(X.double()), TARGET).backward()
    optimizer.step()
    return trained


def layernorm_written_out():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    folder = case("layernorm_written_out")
    export(module, folder / "model13.onnx", 13)
    np.savez(folder / "expected.npz", **{k: v.detach().numpy() for k, v in step(module).named_parameters()})


def training_mode_export():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    folder = case("training_mode_export")
    training = dict(training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)
    export(module[:2], folder / "model9.onnx", 9, **training)
    export(module[:2], folder / "model15.onnx", 15, **training)
    export(module, folder / "dropout17.onnx", 17, **training)
    for path in folder.glob("*.onnx"):
        forget_statistics(path)
    for opset in (9, 15):  # the same with the statistics among the model's outputs
        model = onnx.load(folder / f"model{opset}.onnx")
        norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
        names = ["new_mean", "new_var", "batch_mean", "batch_var"][: len(norm.output) - 1]
        norm.output[1:] = names
        model.graph.output.extend(helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [3]) for n in names)
        onnx.save(model, folder / f"read{opset}.onnx")
    trained = step(module[:2])
    hidden = module[0](X).double().detach()
    values = {k: v.detach().numpy() for k, v in trained.named_parameters()}
    mean = hidden.mean(0)
    var = hidden.var(0, unbiased=False)  # as ONNX says, where PyTorch keeps the unbiased one
    values["1.running_mean"] = (0.1 * mean).numpy()
    values["1.running_var"] = (0.9 + 0.1 * var).numpy()
    values["batch_mean"] = mean.numpy()
    values["batch_var"] = var.numpy()
    trained[1].running_mean.copy_(0.1 * mean)
    trained[1].running_var.copy_(0.9 + 0.1 * var)
    values["y"] = trained.eval()(X.double()).detach().numpy()
    np.savez(folder / "expected.npz", **values)


layernorm_written_out()
training_mode_export()
