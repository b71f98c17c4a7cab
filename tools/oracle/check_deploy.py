#!/usr/bin/env python3
"""Runs `temper convert` on models and compares what comes out in onnxruntime with what went in.

Usage: python tools/oracle/check_deploy.py TEMPER FOLDER "--precision fp16" ["--opset 13" ...]   (needs onnx, onnxruntime, numpy)

FOLDER has NAME.onnx (those of models.py export); a line each: the difference of the largest output value. Where onnxruntime does not
run a file, onnx.checker alone has seen it, and the line says so.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime


def inputs_of(session, seed=0):
    rng = np.random.default_rng(seed)
    feed = {}
    for one in session.get_inputs():
        shape = [d if isinstance(d, int) else 2 for d in one.shape]
        whole = "int" in one.type
        feed[one.name] = rng.integers(0, 20, shape).astype("int64" if "64" in one.type else "int32") if whole \
            else rng.standard_normal(shape).astype("float16" if "16" in one.type else "float32")
    return feed


def run(path, feed=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = feed or inputs_of(session)
    return feed, [np.asarray(value, "float64") for value in session.run(None, feed)]


def bytes_of(model):
    files = {t.value for one in onnx.load(str(model), load_external_data=False).graph.initializer
             for t in one.external_data if t.key == "location"}
    return sum((pathlib.Path(model).parent / name).stat().st_size for name in [pathlib.Path(model).name, *files])


def line(temper, model, options):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.onnx"
        done = subprocess.run([temper, "convert", model, out, *options.split()], capture_output=True, text=True)
        if done.returncode != 0:
            return "refused: " + done.stderr.strip().replace("\n", " ")[:400]
        try:
            onnx.checker.check_model(str(out), full_check=True)
        except Exception as error:  # noqa: BLE001
            return f"onnx.checker: {str(error)[:300]}"
        feed, before = run(model)
        try:
            after = run(out, feed)[1]
        except Exception as error:  # noqa: BLE001 what onnxruntime throws has no common class
            return f"checked, not run by onnxruntime: {str(error)[:120]}"
        worst = max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)) for a, b in zip(before, after))
        return f"{worst:.1e}, {bytes_of(out) / bytes_of(model):.2f} of the bytes"


def main():
    temper, folder = sys.argv[1:3]
    for model in sorted(pathlib.Path(folder).glob("*.onnx")):
        for options in sys.argv[3:]:
            print(f"{model.name} {options}: {line(temper, model, options)}", flush=True)


if __name__ == "__main__":
    main()
