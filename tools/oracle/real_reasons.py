"""Why a file that does not train in real_files.py cannot: found by measurement, so that what is temper's fault stays one.

- nothing to train: the file holds no float tensor of more than one number, or none that is a weight; or no output is of floats;
- refused by name: an operator that is outside ONNX's own domain;
- the loss cannot move: onnxruntime's own stays where it is when every trained tensor is moved at random, or its gradient in double is so small that ten steps at the highest rate, were the loss straight, would change
  it by less than float32 shows;
- rounding: the same file in double has a right slope, and its loss falls;
- no numbers: after one step at the lowest rate onnxruntime's output is not finite either, from an operator that gets finite ones;
- a staircase: 8 bits hold what is between layers, and onnxruntime's own loss rises on both sides of where it is.
"""
import numpy as np
import onnx
import onnx.numpy_helper

import real_double
import real_trial

ADAM_EPSILON = 1e-8
RIGHT = 1e-3  # of a slope in double
SMALLER_RATES = (1e-7, 1e-8, 1e-9)  # which double shows
MOVES = (1e-3, 1e-2, 1e-1)  # of a tensor's largest value
NONE, REFUSED, STILL, ROUNDING, OUTSIDE, STAIRCASE = (
    'Nothing in the file trains', 'Refused by name, as an operator is of another domain than ONNX\'s own',
    'The loss does not move: the gradient is zero but for rounding', 'Wrong in float32 by rounding, right in double',
    'A step leads to where the file computes no numbers, in onnxruntime as well',
    'A staircase, as 8 bits hold what is between layers')


def reason(trial):
    """(kind, what was measured), or ''."""
    for look in (nothing_trains, refused, outside, still, in_double, staircase):
        try:
            found = look(trial)
        except (real_trial.Refused, real_double.NotInDouble) as error:
            print(f'     {look.__name__}: {error}', flush=True)
            continue
        if found:
            return found
    return ''


def nothing_trains(trial):
    results = getattr(trial, 'results', {})
    if results and not any(v.dtype.kind == 'f' for v in results.values()):
        return NONE, f"its outputs are {', '.join(sorted({str(v.dtype) for v in results.values()}))}, which have no gradient"
    if 'float tensors' not in trial.row['why']:
        return ''
    stored = {n: onnx.numpy_helper.to_array(t) for n, t in real_trial.constants_of(onnx.load(str(trial.path)).graph)}
    arrays = {n: a for n, a in stored.items() if a.dtype.kind == 'f' and a.size > 1}
    if not arrays:
        return NONE, 'it holds no float tensor of more than one number: what its nodes compute with, they make themselves'
    if all(is_range(a) for a in arrays.values()):
        return NONE, f"its only float tensors are equally spaced numbers, from which it computes its filter: {', '.join(arrays)}"
    return ''


def is_range(array):
    bends = np.diff(array.ravel().astype(np.float64), 2)
    return np.abs(bends).max(initial=0) <= 4 * np.finfo(np.float32).eps * np.abs(array).max()


def refused(trial):
    """The operators that `temper` names must be of another domain in the file."""
    if 'exit 8' not in trial.row['why']:
        return ''
    model = onnx.load(str(trial.path))
    others = sorted({f'{n.op_type} of {n.domain}' for n in model.graph.node if n.domain not in ('', 'ai.onnx')})
    named = [o for o in others if o.split(' ')[0] in trial.row['why']]
    return (REFUSED, ', '.join(named)) if named else ''


def outside(trial):
    """The first operator that onnxruntime has make what is not finite of finite numbers, in the file as trained."""
    if not trial.skipped:
        return ''
    model = onnx.load(str(trial.trained))
    before = {o.name for o in model.graph.output}
    names = [o for n in model.graph.node for o in n.output if o and o not in before]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(n) for n in names)
    session = real_trial.session_of(model.SerializeToString())
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, trial.feeds)))
    found.update({t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}, **trial.feeds)
    bad = lambda name: found[name].dtype.kind == 'f' and not np.isfinite(found[name]).all()
    for node in model.graph.node:
        inputs = [i for i in node.input if i in found]
        if any(bad(o) for o in node.output if o in found) and not any(bad(i) for i in inputs):
            lowest = min(float(found[i].min()) for i in inputs if found[i].dtype.kind == 'f')
            lengths = sum(trial.found[n].size for n in trial.found)
            slope = '' if trial.row['slope'] is None else f"; the slope is right to {trial.row['slope']:.0e}"
            return OUTSIDE, (f"after one step at a rate of {trial.row['rate']:.0e}, which moves {lengths:,} weights by that much, "
                             f"{node.op_type} '{node.name or node.output[0]}' gets {lowest:.0e}{slope}")
    return ''


