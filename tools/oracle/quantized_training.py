#!/usr/bin/env python3
"""Quantisation-aware training by PyTorch: a network of two linear layers, its values rounded by torch.ao's
MovingAverageMinMaxObserver, then by learnt scales (LSQ), weights by fake quantisation per channel. Writes
tests/training/fixtures/rounded/ (the model and its data) and tests/training/expected/quantized_training.h.

Run from the repository root: /opt/oracle/bin/python tools/oracle/quantized_training.py
"""
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.ao.quantization.observer import MovingAverageMinMaxObserver

FIXTURES = pathlib.Path("tests/training/fixtures/rounded")
HEADER = pathlib.Path("tests/training/expected/quantized_training.h")
ROWS, BATCH, STEPS, INPUTS, HIDDEN, CLASSES = 32, 8, 20, 6, 5, 3
AVERAGING, RATE, SCALE_RATE, FREEZE = 0.05, 0.2, 0.002, 10


def model_and_data():
    rng = np.random.default_rng(4)  # no number comes near a border between two integers

    def weight(name, *shape, scale=0.6):
        return numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(np.float32), name)

    stored = [weight("fc1.weight", HIDDEN, INPUTS), weight("fc1.bias", HIDDEN, scale=0.2),
              weight("fc2.weight", CLASSES, HIDDEN), weight("fc2.bias", CLASSES, scale=0.2)]
    nodes = [helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"], "fc1", transB=1),
             helper.make_node("Relu", ["h"], ["r"], "relu"),
             helper.make_node("Gemm", ["r", "fc2.weight", "fc2.bias"], ["y"], "fc2", transB=1)]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "rounded", [info("x", TensorProto.FLOAT, ["n", INPUTS])],
                              [info("y", TensorProto.FLOAT, ["n", CLASSES])], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    target = rng.integers(0, CLASSES, ROWS)
    x = rng.standard_normal((ROWS, INPUTS)).astype(np.float32) + 0.7 * np.eye(CLASSES, INPUTS, dtype=np.float32)[target]
    # The range moves with the batches.
    x *= np.repeat(np.linspace(0.5, 1.5, ROWS // BATCH, dtype=np.float32), BATCH)[:, None]
    return model, x, target.astype(np.int64)


def steps_of(low, high, least, most, symmetric):
    observer = MovingAverageMinMaxObserver(
        AVERAGING, torch.quint8 if least == 0 else torch.qint8,
        torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine, quant_min=least, quant_max=most)
    observer.min_val, observer.max_val = torch.tensor(float(low)), torch.tensor(float(high))
    return observer


class Learnt(torch.autograd.Function):
    """Esser et al. 2020: gradient of the scale times 1 / sqrt(count most), with the formulas of PyTorch's kernels."""

    @staticmethod
    def forward(ctx, x, scale, zero, axis, least, most):
        ctx.save_for_backward(x, scale, zero)
        ctx.rest = axis, least, most
        if axis is None:
            return torch.fake_quantize_per_tensor_affine(x, scale, zero.to(torch.int32), least, most)
        return torch.fake_quantize_per_channel_affine(x, scale, zero.to(torch.int32), axis, least, most)

    @staticmethod
    def backward(ctx, dy):
        x, scale, zero = ctx.saved_tensors
        axis, least, most = ctx.rest
        count = x.numel() / scale.numel()
        factor = 1 / (count * most) ** 0.5
        with torch.enable_grad():
            own_x, own_scale = x.detach().requires_grad_(), scale.detach().reshape(-1).requires_grad_()
            own_zero = zero.float().reshape(-1).expand(own_scale.shape).clone()
            y = (torch._fake_quantize_learnable_per_tensor_affine(own_x, own_scale, own_zero, least, most, factor)
                 if axis is None else
                 torch._fake_quantize_learnable_per_channel_affine(own_x, own_scale, own_zero, axis, least, most, factor))
        dx, ds = torch.autograd.grad(y, (own_x, own_scale), dy)
        return dx, ds.reshape(scale.shape), None, None, None, None


def run(model, x, target, learnt, least, most, symmetric, bits=8):
    weights = {t.name: torch.tensor(numpy_helper.to_array(t).copy(), requires_grad=True) for t in model.graph.initializer}
    x, target = torch.tensor(x), torch.tensor(target)
    top = 2 ** (bits - 1) - 1
    with torch.no_grad():
        hidden = torch.relu(x @ weights["fc1.weight"].T + weights["fc1.bias"])
    observers = [steps_of(v.min(), v.max(), least, most, symmetric) for v in (x, hidden)]
    calibrated = [o.calculate_qparams() for o in observers]
    scales = [s.detach().reshape(()).clone().requires_grad_() for s, _ in calibrated]
    weight_scales = {n: (weights[n].detach().abs().amax(1) / top).requires_grad_() for n in ("fc1.weight", "fc2.weight")}
    groups = [{"params": list(weights.values()), "lr": RATE}]
    if learnt:
        groups.append({"params": scales + list(weight_scales.values()), "lr": SCALE_RATE})
    optimizer = torch.optim.SGD(groups)

    def value(i, v, step):
        if learnt:
            return Learnt.apply(v, scales[i], calibrated[i][1].reshape(()), None, least, most)
        if step is not None and step < FREEZE:
            observers[i](v.detach())
        scale, zero = observers[i].calculate_qparams()
        # QuantizeLinear saturates at the type's end, whatever range the scale is for.
        lowest = -128 if least == -127 else least
        return torch.fake_quantize_per_tensor_affine(v, scale.reshape(()), zero.reshape(()).to(torch.int32), lowest, most)

    def weight(name):
        w = weights[name]
        if learnt:
            return Learnt.apply(w, weight_scales[name], torch.zeros(len(w)), 0, -top - 1, top)
        scale = w.detach().abs().amax(1) / top
        return torch.fake_quantize_per_channel_affine(w, scale, torch.zeros(len(w), dtype=torch.int32), 0, -top - 1, top)

    def forward(v, step):
        v = torch.relu(value(0, v, step) @ weight("fc1.weight").T + weights["fc1.bias"])
        return value(1, v, step) @ weight("fc2.weight").T + weights["fc2.bias"]

    losses = []
    for step in range(STEPS):
        rows = slice(step * BATCH % ROWS, step * BATCH % ROWS + BATCH)
        loss = torch.nn.functional.cross_entropy(forward(x[rows], step), target[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        final = torch.nn.functional.cross_entropy(forward(x, None), target).item()
    ends = [float(e) for o in observers for e in (o.min_val, o.max_val)]
    learnt_scales = [float(s) for s in scales] + weight_scales["fc1.weight"].tolist()
    return losses, final, weights["fc1.weight"].detach().flatten().tolist(), ends, learnt_scales


def floats(values):
    return "{" + ", ".join(repr(np.float32(v).item()) for v in values) + "}"


def main():
    model, x, target = model_and_data()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    onnx.save(model, FIXTURES / "rounded.onnx")
    np.savez(FIXTURES / "rounded.npz", x=x, target=target)
    text = ["// Written by tools/oracle/quantized_training.py from PyTorch.\n#pragma once\n\n#include <string>\n"
            "#include <vector>\n\nnamespace temper::training::expected {\n\n"
            "// A run of 20 steps with SGD.\nstruct QuantizedTraining {\n"
            "  std::string name;\n  std::vector<std::string> lines;  // of the recipe\n"
            "  std::vector<double> losses;      // of each step\n"
            "  double final_loss = 0;           // of all rows, after the last step\n"
            "  std::vector<double> fc1_weight;  // then\n"
            "  std::vector<double> ranges;      // of x and r, where they move: low, high\n"
            "  std::vector<double> scales;      // of x, r and each row of fc1.weight, where they are learnt\n};\n\n"
            "inline const std::vector<QuantizedTraining> kQuantizedTraining = {\n"]
    for name, learnt, least, most, symmetric, bits in (
            ("moving", False, -128, 127, False, 8), ("moving_uint8", False, 0, 255, False, 8),
            ("moving_symmetric", False, -127, 127, True, 8), ("moving_4_bits", False, -128, 127, False, 4),
            ("learned", True, -128, 127, False, 8), ("learned_4_bits", True, -128, 127, False, 4)):
        losses, final, weight, ends, scales = run(model, x, target, learnt, least, most, symmetric, bits)
        activations = "symmetric" if symmetric else "uint8" if least == 0 else "int8"
        lines = [f"quantize.bits={bits}", f'quantize.activations=\\"{activations}\\"']
        lines += (['quantize.observers=\\"learned\\"', f"quantize.scale_lr={SCALE_RATE}"] if learnt else
                  [f"quantize.averaging_constant={AVERAGING}", "quantize.freeze_after=0.5"])
        quoted = ", ".join(f'"{line}"' for line in lines)
        text.append(f'    {{"{name}",\n     {{{quoted}}},\n     {floats(losses)},\n     {np.float32(final).item()!r},\n'
                    f'     {floats(weight)},\n     {floats(ends if not learnt else [])},\n'
                    f'     {floats(scales if learnt else [])}}},\n')
    text.append("};\n\n}  // namespace temper::training::expected\n")
    HEADER.write_text("".join(text))


if __name__ == "__main__":
    main()
