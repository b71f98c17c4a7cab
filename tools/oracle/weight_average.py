#!/usr/bin/env python3
"""Writes tests/training/expected/weight_averages.cpp: what torch.optim.swa_utils.AveragedModel holds after each of
twelve updates, in double, and the statistics that update_bn gives.

Usage: python tools/oracle/weight_average.py > tests/training/expected/weight_averages.cpp     (needs torch 2.x)
"""
import torch
from torch.optim import swa_utils

torch.set_default_dtype(torch.float64)
UPDATES = 12


def weights(update):
    return torch.tensor([(((update + 1) * (37 * i + 11) * 7919 + i * 104729) % 2003 - 1001) / 1024 for i in range(3)])


def averages(multi_avg_fn):
    model = torch.nn.Module()
    model.w = torch.nn.Parameter(torch.zeros(3))
    averaged = swa_utils.AveragedModel(model, multi_avg_fn=multi_avg_fn)
    for update in range(UPDATES):
        with torch.no_grad():
            model.w.copy_(weights(update))
        averaged.update_parameters(model)
        yield averaged.module.w.detach().clone()


def ema_with_warmup(decay):
    """get_ema_multi_avg_fn with a decay of at most (1 + n) / (10 + n), n the update's number."""
    model = torch.zeros(3)
    for update in range(UPDATES):
        d = min(decay, (1 + update) / (10 + update))
        model = weights(update) if update == 0 else model.lerp(weights(update), 1 - d)
        yield model.clone()


def statistics():
    """Three batches of four rows and one of two through update_bn."""
    rows = torch.cat([weights(100 + i) for i in range(14)]).reshape(14, 3)
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3))
    swa_utils.update_bn([(batch,) for batch in rows.split(4)], model)
    return model[0].running_mean, model[0].running_var


def numbers(values):
    return "{" + ", ".join(repr(float(value)) for value in values) + "}"


def main():
    print(f"// Made by tools/oracle/weight_average.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/training/expected/weight_averages.h"\n')
    print("namespace temper::training {\n\n// clang-format off")
    print("std::vector<ExpectedAverage> expected_averages() {\n  return {")
    for kind, decay, warmup, made in (("ema", 0.9, False, averages(swa_utils.get_ema_multi_avg_fn(0.9))),
                                      ("ema", 0.3, False, averages(swa_utils.get_ema_multi_avg_fn(0.3))),
                                      ("ema", 0.9, True, ema_with_warmup(0.9)),
                                      ("swa", 0.9, False, averages(swa_utils.get_swa_multi_avg_fn()))):
        print(f'    {{"{kind}", {decay}, {str(warmup).lower()},\n     {{'
              + ",\n      ".join(numbers(w) for w in made) + "}},")
    print("  };\n}\n")
    mean, var = statistics()
    print(f"ExpectedStatistics expected_statistics() {{\n  return {{{numbers(mean)}, {numbers(var)}}};\n}}")
    print("// clang-format on\n\n}  // namespace temper::training")


main()