def still(trial):
    """onnxruntime's loss where each trained tensor is moved at random, by each part of its largest value, or by that part."""
    if trial.row['loss'] is None or trial.rounds:
        return ''
    rng = np.random.default_rng(0)
    stored = dict(real_trial.constants_of(onnx.load(str(trial.path)).graph))
    losses = []
    for _ in range(2):
        moves = {}
        for name, g in trial.found.items():
            largest = np.abs(onnx.numpy_helper.to_array(stored[name]).astype(np.float64)).max(initial=0)
            moves[name] = rng.uniform(-1, 1, g.shape) * (largest or 1)
        loss_at, _ = real_trial.losses_along(trial.path, moves, trial.feeds, trial.output, trial.target.astype(np.float64))
        losses += [loss_at(part) for part in (0, *MOVES)]
    spread = max(losses) - min(losses)
    if not np.isfinite(losses).all() or spread > real_trial.SHOWN * losses[0]:
        return ''
    return STILL, (f"onnxruntime's own loss is {losses[0]:.6g} and moves by {spread:.0e} at the most when each trained tensor is moved at "
                   f"random by up to a tenth of its largest value")


def reach(gradients):
    """By how much ten steps at the highest rate lower the loss, were it straight."""
    squares = sum(float((g ** 2 / (np.abs(g) + ADAM_EPSILON)).sum()) for g in map(lambda g: g.astype(np.float64), gradients.values()))
    return real_trial.STEPS * max(real_trial.RATES) * squares


def in_double(trial):
    if trial.row['loss'] is None or trial.rounds:
        return ''
    model = real_double.widened(onnx.load(str(trial.path)))
    path, folder = trial.folder / 'double.onnx', trial.folder
    for name in ('data', 'epoch'):
        np.savez(folder / f'{name}64.npz', **{n: v.astype(np.float64) if v.dtype == np.float32 else v
                                              for n, v in np.load(folder / f'{name}.npz').items()})

    def gradient_of(model):
        onnx.save(model, str(path))
        return trial.gradients(path, folder / 'data64.npz')

    loss, gradients = gradient_of(model)
    norm = np.sqrt(sum(float((g ** 2).sum()) for g in gradients.values()))
    if reach(gradients) < loss * np.finfo(np.float32).eps / 2:
        return STILL, (f'the loss is {loss:.6g}, the norm of its gradient {norm:.0e} in double, and ten steps change it by '
                       f'{reach(gradients):.0e} at the most')
    slope = real_double.slope_error(gradient_of, model, real_trial.constants_of, loss, gradients)
    onnx.save(model, str(path))
    first, last, rate = trial_in_double(trial, path, loss)
    if slope <= RIGHT and last < first:
        return ROUNDING, f"{trial.row['why']}; in double the slope is off by {slope:.0e}, and the loss goes from {first:.10g} to {last:.10g} at a rate of {rate:.0e}"
    print(f'     in double: slope {slope:.2g}, loss {first:.9g} to {last:.9g}', flush=True)
    return ''


def trial_in_double(trial, path, loss):
    """(loss before, after, rate) of ten steps."""
    for rate in (*trial.rates(), *SMALLER_RATES):
        out = trial.folder / f'double{rate}'
        real_trial.run(trial.binary, 'train', path, trial.folder / 'epoch64.npz', 'data.val_split=0', 'data.shuffle=false',
                       f'train.steps={real_trial.STEPS}', 'log.tensorboard=false', 'log.charts=false', f'optimizer.lr={rate}',
                       f'train.out={out}', *trial.loss_words())
        last, _ = trial.gradients(out / 'last.onnx', trial.folder / 'data64.npz')
        if last < loss:
            break
    return loss, last, rate


def staircase(trial):
    """onnxruntime's loss at the shortest distance along the gradient, to both sides, that moves it."""
    if trial.row['loss'] is None or not trial.rounds:
        return ''
    norm = sum(float((g.astype(np.float64) ** 2).sum()) for g in trial.found.values())
    loss_at, _ = real_trial.losses_along(trial.path, trial.found, trial.feeds, trial.output, trial.target.astype(np.float64))
    here = loss_at(0)
    sides = []
    for sign in (-1, 1):
        for part in np.geomspace(1e-6, 1, 13):
            there = loss_at(sign * part * trial.loss / norm)
            if abs(there - here) > .1 * here:
                sides.append((sign * part, there))
                break
    if len(sides) == 2 and all(there > here for _, there in sides):
        (down, left), (up, right) = sides
        return STAIRCASE, (f"{trial.row['why']}; onnxruntime's own loss is {here:.4g} at the file's weights, {left:.4g} where a straight "
                           f"loss would be {1 + down:.2g} of it, and {right:.4g} where it would be {1 + up:.2g}")
    return ''
