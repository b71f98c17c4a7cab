#!/usr/bin/env python3
"""Writes tests/training/expected/clipping.cpp: gradients after clipping by norm, tensor norm, value and unit, and after
centralisation, in double, from torch.nn.utils and from timm's formula of adaptive clipping.

Usage: python tools/oracle/clipping.py > tests/training/expected/clipping.cpp     (needs torch 2.x)
"""
import torch

torch.set_default_dtype(torch.float64)
G = torch.Generator().manual_seed(5)
INF = float("inf")
# Shape and the axis of the units (-1: one unit); [5, 3] with axis 1 is a weight that MatMul takes as it lies.
TENSORS = [((4, 3, 2, 2), 0), ((3, 5), 0), ((5, 3), 1), ((4,), -1), ((), -1)]


def normal(shape):
    return (torch.randn(shape, generator=G) * 64).round() / 64


PARAMETERS = [normal(shape) for shape, _ in TENSORS]
PARAMETERS[0][1] = 0  # a unit without weights: agc_eps takes their norm's place
GRADIENTS = [normal(shape) for shape, _ in TENSORS]
GRADIENTS[1][2] = 0  # a unit without a gradient


def unitwise_norm(x, p):
    return x.norm(p) if x.ndim <= 1 else x.norm(p, dim=tuple(range(1, x.ndim)), keepdim=True)


def adaptive(g, w, clip_factor, eps, p):
    """timm.utils.agc.adaptive_clip_grad"""
    max_norm = unitwise_norm(w, p).clamp(min=eps) * clip_factor
    grad_norm = unitwise_norm(g, p)
    return torch.where(grad_norm < max_norm, g, g * (max_norm / grad_norm.clamp(min=1e-6)))


def units_first(f, axis, *tensors):
    if axis < 1:
        return f(*tensors)
    return f(*[t.movedim(axis, 0) for t in tensors]).movedim(0, axis)


def clipped(norm=0.0, tensor_norm=0.0, norm_type=2.0, value=0.0, agc=0.0, agc_eps=1e-3, exclude=(), centralize=False):
    holders = [torch.zeros_like(g).requires_grad_() for g in GRADIENTS]
    for holder, g in zip(holders, GRADIENTS):
        holder.grad = g.clone()
    before = torch.nn.utils.get_total_norm([h.grad for h in holders], norm_type)
    if value:
        torch.nn.utils.clip_grad_value_(holders, value)
    for i, (holder, w) in enumerate(zip(holders, PARAMETERS)):
        if agc and i not in exclude:
            holder.grad = units_first(lambda g, w: adaptive(g, w, agc, agc_eps, norm_type), TENSORS[i][1], holder.grad, w)
        if tensor_norm:
            torch.nn.utils.clip_grad_norm_([holder], tensor_norm, norm_type)
    if norm:
        torch.nn.utils.clip_grad_norm_(holders, norm, norm_type)
    for holder, (_, axis) in zip(holders, TENSORS):
        if centralize and axis >= 0:
            holder.grad = units_first(lambda g: g - g.mean(dim=tuple(range(1, g.ndim)), keepdim=True), axis, holder.grad)
    return before, [h.grad for h in holders]


def settings():
    for norm_type in (1.0, 2.0, 3.0, 0.5, INF):
        scale = {1.0: 8.0, 0.5: 64.0}.get(norm_type, 1.0)
        yield dict(norm=scale, norm_type=norm_type)
        yield dict(tensor_norm=scale / 4, norm_type=norm_type)
        yield dict(agc=0.25, norm_type=norm_type)
    yield dict(norm=1e3)
    yield dict(value=0.5)
    yield dict(value=0.25, norm=1.5)
    yield dict(agc=0.01)
    yield dict(agc=0.1, agc_eps=0.5, exclude=(1, 3), norm=0.5)
    yield dict(centralize=True)
    yield dict(centralize=True, norm=0.5, value=1.0)


def number(x):
    x = float(x)
    return "kInf" if x == INF else repr(x)


def numbers(tensor):
    return "{" + ", ".join(number(x) for x in tensor.reshape(-1)) + "}"


def main():
    print(f"// Made by tools/oracle/clipping.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/training/expected/clipping.h"\n\n#include <limits>\n')
    print("namespace temper::training {\n\n// clang-format off")
    print("std::vector<ClippingTensor> clipping_tensors() {\n  return {")
    for (shape, axis), w, g in zip(TENSORS, PARAMETERS, GRADIENTS):
        print(f"    {{{{{', '.join(map(str, shape))}}}, {axis},\n     {numbers(w)},\n     {numbers(g)}}},")
    print("  };\n}\n\nstd::vector<ExpectedClipping> expected_clippings() {")
    print("  constexpr double kInf = std::numeric_limits<double>::infinity();\n  return {")
    for options in settings():
        before, grads = clipped(**options)
        o = dict(norm=0, tensor_norm=0, norm_type=2.0, value=0, agc=0, agc_eps=1e-3, exclude=(), centralize=False) | options
        exclude = ", ".join(f'"p{i}"' for i in o["exclude"])
        print(f"    {{{{{o['norm']}, {o['tensor_norm']}, {number(o['norm_type'])}, {o['value']}, {o['agc']}, "
              f"{o['agc_eps']}, {{{exclude}}}}}, {str(o['centralize']).lower()}, {number(before)},\n     {{"
              + ",\n      ".join(numbers(g) for g in grads) + "}},")
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::training")


main()
