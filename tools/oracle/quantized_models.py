#!/usr/bin/env python3
"""Trains the samples, converts them by `temper convert` or trains them on with rounding, and measures each file by Temper
and by onnxruntime: size, accuracy, and the nodes that onnxruntime's optimiser makes of it. Writes the table of
docs/deploy.md between its marks.

Run from the repository root: /opt/oracle/bin/python tools/oracle/quantized_models.py build/temper [--keep FOLDER]
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort

PAGE = pathlib.Path("docs/deploy.md")
BEGIN, END = "<!-- quantized_models.py -->\n", "<!-- end -->\n"
INTEGER_OPS = ("QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QLinearGlobalAveragePool", "MatMulIntegerToFloat",
               "DynamicQuantizeMatMul", "ConvInteger", "MatMulInteger", "MatMulNBits", "QuantizeLinear", "DequantizeLinear",
               "Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "Cast")
CHECKED = "valid for onnx.checker"  # the CPU provider has no kernels of bfloat16
# What temper convert is told; of a run with rounding, what temper train is told beside the sample's recipe.
FORMS = {
    "float32": None,
    "fp16": ["--precision", "fp16"],
    "bf16": ["--opset", "22", "--precision", "bf16"],
    "int8 static": ["--int8", "static"],
    "int8 static, entropy": ["--int8", "static", "--calibration", "entropy"],
    "int8 static, symmetric": ["--int8", "static", "--activations", "symmetric"],
    "int8 static, per tensor": ["--int8", "static", "--per-tensor"],
    "int8 dynamic": ["--int8", "dynamic"],
    "int4, blocks of 32": ["--opset", "21", "--int4", "block=32"],
    "8 bits trained": ["train", "quantize.bits=8"],
    "8 bits trained, learned scales": ["train", "quantize.bits=8", "quantize.observers=learned"],
}


def digits():
    data = np.load("models/digits/digits.npz")
    return {"input": data["input"].astype(np.float32)}, data["target"]


SCRATCH = tempfile.TemporaryDirectory()
CIFAR_TEST = f"{SCRATCH.name}/cifar_test.bin"


def draw_cifar():
    """Pictures as those of models/cifar, 200 of each class, drawn anew."""
    sys.path.insert(0, "models/cifar")
    import make_cifar
    rng = np.random.default_rng(1)
    labels = np.tile(np.arange(len(make_cifar.CLASSES)), 200)
    pathlib.Path(CIFAR_TEST).write_bytes(
        b"".join(bytes([label]) + make_cifar.picture(label, rng).tobytes() for label in labels))


def cifar():
    raw = np.fromfile(CIFAR_TEST, np.uint8).reshape(-1, 3073)
    x = raw[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
    x = (x - mean[:, None, None]) / std[:, None, None]
    return {"image": x.astype(np.float32)}, raw[:, 0].astype(np.int64)


def language():
    tokens = np.fromfile("models/language/license.bin", np.uint16).astype(np.int64)
    starts = np.arange(0, len(tokens) - 64, 64)
    return ({"tokens": np.stack([tokens[s:s + 64] for s in starts])},
            np.stack([tokens[s + 1:s + 65] for s in starts]))


# Name: recipe, how the data are called by temper eval, inputs and targets, what to write before training.
SAMPLES = {
    "digits": ("models/digits/digits.toml", ["models/digits/digits.npz"], digits, None),
    "cifar": ("models/cifar/cifar.toml", [CIFAR_TEST], cifar, None),
    "language": ("models/language/gpt.toml",
                 ["models/language/license.bin", "data.format=tokens", "data.block=64", "data.stride=64"], language,
                 ["new", "gpt", "models/language/gpt.onnx", "--context", "64", "--layers", "2", "--heads", "4",
                  "--width", "64", "--dropout", "0.1"]),
}


def call(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(" ".join(words) + "\n" + done.stderr[-2000:])
    return done.stdout


def train(temper, folder, sample):
    recipe, _, _, first = SAMPLES[sample]
    run = f"{folder}/{sample}"
    best = pathlib.Path(run) / "best.onnx"
    if not best.exists():
        made = first is not None and not os.path.exists(first[2])
        if made:
            call(temper, *first)
        call(temper, "train", recipe, f"train.out={run}")
        if made:
            os.remove(first[2])
    return str(best)


def train_on(temper, folder, sample, form, settings):
    """The sample's recipe again, from its trained model, for ten epochs with a tenth of the rate."""
    recipe = SAMPLES[sample][0]
    rate = 0.1 * float(next(line.split("=")[1].split()[0] for line in open(recipe) if line.startswith("lr =")))
    run = f"{folder}/{sample}-{form.replace(' ', '-').replace(',', '')}"
    call(temper, "train", recipe, f"model.path={folder}/{sample}/best.onnx", f"optimizer.lr={rate}", "train.epochs=10",
         "quantize.calibrate=256", f"train.out={run}", *settings)
    return f"{run}/best.onnx"


