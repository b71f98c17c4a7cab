#!/usr/bin/env python3
"""Writes tests/training/expected/grad_scaler_traces.cpp: scale and growth tracker of torch.amp.GradScaler after each step.

Usage: python tools/oracle/grad_scaler_traces.py > tests/training/expected/grad_scaler_traces.cpp     (needs torch 2.x)
A trace is a word of gradients, one letter a micro-batch: c clean, z zero, d denormal, i +inf, m -inf, n NaN; `group` letters make
one optimizer step. growth_interval is 4.
"""
import torch

VALUES = {"c": 1e-3, "z": 0.0, "d": 1e-42, "i": float("inf"), "m": -float("inf"), "n": float("nan")}
TRACES = [
    ("V1_overflows_halve_the_scale", 65536.0, 1, "ii"),
    ("V2_three_clean_one_overflow_four_clean", 65536.0, 1, "cccicccc"),
    ("V3_the_fourth_clean_step_doubles", 65536.0, 1, "ccccc"),
    ("V4_growth_stops_at_the_largest_float", 2.0**127, 1, "zzzzz"),
    ("V6_one_micro_batch_of_four", 65536.0, 4, "cccc" + "ccic" + "cccc"),
    ("V9_nan_and_both_infinities_but_no_denormal", 1024.0, 1, "cicmcndddd"),
    ("no_lower_bound", 4.0, 1, "iiiiicccc"),
]


def run(scale, group, word):
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=4)
    rows = []
    for first in range(0, len(word), group):
        for letter in word[first : first + group]:
            scaler.scale((weight * VALUES[letter] / group).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        state = scaler.state_dict()
        rows.append((state["scale"], state["_growth_tracker"]))
    return rows


def main():
    print("// Written by tools/oracle/grad_scaler_traces.py with torch", torch.__version__.split("+")[0] + "; do not edit.")
    print('#include "tests/training/expected/grad_scaler_traces.h"\n\nnamespace temper::training {\n')
    print("// clang-format off\nstd::vector<ScalerTrace> grad_scaler_traces() {\n  return {")
    for name, scale, group, word in TRACES:
        rows = ", ".join("{%s, %d}" % (float(s).hex(), t) for s, t in run(scale, group, word))
        print('      {"%s", %s, %d, "%s", {%s}},' % (name, float(scale).hex(), group, word, rows))
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::training")


main()
