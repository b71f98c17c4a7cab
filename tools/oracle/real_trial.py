"""One real file through `temper` and onnxruntime, for real_files.py, which says what is compared."""
import fnmatch
import json
import pathlib
import subprocess

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime

FLAT = 1e-2  # outputs below this do not move
LIMIT = 2e-3
ROUNDED_LIMIT = 5e-2  # where 8 bits hold what is between layers, the last bit of a float moves whole steps
SLOPE_LIMIT = .05
RATES = (1e-4, 1e-5, 1e-6, 1e-3, 1e-2)
PARTS_OF_LOSS = (1e-2, 1e-3)
STEPS = 10
SHOWN = 2 ** -23  # of a loss in float32, what it shows
FLOATS = {'tensor(float)': np.float32, 'tensor(double)': np.float64, 'tensor(float16)': np.float16}
WHOLE = {'tensor(int64)': np.int64, 'tensor(int32)': np.int32, 'tensor(bool)': np.bool_, 'tensor(uint8)': np.uint8}
ROUNDING = {'DynamicQuantizeLinear', 'DynamicQuantizeLSTM', 'QuantizeLinear', 'DynamicQuantizeMatMul'}


class Refused(Exception):
    """What `temper` said no to, in its words."""


def run(binary, *arguments, limit=900):
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


def losses_along(path, gradients, feeds, output, target):
    """The loss that onnxruntime computes with each tensor moved by a step times its gradient, and the tensors' sum of squares."""
    model = onnx.load(str(path))
    stored = dict(constants_of(model.graph))
    before = {name: onnx.numpy_helper.to_array(stored[name]).astype(np.float64) for name in gradients}
    kinds = {name: onnx.helper.tensor_dtype_to_np_dtype(stored[name].data_type) for name in gradients}

    def loss_at(step):
        for name, g in gradients.items():
            moved = before[name] + step * g.reshape(before[name].shape)
            stored[name].CopyFrom(onnx.numpy_helper.from_array(moved.astype(kinds[name]), name))
        got = session_of(model.SerializeToString()).run([output], feeds)[0].astype(np.float64)
        return ((got - target) ** 2).mean()

    return loss_at, sum(float((b ** 2).sum()) for b in before.values())


def slope_error(path, gradients, loss, feeds, output, target):
    """How far the change of the loss along the gradient, as onnxruntime has it, is from what the gradient says: at the best of
    several distances, as onnxruntime rounds to float32 and networks have kinks. None: it cannot be said."""
    stored = dict(constants_of(onnx.load(str(path)).graph))
    norm = sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values())
    if norm == 0 or any(name not in stored or stored[name].data_type == onnx.TensorProto.FLOAT16 for name in gradients):
        return None
    loss_at, size = losses_along(path, gradients, feeds, output, target)
    errors = []
    for part in (2e-3, 2e-2, 2e-4, 2e-1, 2e-5):
        step = part * loss / norm
        if step ** 2 * norm > 1e-2 * size:
            continue  # so far that nothing is straight any more: the output hardly moves at all
        errors.append(abs((loss_at(step) - loss_at(-step)) / (2 * part * loss) - 1))
        if errors[-1] < SLOPE_LIMIT / 2:
            break
    return float(np.nanmin(errors)) if errors else None


def falls(first, last):
    return last < first * (1 - SHOWN)


