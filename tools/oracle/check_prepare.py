"""Runs `temper prepare` on the exports of prepare_models.py and dynamic_axes.py and compares in onnxruntime. From the root: check_prepare.py [TEMPER]

Of each export: every finding of `temper inspect` is undone by the command that it names, alone, and the outputs stay; with a dynamic batch
1, 7 and 32 samples get what onnxruntime gives each in the original; a head of other classes keeps the rows it should; trained adapters give
the same beside their layers and merged. Prints a line for each with the largest difference, relative to the largest value.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

FIXTURES = pathlib.Path('tests/graph/onnx/surgery/fixtures')
TEMPER = sys.argv[1] if len(sys.argv) > 1 else 'build/temper'
onnxruntime.set_default_logger_severity(4)


def temper(*words):
    done = subprocess.run([TEMPER, *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def run(path, x):
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def apart(actual, expected):
    if actual.shape != expected.shape:
        return float('inf')
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-30))


def findings(path):
    return [one['edit'] for one in json.loads(temper('inspect', path, '--json')[1])['findings']]


def samples(info, rows, rng):
    shape = [rows if axis == 0 else dim.dim_value for axis, dim in enumerate(info.type.tensor_type.shape.dim)]
    is_float = info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    return rng.standard_normal(shape).astype(np.float32) if is_float else rng.integers(0, 11, shape)


def check_findings(path, x, out):
    expected, results = run(path, x[:1]), []
    for edit in findings(path):
        code, _, err = temper('prepare', path, out, *edit.split())
        if code != 0:
            results.append(f'{edit}: exit {code}')
            continue
        left = [one for one in findings(out) if one.split()[0] == edit.split()[0]]
        y = run(out, x[:1])
        if edit == '--strip-activation':
            y = np.exp(y - y.max(-1, keepdims=True))
            y /= y.sum(-1, keepdims=True)
        results.append(f'{edit.split()[0]} {apart(y, expected):.1e}{" STILL THERE" if left else ""}')
    return results


def check_batch(path, x, out):
    code, _, err = temper('prepare', path, out, '--dynamic-batch')
    if code != 0:
        return f'exit {code}: {err.strip()}'
    rows = np.concatenate([run(path, x[i:i + 1]) for i in range(40)])
    return ', '.join(f'{n}: {apart(run(out, x[first:first + n]), rows[first:first + n]):.1e}' for n, first in ((1, 0), (7, 1), (32, 8)))


def check_head(path, x, out):
    code, _, err = temper('prepare', path, out, '--head-classes', 6, '--head-keep', '1,0')
    if code != 0:
        return f'exit {code}: {err.strip()[:90]}'
    before = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    changed = [(before[t.name], numpy_helper.to_array(t)) for t in onnx.load(out).graph.initializer
               if t.name in before and list(t.dims) != list(before[t.name].shape)]
    kept = True
    for was, now in changed:
        axis = next(i for i, (a, b) in enumerate(zip(was.shape, now.shape)) if a != b)
        kept = kept and np.array_equal(np.take(was, [1, 0], axis), np.take(now, [0, 1], axis))
    return f'{len(changed)} tensors changed, rows kept {"bit for bit" if kept and changed else "NOT"}'


def check_lora(path, x, folder):
    adapted, trained, merged = folder / 'adapted.onnx', folder / 'trained.onnx', folder / 'merged.onnx'
    code, _, err = temper('prepare', path, adapted, '--lora', 'r=1,alpha=2', '--match', '**')
    if code != 0:
        return f'exit {code}: {err.strip()[:120]}'
    untrained = apart(run(adapted, x[:1]), run(path, x[:1]))
    model, rng = onnx.load(adapted), np.random.default_rng(3)
    layers = 0
    for tensor in model.graph.initializer:
        if tensor.name.endswith('.lora_B'):
            tensor.CopyFrom(numpy_helper.from_array(rng.standard_normal(list(tensor.dims)).astype(np.float32) * .3, tensor.name))
            layers += 1
    onnx.save(model, trained)
    code, _, err = temper('prepare', trained, merged, '--merge-lora')
    if code != 0:
        return f'exit {code}: {err.strip()[:120]}'
    y = run(trained, x[:1])
    return f'{layers} layers, untrained {untrained:.1e}, moved {apart(run(path, x[:1]), y):.1e}, merged {apart(run(merged, x[:1]), y):.1e}'


def main():
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in [*sorted(FIXTURES.glob('*.onnx')), *sorted((FIXTURES / 'axes').glob('*.onnx'))]:
            x = samples(onnx.load(path).graph.input[0], 40, rng)
            print(path.stem)
            print('  findings:', ', '.join(check_findings(path, x, folder / 'one.onnx')))
            print('  batch:   ', check_batch(path, x, folder / 'batch.onnx'))
            print('  head:    ', check_head(path, x, folder / 'head.onnx'))
            print('  lora:    ', check_lora(path, x, folder))


if __name__ == '__main__':
    main()
