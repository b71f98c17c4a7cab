#!/usr/bin/env python3
"""Writes tests/ops/expected/linear_attention.h: LinearAttention (gated_delta) and its gradients, by torch.autograd.

Usage: python tools/oracle/linear_attention.py > tests/ops/expected/linear_attention.h, then clang-format  (needs torch)

Input i is 0.8 sin(i + 1 + k) at element k, decay is that less 1, beta 0.5 + 0.5 of it. The gradients of the outputs are
inputs 6 and 7.
"""
import torch

BATCH, STEPS, HEADS, KV_HEADS, KEY, VALUE = 2, 3, 2, 1, 2, 2


def wave(i, *shape):
    count = torch.Size(shape).numel()
    return (0.8 * torch.sin(i + 1 + torch.arange(count, dtype=torch.float64))).reshape(shape)


def forward(query, key, value, past, decay, beta):
    state = past
    rows = []
    for t in range(STEPS):
        k = key[:, t].reshape(BATCH, KV_HEADS, KEY)
        v = value[:, t].reshape(BATCH, KV_HEADS, VALUE)
        g = decay[:, t].reshape(BATCH, KV_HEADS, KEY).exp()
        b = beta[:, t].reshape(BATCH, KV_HEADS, 1)
        state = g[..., None] * state
        held = torch.einsum("bhkv,bhk->bhv", state, k)
        state = state + torch.einsum("bhk,bhv->bhkv", k, b * (v - held))
        q = query[:, t].reshape(BATCH, KV_HEADS, HEADS // KV_HEADS, KEY)
        rows.append(torch.einsum("bhgk,bhkv->bhgv", q, state).reshape(BATCH, HEADS * VALUE) / KEY**0.5)
    return torch.stack(rows, 1), state


def show(name, tensors):
    print(f"inline const std::vector<std::vector<double>> {name} = {{")
    for tensor in tensors:
        print("    {" + ", ".join(f"{x:.17g}" for x in tensor.flatten().tolist()) + "},")
    print("};\n")


def main():
    inputs = [wave(0, BATCH, STEPS, HEADS * KEY), wave(1, BATCH, STEPS, KV_HEADS * KEY),
              wave(2, BATCH, STEPS, KV_HEADS * VALUE), wave(3, BATCH, KV_HEADS, KEY, VALUE),
              wave(4, BATCH, STEPS, KV_HEADS * KEY) - 1, 0.5 + 0.5 * wave(5, BATCH, STEPS, KV_HEADS)]
    for tensor in inputs:
        tensor.requires_grad_()
    y, state = forward(*inputs)
    loss = (y * wave(6, *y.shape)).sum() + (state * wave(7, *state.shape)).sum()
    gradients = torch.autograd.grad(loss, inputs)
    print(f"// Made by tools/oracle/linear_attention.py with PyTorch {torch.__version__.split('+')[0]}.")
    print("// Do not edit.")
    print("#pragma once\n\n#include <vector>\n\nnamespace temper::op_suite {\n")
    show("kLinearAttentionOutputs", [y.detach(), state.detach()])
    show("kLinearAttentionGradients", gradients)
    print("}  // namespace temper::op_suite")


if __name__ == "__main__":
    main()
