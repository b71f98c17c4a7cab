"""The learning rates and momenta of torch.optim.lr_scheduler over 300 steps, for every schedule and
option: written to tests/training/schedules/expected/*.txt. Warm-ups and inverse_sqrt, which have no
PyTorch twin, come from the closed forms written here.

    python tools/oracle/schedules.py OUT_FOLDER

One file per case: the recipe's [schedule] lines, then "rates:" and one number a line per step, to 13 digits; where
the momentum moves "momenta:" follows. Runs of equal numbers are written once, with their count."""

import json
import math
import sys
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler as L

STEPS = 300
warnings.filterwarnings("ignore")


def run(make, lr=0.1, momentum=False):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=lr, momentum=0.9)
    schedule = make(optimizer)
    rates, momenta = [], []
    for _ in range(STEPS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(float(optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        if len(rates) < STEPS:
            schedule.step()
    return rates, momenta if momentum else []


def plateau(metrics, lr=0.1, **options):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=lr)
    schedule = L.ReduceLROnPlateau(optimizer, **options)
    rates = []
    for value in metrics:
        rates.append(float(optimizer.param_groups[0]["lr"]))
        schedule.step(value)
    return rates, []


def averaged(before, begin, lr=0.1, **options):
    """The loop of torch.optim.swa_utils' documentation: a schedule, and SWALR from `begin` on. SWALR takes over
    from the rate that is there; without anneal_epochs it sets the rate as it is made."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=lr)
    schedule = None if before is None else before(optimizer)
    rates = []
    for t in range(STEPS):
        if t == begin:
            swa = torch.optim.swa_utils.SWALR(optimizer, **options)
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if t + 1 < STEPS:
            (swa if t >= begin else schedule).step()
    return rates


def metric_sequence():
    """Falls, stands still, wobbles, has NaN and infinity; every step one value."""
    values = []
    for t in range(STEPS):
        value = 1 / (1 + 0.05 * min(t, 80)) + 0.01 * math.sin(0.7 * t)
        values.append(value)
    values[20] = math.nan
    values[41] = math.inf
    return values


def warmed(mode, start, warmup, after, lr=0.1):
    """The warm-up's factor times the schedule's first rate, then the schedule from its beginning."""
    rates = []
    for t in range(STEPS):
        if t >= warmup:
            rates.append(after(t - warmup))
            continue
        share = t / warmup
        factor = {"linear": start + (1 - start) * share, "exponential": start ** (1 - share),
                  "constant": start}[mode]
        rates.append(factor * after(0))
    return rates, []


def cases():
    one = dict(max_lr=0.1, total_steps=STEPS)
    cyc = dict(base_lr=0.01, max_lr=0.1)
    yield "step", run(lambda o: L.StepLR(o, 30)), {"name": "step", "step_size": 30}
    yield "step_gamma", run(lambda o: L.StepLR(o, 7, gamma=0.9)), {
        "name": "step", "step_size": 7, "gamma": 0.9}
    yield "multistep", run(lambda o: L.MultiStepLR(o, [30, 80, 80, 200], gamma=0.5)), {
        "name": "multistep", "milestones": [30, 80, 80, 200], "gamma": 0.5}
    yield "exponential", run(lambda o: L.ExponentialLR(o, 0.98)), {
        "name": "exponential", "gamma": 0.98}
    yield "constant", run(lambda o: L.ConstantLR(o, factor=1 / 3, total_iters=40)), {
        "name": "constant", "factor": 1 / 3, "total_iters": 40}
    yield "linear_defaults", run(lambda o: L.LinearLR(o)), {"name": "linear"}
    yield "linear", run(lambda o: L.LinearLR(o, 1.0, 0.05, 250)), {
        "name": "linear", "start_factor": 1.0, "end_factor": 0.05, "total_iters": 250}
    yield "polynomial", run(lambda o: L.PolynomialLR(o, total_iters=STEPS, power=0.9)), {
        "name": "polynomial", "power": 0.9}
    yield "polynomial_short", run(lambda o: L.PolynomialLR(o, total_iters=120, power=2.0)), {
        "name": "polynomial", "power": 2.0, "total_iters": 120}
    yield "cosine", run(lambda o: L.CosineAnnealingLR(o, STEPS)), {"name": "cosine"}
    yield "cosine_periodic", run(lambda o: L.CosineAnnealingLR(o, 70, eta_min=0.003)), {
        "name": "cosine", "T_max": 70, "eta_min": 0.003}
    yield "cosine_restarts", run(lambda o: L.CosineAnnealingWarmRestarts(o, 40)), {
        "name": "cosine_restarts", "T_0": 40}
    yield "cosine_restarts_growing", run(
        lambda o: L.CosineAnnealingWarmRestarts(o, 10, T_mult=2, eta_min=0.001)), {
        "name": "cosine_restarts", "T_0": 10, "T_mult": 2, "eta_min": 0.001}
    yield "one_cycle", run(lambda o: L.OneCycleLR(o, **one), momentum=True), {"name": "one_cycle"}
    yield "one_cycle_linear", run(
        lambda o: L.OneCycleLR(o, 0.4, total_steps=STEPS, pct_start=0.25, anneal_strategy="linear",
                               base_momentum=0.8, max_momentum=0.9, div_factor=10,
                               final_div_factor=100), momentum=True), {
        "name": "one_cycle", "max_lr": 0.4, "pct_start": 0.25, "anneal_strategy": "linear",
        "base_momentum": 0.8, "max_momentum": 0.9, "div_factor": 10.0, "final_div_factor": 100.0}
    yield "one_cycle_three_phase", run(
        lambda o: L.OneCycleLR(o, three_phase=True, **one), momentum=True), {
        "name": "one_cycle", "three_phase": True}
    yield "one_cycle_own_momentum", run(
        lambda o: L.OneCycleLR(o, cycle_momentum=False, **one)), {
        "name": "one_cycle", "cycle_momentum": False}
    yield "cyclic", run(lambda o: L.CyclicLR(o, step_size_up=40, **cyc), momentum=True), {
        "name": "cyclic", "step_size_up": 40, **cyc}
    yield "cyclic_triangular2", run(
        lambda o: L.CyclicLR(o, step_size_up=30, step_size_down=12, mode="triangular2", **cyc),
        momentum=True), {
        "name": "cyclic", "step_size_up": 30, "step_size_down": 12, "mode": "triangular2", **cyc}
    yield "cyclic_exp_range", run(
        lambda o: L.CyclicLR(o, step_size_up=25, mode="exp_range", gamma=0.99, base_momentum=0.7,
                             max_momentum=0.95, **cyc), momentum=True), {
        "name": "cyclic", "step_size_up": 25, "mode": "exp_range", "gamma": 0.99,
        "base_momentum": 0.7, "max_momentum": 0.95, **cyc}
    yield "cyclic_own_momentum", run(
        lambda o: L.CyclicLR(o, step_size_up=25, cycle_momentum=False, **cyc)), {
        "name": "cyclic", "step_size_up": 25, "cycle_momentum": False, **cyc}

    # transformers' get_inverse_sqrt_schedule after its warm-up: lr sqrt(timescale / (t + timescale))
    yield "inverse_sqrt", ([0.1 * math.sqrt(50 / (t + 50)) for t in range(STEPS)], []), {
        "name": "inverse_sqrt", "timescale": 50}
    yield "inverse_sqrt_warm", warmed(
        "linear", 1 / 41, 40, lambda t: 0.1 * math.sqrt(40 / (t + 40))), {
        "name": "inverse_sqrt", "warmup": "40 steps"}

    # A linear or constant warm-up is SequentialLR([LinearLR or ConstantLR, ...]).
    yield "warm_linear", run(lambda o: L.SequentialLR(
        o, [L.LinearLR(o, 0.25, total_iters=20), L.CosineAnnealingLR(o, STEPS - 20)], [20])), {
        "name": "cosine", "warmup": "20 steps", "warmup_start_factor": 0.25}
    yield "warm_constant", run(lambda o: L.SequentialLR(
        o, [L.ConstantLR(o, total_iters=15), L.ExponentialLR(o, 0.99)], [15])), {
        "name": "exponential", "gamma": 0.99, "warmup": "5%", "warmup_mode": "constant"}
    yield "warm_exponential", warmed("exponential", 0.01, 30, lambda t: 0.1 * 0.5 ** (t // 60)), {
        "name": "step", "step_size": 60, "gamma": 0.5, "warmup": "30 steps",
        "warmup_mode": "exponential", "warmup_start_factor": 0.01}
    yield "warm_default", warmed("linear", 1 / 31, 30, lambda t: 0.1), {
        "name": "constant", "warmup": "10%"}

    yield "sequence", run(lambda o: L.SequentialLR(
        o, [L.LinearLR(o, 0.1, total_iters=30), L.CosineAnnealingLR(o, 90, eta_min=0.01),
            L.ExponentialLR(o, 0.97)], [30, 120])), {"phases": [
        {"name": "linear", "length": "30 steps", "start_factor": 0.1, "total_iters": 30},
        {"name": "cosine", "length": "30%", "eta_min": 0.01},
        {"name": "exponential", "gamma": 0.97}]}

    for name, before, begin, options in (
            ("swa", lambda o: L.CosineAnnealingLR(o, 225), 225, {}),
            ("swa_linear", lambda o: L.StepLR(o, 50, gamma=0.5), 200,
             dict(anneal_epochs=60, anneal_strategy="linear")),
            ("swa_at_once", lambda o: L.ExponentialLR(o, 0.99), 150, dict(anneal_epochs=0))):
        first = {"swa": {"name": "cosine"}, "swa_linear": {"name": "step", "step_size": 50, "gamma": 0.5},
                 "swa_at_once": {"name": "exponential", "gamma": 0.99}}[name]
        yield name, (averaged(before, begin, swa_lr=0.05, **options), []), {"phases": [
            {**first, "length": f"{begin} steps"}, {"name": "swa", "swa_lr": 0.05, **options}]}
    yield "swa_alone", (averaged(None, 0, swa_lr=0.02, anneal_epochs=40), []), {
        "name": "swa", "swa_lr": 0.02, "anneal_epochs": 40}

    by_epoch = run(lambda o: L.StepLR(o, 10))[0]
    yield "step_per_epoch", ([by_epoch[t // 3] for t in range(STEPS)], []), {
        "name": "step", "step_size": 10, "per": "epoch"}

    metrics = metric_sequence()
    for name, options in {
        "plateau": {},
        "plateau_patience": dict(patience=3, factor=0.5, threshold=1e-2, cooldown=5, min_lr=0.002),
        "plateau_abs": dict(patience=2, factor=0.6, threshold=0.02, threshold_mode="abs", eps=1e-3),
        "plateau_max": dict(mode="max", patience=4, factor=0.7, threshold=0.05),
        "plateau_max_abs": dict(mode="max", patience=4, factor=0.7, threshold=0.001,
                                threshold_mode="abs", cooldown=3, min_lr=0.01),
    }.items():
        fed = [-v for v in metrics] if options.get("mode") == "max" else metrics
        yield name, plateau(fed, **options), {"name": "plateau", **options}


def toml(value):
    return json.dumps(value)


def lines(settings):
    phases = settings.get("phases", [])
    text = [f"{key} = {toml(value)}" for key, value in settings.items() if key != "phases"]
    for phase in phases:
        text.append("[[schedule.phase]]")
        text += [f"{key} = {toml(value)}" for key, value in phase.items()]
    return text


def numbers(values):
    out, i = [], 0
    while i < len(values):
        j = i
        while j < len(values) and values[j] == values[i]:
            j += 1
        out.append(f"{values[i]:.13g}" + (f" x {j - i}" if j > i + 1 else ""))
        i = j
    return out


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    text = ["# From tools/oracle/schedules.py with PyTorch " + torch.__version__.split("+")[0]]
    for name, (rates, momenta), settings in cases():
        assert len(rates) == STEPS
        text += [f"case {name}", "[schedule]"] + lines(settings)
        text += ["rates:"] + numbers(rates)
        if momenta:
            text += ["momenta:"] + numbers(momenta)
        text += ["end"]
    (folder / "schedules.txt").write_text("\n".join(text) + "\n")
    values = [repr(v) for v in metric_sequence()]
    (folder / "metrics.txt").write_text("\n".join(values) + "\n")


main()
