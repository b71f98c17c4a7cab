#!/usr/bin/env python3
"""Writes tests/ops/expected/optimizer_updates.cpp: 100 steps of torch.optim on seven numbers in double, per set of
options: the state after the first three steps, and the numbers after 10 and 100. Where the second parameter begins to
train late, as one that a stage unfreezes, all of that counts from there.

Usage: python tools/oracle/optimizer_updates.py > tests/ops/expected/optimizer_updates.cpp     (needs torch 2.x)
The seven numbers are two parameters, of four and of three; each step has its own rate, as under a schedule. Gradients
and initial values come from a formula that the test repeats.
"""
import torch

torch.set_default_dtype(torch.float64)  # NAdam keeps its product of momenta in the default type
STEPS = 100
RATES = [0.1, 0.05, 0.02]  # step s uses entry s % 3, times the group's factor
MOMENTA = [0.85, 0.95, 0.9]  # where momentum is scheduled
SPLIT = 4
# (op, attributes besides weight_decay and maximize, their names here)
OPS = {
    "SGD": ("SgdUpdate", ["momentum", "dampening", "nesterov"]),
    "Adam": ("AdamUpdate", ["betas", "eps", "amsgrad"]),
    "AdamW": ("AdamUpdate", ["betas", "eps", "amsgrad"]),
    "RMSprop": ("RmspropUpdate", ["alpha", "eps", "momentum", "centered"]),
    "RAdam": ("RadamUpdate", ["betas", "eps", "decoupled_weight_decay"]),
    "NAdam": ("NadamUpdate", ["betas", "eps", "momentum_decay", "decoupled_weight_decay"]),
    "Adagrad": ("AdagradUpdate", ["lr_decay", "eps"]),
    "Adadelta": ("AdadeltaUpdate", ["rho", "eps"]),
    "Adamax": ("AdamaxUpdate", ["betas", "eps"]),
    "Lion": ("LionUpdate", ["betas"]),
    "LAMB": ("LambUpdate", ["betas", "eps"]),
    "LARS": ("LarsUpdate", ["momentum", "dampening", "nesterov", "trust_coefficient", "eps"]),
}
STATES = ["momentum_buffer", "square_avg", "grad_avg", "sum", "acc_delta", "exp_avg", "exp_avg_sq", "max_exp_avg_sq",
          "exp_inf"]


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2: p -= lr (sign(beta1 m + (1 - beta1) g) + wd p); m = beta2 m + (1 - beta2) g."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0, maximize=False, foreach=False):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                m = state.setdefault("exp_avg", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(torch.sign(m * beta1 + g * (1 - beta1)), alpha=-group["lr"])
                m.mul_(beta2).add_(g, alpha=1 - beta2)