def by_temper(temper, path, sample):
    words = [path] + SAMPLES[sample][1] + ["metrics.names=[\"accuracy\"]", "--json"]
    return json.loads(call(temper, "eval", *words))


def by_onnxruntime(path, sample, folder):
    """Accuracy, and the products of the optimised model."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = f"{folder}/optimized.onnx"
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs, target = SAMPLES[sample][2]()
    given = session.get_inputs()[0].name
    scores = session.run(None, {given: next(iter(inputs.values()))})[0]
    if scores.ndim == 3 and scores.shape[1] != target.shape[1]:
        scores = scores.transpose(0, 2, 1)
    accuracy = float((scores.argmax(-1) == target).mean())
    nodes = collections.Counter(n.op_type for n in onnx.load(options.optimized_model_filepath, load_external_data=False).graph.node)
    return accuracy, ", ".join(f"{nodes[op]} {op}" for op in INTEGER_OPS if nodes[op])


def size_of(path):
    folder = os.path.dirname(path)
    data = {entry.value for t in onnx.load(path, load_external_data=False).graph.initializer
            for entry in t.external_data if entry.key == "location"}
    return os.path.getsize(path) + sum(os.path.getsize(f"{folder}/{name}") for name in data)


def find_accuracy(report):
    if isinstance(report, dict):
        if isinstance(report.get("accuracy"), (int, float)):
            return report["accuracy"]
        report = list(report.values())
    if isinstance(report, list):
        for one in report:
            found = find_accuracy(one)
            if found is not None:
                return found
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("temper")
    parser.add_argument("--keep", help="a folder for the trained models, used again where they are there")
    arguments = parser.parse_args()
    rows = []
    draw_cifar()
    scratch = SCRATCH.name
    folder = arguments.keep or scratch
    for sample in SAMPLES:
        best = train(arguments.temper, folder, sample)
        full = None
        for form, words in FORMS.items():
            path = best
            if words is not None and words[0] == "train":
                path = train_on(arguments.temper, folder, sample, form, words[1:])
            elif words is not None:
                path = f"{folder}/{sample}-{form.replace(' ', '-').replace(',', '')}.onnx"
                if words[:2] == ["--int8", "static"]:
                    words = words + ["--calibrate", SAMPLES[sample][0], "--calibration-samples", "256"]
                call(arguments.temper, "convert", best, path, *words)
            ours = find_accuracy(by_temper(arguments.temper, path, sample))
            if form == "bf16":
                onnx.checker.check_model(path, full_check=True)
                theirs, nodes = CHECKED, ""
            else:
                share, nodes = by_onnxruntime(path, sample, scratch)
                theirs = f"{100 * share:.2f} %"
            size = size_of(path)
            full = full or size
            rows.append(f"| {sample} | {form} | {size:,} | {size / full:.2f} | {100 * ours:.2f} % | "
                        f"{theirs} | {nodes} |")
            print(rows[-1], flush=True)
    head = ("| sample | form | bytes | of float32 | accuracy by Temper | by onnxruntime | its products after "
            "optimising |\n|---|---|---|---|---|---|---|\n")
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:begin] + head + "\n".join(rows) + "\n" + text[end:])


if __name__ == "__main__":
    main()