class Trial:
    """One file through all commands."""

    def __init__(self, binary, path, note, folder):
        self.binary, self.path, self.folder = binary, path, pathlib.Path(folder)
        self.note = note
        self.row = {'trains': '', 'predict': None, 'slope': None, 'rate': None, 'loss': None, 'export': None, 'why': '', 'allowed': ''}
        self.skipped = 0

    def settings(self):
        words = ['data.batch_size=1', 'model.batchnorm=frozen']
        return words + [f'model.input.{n}.value={v.item()}' for n, v in self.shared.items()]

    def look(self):
        report = run(self.binary, 'inspect', self.path)
        if 'error' in report:
            raise Refused(f"inspect: {report['error']['message']}")
        self.row['trains'] = f"{report['trainable_parameters']:,} of {report['parameters']:,}"
        self.drops = 'Dropout' in {o.split('::')[-1] for o in report['ops']}
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

    def loss_words(self):
        return ['loss.name=mse', f'loss.output={self.output}'] + self.settings()

    def gradients(self, path=None, data=None):
        """(loss, gradients by name) of `temper grad`."""
        run(self.binary, 'grad', path or self.path, '--data', data or self.folder / 'data.npz', '--out', self.folder / 'g.npz', *self.loss_words())
        found = dict(np.load(self.folder / 'g.npz'))
        return float(found.pop('loss')), found

    def go(self):
        self.look()
        self.row['predict'] = self.compare_predictions(self.path, self.results)
        self.loss, self.found = self.gradients()
        if not all(np.isfinite(g).all() for g in self.found.values()):
            raise Refused('grad: gradients are not finite')
        if not self.rounds and np.abs(self.results[self.output]).max() > FLAT:
            self.row['slope'] = slope_error(self.path, self.found, self.loss, self.feeds, self.output, self.target.astype(np.float64))
        self.train()

    def rates(self):
        """Those that often do, then two with which the first step, were the loss straight, took a hundredth of it or less."""
        reach = sum(float(np.abs(g.astype(np.float64)).sum()) for g in self.found.values())
        smaller = [part * self.loss / max(reach, 1e-30) for part in PARTS_OF_LOSS]
        return tuple(dict.fromkeys(RATES + tuple(float(f'{rate:.1g}') for rate in smaller if rate < max(RATES))))

    def loss_of(self, results):
        """As onnxruntime's outputs have it."""
        return float(((results[self.output].astype(np.float64) - self.target) ** 2).mean())

    def train(self):
        """With the first of the rates by which the loss falls."""
        for rate in self.rates():
            out = self.folder / f'run{rate}'
            run(self.binary, 'train', self.path, self.folder / 'epoch.npz', 'data.val_split=0', 'data.shuffle=false', f'train.steps={STEPS}',
                'log.every=1', 'log.tensorboard=false', 'log.charts=false', f'optimizer.lr={rate}', f'train.out={out}', *self.loss_words())
            lines = [json.loads(line) for line in (out / 'metrics.jsonl').read_text().splitlines()]
            self.skipped = lines[-1].get('opt/skipped', 0)
            self.trained = out / 'last.onnx'
            again = dict(zip(self.results, session_of(str(self.trained)).run(None, self.feeds)))
            self.row['loss'], self.row['rate'] = (self.loss_of(self.results), self.loss_of(again)), rate
            if self.drops and not self.skipped:  # what is dropped is most of the loss, and outputs without it are not what trains
                losses = [line['train/loss'] for line in lines]
                losses[-1] = STEPS * losses[-1] - sum(losses[:-1])  # the last line has the epoch's
                self.row['loss'] = float(np.mean(losses[:STEPS // 2])), float(np.mean(losses[STEPS // 2:]))
            if falls(*self.row['loss']) and not self.skipped:
                break
        self.row['export'] = self.compare_predictions(self.trained, again)

    def verdict(self):
        r = self.row
        if r['why']:
            return False
        limit = ROUNDED_LIMIT if self.rounds else LIMIT
        wrong = [f'{k} is off by {r[k]:.2g}' for k, limit in (('predict', limit), ('slope', SLOPE_LIMIT), ('export', limit))
                 if r[k] is not None and not r[k] <= limit]
        first, last = r['loss']
        if abs(first - last) <= SHOWN * first and not self.skipped:
            wrong.append(f'ten steps run, but the loss stays at {first:.6g}')
        elif not falls(first, last):
            wrong.append(f'the loss went from {first:.6g} to {last:.6g}')
        if self.skipped:
            wrong.append(f'{self.skipped:g} of {STEPS} steps were skipped as theirs was not finite')
        r['why'] = '; '.join(wrong)
        return not wrong
