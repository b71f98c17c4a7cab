#!/usr/bin/env python3
"""Runs `temper convert` on models and compares what comes out in onnxruntime with what went in.

Usage: python tools/oracle/check_deploy.py TEMPER FOLDER ["--precision fp16" "--opset 13" ...]   (needs onnx, onnxruntime, safetensors)

FOLDER has NAME.onnx (those of models.py export). With conversions named, a line for each and each model: the largest difference,
measured by the largest output value. Without, all of them and there and back, and at the end a table for docs/deploy.md: of how many
files of a kind (default, raw, fixed exports) each was right. Where onnxruntime does not run a file, onnx.checker alone has seen it.
"""
import pathlib
import subprocess
import sys
import tempfile
from collections import defaultdict

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime

OPSETS = (7, 11, 13, 17, 20, 23, 28)
CONVERSIONS = [*(f"--opset {n}" for n in OPSETS), "--fold", "--fold --opset 7", "--precision fp16", "--precision fp16 --convert-io",
               "--precision bf16 --opset 22", "--precision fp16 --opset 13", "--fix-dims batch=2", "--int8 dynamic --opset 13"]
KINDS = {".raw": "raw", ".fixed": "fixed"}


class Refused(Exception):
    pass


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
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = feed or inputs_of(session)
    types = {one.name: "float16" for one in session.get_inputs() if "float16" in one.type}
    given = {name: value.astype(types.get(name, value.dtype)) for name, value in feed.items()}
    return feed, [np.asarray(value, "float64") for value in session.run(None, given)]


def bytes_of(model):
    files = {t.value for one in onnx.load(str(model), load_external_data=False).graph.initializer
             for t in one.external_data if t.key == "location"}
    return sum((pathlib.Path(model).parent / name).stat().st_size for name in [pathlib.Path(model).name, *files])


def convert(temper, *arguments):
    done = subprocess.run([temper, "convert", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(done.stderr.strip().replace("\n", " ")[:600])


def tensors_of(path):
    return {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer}


def same_tensors(a, b):
    x, y = tensors_of(a), tensors_of(b)
    return x.keys() == y.keys() and all(x[name].tobytes() == y[name].tobytes() for name in x)


def worst_of(before, after):
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)) for a, b in zip(before, after))


def compared(model, out):
    """The difference; None where onnxruntime has no kernel for the file, which is valid."""
    onnx.checker.check_model(str(out), full_check=True)
    feed, before = run(model)
    try:
        return worst_of(before, run(out, feed)[1])
    except Exception as error:  # noqa: BLE001 what onnxruntime throws has no common class
        if "NOT_IMPLEMENTED" in str(error):
            return None
        raise


def opsets_back(temper, model, folder):
    worst = 0
    for opset in OPSETS[:4]:
        convert(temper, model, folder / "old.onnx", "--opset", opset)
        convert(temper, folder / "old.onnx", folder / "back.onnx", "--opset", 20)
        worst = max(worst, compared(model, folder / "back.onnx"))
    return worst


def data_back(temper, model, folder):
    convert(temper, model, folder / "far.onnx", "--external-data", "far.safetensors")
    convert(temper, folder / "far.onnx", folder / "near.onnx", "--inline")
    assert same_tensors(model, folder / "near.onnx"), "tensors differ"
    return compared(model, folder / "near.onnx")


def bits_back(temper, model, folder):
    for kind in ("fp16", "bf16"):
        convert(temper, model, folder / "narrow.onnx", "--precision", kind)
        convert(temper, folder / "narrow.onnx", folder / "wide.onnx", "--precision", "fp32")
        narrow, wide = tensors_of(folder / "narrow.onnx"), tensors_of(folder / "wide.onnx")
        assert all(np.array_equal(wide[name].astype("float64"), value.astype("float64")) for name, value in narrow.items()), "changed"
    return compared(model, folder / "wide.onnx")


def weights_back(temper, model, folder):
    convert(temper, model, folder / "w.safetensors")
    convert(temper, folder / "w.safetensors", folder / "back.onnx", "--into", model)
    assert same_tensors(model, folder / "back.onnx"), "tensors differ"
    return compared(model, folder / "back.onnx")


BACK = {"four older opsets and back to 20": opsets_back, "`--external-data` and `--inline`": data_back,
        "fp16, bf16 and `--precision fp32`": bits_back, "`OUT.safetensors` and `--into`": weights_back}


def check(temper, model, what):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if what in BACK:
            return BACK[what](temper, model, folder), None
        convert(temper, model, folder / "out.onnx", *what.split())
        return compared(model, folder / "out.onnx"), bytes_of(folder / "out.onnx") / bytes_of(model)


def applies(model, what):
    return "--fix-dims" not in what or "batch" in str(onnx.load(str(model), load_external_data=False).graph.input)


def cell(rows):
    right = [worst for worst, _ in rows if not isinstance(worst, str)]
    known = [worst for worst in right if worst is not None]
    text = f"{len(right)} of {len(rows)}"
    return text + (f", {max(known):.1e}" if known else "")


def table(rows):
    print("| conversion | default exports | unoptimised exports | fixed batch |\n|---|---|---|---|")
    for what, kinds in rows.items():
        name = what if what in BACK else f"`{what}`"
        print(f"| {name} | " + " | ".join(cell(kinds[kind]) if kinds[kind] else "" for kind in ("default", "raw", "fixed")) + " |")


def main():
    temper, folder = sys.argv[1:3]
    rows = defaultdict(lambda: defaultdict(list))
    for model in sorted(pathlib.Path(folder).glob("*.onnx")):
        kind = KINDS.get(pathlib.Path(model.stem).suffix, "default")
        for what in sys.argv[3:] or [*CONVERSIONS, *BACK]:
            if not applies(model, what):
                continue
            try:
                worst, share = check(temper, model, what)
                text = "valid, not run by onnxruntime" if worst is None else f"{worst:.1e}"
                text += "" if share is None else f", {share:.2f} of the bytes"
            except Refused as reason:
                worst, share, text = "refused", None, f"refused: {reason}"
            except Exception as error:  # noqa: BLE001 whatever a checker throws
                worst, share, text = "wrong", None, f"WRONG: {str(error)[:400]}"
            rows[what][kind].append((worst, share))
            print(f"{model.name} {what}: {text}", flush=True)
    table(rows)


if __name__ == "__main__":
    main()
