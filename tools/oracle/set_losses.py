#!/usr/bin/env python3
"""Writes tests/training/expected/set_losses.h: the loss of a whole set and the gradient of one step on all of its
rows at once, for a linear layer and several losses, in double, from PyTorch.

Usage: python tools/oracle/set_losses.py > tests/training/expected/set_losses.h     (needs torch 2.x)
"""
import torch
import torch.nn.functional as F

G = torch.Generator().manual_seed(3)
CLASS_WEIGHT = torch.tensor([1.0, 2.0, 5.0]).double()


def normal(*size):
    """Multiples of 1/64: exact in float32 and short in print."""
    return (torch.randn(size, generator=G) * 64).round().double() / 64


X, W, B, T = normal(7, 2), normal(3, 2), normal(3), normal(7, 3)
LABELS = torch.tensor([0, -100, 1, 2, -100, -100, 2])
MASKS = (normal(7, 3) > 0).double()
SAMPLE_WEIGHTS = torch.tensor([1, 0.5, 2, 0, 1, 3, 0.25]).double()


def focal(x, t):
    counted = t >= 0
    log_p = F.log_softmax(x, 1).gather(1, t.clamp(min=0).unsqueeze(1)).squeeze(1)
    return (-0.25 * (1 - log_p.exp()) ** 2 * log_p * counted).sum() / counted.sum()


def weighted(x, t):
    each = F.cross_entropy(x, t, reduction="none", weight=CLASS_WEIGHT) * SAMPLE_WEIGHTS
    return each.sum() / CLASS_WEIGHT[t[t >= 0]].sum()


def numbers(tensor):
    return "{" + ", ".join(repr(float(v)) for v in tensor.detach().flatten()) + "}"


LOSSES = {
    "Ignored": ("labels", lambda x, w: F.cross_entropy(x, LABELS)),
    "ClassWeights": ("labels", lambda x, w: F.cross_entropy(x, LABELS, weight=CLASS_WEIGHT)),
    "Sum": ("labels", lambda x, w: F.cross_entropy(x, LABELS, weight=CLASS_WEIGHT, reduction="sum")),
    "SampleWeights": ("labels", lambda x, w: weighted(x, LABELS)),
    "Focal": ("labels", lambda x, w: focal(x, LABELS)),
    "TwoCounts": ("labels", lambda x, w: F.cross_entropy(x, LABELS, weight=CLASS_WEIGHT) + 3 * focal(x, LABELS)),
    "Penalty": ("labels", lambda x, w: F.cross_entropy(x, LABELS) + 0.125 * (w**2).sum()),
    "Mse": ("values", lambda x, w: F.mse_loss(x, T)),
    "MseSum": ("values", lambda x, w: F.mse_loss(x, T, reduction="sum")),
    "Rmse": ("values", lambda x, w: F.mse_loss(x, T).sqrt()),
    "RmseAndMse": ("values", lambda x, w: F.mse_loss(x, T).sqrt() + 0.5 * F.mse_loss(x, T)),
    "Dice": ("masks", lambda x, w: (1 - (2 * (x.sigmoid() * MASKS).sum(0) + 1) / ((x.sigmoid() + MASKS).sum(0) + 1)).mean()),
}


def main():
    print(f"// Made by tools/oracle/set_losses.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print("#pragma once\n\n#include <cstdint>\n#include <string>\n#include <vector>\n")
    print("namespace temper::training::expected_sets {\n\n// clang-format off")
    for name, value in (("kX", X), ("kW", W), ("kB", B), ("kValues", T), ("kMasks", MASKS), ("kSampleWeights", SAMPLE_WEIGHTS)):
        print(f"inline const std::vector<float> {name} = {numbers(value)};")
    print(f"inline const std::vector<std::int64_t> kLabels = {{{', '.join(str(int(v)) for v in LABELS)}}};\n")
    print("struct Expected {\n  std::string name;\n  std::string target;  // array of the data\n  double loss = 0;")
    print("  std::vector<double> dw, db;\n};\n")
    print("inline const std::vector<Expected> kLosses = {")
    for name, (target, function) in LOSSES.items():
        w, b = W.clone().requires_grad_(), B.clone().requires_grad_()
        loss = function(X @ w.T + b, w)
        loss.backward()
        print(f'    {{"{name}", "{target}", {float(loss.detach())!r}, {numbers(w.grad)}, {numbers(b.grad)}}},')
    w, b = W.clone().requires_grad_(), B.clone().requires_grad_()
    parts = [F.cross_entropy(X[i : i + 3] @ w.T + b, LABELS[i : i + 3]) for i in (0, 3, 6)]
    loss = sum(parts) / 3
    loss.backward()
    print("};\n\n// The mean of the means of micro-batches of three, three and one row.")
    print(f'inline const Expected kByBatches = {{"", "labels", {float(loss.detach())!r}, {numbers(w.grad)}, {numbers(b.grad)}}};')
    print("\n// clang-format on\n\n}  // namespace temper::training::expected_sets")


if __name__ == "__main__":
    main()
