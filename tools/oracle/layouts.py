#!/usr/bin/env python3
"""Writes small models whose samples do not lie along the first dimension, and what PyTorch 2.15 makes of them.

tests/training/fixtures/layout/NAME.onnx: exported by PyTorch in double; NAME.npz: data of Temper, the samples first;
NAME_expected.npz: the loss, and its gradient by each tensor of the file.

Usage: python tools/oracle/layouts.py      (needs torch 2.15, onnx and onnxscript)
"""
import pathlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/training/fixtures/layout"
N, T, INPUTS, HIDDEN, CLASSES = 4, 5, 3, 2, 3


class States(torch.nn.Module):
    """Two LSTM layers over [T, N, C], their states inputs and outputs."""

    def __init__(self, batch_first=False):
        super().__init__()
        self.lstm = torch.nn.LSTM(INPUTS, HIDDEN, 2, batch_first=batch_first)

    def forward(self, x, h0, c0):
        y, (hn, cn) = self.lstm(x, (h0, c0))
        return y, hn, cn


class TimeMajor(torch.nn.Module):
    """A class for each step: [T, N, C]."""

    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(INPUTS, HIDDEN)
        self.head = torch.nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        return self.head(self.gru(x)[0])


class Flat(torch.nn.Module):
    """The scores of all steps below one another; of time-major data, those of one step of all samples first."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(INPUTS, CLASSES)

    def forward(self, x):
        return torch.tanh(self.head(x)).reshape(-1, CLASSES)


class Scaled(torch.nn.Module):
    """A single number and a table without samples are inputs."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(INPUTS, CLASSES)

    def forward(self, x, scale, table):
        return self.head(x) * scale + table


class Whole(torch.nn.Module):
    """One number, whatever the batch."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(INPUTS, CLASSES)

    def forward(self, x):
        return torch.tanh(self.head(x)).mean()


class Sequence(torch.nn.Module):
    """[T, C] of one sample, along which an LSTM goes."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(INPUTS, HIDDEN)

    def forward(self, x, h, c):
        y, (hn, cn) = self.lstm(x.unsqueeze(1), (h, c))
        return y.squeeze(1), hn, cn


class One(torch.nn.Module):
    """[T, T] of one sample, which the file has as a batch of one."""

    def __init__(self):
        super().__init__()
        self.query = torch.nn.Linear(INPUTS, HIDDEN)
        self.key = torch.nn.Linear(INPUTS, HIDDEN)

    def forward(self, x):
        x = x.squeeze(0)
        return self.query(x) @ self.key(x).T


class Nodes(torch.nn.Module):
    """A network over a graph's nodes [V, C] and edges [2, E]: what lies along the first dimension are no samples."""

    def __init__(self):
        super().__init__()
        self.message = torch.nn.Linear(INPUTS, HIDDEN)
        self.head = torch.nn.Linear(HIDDEN, CLASSES)

    def forward(self, nodes, weights, edges):
        sent = self.message(nodes)[edges[0]] * weights[:, None]
        got = torch.zeros(nodes.shape[0], HIDDEN, dtype=nodes.dtype).scatter_add(0, edges[1][:, None].expand(-1, HIDDEN), sent)
        return self.head(torch.tanh(got))


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fresh(module, *args, seed=0):
    torch.manual_seed(seed)
    return module(*args).double().eval()


