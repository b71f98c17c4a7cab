#!/usr/bin/env python3
"""Writes tests/ops/expected/cross_entropy.cpp: CrossEntropy and its gradient in double, from PyTorch.

Usage: python tools/oracle/cross_entropy.py > tests/ops/expected/cross_entropy.cpp     (needs torch 2.x)
"""
import torch
import torch.nn.functional as F


def cases():
    """(label, logits shape, labels, options, weighted)"""
    plain = [2, 0, 3, 1, 1]
    ignored = [2, -100, 3, -100, 1]
    yield "plain", (5, 4), plain, {}, False
    yield "sum", (5, 4), plain, {"reduction": "sum"}, False
    yield "none", (5, 4), ignored, {"reduction": "none"}, False
    yield "ignored", (5, 4), ignored, {}, False
    yield "ignore_class", (5, 4), plain, {"ignore_index": 1}, False
    yield "weighted", (5, 4), ignored, {}, True
    yield "weighted_sum", (5, 4), ignored, {"reduction": "sum"}, True
    yield "weighted_none", (5, 4), ignored, {"reduction": "none"}, True
    yield "smooth", (5, 4), plain, {"label_smoothing": 0.2}, False
    yield "smooth_ignored", (5, 4), ignored, {"label_smoothing": 0.2}, False
    yield "smooth_weighted", (5, 4), ignored, {"label_smoothing": 0.3}, True
    yield "smooth_weighted_sum", (5, 4), ignored, {"label_smoothing": 0.3, "reduction": "sum"}, True
    yield "smooth_weighted_none", (5, 4), ignored, {"label_smoothing": 0.3, "reduction": "none"}, True
    yield "large", (3, 3), [0, 2, 1], {}, False
    yield "one_class", (2, 1), [0, 0], {}, False
    yield "all_ignored", (2, 3), [-100, -100], {}, False
    yield "planes", (2, 3, 2), [[0, 2], [-100, 1]], {}, False
    yield "planes_smooth", (2, 3, 2, 2), [[[0, 2], [1, 1]], [[2, -100], [0, 0]]], {"label_smoothing": 0.1}, True
    yield "planes_none", (2, 3, 2), [[0, 2], [-100, 1]], {"reduction": "none"}, True


def number(value):
    value = float(value)
    if value != value:
        return "kNaN"
    return repr(value)


def numbers(tensor):
    return "{" + ", ".join(number(value) for value in tensor.flatten()) + "}"


def shape(tensor):
    return "{" + ", ".join(str(size) for size in tensor.shape) + "}"


def tensor_input(tensor):
    return f"values({shape(tensor)}, {numbers(tensor)})"


def host(tensor):
    return f"HostTensor{{Shape{shape(tensor)}, {numbers(tensor)}}}"


def attributes(options):
    parts = []
    for key, value in options.items():
        text = f'std::string("{value}")' if isinstance(value, str) else repr(value)
        text = f"std::int64_t{{{value}}}" if isinstance(value, int) else text
        parts.append(f'{{"{key}", {text}}}')
    return "{" + ", ".join(parts) + "}"


def main():
    print(f"// Made by tools/oracle/cross_entropy.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/ops/expected/cross_entropy.h"\n')
    print("#include <limits>\n")
    print("namespace temper::op_suite {\nnamespace {\n")
    print("constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();\n")
    print("}  // namespace\n\n// clang-format off\nstd::vector<TorchLoss> torch_cross_entropy() {\n  return {")
    generator = torch.Generator().manual_seed(3)
    for label, size, labels, options, weighted in cases():
        logits = torch.randn(size, generator=generator, dtype=torch.float32).double()
        if label == "large":
            logits *= 1000
        logits.requires_grad_()
        target = torch.tensor(labels)
        weight = torch.rand(size[1], generator=generator, dtype=torch.float32).double() + 0.25 if weighted else None
        loss = F.cross_entropy(logits, target, weight=weight, **options)
        dloss = torch.rand(loss.shape, generator=generator, dtype=torch.float32).double() + 0.5
        loss.backward(dloss)
        print(f'    {{"{label}", {attributes(options)},')
        print(f"     {tensor_input(logits.detach())},")
        print(f"     {tensor_input(target)}.of(DType::kInt64),")
        print(f"     {tensor_input(weight) if weighted else 'missing()'},")
        print(f"     {tensor_input(dloss)},")
        print(f"     {host(loss.detach())},")
        print(f"     {host(F.log_softmax(logits.detach(), 1))},")
        print(f"     {host(logits.grad)}}},")
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::op_suite")


main()
