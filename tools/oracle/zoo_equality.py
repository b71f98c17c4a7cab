"""Compares `temper` with PyTorch on shrunken models of torchvision, transformers and the peers page; exits 1 if a row fails.

    python zoo_equality.py TEMPER_BINARY [--models NAME ...] [--forms default raw fixed torchscript] [--results R.json]
                           [--page docs/equality.md] [--checks double float32 curve]

Export forms: `default` (dynamic batch), `raw` (no graph optimisation), `fixed` (no option at all, batch of one), `torchscript`
(the exporter before dynamo's). The raw form is in training mode; in the others, which fold BatchNorm, its statistics are
frozen and a folded weight's gradient is compared through the fold. For each:
- double: the loss and each parameter's gradient against PyTorch in double, relative by norm: 1e-8. The exporter writes numbers
  of Python as float32: where PyTorch as it is differs by more, it computes with such numbers rounded; where the exporter wrote
  further ones that PyTorch has inside, 1e-7 (the page names them).
- float32: distance of all gradients from double, at most twice PyTorch's own; where that fails, at most twice the largest of
  PyTorch's own over the variants of torch_own.py.
- curve: 20 steps of SGD with momentum at a learning rate of 1e-3, losses within 1e-3; where those variants of PyTorch are
  further apart than that, at 1e-4, then in double at 1e-3, 1e-4 ... until they are not. Where weights are folded, PyTorch trains
  the module folded in the same way. The trained export in onnxruntime against `temper predict` (1e-4 of the largest output).
Tensors are matched with parameters by their values, which zoo_models makes unique; in the raw form what trains without being
a parameter, and a parameter that does not train, fails. With --results, rows of earlier runs are kept; --page writes all of
them. Needs torch, torchvision, transformers, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import contextlib
import copy
import io
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

import equality_page
import folding
import torch_own
import zoo_models

FORMS = ('raw', 'default', 'fixed', 'torchscript')
EXACT, ROUNDED = 1e-8, 1e-7
CURVE = 1e-3
RATES = {'f32': [equality_page.RATE, 1e-4], 'f64': [10. ** -k for k in range(3, 10)]}  # of the curves, in turn
OUTPUTS = 1e-4
TWICE = 2


class NotExported(Exception):
    """PyTorch's exporter refuses the model."""


def export(module, inputs, path, form, program=None):
    """Writes the file; what the dynamo exporter made is returned, or None. The default form is the raw one, `program`,
    optimised: torch.onnx.export does the same."""
    if program is not None:
        program.optimize()
        program.save(str(path))
        return None
    module.eval()
    names, sample = list(inputs), tuple(inputs.values())
    options = {'optimize': False} if form == 'raw' else {'dynamo': False} if form == 'torchscript' else {}
    if form == 'fixed':
        sample = tuple(x[:1] for x in sample)
    elif form == 'torchscript':
        options['dynamic_axes'] = {name: {0: 'batch'} for name in (*names, 'output')}
    else:
        batch = torch.export.Dim('batch')
        options['dynamic_shapes'] = (tuple({0: batch} for _ in names),)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            return torch.onnx.export(module, sample, str(path), input_names=names, output_names=['output'], verbose=False, **options)
    except Exception as error:
        lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
        raise NotExported(f'{type(error.__cause__ or error).__name__}: {lines[0] if lines else ""}'[:160]) from error


def run(binary, *arguments):
    threads = ['train.threads=1'] if arguments[0] == 'train' else ['--threads', '1']
    result = subprocess.run([binary, *map(str, arguments), *threads], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f'temper {arguments[0]}: exit {result.returncode}: {result.stderr.strip()[-600:]}')


def gradients(module, inputs, target):
    """The loss, and the gradients in double by parameter; statistics stay as they are."""
    state = {k: b.clone() for k, b in module.named_buffers()}
    parameters = {k: p for k, p in module.named_parameters() if p.requires_grad}
    loss = torch.nn.functional.mse_loss(module(*inputs.values()), target)
    grads = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    with torch.no_grad():
        for key, buffer in module.named_buffers():
            buffer.copy_(state[key])
    return loss.item(), {k: g.double().numpy() for k, g in zip(parameters, grads) if g is not None}


