"""Runs `temper prepare --dynamic-batch` on PyTorch's exports with a batch of one of every model of zoo_models.py: zoo_prepare.py TEMPER [MODEL ...]

Both exporters with no option at all. Batches of 1, 7 and 32 samples must get what onnxruntime gives each of them in the original; prints a
line for each file with the largest difference, relative to the largest value, and exits 1 if one is above 1e-5 or refused. Needs
torch, torchvision, transformers, onnx, onnxscript, onnxruntime, numpy.
"""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnxruntime
import torch

import zoo_models

LIMIT = 1e-5
SAMPLES, BATCHES = 40, ((0, 1), (1, 7), (8, 32))  # first row and number of rows
EXPORTERS = {'dynamo': {}, 'torchscript': {'dynamo': False}}


@contextlib.contextmanager
def silence():
    """Of what is written past Python as well: the exporter prints the graphs that it refuses."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def exported(module, inputs, path, options):
    """False: PyTorch refuses."""
    try:
        with warnings.catch_warnings(), silence():
            warnings.simplefilter('ignore')
            torch.onnx.export(module, tuple(x[:1] for x in inputs.values()), str(path), input_names=list(inputs), output_names=['output'],
                              verbose=False, **options)
    except Exception:
        return False
    return True


def samples(name, given, rng):
    """Rows unlike each other: normal numbers, tokens among those given; masks as they are."""
    given = given.numpy()
    if given.dtype.kind == 'f':
        return rng.standard_normal((SAMPLES, *given.shape[1:])).astype(given.dtype)
    if 'mask' in name:
        return np.repeat(given[:1], SAMPLES, 0)
    return rng.choice(given.ravel(), (SAMPLES, *given.shape[1:])).astype(given.dtype)


def apart(original, changed, inputs):
    rng = np.random.default_rng(0)
    alone, together = (onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider']) for path in (original, changed))
    feeds = {i.name: samples(i.name, inputs[i.name], rng) for i in alone.get_inputs()}
    rows = [np.concatenate(parts) for parts in zip(*[alone.run(None, {n: v[i:i + 1] for n, v in feeds.items()}) for i in range(SAMPLES)])]
    worst = 0.
    for first, count in BATCHES:
        got = together.run(None, {n: v[first:first + count] for n, v in feeds.items()})
        for mine, all_rows in zip(got, rows):
            expected = all_rows[first:first + count]
            if mine.shape != expected.shape:
                return float('inf')
            worst = max(worst, float(np.abs(mine - expected).max() / np.abs(all_rows).max()))
    return worst


def main():
    temper, names = sys.argv[1], sys.argv[2:] or list(zoo_models.CASES)
    onnxruntime.set_default_logger_severity(4)
    failed = 0
    for name in names:
        module, inputs = zoo_models.build(name, torch.float32)
        module.eval()
        for exporter, options in EXPORTERS.items():
            with tempfile.TemporaryDirectory() as folder:
                original, changed = pathlib.Path(folder) / 'original.onnx', pathlib.Path(folder) / 'changed.onnx'
                if not exported(module, inputs, original, options):
                    print(f'{name:14} {exporter:12} PyTorch\'s exporter refuses it', flush=True)
                    continue
                done = subprocess.run([temper, 'prepare', original, changed, '--dynamic-batch'], capture_output=True, text=True, check=False)
                error = apart(original, changed, inputs) if done.returncode == 0 else None
                good = error is not None and error <= LIMIT
                failed += not good
                print(f'{name:14} {exporter:12} {"ok  " if good else "FAIL"} {done.stderr.strip() if error is None else f"{error:.1e}"}', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
