#!/usr/bin/env python3
"""Writes tests/training/losses/expected/adversarial.cpp: adversarial losses, a Wasserstein gradient penalty and R1 of a
small discriminator, values and gradients from PyTorch in float64.

Usage: python tools/oracle/adversarial.py > tests/training/losses/expected/adversarial.cpp     (needs torch 2.x)
Tensors are waves, sin(1.7 k + phase), so that the test makes the same ones without any file.
"""
import torch
import torch.nn.functional as F

REAL = [0.5, -2.0, 30.0, 1e4, -1e4, 0.0]
FAKE = [-0.7, 1.5, -40.0, -1e4, 1e4, 0.0]


def wave(shape, phase, scale):
    count = torch.Size(shape).numel()
    return (scale * torch.sin(1.7 * torch.arange(count, dtype=torch.float64) + phase)).reshape(shape)


def losses():
    """(name, discriminator loss of (real, fake), generator loss of fake)."""
    ones, zeros = torch.ones_like, torch.zeros_like

    def bce(scores, target):
        return F.binary_cross_entropy_with_logits(scores, target(scores))

    yield "non_saturating", lambda r, f: bce(r, ones) + bce(f, zeros), lambda f: bce(f, ones)
    yield "standard", lambda r, f: bce(r, ones) + bce(f, zeros), lambda f: -bce(f, zeros)
    yield ("least_squares", lambda r, f: 0.5 * (F.mse_loss(r, ones(r)) + F.mse_loss(f, zeros(f))),
           lambda f: 0.5 * F.mse_loss(f, ones(f)))
    yield "hinge", lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda f: -f.mean()
    yield "wasserstein", lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def parameters():
    shapes = [("conv1.weight", (4, 1, 3, 3), 0.5), ("conv1.bias", (4,), 0.3), ("conv2.weight", (3, 4, 3, 3), 0.4),
              ("conv2.bias", (3,), 0.2), ("fc.weight", (1, 12), 0.8), ("fc.bias", (1,), 0.1)]
    return {name: wave(shape, 0.4 * i, scale).requires_grad_() for i, (name, shape, scale) in enumerate(shapes)}


def discriminator(p, x):
    h = F.leaky_relu(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], stride=2, padding=1), 0.2)
    h = torch.tanh(F.conv2d(h, p["conv2.weight"], p["conv2.bias"], stride=2, padding=1))
    return F.linear(h.flatten(1), p["fc.weight"], p["fc.bias"])


def penalty_at(p, x):
    x = x.clone().requires_grad_()
    gradient, = torch.autograd.grad(discriminator(p, x).sum(), x, create_graph=True)
    return gradient.flatten(1)


def print_penalty(name, p, value):
    grads = torch.autograd.grad(value, list(p.values()), allow_unused=True)
    print(f"const PenaltyExpected& {name}() {{")
    print(f"  static const PenaltyExpected kExpected = {{{value.item()!r},\n                                             {{")
    for key, grad in zip(p, grads):
        flat = [] if grad is None else grad.flatten().tolist()
        print(f'      {{"{key}", {numbers(flat)}}},')
    print("  }};\n  return kExpected;\n}\n")


def main():
    print("// Written by tools/oracle/adversarial.py; do not edit by hand.")
    print('#include "tests/training/losses/expected/adversarial.h"\n\nnamespace temper::training {\n')
    print("const std::vector<AdversarialExpected>& adversarial_expected() {")
    print("  static const std::vector<AdversarialExpected> kExpected = {")
    for name, d_loss, g_loss in losses():
        real = torch.tensor(REAL, dtype=torch.float64, requires_grad=True)
        fake = torch.tensor(FAKE, dtype=torch.float64, requires_grad=True)
        d = d_loss(real, fake)
        d_real, d_fake = torch.autograd.grad(d, (real, fake))
        g = g_loss(fake)
        g_fake, = torch.autograd.grad(g, fake)
        print(f'      {{"{name}", {d.item()!r}, {numbers(d_real)}, {numbers(d_fake)}, {g.item()!r}, {numbers(g_fake)}}},')
    print("  };\n  return kExpected;\n}\n")
    real, fake = wave((3, 1, 8, 8), 2.0, 1.0), wave((3, 1, 8, 8), 5.0, 0.7)
    coefficients = torch.tensor([0.2, 0.9, 0.55], dtype=torch.float64).reshape(3, 1, 1, 1)
    p = parameters()
    gradient = penalty_at(p, coefficients * real + (1 - coefficients) * fake)
    print_penalty("gradient_penalty_expected", p, ((gradient.norm(2, dim=1) - 1) ** 2).mean())
    p = parameters()
    print_penalty("r1_expected", p, (penalty_at(p, real) ** 2).sum(1).mean() / 2)
    print("}  // namespace temper::training")


main()