def norm(arrays):
    return float(np.sqrt(sum(np.square(a).sum() for a in arrays)))


def distance(found, truth):
    """Of all gradients that `found` has, relative."""
    keys = [k for k in truth if k in found]
    return norm(found[k] - truth[k] for k in keys) / norm(truth[k] for k in keys)


def rounded_constants(path):
    """Numbers of a double model that the exporter wrote as float32 and that are none."""
    graph = onnx.load(str(path)).graph
    tensors = [a.t for n in graph.node if n.op_type == 'Constant' for a in n.attribute if a.name == 'value']
    arrays = [onnx.numpy_helper.to_array(t) for t in (*tensors, *graph.initializer) if t.data_type == onnx.TensorProto.FLOAT]
    made = [f'{v:.6g}' for a in arrays if a.size == 1 for v in a.ravel().astype(np.float64) if np.isfinite(v) and v * 2. ** 10 % 1]
    made += ['the slope 1/6 of HardSigmoid' for n in graph.node if n.op_type == 'HardSigmoid']
    return list(dict.fromkeys(made))


class Case:
    """One model in one form and type: module, file, batch, and what `temper grad` says of it."""

    programs = {}  # of the raw forms, for the default ones

    def __init__(self, name, form, dtype, folder):
        self.form, self.binary_options = form, [] if form == 'raw' else ['model.batchnorm=frozen']
        self.module, self.inputs = zoo_models.build(name, dtype)
        self.bits = 'f64' if dtype is torch.float64 else 'f32'
        self.path, self.folder = folder / f'{name}.{form}.{self.bits}.onnx', folder
        program, self.wide = self.programs.pop((name, dtype), (None, dtype is torch.float64))
        program = program if form == 'default' else None
        try:
            with zoo_models.InDouble() if self.wide else contextlib.nullcontext():
                made = export(self.module, self.inputs, self.path, form, program)
        except NotExported:  # some expect the float32 that they made
            if not self.wide:
                raise
            self.wide = False
            made = export(self.module, self.inputs, self.path, form)
        if form == 'raw':
            self.programs[name, dtype] = made, self.wide
        with torch.no_grad():
            shape = self.module.eval()(*self.inputs.values()).shape
        self.module.train(form == 'raw')
        self.target = torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float32).to(dtype)
        self.batch = folder / f'{name}.{self.bits}.npz'
        np.savez(self.batch, target=self.target.numpy(), **{k: v.numpy() for k, v in self.inputs.items()})

    def truth(self, as_in_files=False):
        """In double, with the parameters as they are."""
        module = copy.deepcopy(self.module).double()
        inputs = {k: x.double() if x.is_floating_point() else x for k, x in self.inputs.items()}
        with zoo_models.InDouble(as_in_files, self.wide or self.target.dtype is torch.float32):
            return gradients(module, inputs, self.target.double())

    def ours(self, binary):
        """(loss, gradients by parameter, names of tensors that are no parameter, (tensor, gradient) by name)."""
        out = self.folder / 'grads.npz'
        run(binary, 'grad', self.path, '--data', self.batch, '--loss', 'mse', '--out', out, *self.binary_options)
        tensors = folding.initializers(self.path)
        values = {k: p.detach().double().numpy() for k, p in self.module.named_parameters()}
        chosen = {k for k, p in self.module.named_parameters() if p.requires_grad}
        sums, extra, trained = {}, [], {}
        with np.load(out) as arrays:
            for name in (k for k in arrays.files if k != 'loss'):
                trained[name] = tensors[name].astype(np.float64), arrays[name].astype(np.float64)
                hit = folding.match(name, trained[name][0], values)
                if hit is None:
                    extra.append(name)
                elif hit[0] in chosen:  # else the module froze it, not the file; twice: the exporter wrote it twice
                    sums[hit[0]] = sums.get(hit[0], 0) + hit[1](trained[name][1])
            return float(arrays['loss']), sums, extra, trained


def errors_by_parameter(ours, truth):
    """A gradient that is zero in theory, as that of a bias before BatchNorm, counts against a millionth of all."""
    total = norm(truth.values())
    return {k: norm([g - truth.get(k, 0 * g)]) / max(norm([truth.get(k, 0 * g)]), 1e-6 * total) for k, g in ours.items()}