def export(name, model, inputs, names, outputs, dynamic=None):
    path = FOLDER / f"{name}.onnx"
    torch.onnx.export(model, tuple(inputs), str(path), input_names=names, output_names=outputs, dynamic_shapes=dynamic,
                      dynamo=True, external_data=False, verbose=False, optimize=True)
    proto = onnx.load(str(path))
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in list(proto.graph.input) + list(proto.graph.output) + list(proto.graph.value_info):
        del value.metadata_props[:]
    del proto.graph.value_info[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    onnx.save(proto, str(path))
    return proto


def gates(rows, order):
    """PyTorch's blocks of rows in ONNX's order."""
    blocks = np.split(rows, len(order))
    return np.concatenate([blocks[i] for i in order])


def forms(model):
    """Every parameter, with its gradient, in the forms in which a file may have it."""
    named = {name: (p.detach().numpy(), p.grad.numpy()) for name, p in model.named_parameters() if p.grad is not None}
    for value, grad in named.values():
        yield value, grad
        yield value.T, grad.T
    for order in ([0, 3, 1, 2], [1, 0, 2]):  # of LSTM: i, f, g, o -> i, o, f, c; of GRU: r, z, n -> z, r, h
        for name, (value, grad) in named.items():
            if value.shape[0] % len(order):
                continue
            yield gates(value, order)[None], gates(grad, order)[None]
            if "bias_ih" in name:
                value_hh, grad_hh = named[name.replace("_ih", "_hh")]
                yield (np.concatenate([gates(value, order), gates(value_hh, order)])[None],
                       np.concatenate([gates(grad, order), gates(grad_hh, order)])[None])


def write(name, model, proto, loss, data):
    """`data`: the samples first. The gradients go by the names that the exporter gave, told by the values."""
    model.zero_grad()
    loss.backward()
    expected = {"loss": loss.detach().numpy().reshape(1)}
    for initializer in proto.graph.initializer:
        tensor = numpy_helper.to_array(initializer)
        for value, grad in forms(model):
            if tensor.dtype == np.float64 and value.shape == tensor.shape and np.array_equal(value, tensor):
                expected[initializer.name] = np.ascontiguousarray(grad)
    found = sum(e.size for k, e in expected.items() if k != "loss")
    assert found == sum(p.numel() for p in model.parameters()), (name, found)
    np.savez(FOLDER / f"{name}.npz",
             **{k: np.ascontiguousarray(v.numpy() if torch.is_tensor(v) else v) for k, v in data.items()})
    np.savez(FOLDER / f"{name}_expected.npz", **expected)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=2, max=4096)
    x = draw(1, T, N, INPUTS)
    h0, c0 = draw(2, 2, N, HIDDEN), draw(3, 2, N, HIDDEN)
    target = draw(4, N, T, HIDDEN)
    classes = torch.randint(0, CLASSES, (N, T), generator=torch.Generator().manual_seed(5))

    model = fresh(States)
    proto = export("states", model, (x, h0, c0), ["x", "h0", "c0"], ["y", "hn", "cn"],
                   ({1: batch}, {1: batch}, {1: batch}))
    y, _, _ = model(x, h0, c0)
    write("states", model, proto, F.mse_loss(y.transpose(0, 1), target),
          {"x": x.transpose(0, 1), "h0": h0.transpose(0, 1), "c0": c0.transpose(0, 1), "target": target})

    # As exported without a dynamic batch, and no states in the data.
    first = fresh(States, True)
    zeros = torch.zeros_like(h0)
    proto = export("states_fixed", first, (x.transpose(0, 1)[:1], zeros[:, :1], zeros[:, :1]), ["x", "h0", "c0"],
                   ["y", "hn", "cn"])
    y, hn, _ = first(x.transpose(0, 1), zeros, zeros)
    write("states_fixed", first, proto, F.mse_loss(hn.transpose(0, 1), target[:, :2]),
          {"x": x.transpose(0, 1), "target": target[:, :2]})

    model = fresh(TimeMajor)
    proto = export("time_major", model, (x,), ["x"], ["scores"], ({1: batch},))
    write("time_major", model, proto, F.cross_entropy(model(x).permute(1, 2, 0), classes),
          {"x": x.transpose(0, 1), "target": classes})

    # Nothing is named: the operator tells.
    proto = export("time_major_fixed", model, (x,), ["x"], ["scores"])
    write("time_major_fixed", model, proto, F.cross_entropy(model(x).permute(1, 2, 0), classes),
          {"x": x.transpose(0, 1), "target": classes})

    model = fresh(Flat)
    proto = export("flat", model, (x.transpose(0, 1),), ["x"], ["scores"], ({0: batch},))
    loss = F.cross_entropy(model(x.transpose(0, 1)), classes.reshape(-1))
    write("flat", model, proto, loss, {"x": x.transpose(0, 1), "target": classes})
    proto = export("flat_time", model, (x,), ["x"], ["scores"], ({1: batch},))
    loss = F.cross_entropy(model(x), classes.T.reshape(-1))
    write("flat_time", model, proto, loss, {"x": x.transpose(0, 1), "target": classes})

    model = fresh(Scaled)
    scale, table = torch.tensor(0.5, dtype=torch.float64), draw(6, 1, CLASSES)
    proto = export("scaled", model, (x[0], scale, table), ["x", "scale", "table"], ["y"], ({0: batch}, None, None))
    wanted = draw(7, N, CLASSES)
    write("scaled", model, proto, F.mse_loss(model(x[0], scale, table), wanted), {"x": x[0], "target": wanted})
    np.save(FOLDER / "scaled_table.npy", table.numpy())

    model = fresh(Whole)
    proto = export("whole", model, (x[0],), ["x"], ["y"], ({0: batch},))
    write("whole", model, proto, (model(x[0][:1]) - 0.25) ** 2, {"x": x[0][:1], "target": np.array([0.25])})

    model = fresh(Sequence)
    zero = torch.zeros(1, 1, HIDDEN, dtype=torch.float64)
    length = torch.export.Dim("seq_len", min=2, max=4096)
    proto = export("sequence", model, (x[:, 0], zero, zero.clone()), ["x", "h", "c"], ["y", "hn", "cn"],
                   ({0: length}, None, None))
    write("sequence", model, proto, F.mse_loss(model(x[:, 0], zero, zero)[0], target[0]),
          {"x": x[:, :1].transpose(0, 1), "target": target[:1]})

    model = fresh(One)
    proto = export("one", model, (x.transpose(0, 1)[:1],), ["x"], ["y"])
    pairs = draw(8, 1, T, T)
    write("one", model, proto, F.mse_loss(model(x.transpose(0, 1)[:1]), pairs[0]),
          {"x": x.transpose(0, 1)[:1], "target": pairs})

    model = fresh(Nodes)
    nodes, weights, scores = draw(9, 6, INPUTS), draw(10, 9), draw(11, 6, CLASSES)
    edges = torch.randint(0, 6, (2, 9), generator=torch.Generator().manual_seed(12))
    many, links = torch.export.Dim("num_nodes", min=2, max=4096), torch.export.Dim("num_edges", min=2, max=4096)
    proto = export("nodes", model, (nodes, weights, edges), ["nodes", "weights", "edges"], ["scores"],
                   ({0: many}, {0: links}, {1: links}))
    write("nodes", model, proto, F.mse_loss(model(nodes, weights, edges), scores),
          {"nodes": nodes[None], "weights": weights[None], "edges": edges[None], "target": scores[None]})


if __name__ == "__main__":
    main()
