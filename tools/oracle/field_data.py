#!/usr/bin/env python3
"""Writes tests/training/fixtures/field/: small models and data of public bug reports about data and targets, as PyTorch exports
them, and expected.json, what PyTorch computes.

negative_id: an embedding of 3 rows and ids with -1 in the second row, where ONNX counts from the end.
one_output_regression: a linear model [N, 1] and targets [N].

Run: python tools/oracle/field_data.py   (needs torch, onnx and onnxscript)
"""
import json
import pathlib
import warnings

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import nn

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "training" / "fixtures" / "field"


def write(name, model, x, target, **expected):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "data.npz", x=x.numpy(), target=np.asarray(target))
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    path = str(folder / "model.onnx")
    torch.onnx.export(model.eval(), (x,), path, input_names=["x"], output_names=["y"],
                      dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False, verbose=False)
    exported = onnx.load(path)
    for part in (exported, exported.graph, *exported.graph.node, *exported.graph.value_info):
        del part.metadata_props[:]  # where in which file each node was written
    onnx.save(exported, path)


def main():
    torch.manual_seed(0)
    table = nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(4, 2))
    ids = torch.tensor([[0, 1], [1, -1]])
    positive = torch.where(ids < 0, ids + 3, ids)
    write("negative_id", table, ids.clamp(min=0), [0, 1])
    np.savez(OUT / "negative_id" / "data.npz", x=ids.numpy(), target=np.array([0, 1]))
    expected = {"loss": F.cross_entropy(table(positive), torch.tensor([0, 1])).item()}
    (OUT / "negative_id" / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    line = nn.Linear(1, 1)
    x = torch.arange(10.0)[:, None]
    target = np.arange(10, dtype=np.float32) * 2
    write("one_output_regression", line, x, target,
          loss=F.mse_loss(line(x), torch.tensor(target)[:, None]).item())


if __name__ == "__main__":
    main()