def check_double(row, case, binary):
    found_loss, ours, extra, _ = case.ours(binary)
    best = None
    for as_in_files in (False, True):
        candidate = case.truth(as_in_files)
        errors = errors_by_parameter(ours, candidate[1])
        worst = max(errors, key=errors.get)
        if best is None or errors[worst] < .1 * best[0]:
            best = (errors[worst], errors, worst, as_in_files, *candidate)
        if best[0] < .001 * EXACT:
            break
    _, errors, worst, as_in_files, loss, truth = best
    constants = rounded_constants(case.path) if errors[worst] > EXACT else []
    row.update(tensors=len(errors), loss64=abs(found_loss - loss) / abs(loss), grad64=errors[worst], worst=worst,
               limit64=ROUNDED if constants else EXACT, constants=constants[:4], as_in_files=as_in_files)
    row.require('loss in double', row['loss64'], row['limit64'])
    row.require('gradients in double', row['grad64'], row['limit64'], f'worst {worst}')
    missing = [k for k in truth if k not in ours and norm([truth[k]]) > 1e-9 * norm(truth.values())]
    row.update(missing=len(missing), made=len(extra))
    if case.form == 'raw' and (missing or extra):
        row.require('what trains', None, 0, f'missing {missing[:6]} extra {extra[:6]}')


def settle_module(row, case, trained):
    """Gives the case a module that trains what the file trains, and returns the file's gradients by its parameters; or None
    where there is no such module."""
    tensors = {name: tensor for name, (tensor, _) in trained.items()}
    for module in (case.module, folding.folded(case.module)):
        pairs, why = folding.pairing(module, tensors, gradients(module, case.inputs, case.target)[1])
        if pairs is not None:
            folding.take(module, pairs, tensors)
            case.module = module
            shapes = {k: p.shape for k, p in module.named_parameters()}
            return {key: folding.as_parameter(trained[name][1], shapes[key], turned) for name, (key, turned) in pairs.items()}
    row['other_weights'] = why
    return None


def check_float32(row, case, binary):
    """Whether there is a module that trains the same."""
    _, ours, _, trained = case.ours(binary)
    settled = settle_module(row, case, trained)
    ours = ours if settled is None else settled
    truth = {k: g for k, g in case.truth()[1].items() if k in ours}
    error, own = distance(ours, truth), distance(gradients(case.module, case.inputs, case.target)[1], truth)
    row.update(grad32=error, torch32=own)
    if error > TWICE * own:
        own = max(own, *torch_own.each(case.module, case.inputs, lambda m, x: distance(gradients(m, x, case.target)[1], truth)))
        row.update(torch32_most=own)
    row.require('gradients in float32', error, TWICE * own, f'PyTorch {own:.2e}')
    return settled is not None


def train_steps(case, binary, steps, lr):
    """The folder of a run of `steps` steps, and its losses."""
    runs = case.folder / 'runs'
    shutil.rmtree(runs, ignore_errors=True)
    run(binary, 'train', case.path, case.batch, 'loss.name=mse', 'optimizer.name=sgd', f'optimizer.lr={lr}',
        'optimizer.momentum=0.9', f'data.batch_size={len(case.target)}', 'data.shuffle=false', 'data.val_split=0',
        f'train.steps={steps}', 'schedule.name=constant', 'log.every=1', 'log.tensorboard=false', 'log.charts=false',
        f'train.out={runs}', *case.binary_options)
    lines = [json.loads(line) for line in next(runs.rglob('metrics.jsonl')).read_text().splitlines()]
    return runs, [line['train/loss'] for line in lines if 'train/loss' in line]


def curve_at(row, case, binary, steps, lr):
    """Whether the curve is good, or PyTorch comes to the same twice, so that another rate would say no more."""
    runs, actual = train_steps(case, binary, steps, lr)
    expected = torch_own.curve(copy.deepcopy(case.module), case.inputs, case.target, steps, lr=lr)
    error = torch_own.difference(actual, expected) if len(actual) == steps else None
    row.update(curve=error, lr=lr, bits=case.bits, first=expected[0], last=expected[-1])
    if error is not None and error > CURVE:
        row['spread'] = max(torch_own.each(case.module, case.inputs, lambda m, x: torch_own.difference(
            torch_own.curve(m, x, case.target, steps, lr=lr), expected)))
    return runs, error is None or error <= CURVE or row['spread'] <= CURVE


