#!/usr/bin/env python3
"""Writes tests/training/expected/loss_terms.h: losses of two outputs added up, with weights of samples
and classes and with penalties, and their gradients in double, from PyTorch and scikit-learn.

Usage: python tools/oracle/loss_terms.py > tests/training/expected/loss_terms.h     (needs torch 2.x, scikit-learn)
"""
import numpy
import sklearn
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

G = torch.Generator().manual_seed(5)
LABELS = torch.tensor([0, 1, 1, 2, 1, 1, 0, 1])
SAMPLE_WEIGHTS = torch.tensor([1, 0.5, 2, 0, 1, 3, 0.25, 1]).double()


def normal(*size):
    """Multiples of 1/64: exact in float32 and short in print."""
    return (torch.randn(size, generator=G) * 64).round().double() / 64


def numbers(tensor):
    return "{" + ", ".join(repr(float(v)) for v in tensor.detach().flatten()) + "}"


def camel(name):
    return "".join(word.capitalize() for word in name.split("_"))


def main():
    x, price = normal(8, 3), normal(8, 1)
    weights = {"w1": normal(3, 3), "b1": normal(3), "w2": normal(1, 3), "b2": normal(1)}
    balanced = torch.tensor(compute_class_weight("balanced", classes=numpy.arange(3), y=LABELS.numpy()))

    def forward(p):
        return x @ p["w1"].T + p["b1"], x @ p["w2"].T + p["b2"]

    def both(p):
        scores, value = forward(p)
        return {"cross_entropy": (1, F.cross_entropy(scores, LABELS, balanced)),
                "mse": (0.5, F.mse_loss(value, price))}

    def weighted(p):
        scores, value = forward(p)
        ce = F.cross_entropy(scores, LABELS, reduction="none")
        return {"cross_entropy": (1, (SAMPLE_WEIGHTS * ce).mean()),
                "mse": (2, (SAMPLE_WEIGHTS[:, None] * F.mse_loss(value, price, reduction="none")).mean())}

    def penalised(p):
        scores, _ = forward(p)
        return {"cross_entropy": (1, F.cross_entropy(scores, LABELS)),
                "l1": (1, 0.01 * (p["w1"].abs().sum() + p["w2"].abs().sum())),
                "l2": (1, 0.02 * (p["w1"].pow(2).sum() + p["w2"].pow(2).sum()))}

    print("// Losses of two outputs added up, for x -> (x w1' + b1, x w2' + b2). Made by tools/oracle/loss_terms.py")
    print(f"// with torch {torch.__version__.split('+')[0]} and scikit-learn {sklearn.__version__}. Do not edit.")
    print("#pragma once\n\n#include <cstdint>\n#include <string>\n#include <utility>\n#include <vector>\n")
    print("namespace temper::training::expected_terms {\n\n// clang-format off")
    for name, value in {"x": x, "price": price, **weights, "sample_weights": SAMPLE_WEIGHTS}.items():
        print(f"inline const std::vector<float> k{camel(name)} = {numbers(value).replace(', ', 'F, ').replace('}', 'F}')};")
    print(f"inline const std::vector<std::int64_t> kLabels = {{{', '.join(str(int(v)) for v in LABELS)}}};")
    print(f"inline const std::vector<double> kBalanced = {numbers(balanced)};\n")
    print("struct Sum {\n  double loss;\n  std::vector<std::pair<std::string, double>> parts;")
    print("  std::vector<std::vector<double>> gradients;  // of w1, b1, w2, b2\n};\n")
    for f in (both, weighted, penalised):
        p = {name: value.clone().requires_grad_() for name, value in weights.items()}
        parts = f(p)
        loss = sum(factor * part for factor, part in parts.values())
        loss.backward()
        grads = [torch.zeros_like(v) if v.grad is None else v.grad for v in p.values()]
        print(f"inline const Sum k{camel(f.__name__)} = {{{loss.item()!r},")
        print("    {" + ", ".join(f'{{"{k}", {v.item()!r}}}' for k, (_, v) in parts.items()) + "},")
        print("    {" + ",\n     ".join(numbers(g) for g in grads) + "}};")
    print("// clang-format on\n\n}  // namespace temper::training::expected_terms")


if __name__ == "__main__":
    main()
