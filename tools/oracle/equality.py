"""Compares `temper` with PyTorch on four models in three export forms; prints a table, exits 1 if any row fails.

    python equality.py TEMPER_BINARY [--folder DIR] [--models NAME ...] [--forms default raw fixed] [--steps 100]

Checked per file: the loss and every parameter's gradient (relative, by norm, 1e-4); the loss of each of 100 steps with
SGD+momentum and AdamW on one batch (relative, 1e-3) and the weights SGD ends with; BatchNorm statistics after 5 SGD
steps (relative, by norm, 1e-5); the exported file differs from the imported one in initializer values only; training it
with a rate of zero gives the same bits; onnxruntime's outputs of it equal `temper predict`'s (1e-5). The unoptimised
(raw) export is compared with the PyTorch module; the other forms, whose tensors are merged and folded, with the file's
own graph run in PyTorch. BatchNorm statistics are read after 5 steps: momentum on one batch amplifies rounding, so that
after 20 steps PyTorch in float differs from PyTorch in double by 1.6e-5 itself.
Needs torch, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.numpy_helper
import torch

import onnx_in_torch
import peer_models

FORM_NAMES = {'default': '', 'raw': '.raw', 'fixed': '.fixed'}
STATISTICS_STEPS = 5


class ModuleOracle:
    """The PyTorch module itself, with the interface of OnnxInTorch that the comparison needs."""

    def __init__(self, name):
        self.module, self.input, self.target, self.loss_function = peer_models.build(name)
        self.module.train()

    @property
    def leaves(self):
        return dict(self.module.named_parameters())

    @property
    def buffers(self):
        return {n: b for n, b in self.module.named_buffers() if b.is_floating_point()}

    def gradients(self, batch, loss):
        state = {n: b.clone() for n, b in self.module.state_dict().items()}
        value = self.loss_function(self.module(self.input), self.target)
        grads = torch.autograd.grad(value, list(self.leaves.values()))
        self.module.load_state_dict(state)
        return value.item(), dict(zip(self.leaves, grads))

    def train(self, batch, loss, optimizer, steps, options):
        stepper = onnx_in_torch.OPTIMIZERS[optimizer](self.module.parameters(), **options)
        losses = []
        for _ in range(steps):
            stepper.zero_grad(set_to_none=True)
            value = self.loss_function(self.module(self.input), self.target)
            value.backward()
            stepper.step()
            losses.append(value.item())
        return losses


class Report:
    """Collects rows (file, check, error, limit) and prints them as they come."""

    def __init__(self):
        self.failures = 0

    def row(self, file, check, error, limit, note=''):
        good = error is not None and error <= limit
        self.failures += not good
        shown = '-' if error is None else f'{error:.3g}'
        print(f'{"ok  " if good else "FAIL"} {file:<20} {check:<34} {shown:>10} <= {limit:<8g} {note}', flush=True)


class Temper:
    """The command under test."""

    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve())

    def run(self, *arguments):
        result = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f'temper {" ".join(map(str, arguments))}: exit {result.returncode}: '
                               f'{result.stderr.strip()[-600:]}')
        return result.stdout

    def train(self, model, batch, out, loss, optimizer, options, steps, batch_size):
        """Trains on one full batch; returns (loss of each step, path of last.onnx)."""
        settings = {'loss.name': loss, 'optimizer.name': optimizer, 'data.batch_size': batch_size, 'data.shuffle': 'false',
                    'data.val_split': 0, 'train.steps': steps, 'schedule.name': 'constant', 'log.every': 1,
                    'log.tensorboard': 'false', 'log.charts': 'false', 'train.out': out}
        settings.update({f'optimizer.{key}': value for key, value in options.items()})
        self.run('train', model, batch, *(f'{key}={value}' for key, value in settings.items()))
        return read_losses(newest(out, 'metrics.jsonl')), newest(out, 'last.onnx')


def newest(folder, name):
    found = sorted(pathlib.Path(folder).rglob(name), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RuntimeError(f'{folder}: no {name} was written')
    return found[-1]


def read_losses(path):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    steps = {row['step']: row['train/loss'] for row in rows if 'train/loss' in row}
    return [steps[step] for step in sorted(steps)]


def distance(actual, expected):
    """Relative distance by norm, in double."""
    a, e = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    return float(np.linalg.norm(a - e) / np.linalg.norm(e)) if a.shape == e.shape else float('inf')


def gradient_error(actual, expected, total):
    """As `distance`; but a bias in front of BatchNorm has a gradient of zero in theory and of rounding noise in practice,
    so such a tensor is measured against a tenth of the norm of all gradients together."""
    if np.linalg.norm(expected) > 1e-6 * total or actual.shape != expected.shape:
        return distance(actual, expected)
    return float(np.linalg.norm(actual - expected) / (0.1 * total))


def compare_gradients(report, temper, file, model, batch_path, case, oracle, folder):
    out = folder / 'gradients.npz'
    temper.run('grad', model, '--data', batch_path, '--loss', case.loss, '--out', out)
    value, grads = oracle.gradients(onnx_in_torch.load_batch(batch_path), case.loss)
    total = np.sqrt(sum(float(g.double().square().sum()) for g in grads.values()))
    with np.load(out) as arrays:
        report.row(file, 'loss', abs(float(arrays['loss']) - value) / abs(value), 1e-5)
        missing = [name for name in grads if name not in arrays.files]
        errors = {n: gradient_error(arrays[n], g.numpy(), total) for n, g in grads.items() if n not in missing}
    worst = max(errors, key=errors.get) if errors else '-'
    report.row(file, f'gradients of {len(grads)} parameters', None if missing else errors[worst], 1e-4,
               f'missing {missing}' if missing else f'worst {worst}')


def compare_curve(report, temper, file, model, batch_path, name, optimizer, steps, make_oracle, folder):
    case, options = peer_models.CASES[name], peer_models.optimizer_options(name, optimizer)
    oracle = make_oracle()
    expected = oracle.train(onnx_in_torch.load_batch(batch_path), case.loss, optimizer, steps, options)
    actual, last = temper.train(model, batch_path, folder / optimizer, case.loss, optimizer, options, steps,
                                case.input_shape[0])
    error = None
    if len(actual) == len(expected):
        error = max(abs(a - e) / abs(e) for a, e in zip(actual, expected))
    report.row(file, f'{optimizer}, {len(actual)} of {steps} steps', error, 1e-3,
               f'loss {expected[0]:.4f} -> {expected[-1]:.4f}')
    if optimizer == 'sgd':  # AdamW turns rounding noise of near-zero gradients into whole steps
        report.row(file, 'sgd, exported weights', weights_error(model, last, oracle), 1e-2, 'of the change, by norm')
    return last


def weights_error(model, last, oracle):
    """Distance of the exported weights from PyTorch's, relative to how far training moved them."""
    before, after = initializers(model), initializers(last)
    trained = {n: p.detach().double().numpy() for n, p in oracle.leaves.items()}
    difference = sum(np.square(after[n] - p).sum() for n, p in trained.items())
    change = sum(np.square(before[n] - p).sum() for n, p in trained.items())
    return float(np.sqrt(difference / change))


