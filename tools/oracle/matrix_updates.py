#!/usr/bin/env python3
"""Writes tests/ops/expected/matrix_updates.cpp: 100 steps of torch.optim.Muon and torch.optim.Adafactor on four small
tensors: all numbers after 1, 10 and 100 steps.

Usage: python tools/oracle/matrix_updates.py > tests/ops/expected/matrix_updates.cpp     (needs torch 2.15)
Muon is run twice: with its Newton-Schulz iteration as it is, in bfloat16, and with the same iteration in double. It gets the tensors of two and more dimensions, the latter flattened to [first, others], and those that
a product takes as [inputs, outputs] turned, as torch.nn.Linear holds them; Adafactor gets all as they are. Gradients,
rates and initial values come from a formula that the test repeats.
"""
import torch
import torch.optim._muon as muon_module

STEPS = 100
MARKS = (1, 10, 100)
RATES = [0.1, 0.05, 0.02]
MOMENTA = [0.85, 0.95, 0.9]
SHAPES = [(4, 6), (6, 4), (5, 3), (3, 2, 2, 2), (5,)]
TURNED = 2  # the tensor that is [inputs, outputs]


def count(shape):
    return int(torch.tensor(shape).prod())


def initial(tensor):
    return torch.tensor([(((tensor + 3) * (i * 613 + 17)) % 2003 - 1001) / 1024 for i in range(count(SHAPES[tensor]))])


def gradient(tensor, step):
    return torch.tensor([(((step + 1) * (37 * i + 11) * 7919 + (i * i + tensor) * 104729) % 2003 - 1001) / 1024
                         for i in range(count(SHAPES[tensor]))])


def newton_schulz_in(dtype):
    def iterate(grad, ns_coefficients, ns_steps, eps):
        a, b, c = ns_coefficients
        x = grad.to(dtype)
        if grad.size(0) > grad.size(1):
            x = x.T
        x = x / x.norm().clamp(min=eps)
        for _ in range(ns_steps):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x.T if grad.size(0) > grad.size(1) else x
    return iterate


def forward(index, tensor, muon):
    """As the optimizer holds it."""
    if not muon:
        return tensor.reshape(SHAPES[index])
    matrix = tensor.reshape(SHAPES[index][0], -1)
    return matrix.T.contiguous() if index == TURNED else matrix


def run(make, muon, dtype, scheduled):
    tensors = range(len(SHAPES) - 1) if muon else range(len(SHAPES))
    parts = [forward(t, initial(t).to(dtype), muon).clone().requires_grad_() for t in tensors]
    made = make(parts)
    marks = {}
    for step in range(STEPS):
        for group in made.param_groups:
            group["lr"] = RATES[step % 3]
            if scheduled:
                group["momentum"] = MOMENTA[step % 3]
        for t, part in zip(tensors, parts):
            part.grad = forward(t, gradient(t, step).to(dtype), muon).clone()
        made.step()
        if step + 1 in MARKS:
            marks[step + 1] = [(p.detach().T if muon and t == TURNED else p.detach()).reshape(-1).clone()
                               for t, p in zip(tensors, parts)]
    return [marks[mark] for mark in MARKS]


MUON = [
    ("muon", {}),
    ("muon_plain", {"nesterov": False, "momentum": 0.8, "weight_decay": 0.0}),
    ("muon_match_rms_adamw", {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}),
    ("muon_spectral_unclamped", {"adjust_lr_fn": "spectral_unclamped", "ns_coefficients": (3.0, -3.2, 1.2)}),
    ("muon_scheduled", {"scheduled": True}),
]
ADAFACTOR = [
    ("adafactor", {}),
    ("adafactor_all", {"beta2_decay": -0.5, "eps": (1e-2, 1e-2), "d": 2.0, "weight_decay": 0.1, "maximize": True}),
    ("adafactor_large_scale", {"eps": (None, 1.5), "beta2_decay": -1.0}),
]
ADJUST = {None: 0, "original": 0, "match_rms_adamw": 1, "spectral_unclamped": 2}


def numbers(values):
    return "{" + ", ".join(f"{float(value):.13g}" for value in values) + "}"


def attributes(values):
    return "{" + ", ".join(f'{{"{k}", std::vector<double>{{{float(v)!r}}}}}' for k, v in values.items()) + "}"


def muon_attributes(o):
    c = o.get("ns_coefficients", (3.4445, -4.7750, 2.0315))
    return {"weight_decay": o.get("weight_decay", 0.1), "momentum": o.get("momentum", 0.95),
            "nesterov": o.get("nesterov", True), "eps": 1e-7, "ns_steps": o.get("ns_steps", 5),
            "ns_coefficients1": c[0], "ns_coefficients2": c[1], "ns_coefficients3": c[2],
            "adjust_lr": ADJUST[o.get("adjust_lr_fn")], "maximize": 0}


def adafactor_attributes(o):
    eps = o.get("eps", (None, 1e-3))
    return {"weight_decay": o.get("weight_decay", 0.0), "beta2_decay": o.get("beta2_decay", -0.8),
            "eps1": -1 if eps[0] is None else eps[0], "eps2": eps[1], "d": o.get("d", 1.0),
            "maximize": o.get("maximize", False)}


def entry(name, op, kind, attrs, scheduled, marks):
    print(f'    {{"{name}", "{op}", {kind}, {attributes(attrs)}, {str(scheduled).lower()},')
    print("     {" + ",\n      ".join("{" + ", ".join(numbers(t) for t in mark) + "}" for mark in marks) + "}},")


def main():
    print(f"// Made by tools/oracle/matrix_updates.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/ops/expected/matrix_updates.h"\n')
    print("namespace temper::op_suite {\n\n// clang-format off")
    print("std::vector<MatrixTrajectory> matrix_trajectories() {\n  using enum MatrixTrajectory::Arithmetic;\n  return {")
    original = muon_module._zeropower_via_newtonschulz
    for name, options in MUON:
        options = dict(options)
        scheduled = options.pop("scheduled", False)
        for kind, iterate, dtype in (("kDouble", newton_schulz_in(torch.float64), torch.float64),
                                     ("kBFloat16", original, torch.float32)):
            muon_module._zeropower_via_newtonschulz = iterate
            marks = run(lambda p: torch.optim.Muon(p, lr=1.0, **options), True, dtype, scheduled)
            entry(name, "MuonUpdate", kind, muon_attributes(options), scheduled, marks)
    for name, options in ADAFACTOR:
        marks = run(lambda p: torch.optim.Adafactor(p, lr=1.0, foreach=False, **options), False, torch.float64, False)
        entry(name, "AdafactorUpdate", "kDouble", adafactor_attributes(options), False, marks)
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::op_suite")


main()