class LAMB(torch.optim.Optimizer):
    """You et al. 2020, algorithm 2: r = mhat / (sqrt(vhat) + eps) + wd p; p -= lr |p| / |r| r (ratio 1 where a norm
    is 0)."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, maximize=False, foreach=False):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                m = state.setdefault("exp_avg", torch.zeros_like(p))
                v = state.setdefault("exp_avg_sq", torch.zeros_like(p))
                state["step"] = t = state.get("step", 0) + 1
                m.mul_(beta1).add_(g, alpha=1 - beta1)
                v.mul_(beta2).add_(g * g, alpha=1 - beta2)
                r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + group["eps"]) + group["weight_decay"] * p
                wn, rn = p.norm(), r.norm()
                p.sub_(r * (group["lr"] * (wn / rn if wn > 0 and rn > 0 else 1.0)))


class LARS(torch.optim.Optimizer):
    """You et al. 2017: local = trust |p| / (|g| + wd |p| + eps) (1 where a norm is 0); SGD with momentum on
    local (g + wd p)."""

    def __init__(self, params, lr, momentum=0.9, dampening=0.0, nesterov=False, trust_coefficient=0.001, eps=1e-8,
                 weight_decay=0.0, maximize=False, foreach=False):
        super().__init__(params, dict(lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov, eps=eps,
                                      trust_coefficient=trust_coefficient, weight_decay=weight_decay,
                                      maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                state, wd = self.state[p], group["weight_decay"]
                wn, gn = p.norm(), g.norm()
                local = group["trust_coefficient"] * wn / (gn + wd * wn + group["eps"]) if wn > 0 and gn > 0 else 1.0
                g = (g + wd * p) * local
                if group["momentum"] != 0:
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = g.clone()
                    else:
                        state["momentum_buffer"].mul_(group["momentum"]).add_(g, alpha=1 - group["dampening"])
                    m = state["momentum_buffer"]
                    g = g + group["momentum"] * m if group["nesterov"] else m
                p.sub_(g, alpha=group["lr"])


OWN = {"Lion": Lion, "LAMB": LAMB, "LARS": LARS}


def option_sets():
    """(name, optimizer, options); options may have "groups": a list of two dicts that differ from them, "scheduled":
    momentum or beta1 as MOMENTA, and "late": the step at which the second parameter begins to train."""
    yield "sgd", "SGD", {}
    yield "sgd_weight_decay", "SGD", {"weight_decay": 0.1}
    yield "sgd_maximize", "SGD", {"maximize": True, "weight_decay": 0.1}
    yield "sgd_momentum", "SGD", {"momentum": 0.9}
    yield "sgd_dampening", "SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}
    yield "sgd_nesterov", "SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}
    yield "sgd_groups", "SGD", {"momentum": 0.9, "groups": [{}, {"lr": 0.25, "weight_decay": 0.2, "momentum": 0.5}]}
    yield "sgd_group_without_momentum", "SGD", {"momentum": 0.9, "groups": [{"momentum": 0.0}, {"maximize": True}]}
    yield "sgd_scheduled", "SGD", {"momentum": 0.5, "scheduled": True}
    yield "adam", "Adam", {}
    yield "adam_weight_decay", "Adam", {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}
    yield "adam_small_beta1", "Adam", {"betas": (0.3, 0.9)}
    yield "adam_maximize", "Adam", {"maximize": True, "weight_decay": 0.1}
    yield "adam_amsgrad", "Adam", {"amsgrad": True, "weight_decay": 0.1, "betas": (0.9, 0.7)}
    yield "adam_scheduled", "Adam", {"scheduled": True}
    yield "adamw", "AdamW", {"weight_decay": 0.1}
    yield "adamw_amsgrad", "AdamW", {"amsgrad": True, "betas": (0.9, 0.7)}
    yield "adamw_groups", "AdamW", {"betas": (0.9, 0.99), "weight_decay": 0.0,
                                    "groups": [{}, {"lr": 0.25, "weight_decay": 0.3, "betas": (0.7, 0.9), "eps": 1e-2}]}
    yield "rmsprop", "RMSprop", {}
    yield "rmsprop_weight_decay", "RMSprop", {"weight_decay": 0.1, "alpha": 0.9, "eps": 1e-4}
    yield "rmsprop_momentum", "RMSprop", {"momentum": 0.9}
    yield "rmsprop_centered", "RMSprop", {"centered": True}
    yield "rmsprop_all", "RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.05, "maximize": True}
    yield "rmsprop_scheduled", "RMSprop", {"momentum": 0.5, "scheduled": True}
    yield "radam", "RAdam", {}
    yield "radam_weight_decay", "RAdam", {"weight_decay": 0.1, "betas": (0.8, 0.95), "maximize": True}
    yield "radam_decoupled", "RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "eps": 1e-3}
    yield "nadam", "NAdam", {}
    yield "nadam_weight_decay", "NAdam", {"weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}
    yield "nadam_decoupled", "NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "eps": 1e-3}
    yield "nadam_scheduled", "NAdam", {"scheduled": True, "groups": [{}, {"betas": (0.8, 0.9)}]}
    yield "adagrad", "Adagrad", {}
    yield "adagrad_lr_decay", "Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}
    yield "adagrad_initial", "Adagrad", {"initial_accumulator_value": 0.5, "maximize": True}
    yield "adadelta", "Adadelta", {}
    yield "adadelta_weight_decay", "Adadelta", {"rho": 0.7, "weight_decay": 0.1, "eps": 1e-3, "maximize": True}
    yield "adamax", "Adamax", {}
    yield "adamax_weight_decay", "Adamax", {"betas": (0.7, 0.9), "weight_decay": 0.1, "eps": 1e-3, "maximize": True}
    yield "lion", "Lion", {}
    yield "lion_weight_decay", "Lion", {"betas": (0.8, 0.95), "weight_decay": 0.1, "maximize": True}
    yield "lamb", "LAMB", {"weight_decay": 0.01}
    yield "lamb_groups", "LAMB", {"groups": [{"maximize": True}, {"weight_decay": 0.1, "betas": (0.8, 0.9), "eps": 1e-3}]}
    yield "lars", "LARS", {"trust_coefficient": 0.5}
    yield "lars_nesterov", "LARS", {"trust_coefficient": 0.2, "weight_decay": 0.1, "nesterov": True, "momentum": 0.8}
    yield "lars_dampening", "LARS", {"trust_coefficient": 0.2, "dampening": 0.2, "maximize": True}
    yield "sgd_late", "SGD", {"momentum": 0.9, "dampening": 0.3, "late": 5}
    yield "adam_late", "Adam", {"late": 5}
    yield "adamw_amsgrad_late", "AdamW", {"amsgrad": True, "betas": (0.9, 0.7), "late": 5}
    yield "radam_late", "RAdam", {"late": 7}
    yield "nadam_late", "NAdam", {"late": 5}
    yield "adamax_late", "Adamax", {"late": 5}
    yield "adagrad_late", "Adagrad", {"lr_decay": 0.1, "late": 5}
    yield "lamb_late", "LAMB", {"late": 5}


def initial():
    return torch.tensor([((i * 613 + 17) % 2003 - 1001) / 1024 for i in range(7)])


def gradient(step):
    return torch.tensor([(((step + 1) * (37 * i + 11) * 7919 + i * 104729) % 2003 - 1001) / 1024 for i in range(7)])


def run(optimizer, options):
    options = dict(options)
    scheduled = options.pop("scheduled", False)
    late = options.pop("late", 0)
    differences = options.pop("groups", [{}])
    parts = [initial()[:SPLIT].clone().requires_grad_(), initial()[SPLIT:].clone().requires_grad_()]
    factors = [d.get("lr", 1.0) for d in differences]
    if len(differences) == 1:
        groups = [{"params": parts}]
    else:
        groups = [{"params": [p]} | {k: v for k, v in d.items() if k != "lr"} for p, d in zip(parts, differences)]
    made = (OWN.get(optimizer) or getattr(torch.optim, optimizer))(groups, lr=1.0, foreach=False, **options)
    rows = []
    for step in range(STEPS + late):
        for group, factor in zip(made.param_groups, factors):
            group["lr"] = RATES[step % 3] * factor
            if scheduled and "betas" in group:
                group["betas"] = (MOMENTA[step % 3], group["betas"][1])
            elif scheduled:
                group["momentum"] = MOMENTA[step % 3]
        g = gradient(step)
        parts[0].grad, parts[1].grad = g[:SPLIT].clone(), g[SPLIT:].clone() if step >= late else None
        made.step()
        row = [torch.cat([part.detach() for part in parts])]
        names = []
        for name in STATES:
            states = [made.state[part].get(name) for part in parts]
            if any(s is not None for s in states):
                names.append(name)
                row.append(torch.cat([torch.zeros_like(p) if s is None else s for s, p in zip(states, parts)]).detach())
        if optimizer == "NAdam":
            counted = parts if late else [group["params"][0] for group in made.param_groups]
            row.append([float(made.state[part].get("mu_product", 1.0)) for part in counted])
        rows.append([list(map(float, part)) for part in row])
    order = {"rmsprop": ["square_avg", "grad_avg", "momentum_buffer"]}
    if optimizer == "RMSprop":
        wanted = [n for n in order["rmsprop"] if n in names]
        rows = [[row[0]] + [row[1 + names.index(n)] for n in wanted] for row in rows]
        names = wanted
    return made, rows, names, factors, scheduled, late


def numbers(values):
    return "{" + ", ".join(repr(float(value)) for value in values) + "}"


def attributes(optimizer, made, names, late):
    op, keys = OPS[optimizer]
    groups = made.param_groups
    lists = {"weight_decay": [g["weight_decay"] for g in groups], "maximize": [float(g["maximize"]) for g in groups]}
    for key in keys:
        if key == "betas":
            lists["beta1"] = [made.defaults["betas"][0] if len(groups) == 1 else g["betas"][0] for g in groups]
            lists["beta2"] = [g["betas"][1] for g in groups]
        else:
            lists["decoupled" if key == "decoupled_weight_decay" else key] = [float(g[key]) for g in groups]
    if optimizer in ("Adam", "AdamW"):
        lists["decoupled"] = [float(optimizer == "AdamW")] * len(groups)
    parts = [f'{{"{key}", std::vector<double>{numbers(values)}}}' for key, values in lists.items()]
    parts.append(f'{{"group_of", std::vector<std::int64_t>{{{"0, 0" if len(groups) == 1 else "0, 1"}}}}}')
    if late:
        parts.append('{"phase_of", std::vector<std::int64_t>{0, 1}}')
    if names:
        quoted = ", ".join(f'"{name}"' for name in names)
        parts.append(f'{{"states", std::vector<std::string>{{{quoted}}}}}')
    return "{" + ", ".join(parts) + "}"


def state_text(row):
    return "{" + ", ".join(numbers(part) for part in row) + "}"


def main():
    print(f"// Made by tools/oracle/optimizer_updates.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/ops/expected/optimizer_updates.h"\n')
    print("namespace temper::op_suite {\n\n// clang-format off")
    print("std::vector<UpdateTrajectory> update_trajectories() {\n  return {")
    for name, optimizer, options in option_sets():
        made, rows, names, factors, scheduled, late = run(optimizer, options)
        begin = rows[late - 1] if late else None
        rows = rows[late:]
        rates = [rate * factor for factor in factors for rate in RATES]
        start = options.get("initial_accumulator_value", 0.0)
        print(f'    {{"{name}", "{OPS[optimizer][0]}",\n     {attributes(optimizer, made, names, late)},')
        print(f"     {numbers(rates)}, {numbers(MOMENTA if scheduled else [])}, {start!r},")
        print("     {" + ",\n      ".join(state_text(row) for row in rows[:3]) + "},")
        print(f"     {numbers(rows[9][0])},\n     {numbers(rows[99][0])}"
              + (f",\n     {late}, {state_text(begin)}}}," if late else "},"))
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::op_suite")


main()