def compare_statistics(report, temper, file, model, batch_path, name, make_oracle, folder):
    case, options = peer_models.CASES[name], peer_models.optimizer_options(name, 'sgd')
    oracle = make_oracle()
    oracle.train(onnx_in_torch.load_batch(batch_path), case.loss, 'sgd', STATISTICS_STEPS, options)
    if not oracle.buffers:
        return
    _, last = temper.train(model, batch_path, folder / 'statistics', case.loss, 'sgd', options, STATISTICS_STEPS,
                           case.input_shape[0])
    written = initializers(last)
    errors = {n: distance(written[n], b.detach().numpy()) for n, b in oracle.buffers.items()}
    worst = max(errors, key=errors.get)
    report.row(file, f'BatchNorm statistics, {STATISTICS_STEPS} steps', errors[worst], 1e-5, f'worst {worst}')


def initializers(path):
    model = onnx.load(str(path))
    return {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}


def structure(path):
    """The file without the bytes of its floating-point initializers and without the external file's name."""
    model = onnx.load(str(path), load_external_data=False)
    for initializer in model.graph.initializer:
        if initializer.data_type == onnx.TensorProto.FLOAT:
            for entry in initializer.external_data:
                if entry.key == 'location':
                    entry.value = ''
            initializer.ClearField('raw_data')
            del initializer.float_data[:]
    return model.SerializeToString(deterministic=True)


