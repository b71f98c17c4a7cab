#!/usr/bin/env python3
"""Writes tests/training/metrics/expected_metrics.cpp: inputs, and what scikit-learn and numpy make of them.

Usage: python tools/oracle/metrics.py > tests/training/metrics/expected_metrics.cpp     (needs scikit-learn)
Outputs are rounded, so that scores tie and single precision holds them exactly.
"""
import textwrap

import numpy as np
import sklearn
from sklearn import metrics as m

rng = np.random.default_rng(7)
CASES = []
ALL = '{.names = {"all"}}'


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sixteenths(x):
    return np.round(np.asarray(x) * 16) / 16


def numbers(values):
    text = ", ".join(repr(float(v)).removesuffix(".0") for v in np.asarray(values).ravel())
    return "{" + "\n        ".join(textwrap.wrap(text, 88)) + "}"


def emit(name, task, shape, output, target, figures, classes, options=""):
    CASES.append("case_" + name.replace(".", "_"))
    print(f"MetricCase {CASES[-1]}() {{\n  return")
    print(f'      {{"{name}", Task::{task}, {{{", ".join(map(str, shape))}}},')
    print(f"       {numbers(output)},\n       {numbers(target)},")
    print("       {" + ",\n        ".join(f'{{"{k}", {float(v)!r}}}' for k, v in figures.items()) + "},")
    rows = ",\n        ".join("{" + ", ".join(repr(float(v)) for v in row) + "}" for row in classes)
    print(f"       {{{rows}}},\n       {options or ALL}}};\n}}\n")


def prf(truth, predicted, average):
    p, r, f, _ = m.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
    return {"precision": p, "recall": r, "f1": f}


def table(truth, predicted, count):
    p, r, f, s = m.precision_recall_fscore_support(truth, predicted, labels=range(count), zero_division=0)
    return list(zip(p, r, f, s))


def classification():
    n, c = 40, 6
    target = rng.integers(0, 4, n)  # classes 4 and 5 are absent; 5 is never predicted
    output = sixteenths(rng.normal(size=(n, c)) + 1.2 * np.eye(c)[target])
    output[:, 5] = -4
    counted = np.ones(n, bool)
    counted[[3, 17]] = False
    t, o = target[counted], output[counted]
    probability, predicted = softmax(o), o.argmax(axis=1)
    present = range(4)
    # Ties with the label rank by the lower class first.
    above = [(row > row[k]).sum() + (row[:k] == row[k]).sum() for row, k in zip(o, t)]
    areas = {"accuracy": m.accuracy_score(t, predicted), "top2": np.mean(np.array(above) < 2),
             "auc": np.mean([m.roc_auc_score(t == k, probability[:, k]) for k in present]),
             "pr_auc": np.mean([m.average_precision_score(t == k, probability[:, k]) for k in present])}
    written = np.where(counted, target, -100)
    for average in ("macro", "weighted", "micro"):
        emit("classification_" + average, "kClassification", (n, c), output, written,
             areas | prf(t, predicted, average), table(t, predicted, c),
             '{.names = {"all"}, .top_k = 2, .threshold = 0.5, .average = "' + average + '"}')


def binary():
    n = 60
    target = rng.integers(0, 2, n)
    output = np.round(2 * (rng.normal(size=n) + target)) / 2  # many ties, zeros among them
    for threshold in (0.5, 0.7):
        predicted = (1 / (1 + np.exp(-output)) > threshold).astype(int)
        figures = prf(target, predicted, "binary") | {
            "accuracy": m.accuracy_score(target, predicted), "auc": m.roc_auc_score(target, output), "pr_auc": m.average_precision_score(target, output)}
        emit(f"binary_{threshold}", "kBinary", (n, 1), output, target, figures, table(target, predicted, 2),
             '{.names = {"all"}, .top_k = 5, .threshold = ' + str(threshold) + ', .average = "macro"}')


def multi_label():
    n, c = 30, 3
    target = rng.integers(0, 2, (n, c))
    output = np.round(2 * (rng.normal(size=(n, c)) + target)) / 2
    predicted = (output > 0).astype(int)
    figures = prf(target, predicted, "macro") | {
        "accuracy": 1 - m.hamming_loss(target, predicted), "dice": m.f1_score(target, predicted, average="macro"),
        "iou": m.jaccard_score(target, predicted, average="macro"), "auc": m.roc_auc_score(target, output, average="macro"),
        "pr_auc": m.average_precision_score(target, output, average="macro")}
    emit("multi_label", "kMultiLabel", (n, c), output, target, figures, table(target, predicted, c))


def segmentation():
    n, c, h, w = 2, 4, 4, 5
    target = rng.integers(0, 3, (n, h, w))
    output = sixteenths(rng.normal(size=(n, c, h, w)) + 1.5 * np.moveaxis(np.eye(c)[target], -1, 1))
    output[:, 3] -= 9  # a class that occurs nowhere
    target[0, 1, :3] = -100
    seen = target != -100
    t, p = target[seen], output.argmax(axis=1)[seen]
    figures = prf(t, p, "macro") | {"accuracy": m.accuracy_score(t, p), "iou": m.jaccard_score(t, p, average="macro"), "dice": m.f1_score(t, p, average="macro")}
    emit("segmentation", "kSegmentation", (n, c, h, w), output, target, figures, table(t, p, c))


def mask():
    shape = (2, 1, 4, 4)
    target = rng.integers(0, 2, shape)
    output = sixteenths(rng.normal(size=shape) + 2 * target - 1)
    t, p = target.ravel(), (output > 0).astype(int).ravel()
    figures = prf(t, p, "binary") | {"accuracy": m.accuracy_score(t, p), "iou": m.jaccard_score(t, p), "dice": m.f1_score(t, p)}
    emit("mask", "kBinaryMask", shape, output, target, figures, table(t, p, 2))


def regression():
    n, c = 20, 3
    target = sixteenths(rng.normal(size=(n, c)) * [1, 5, 0] + [1000, -3, 2])  # the last column is constant
    output = sixteenths(target + rng.normal(size=(n, c)) / 2)
    figures = {"mae": m.mean_absolute_error(target, output), "rmse": np.sqrt(m.mean_squared_error(target, output)),
               "r2": m.r2_score(target, output)}
    emit("regression", "kRegression", (n, c), output, target, figures, [])


def language():
    n, c, length = 2, 7, 5
    target = rng.integers(0, c, (n, length))
    output = sixteenths(rng.normal(size=(n, c, length)) * 2)
    target[1, 3:] = -100
    rows, labels = np.moveaxis(output, 1, -1)[target != -100], target[target != -100]
    above = [(row > row[k]).sum() + (row[:k] == row[k]).sum() for row, k in zip(rows, labels)]
    nll = m.log_loss(labels, softmax(rows), labels=range(c))
    emit("language", "kLanguage", (n, c, length), output, target,
         {"accuracy": np.mean(np.array(above) == 0), "top5": np.mean(np.array(above) < 5), "perplexity": np.exp(nll)}, [])


print(f"""// Made by tools/oracle/metrics.py with scikit-learn {sklearn.__version__}. Do not edit.
#include "tests/training/metrics/expected_metrics.h"

namespace temper::training {{

// clang-format off
namespace {{
""")
for case in (classification, binary, multi_label, segmentation, mask, regression, language):
    case()
print("""}  // namespace

std::vector<MetricCase> metric_cases() {
  return {""" + "".join(f"\n    {case}()," for case in CASES) + """
  };
}
// clang-format on

}  // namespace temper::training""")
