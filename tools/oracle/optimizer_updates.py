#!/usr/bin/env python3
"""Writes tests/ops/expected/optimizer_updates.cpp: five steps of torch.optim on seven numbers, per set of options.

Usage: python tools/oracle/optimizer_updates.py > tests/ops/expected/optimizer_updates.cpp     (needs torch 2.x)
The seven numbers are two parameters, of four and of three; each step has its own rate, as under a schedule.
"""
import torch

STEPS = 5
RATES = [0.1, 0.05, 0.02]  # step s uses entry s % 3
SPLIT = 4

SGD = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
ADAM = {"betas": (0.9, 0.999), "eps": 1e-8, "maximize": False}


def option_sets():
    """(name, optimizer, options, rate factor per group, weight decay per group); one group holds both parameters."""
    yield "sgd", "SGD", {}, [1.0], [0.0]
    yield "sgd_weight_decay", "SGD", {}, [1.0], [0.1]
    yield "sgd_maximize", "SGD", {"maximize": True}, [1.0], [0.1]
    yield "sgd_momentum", "SGD", {"momentum": 0.9}, [1.0], [0.0]
    yield "sgd_dampening", "SGD", {"momentum": 0.9, "dampening": 0.3}, [1.0], [0.05]
    yield "sgd_nesterov", "SGD", {"momentum": 0.8, "nesterov": True}, [1.0], [0.05]
    yield "sgd_groups", "SGD", {"momentum": 0.9}, [1.0, 0.25], [0.0, 0.2]
    yield "adam", "Adam", {}, [1.0], [0.0]
    yield "adam_weight_decay", "Adam", {"betas": (0.8, 0.95), "eps": 1e-3}, [1.0], [0.1]
    yield "adam_small_beta1", "Adam", {"betas": (0.3, 0.9)}, [1.0], [0.0]
    yield "adam_maximize", "Adam", {"maximize": True}, [1.0], [0.1]
    yield "adamw", "AdamW", {}, [1.0], [0.1]
    yield "adamw_groups", "AdamW", {"betas": (0.9, 0.99)}, [1.0, 0.25], [0.0, 0.3]


def start(dtype):
    generator = torch.Generator().manual_seed(5)
    initial = torch.randn(7, generator=generator, dtype=torch.float32).to(dtype)
    gradients = torch.randn(STEPS, 7, generator=generator, dtype=torch.float32).to(dtype)
    return initial, gradients


def run(optimizer, options, factors, decays, dtype):
    initial, gradients = start(dtype)
    parts = [initial[:SPLIT].clone().requires_grad_(), initial[SPLIT:].clone().requires_grad_()]
    if len(factors) == 1:
        groups = [{"params": parts, "weight_decay": decays[0]}]
    else:
        groups = [{"params": [part], "weight_decay": decay} for part, decay in zip(parts, decays)]
    made = getattr(torch.optim, optimizer)(groups, lr=1.0, foreach=False, **options)
    rows = []
    for step in range(STEPS):
        for group, factor in zip(made.param_groups, factors):
            group["lr"] = RATES[step % len(RATES)] * factor
        parts[0].grad, parts[1].grad = gradients[step, :SPLIT].clone(), gradients[step, SPLIT:].clone()
        made.step()
        row = [torch.cat([part.detach() for part in parts])]
        names = ["momentum_buffer"] if optimizer == "SGD" else ["exp_avg", "exp_avg_sq"]
        for name in names:
            states = [made.state[part].get(name) for part in parts]
            if states[0] is not None:
                row.append(torch.cat(states))
        rows.append(row)
    return rows


def numbers(values):
    return "{" + ", ".join(repr(float(value)) for value in values) + "}"


def attributes(optimizer, options, factors, decays):
    if optimizer == "SGD":
        o = SGD | options
        parts = [f'{{"momentum", {o["momentum"]!r}}}', f'{{"dampening", {o["dampening"]!r}}}',
                 f'{{"nesterov", std::int64_t{{{int(o["nesterov"])}}}}}']
    else:
        o = ADAM | options
        parts = [f'{{"beta1", {o["betas"][0]!r}}}', f'{{"beta2", {o["betas"][1]!r}}}', f'{{"epsilon", {o["eps"]!r}}}',
                 f'{{"decoupled", std::int64_t{{{int(optimizer == "AdamW")}}}}}']
    parts.append(f'{{"maximize", std::int64_t{{{int(o["maximize"])}}}}}')
    group_of = "0, 0" if len(factors) == 1 else "0, 1"
    parts.append(f'{{"group_of", std::vector<std::int64_t>{{{group_of}}}}}')
    parts.append(f'{{"group_lr_scale", std::vector<double>{numbers(factors)}}}')
    parts.append(f'{{"group_weight_decay", std::vector<double>{numbers(decays)}}}')
    return "{" + ", ".join(parts) + "}"


def main():
    initial, gradients = start(torch.float64)
    print(f"// Made by tools/oracle/optimizer_updates.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/ops/expected/optimizer_updates.h"\n')
    print("namespace temper::op_suite {\n\n// clang-format off")
    print("std::vector<double> update_initial() {\n  return " + numbers(initial) + ";\n}\n")
    print("std::vector<std::vector<double>> update_gradients() {\n  return {")
    print(",\n".join("    " + numbers(row) for row in gradients) + "};\n}\n")
    print("std::vector<double> update_rates() { return " + numbers(RATES) + "; }\n")
    print("std::vector<UpdateTrajectory> update_trajectories() {\n  return {")
    for name, optimizer, options, factors, decays in option_sets():
        op = "SgdUpdate" if optimizer == "SGD" else "AdamUpdate"
        print(f'    {{"{name}", "{op}",\n     {attributes(optimizer, options, factors, decays)},')
        for dtype in (torch.float64, torch.float32):
            rows = run(optimizer, options, factors, decays, dtype)
            text = ",\n      ".join("{" + ", ".join(numbers(part) for part in row) + "}" for row in rows)
            print("     {" + text + "}" + ("," if dtype == torch.float64 else "},"))
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::op_suite")


main()