def check_curve(row, case, comparable, in_double, binary, steps):
    """`in_double` gives the case whose model is in double."""
    if not comparable:
        runs, _ = train_steps(case, binary, steps, equality_page.RATE)
        check_onnxruntime(row, case, next(runs.rglob('last.onnx')), binary)
    else:
        for lr in RATES[case.bits]:
            runs, settled = curve_at(row, case, binary, steps, lr)
            if settled:
                break
        check_onnxruntime(row, case, next(runs.rglob('last.onnx')), binary)
        if not settled:
            double = in_double()
            settle_module(row, double, double.ours(binary)[3])
            any(curve_at(row, double, binary, steps, lr)[1] for lr in RATES[double.bits])
        row.require(f'curve of {steps} steps', row['curve'], CURVE,
                    f'loss {row["first"]:.4f} -> {row["last"]:.4f} at {row["lr"]} in {row["bits"]}')


def check_onnxruntime(row, case, path, binary):
    import onnxruntime
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    size = 1 if case.form == 'fixed' else len(case.target)
    known = {i.name for i in session.get_inputs()}
    parts = [session.run(['output'], {k: v.numpy()[at:at + size] for k, v in case.inputs.items() if k in known})[0]
             for at in range(0, len(case.target), size)]
    theirs, out = np.concatenate(parts), case.folder / 'outputs.npz'
    run(binary, 'predict', path, '--data', case.batch, '--out', out)
    with np.load(out) as arrays:
        ours = arrays['output']
    row['ort'] = float(np.abs(ours - theirs).max() / np.abs(theirs).max()) if ours.shape == theirs.shape else None
    row.require('export in onnxruntime', row['ort'], OUTPUTS)


class Row(dict):
    """The figures of one model in one form; prints each check."""

    def require(self, what, error, limit, note=''):
        good = error is not None and error <= limit
        if not good:
            self.setdefault('failed', []).append(what)
        shown = '-' if error is None else f'{error:.3g}'
        print(f'{"ok  " if good else "FAIL"} {self["model"]:<14} {self["form"]:<12} {what:<24} {shown:>10} <= {limit:<8.3g} {note}',
              flush=True)


def check_form(name, form, binary, folder, checks, steps):
    row = Row(model=name, form=form)
    try:
        if 'double' in checks:
            check_double(row, Case(name, form, torch.float64, folder), binary)
        if 'float32' in checks:
            single = Case(name, form, torch.float32, folder)
            comparable = check_float32(row, single, binary)
            if 'curve' in checks:
                check_curve(row, single, comparable, lambda: Case(name, form, torch.float64, folder), binary, steps)
    except NotExported as error:
        row['refused'] = str(error)
        print(f'     {name:<14} {form:<12} PyTorch does not export it: {error}', flush=True)
    except Exception as error:  # one model that fails does not end the survey
        row.require(type(error).__name__, None, 0, str(error)[-1200:])
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--folder', type=pathlib.Path, help='keeps models and runs here')
    parser.add_argument('--models', nargs='*', default=list(zoo_models.CASES), choices=list(zoo_models.CASES))
    parser.add_argument('--forms', nargs='*', default=list(FORMS), choices=FORMS)
    parser.add_argument('--checks', nargs='*', default=['double', 'float32', 'curve'])
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--results', type=pathlib.Path)
    parser.add_argument('--page', type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    binary = str(pathlib.Path(arguments.temper).resolve())
    rows = {}
    if arguments.results and arguments.results.exists():
        rows = {(r['model'], r['form']): r for r in json.loads(arguments.results.read_text())}
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.models:
            for form in arguments.forms:
                row = check_form(name, form, binary, folder, arguments.checks, arguments.steps)
                failed += 'failed' in row
                rows[name, form] = row
                if arguments.results:
                    arguments.results.write_text(json.dumps(list(rows.values()), indent=0))
    if arguments.page:
        arguments.page.write_text(equality_page.page(rows, list(zoo_models.CASES), list(zoo_models.PEERS), FORMS))
    print(f'{failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
