"""Writes tests/models/expected: models without weights, and what training them must give, for tests without PyTorch.

    python expected_training.py [OUT_DIR]

Weights and batches are generated from tensor names (see tests/models/README.md), so the files stay small. Expected values
come from PyTorch in double on those float weights: the module itself for unoptimised exports, the file's own graph for
the others. The script stops if PyTorch in float is not well within the tests' tolerances.
Needs torch, onnx, onnxscript, numpy.
"""
import json
import pathlib
import re
import sys
import tempfile

import numpy as np
import onnx
import torch

import peer_models
from onnx_in_torch import OPTIMIZERS, OnnxInTorch

ROWS = {'tiny_mlp': 32, 'mlp': 16, 'lenet': 8, 'cifar_cnn': 8}
STEPS = 20
SAMPLES = 8
DATA_FILE = 'weights.data'
# Forms with the same initializers share their expected values.
GROUPS = (('tiny_mlp', ('', '.raw', '.fixed')), ('mlp', ('', '.raw', '.fixed')), ('lenet', ('', '.raw', '.fixed')),
          ('cifar_cnn', ('', '.fixed')), ('cifar_cnn', ('.raw',)))


def fnv1a64(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    return value


def random_bits(name, count):
    """Element i of the stream of `name`: splitmix64's output function of fnv1a64(name) + (i + 1) * golden gamma."""
    with np.errstate(over='ignore'):
        z = np.uint64(fnv1a64(name.encode())) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        return z ^ (z >> np.uint64(31))


def generate(name, shape, shift, scale):
    """float32(shift) + float32(scale) * u, with u in [-1, 1) in steps of 2^-23; each operation rounded to float."""
    top = (random_bits(name, int(np.prod(shape))) >> np.uint64(40)).astype(np.int64)
    unit = ((top - 2**23).astype(np.float32) * np.float32(2.0**-23)).astype(np.float32)
    return (np.float32(shift) + np.float32(scale) * unit).astype(np.float32).reshape(shape)


def generate_classes(name, count, classes):
    return ((random_bits(name, count) >> np.uint64(33)) % np.uint64(classes)).astype(np.int64)


def tensor_table(model):
    """Name, shape, place in the data file, shift and scale of each float initializer, in the file's order."""
    special = {}
    for node in model.graph.node:
        if node.op_type == 'BatchNormalization':
            special.update(zip(node.input[1:5], ((1.0, 0.25), (0.0, 0.25), (0.0, 0.25), (1.0, 0.5))))
    fan_in = {i.name.rsplit('.', 1)[0]: int(np.prod(i.dims[1:])) for i in model.graph.initializer if len(i.dims) > 1}
    table, offset = [], 0
    for initializer in model.graph.initializer:
        if initializer.data_type != onnx.TensorProto.FLOAT:
            continue
        name, shape = initializer.name, list(initializer.dims)
        shift, scale = special[name] if name in special else (0.0, fan_in[name.rsplit('.', 1)[0]] ** -0.5)
        table.append({'name': name, 'shape': shape, 'offset': offset, 'shift': shift, 'scale': float(np.float32(scale))})
        offset += 4 * int(np.prod(shape))
    return table, offset


def write_structure(path, target, table):
    """Writes the model at `path` to `target` with every float initializer in DATA_FILE, without the source's paths."""
    model = onnx.load(str(path))
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if not entry.key.endswith('stack_trace')]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    places = {row['name']: row for row in table}
    for initializer in model.graph.initializer:
        if initializer.data_type != onnx.TensorProto.FLOAT:
            continue
        row = places[initializer.name]
        onnx.external_data_helper.set_external_data(initializer, DATA_FILE, row['offset'], 4 * int(np.prod(row['shape'])))
        initializer.ClearField('raw_data')
    target.write_bytes(model.SerializeToString(deterministic=True))


def write_weights(path, table):
    data = b''.join(generate(r['name'], r['shape'], r['shift'], r['scale']).tobytes() for r in table)
    path.write_bytes(data)
    return fnv1a64(data)


def make_batch(name):
    case = peer_models.CASES[name]
    shape = [ROWS[name], *case.input_shape[1:]]
    description = {'input': {'shape': shape, 'shift': 0.0, 'scale': 1.0}}
    batch = {'input': torch.from_numpy(generate(f'{name}/input', shape, 0, 1))}
    if case.classes:
        description['target'] = {'shape': shape[:1], 'classes': case.classes}
        batch['target'] = torch.from_numpy(generate_classes(f'{name}/target', shape[0], case.classes))
    else:
        description['target'] = {'shape': [shape[0], 1], 'shift': 0.0, 'scale': 1.0}
        batch['target'] = torch.from_numpy(generate(f'{name}/target', [shape[0], 1], 0, 1))
    return batch, description


def measure(path, name, batch, dtype):
    """Gradients, both loss curves and the BatchNorm statistics after SGD's, of the file's own graph."""
    loss = peer_models.CASES[name].loss
    value, gradients = OnnxInTorch(path, dtype).gradients(batch, loss)
    curves = {}
    for optimizer in ('sgd', 'adamw'):
        model = OnnxInTorch(path, dtype)
        curves[optimizer] = model.train(batch, loss, optimizer, STEPS, peer_models.optimizer_options(name, optimizer))
        if optimizer == 'sgd':
            statistics = {n: b.double().numpy() for n, b in model.buffers.items()}
    return value, {n: g.double().numpy() for n, g in gradients.items()}, curves, statistics


