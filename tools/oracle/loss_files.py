#!/usr/bin/env python3
"""Writes losses as ONNX files and what PyTorch 2.15 makes of them.

tests/training/fixtures/loss_*.onnx: mse by onnx.helper, the others exported by PyTorch, each in float and double.
tests/training/expected/loss_files.h: for scores = x w the loss, its gradient by w, and the gradient of the
squared norm of that gradient (second order), in double.

Usage: python tools/oracle/loss_files.py      (needs torch 2.15, onnx and onnxscript)
"""
import pathlib

import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/training/fixtures"
X = [[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25], [0.75, -0.5]]
W = [[0.3, -0.1, 0.2], [0.4, 0.5, -0.6]]
LABELS = [0, 2, 1, 2]
PRICE = [[0.5, -1.0, 0.25], [1.5, 0.0, -2.0], [0.125, 1.0, 0.75], [-0.5, 0.5, 1.0]]
SAMPLE_WEIGHT = [1.0, 0.5, 2.0, 0.25]


class Weighted(torch.nn.Module):
    """|error|^3 with a weight for each class, a constant of the file, and one for each sample."""

    def __init__(self):
        super().__init__()
        self.register_buffer("class_weight", torch.tensor([0.5, 2.0, 1.5]))

    def forward(self, scores, price, sample_weight):
        error = (scores - price).abs()
        return (sample_weight.unsqueeze(1) * self.class_weight * error ** 3).mean()


class CrossEntropy(torch.nn.Module):
    """cross_entropy of labels, from ops that ONNX has, and a term of the model's input."""

    def forward(self, scores, target, x):
        likelihood = torch.log_softmax(scores, 1)
        picked = (F.one_hot(target, scores.shape[1]).to(scores.dtype) * likelihood).sum(1)
        return -picked.mean() + 0.1 * (scores.sum(1) * x[:, 0]).mean()


class Labelled(torch.nn.Module):
    """PyTorch's own cross_entropy, which becomes one op of ONNX."""

    def __init__(self):
        super().__init__()
        self.register_buffer("class_weight", torch.tensor([0.5, 2.0, 1.5]))

    def forward(self, scores, target):
        return F.cross_entropy(scores, target, self.class_weight) + 0.01 * scores.pow(2).mean()


class Smooth(torch.nn.Module):
    """log cosh, which has a second derivative everywhere."""

    def forward(self, scores, price):
        error = scores - price
        return (error + F.softplus(-2 * error) - 0.6931471805599453).mean()


def export(module, names, inputs, path):
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(module.eval().to(inputs[0].dtype), tuple(inputs), input_names=names, output_names=["loss"],
                                dynamo=True, dynamic_shapes=tuple({0: batch} for _ in inputs), verbose=False)
    model = onnx.load_from_string(program.model_proto.SerializeToString())
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.value_info):
        del part.metadata_props[:]  # where in which Python file it came from
    onnx.save(model, path)


def export_mse(dtype, path):
    kind = TensorProto.DOUBLE if dtype == torch.float64 else TensorProto.FLOAT
    shape = ["batch", 3]
    nodes = [helper.make_node("Sub", ["scores", "price"], ["error"]), helper.make_node("Mul", ["error", "error"], ["square"]),
             helper.make_node("ReduceMean", ["square"], ["loss"], keepdims=0)]
    graph = helper.make_graph(nodes, "mse", [helper.make_tensor_value_info(n, kind, shape) for n in ("scores", "price")],
                              [helper.make_tensor_value_info("loss", kind, [])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def numbers(tensor):
    return "{" + ", ".join(repr(float(v)) for v in torch.as_tensor(tensor, dtype=torch.float64).detach().flatten()) + "}"


def main():
    given = {"price": torch.tensor(PRICE), "target": torch.tensor(LABELS), "sample_weight": torch.tensor(SAMPLE_WEIGHT),
             "x": torch.tensor(X)}
    cases = {"weighted": (Weighted(), ["scores", "price", "sample_weight"]),
             "cross_entropy": (CrossEntropy(), ["scores", "target", "x"]), "smooth": (Smooth(), ["scores", "price"]),
             "labelled": (Labelled(), ["scores", "target"])}
    results = {}

    def inputs(names, dtype):
        return [given[n].to(dtype) if given[n].is_floating_point() else given[n] for n in names]

    def measure(name, loss_of, names):
        w = torch.tensor(W, dtype=torch.float64, requires_grad=True)
        scores = torch.tensor(X, dtype=torch.float64) @ w
        loss = loss_of(scores, *inputs(names[1:], torch.float64))
        gradient, = torch.autograd.grad(loss, w, create_graph=True)
        second = [] if name == "labelled" else torch.autograd.grad(gradient.pow(2).sum(), w)[0]
        results[name] = (loss, gradient, second)

    for dtype, kind in ((torch.float32, "f32"), (torch.float64, "f64")):
        export_mse(dtype, FIXTURES / f"loss_mse_{kind}.onnx")
        for name, (module, names) in cases.items():
            example = [torch.zeros(4, 3, dtype=dtype)] + inputs(names[1:], dtype)
            export(module, names, example, FIXTURES / f"loss_{name}_{kind}.onnx")
    measure("mse", F.mse_loss, ["scores", "price"])
    for name, (module, names) in cases.items():
        measure(name, module.double(), names)

    with open(ROOT / "tests/training/expected/loss_files.h", "w") as out:
        print("// Losses in files for scores = x w. Made by tools/oracle/loss_files.py with torch "
              f"{torch.__version__.split('+')[0]}. Do not edit.", file=out)
        print("#pragma once\n\n#include <cstdint>\n#include <string>\n#include <vector>\n", file=out)
        print("namespace temper::training::expected_files {\n\n// clang-format off", file=out)
        for name, values in (("X", X), ("W", W), ("Price", PRICE), ("SampleWeight", SAMPLE_WEIGHT)):
            print(f"inline const std::vector<double> k{name} = {numbers(values)};", file=out)
        print(f"inline const std::vector<std::int64_t> kLabels = {{{', '.join(map(str, LABELS))}}};\n", file=out)
        print("struct Loss {\n  std::string name;\n  double value;\n  std::vector<double> gradient;  // by w", file=out)
        print("  std::vector<double> second;  // of the squared norm of that, by w; empty: there is none\n};", file=out)
        print("inline const std::vector<Loss> kLosses = {", file=out)
        for name, (loss, gradient, second) in results.items():
            print(f'    {{"{name}", {loss.item()!r},\n     {numbers(gradient)},\n     {numbers(second)}}},', file=out)
        print("};\n// clang-format on\n\n}  // namespace temper::training::expected_files", file=out)


if __name__ == "__main__":
    main()
