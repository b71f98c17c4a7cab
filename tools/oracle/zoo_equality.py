"""Compares `temper` with PyTorch on shrunken models of torchvision, transformers and the peers page; exits 1 if a row fails.

    python zoo_equality.py TEMPER_BINARY [--models NAME ...] [--forms raw default fixed] [--checks grad32 curve export]

Per model and export form (raw: no graph optimisation; default: with a dynamic batch; fixed: no option at all, batch of
one): the loss and each parameter's gradient of the model in double against PyTorch in double (1e-8, relative, by norm).
Of the raw form also: float32 gradients (at most twice PyTorch's own distance from double), a curve of 20 steps (1e-3) and
the trained export in onnxruntime against `temper predict` (1e-4 of the largest output). The raw form is in training mode; in the others,
which fold BatchNorm, its statistics are frozen and a folded weight's gradient is compared through the fold. Tensors are
matched with parameters by their values, which zoo_models makes unique; what trains without being a parameter, and a
parameter that does not train, fails. Needs torch, torchvision, transformers, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
import onnx.numpy_helper
import torch

import zoo_models
from equality import Report

FORMS = {'default': {}, 'raw': {'optimize': False}, 'fixed': {}}


def export(module, inputs, path, form):
    """Writes the file and returns the input names."""
    module.eval()
    names = list(inputs)
    options = dict(FORMS[form])
    sample = tuple(inputs.values())
    if form == 'fixed':
        sample = tuple(x[:1] for x in sample)
    else:
        batch = torch.export.Dim('batch')
        options['dynamic_shapes'] = (tuple({0: batch} for _ in names),)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(module, sample, str(path), input_names=names, output_names=['output'], verbose=False, **options)


def run(binary, *arguments):
    result = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f'temper {arguments[0]}: exit {result.returncode}: {result.stderr.strip()[-1500:]}')
    return result


def gradients(module, inputs, target):
    state = {k: b.clone() for k, b in module.named_buffers()}
    parameters = {k: p for k, p in module.named_parameters() if p.requires_grad}
    loss = torch.nn.functional.mse_loss(module(*inputs.values()), target)
    grads = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    with torch.no_grad():
        for key, buffer in module.named_buffers():
            buffer.copy_(state[key])
    return loss.item(), {k: g.double().numpy() for k, g in zip(parameters, grads) if g is not None}


def initializers(path):
    """All float tensors, those of Constant nodes too."""
    model = onnx.load(str(path))
    made = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == 'Constant':
            made.update({node.output[0]: onnx.numpy_helper.to_array(a.t) for a in node.attribute if a.name == 'value'})
    return {k: v for k, v in made.items() if v.dtype in (np.float32, np.float64)}


def match(name, tensor, values):
    """The parameter that this tensor is, and the function from the tensor's gradient to the parameter's; or None. A tensor is
    a parameter as it is, transposed, reshaped, or times a factor per channel (a folded BatchNorm)."""
    stripped = name.removeprefix('module.')
    for key in sorted(values, key=lambda k: k.removeprefix('module.') != stripped):
        value = values[key]
        if value.size != tensor.size:
            continue
        if np.array_equal(value.ravel(), tensor.ravel()):
            return key, lambda g, s=value.shape: g.reshape(s)
        if value.ndim == 2 and np.array_equal(value.T.ravel(), tensor.ravel()):
            return key, lambda g, s=value.T.shape: g.reshape(s).T
        if value.shape == tensor.shape and value.ndim >= 3:
            for axis in (0, 1):
                ratio = (np.moveaxis(tensor, axis, 0) / np.moveaxis(value, axis, 0)).reshape(tensor.shape[axis], -1)
                if ratio.shape[1] > 1 and np.allclose(ratio, ratio[:, :1], rtol=1e-6):
                    shape = [1] * value.ndim
                    shape[axis] = -1
                    return key, lambda g, r=ratio[:, 0].reshape(shape): g * r
    return None


def errors_of(actual, tensors, values, grads, frozen):
    """Error of each trained tensor, relative by norm; a gradient that is zero in theory against a tenth of all of them."""
    total = np.sqrt(sum(np.square(g).sum() for g in grads.values()))
    sums, extra = {}, []
    for name, grad in actual.items():
        hit = match(name, tensors[name].astype(np.float64), values)
        if hit is None:
            if match(name, tensors[name].astype(np.float64), frozen) is None:  # the module's choice, not the file's
                extra.append(name)
        else:  # a shared parameter that the exporter wrote twice
            sums[hit[0]] = sums.get(hit[0], 0) + hit[1](grad.astype(np.float64))
    errors = {}
    for key, grad in sums.items():
        expected = grads.get(key, np.zeros_like(grad))
        errors[key] = float(np.linalg.norm(grad - expected) / max(np.linalg.norm(expected), 1e-6 * total))
    return errors, set(sums), extra


def limit_in_double(path):
    """Models of transformers that normalise or rotate in float32 whatever they are given prove no more than float32 does; and
    the exporter writes some numbers of Python, such as those of a GELU by tanh, as float32."""
    graph = onnx.load(str(path)).graph
    casts = [n for n in graph.node if n.op_type == 'Cast' and any(a.name == 'to' and a.i == onnx.TensorProto.FLOAT for a in n.attribute)]
    tensors = [a.t for n in graph.node if n.op_type == 'Constant' for a in n.attribute if a.name == 'value']
    arrays = [onnx.numpy_helper.to_array(t) for t in (*tensors, *graph.initializer) if t.data_type == onnx.TensorProto.FLOAT]
    rounded = [v for a in arrays if a.size == 1 for v in a.ravel().astype(np.float64) * 2. ** 10 if v % 1]
    rounded += [n for n in graph.node if n.op_type == 'HardSigmoid']  # its slope of 1/6 is a float32 attribute
    return 1e-6 if casts else 1e-7 if rounded else 1e-8


def check_gradients(report, binary, name, form, folder):
    module, inputs = zoo_models.build(name, torch.float64)
    path = folder / f'{name}.{form}.onnx'
    export(module, inputs, path, form)
    module.train(form == 'raw')
    with torch.no_grad():
        shape = module.eval()(*inputs.values()).shape
    module.train(form == 'raw')
    target = torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    batch = folder / f'{name}.npz'
    np.savez(batch, target=target.numpy(), **{k: v.numpy() for k, v in inputs.items()})
    loss, grads = gradients(module, inputs, target)
    out = folder / f'{name}.{form}.grads.npz'
    run(binary, 'grad', path, '--data', batch, '--loss', 'mse', '--out', out,
        *([] if form == 'raw' else ['model.batchnorm=frozen']))
    with np.load(out) as arrays:
        actual = {k: arrays[k] for k in arrays.files if k != 'loss'}
        found_loss = float(arrays['loss'])
    values = {k: p.detach().numpy() for k, p in module.named_parameters() if p.requires_grad}
    frozen = {k: p.detach().numpy() for k, p in module.named_parameters() if not p.requires_grad}
    errors, found, extra = errors_of(actual, initializers(path), values, grads, frozen)
    file = f'{name} {form}'
    limit = limit_in_double(path)
    report.row(file, 'loss in double', abs(found_loss - loss) / abs(loss), limit)
    worst = max(errors, key=errors.get) if errors else '-'
    total = np.sqrt(sum(np.square(g).sum() for g in grads.values()))
    missing = [k for k in grads if k not in found and np.linalg.norm(grads[k]) > 1e-9 * total]
    if form != 'raw':  # folded into a neighbour, or dropped: only the count is told
        report.row(file, f'gradients, {len(errors)} tensors', errors.get(worst), limit,
                   f'worst {worst}; folded or gone {len(missing)}; made by folding {extra[:6]}')
    else:
        report.row(file, f'gradients, {len(errors)} tensors', errors.get(worst), limit, f'worst {worst}')
        if missing or extra:
            report.row(file, 'what trains', None, 0, f'missing {missing[:8]} extra {extra[:8]}')


def check_float32(report, binary, name, folder, steps, checks):
    module, inputs = zoo_models.build(name, torch.float32)
    double, inputs64 = zoo_models.build(name, torch.float64)
    path = folder / f'{name}.f32.onnx'
    export(module, inputs, path, 'raw')
    with torch.no_grad():
        shape = module.eval()(*inputs.values()).shape
    target = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    batch = folder / f'{name}.f32.npz'
    np.savez(batch, target=target.numpy(), **{k: v.numpy() for k, v in inputs.items()})
    module.train()
    double.train()
    if 'grad32' in checks:
        _, truth = gradients(double, inputs64, target.double())
        _, theirs = gradients(module, inputs, target)
        out = folder / f'{name}.f32.grads.npz'
        run(binary, 'grad', path, '--data', batch, '--loss', 'mse', '--out', out)
        keys = {k.removeprefix('module.'): k for k in truth}
        def distance(of):
            return np.sqrt(sum(np.square(of[k].astype(np.float64) - truth[k]).sum() for k in truth if k in of))
        with np.load(out) as arrays:
            ours = {keys.get(k.removeprefix('module.')): arrays[k] for k in arrays.files}
        total = np.sqrt(sum(np.square(g).sum() for g in truth.values()))
        report.row(name, 'float32 gradients', distance(ours) / total, max(2 * distance(theirs) / total, 1e-6),
                   f'PyTorch {distance(theirs) / total:.1e}')
    if 'curve' in checks or 'export' in checks:
        check_curve(report, binary, name, module, inputs, target, (path, batch), folder, steps)


def check_curve(report, binary, name, module, inputs, target, files, folder, steps):
    optimizer = torch.optim.SGD(module.parameters(), lr=.001, momentum=.9)
    expected = []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(module(*inputs.values()), target)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    runs = folder / f'{name}.runs'
    shutil.rmtree(runs, ignore_errors=True)
    run(binary, 'train', *files, 'loss.name=mse', 'optimizer.name=sgd', 'optimizer.lr=0.001', 'optimizer.momentum=0.9',
        f'data.batch_size={len(target)}', 'data.shuffle=false', 'data.val_split=0', f'train.steps={steps}',
        'schedule.name=constant', 'log.every=1', 'log.tensorboard=false', 'log.charts=false', f'train.out={runs}')
    rows = [json.loads(line) for line in next(runs.rglob('metrics.jsonl')).read_text().splitlines()]
    actual = [row['train/loss'] for row in rows if 'train/loss' in row]
    error = max(abs(a - e) / abs(e) for a, e in zip(actual, expected)) if len(actual) == steps else None
    report.row(name, f'curve of {steps} steps', error, 1e-3, f'loss {expected[0]:.4f} -> {expected[-1]:.4f}')
    import onnxruntime
    last = next(runs.rglob('last.onnx'))
    theirs = onnxruntime.InferenceSession(str(last), providers=['CPUExecutionProvider']).run(
        ['output'], {k: v.numpy() for k, v in inputs.items()})[0]
    out = folder / f'{name}.outputs.npz'
    run(binary, 'predict', last, '--data', files[1], '--out', out)
    with np.load(out) as arrays:
        ours = arrays['output']
    error = float(np.abs(ours - theirs).max() / np.abs(theirs).max()) if ours.shape == theirs.shape else None
    report.row(name, 'export in onnxruntime', error, 1e-4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--folder', type=pathlib.Path, help='keeps models and runs here')
    parser.add_argument('--models', nargs='*', default=list(zoo_models.CASES), choices=list(zoo_models.CASES))
    parser.add_argument('--forms', nargs='*', default=['raw', 'default', 'fixed'], choices=list(FORMS))
    parser.add_argument('--checks', nargs='*', default=['grad32', 'curve', 'export'])
    parser.add_argument('--steps', type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    binary = str(pathlib.Path(arguments.temper).resolve())
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.models:
            work = [(form, lambda form=form: check_gradients(report, binary, name, form, folder)) for form in arguments.forms]
            if arguments.checks:
                work.append(('f32', lambda: check_float32(report, binary, name, folder, arguments.steps, arguments.checks)))
            for form, check in work:
                try:
                    check()
                except Exception as error:  # one model that cannot be exported does not end the survey
                    report.row(f'{name} {form}', type(error).__name__, None, 0, str(error)[-1500:])
    print(f'{report.failures} failed')
    return 1 if report.failures else 0


if __name__ == '__main__':
    sys.exit(main())