def measure_module(path, name, batch):
    """The same curves from the PyTorch module in double, its weights taken from the unoptimised export by name."""
    model, case = OnnxInTorch(path), peer_models.CASES[name]
    curves = {}
    for optimizer in ('sgd', 'adamw'):
        module = case.make().double()
        module.load_state_dict({**model.leaves, **model.buffers}, strict=False)
        stepper = OPTIMIZERS[optimizer](module.parameters(), **peer_models.optimizer_options(name, optimizer))
        losses = []
        for _ in range(STEPS):
            stepper.zero_grad()
            target = batch['target'].double() if batch['target'].is_floating_point() else batch['target']
            value = peer_models.LOSSES[case.loss](module(batch['input'].double()), target)
            value.backward()
            stepper.step()
            losses.append(value.item())
        curves[optimizer] = losses
    return curves


def require(good, what):
    if not good:
        raise SystemExit(f'expected_training: {what}')


def require_close(reference, other, what, curve, gradient, statistics):
    """Stops unless two measurements agree: curves pointwise, gradients and statistics by norm."""
    total = np.sqrt(sum(np.square(g).sum() for g in reference[1].values()))
    for optimizer, losses in reference[2].items():
        worst = max(abs(a - b) / abs(b) for a, b in zip(other[2][optimizer], losses))
        require(worst <= curve, f'{what}: {optimizer} curves differ by {worst:.3g}')
    for name, g in reference[1].items():
        norm = np.linalg.norm(g)
        # A bias in front of BatchNorm has a gradient of zero in theory and of rounding noise in practice.
        worst = np.linalg.norm(other[1][name] - g) / (norm if norm > 1e-6 * total else 0.1 * total)
        require(worst <= gradient, f'{what}: gradient of {name} differs by {worst:.3g}')
    for name, b in reference[3].items():
        worst = np.linalg.norm(other[3][name] - b) / np.linalg.norm(b)
        require(worst <= statistics, f'{what}: {name} differs by {worst:.3g}')


def gradient_rows(gradients):
    rows = []
    for name, g in gradients.items():
        flat = g.reshape(-1)
        picked = sorted({int(v) for v in random_bits(f'{name}/samples', SAMPLES) % np.uint64(flat.size)})
        projection = float(flat @ generate(f'{name}/projection', [flat.size], 0, 1).astype(np.float64))
        rows.append({'name': name, 'norm': float(np.linalg.norm(flat)), 'projection': projection,
                     'samples': [[i, float(flat[i])] for i in picked]})
    return rows


def write_group(name, forms, exported, out):
    table, total_bytes = tensor_table(onnx.load(str(exported / f'{name}{forms[0]}.onnx'), load_external_data=False))
    batch, batch_description = make_batch(name)
    work = exported / f'{name}{forms[0]}.work'
    work.mkdir()
    checksum = write_weights(work / DATA_FILE, table)
    results = []
    for form in forms:
        path = work / f'{name}{form}.onnx'
        write_structure(exported / path.name, path, table)
        (out / path.name).write_bytes(path.read_bytes())
        results.append(measure(path, name, batch, torch.float64))
        require_close(results[0], results[-1], f'{path.name} against {name}{forms[0]}', 1e-9, 1e-9, 1e-9)
        require_close(results[0], measure(path, name, batch, torch.float32), f'{path.name} in float', 1e-4, 1e-5, 2e-6)
        if form == '.raw':
            module = results[0][:2] + (measure_module(path, name, batch),) + results[0][3:]
            require_close(results[0], module, f'{path.name} against the module', 1e-9, 0, 0)
    value, gradients, curves, statistics = results[0]
    expected = {
        'model': name, 'files': [f'{name}{form}.onnx' for form in forms], 'loss': peer_models.CASES[name].loss,
        'weights': {'file': DATA_FILE, 'bytes': total_bytes, 'fnv1a64': f'{checksum:016x}', 'tensors': table},
        'batch': batch_description,
        'first_loss': value,
        'gradients': gradient_rows(gradients),
        'curves': [{'optimizer': o, **peer_models.optimizer_options(name, o), 'losses': losses} for o, losses in curves.items()],
        'statistics_after_sgd': [{'name': n, 'values': [float(f'{v:.9g}') for v in b]} for n, b in statistics.items()],
    }
    stem = name if len(forms) > 1 else f'{name}{forms[0]}'
    text = json.dumps(expected, indent=1)
    (out / f'{stem}.json').write_text(compact(text) + '\n')
    print(stem, 'loss', {o: (round(c[0], 4), round(c[-1], 4)) for o, c in curves.items()}, flush=True)


def compact(text):
    """Puts innermost lists, lists of those, and innermost objects on one line each."""
    for pattern in (r'\[[^\[\]{}]*\]', r'\[(?:\s*\[[^\[\]]*\],?)+\s*\]', r'\{[^{}]*\}'):
        text = re.sub(pattern, lambda match: ' '.join(match[0].split()).replace('[ ', '[').replace(' ]', ']'), text)
    return text


def main(arguments):
    out = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2] / 'tests/models/expected'
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        exported = pathlib.Path(temporary)
        for name in peer_models.CASES:
            peer_models.export(name, exported)
        for name, forms in GROUPS:
            write_group(name, forms, exported, out)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