def compare_export(report, temper, file, model, last, batch_path, case, folder):
    same = structure(model) == structure(last)
    report.row(file, 'export changes values only', 0.0 if same else 1.0, 0)
    exported = initializers(last)
    _, again = temper.train(last, batch_path, folder / 'again', case.loss, 'sgd', {'lr': 0, 'momentum': 0}, 1,
                            case.input_shape[0])
    statistics = {n for node in onnx.load(str(last), load_external_data=False).graph.node
                  if node.op_type == 'BatchNormalization' for n in node.input[3:5]}
    returned = initializers(again)
    moved = [n for n, a in exported.items() if n not in statistics and a.tobytes() != returned[n].tobytes()]
    report.row(file, 're-imported weights, tensors changed', float(len(moved)), 0, ' '.join(moved))
    compare_onnxruntime(report, temper, file, last, batch_path, folder)


def compare_onnxruntime(report, temper, file, last, batch_path, folder):
    import onnxruntime
    session = onnxruntime.InferenceSession(str(last), providers=['CPUExecutionProvider'])
    with np.load(batch_path) as arrays:
        x = arrays['input']
    declared = session.get_inputs()[0].shape[0]
    rows = declared if isinstance(declared, int) else len(x)
    expected = np.concatenate([session.run(['output'], {'input': part})[0] for part in np.split(x, len(x) // rows)])
    out = folder / 'outputs.npz'
    temper.run('predict', last, '--data', batch_path, '--out', out)
    with np.load(out) as arrays:
        actual = arrays['output']
    error = float(np.abs(actual - expected).max()) if actual.shape == expected.shape else None
    report.row(file, 'outputs against onnxruntime', error, 1e-5)


def compare_file(report, temper, folder, name, form, steps):
    case, suffix = peer_models.CASES[name], FORM_NAMES[form]
    file, model, batch_path = f'{name}{suffix}.onnx', folder / f'{name}{suffix}.onnx', folder / f'{name}.npz'
    work = folder / f'{name}{suffix}.runs'
    work.mkdir()

    def make_oracle():
        return ModuleOracle(name) if form == 'raw' else onnx_in_torch.OnnxInTorch(model)

    checks = (
        ('gradients', lambda: compare_gradients(report, temper, file, model, batch_path, case, make_oracle(), work)),
        ('adamw', lambda: compare_curve(report, temper, file, model, batch_path, name, 'adamw', steps, make_oracle, work)),
        ('BatchNorm statistics', lambda: compare_statistics(report, temper, file, model, batch_path, name, make_oracle,
                                                            work)),
        ('sgd and export', lambda: compare_export(
            report, temper, file, model,
            compare_curve(report, temper, file, model, batch_path, name, 'sgd', steps, make_oracle, work),
            batch_path, case, work)),
    )
    for label, check in checks:
        try:
            check()
        except (RuntimeError, OSError, KeyError) as error:
            report.row(file, label, None, 0, repr(error))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--folder', type=pathlib.Path, help='keeps models and runs here (must be empty or missing)')
    parser.add_argument('--models', nargs='*', default=list(peer_models.CASES), choices=list(peer_models.CASES))
    parser.add_argument('--forms', nargs='*', default=list(FORM_NAMES), choices=list(FORM_NAMES))
    parser.add_argument('--steps', type=int, default=100)
    parser.add_argument('--threads', type=int, default=2, help="PyTorch's threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    report, temper = Report(), Temper(arguments.temper)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.models:
            peer_models.export(name, folder)
            for form in arguments.forms:
                compare_file(report, temper, folder, name, form, arguments.steps)
    print(f'{report.failures} failed')
    return 1 if report.failures else 0


if __name__ == '__main__':
    sys.exit(main())
