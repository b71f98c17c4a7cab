"""What each ONNX operator is in eager PyTorch, for onnx_eager.py, with shapes, axes and other whole numbers read once.

A maker takes the attributes and the inputs as they are when the program is prepared, and returns the function of a step; or that
and the positions of the inputs which the step reads (all others are read here).
"""
import functools
import pathlib
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oracle'))
from onnx_in_torch import OPS, _axes, _constant, _integers  # noqa: E402

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
DIRECT = {'Add': torch.add, 'Sub': torch.sub, 'Mul': torch.mul, 'MatMul': torch.matmul, 'Relu': torch.relu, 'Sigmoid': torch.sigmoid,
          'Tanh': torch.tanh, 'Sqrt': torch.sqrt, 'Erf': torch.erf, 'Exp': torch.exp, 'Log': torch.log, 'Neg': torch.neg, 'Abs': torch.abs,
          'Sin': torch.sin, 'Cos': torch.cos, 'Floor': torch.floor, 'Reciprocal': torch.reciprocal, 'IsNaN': torch.isnan,
          'Not': torch.logical_not, 'And': torch.logical_and, 'Or': torch.logical_or, 'Equal': torch.eq, 'Less': torch.lt,
          'LessOrEqual': torch.le, 'Greater': torch.gt, 'GreaterOrEqual': torch.ge, 'Where': torch.where, 'HardSwish': F.hardswish,
          'Mod': torch.remainder, 'Sign': torch.sign, 'Round': torch.round, 'Ceil': torch.ceil, 'Softplus': F.softplus}
OF_ORACLE = ('Transpose', 'Concat', 'Identity', 'GlobalAveragePool', 'Flatten', 'Dropout')
KNOWN_WHEN_PREPARED = {'Shape', 'Size', 'Range', 'ConstantOfShape', 'Constant', 'NonZero'}


def dtype_of(number):
    return torch.from_numpy(np.zeros(0, onnx.helper.tensor_dtype_to_np_dtype(number))).dtype


def window_pads(a, shape, kernel, strides, dilations):
    """(before, after) of each axis."""
    rank, kind = len(kernel), a.get('auto_pad', 'NOTSET')
    if kind in ('SAME_UPPER', 'SAME_LOWER'):
        totals = [max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n) for n, k, s, d in zip(shape, kernel, strides, dilations)]
        smaller, larger = [t // 2 for t in totals], [t - t // 2 for t in totals]
        return (smaller, larger) if kind == 'SAME_UPPER' else (larger, smaller)
    pads = list(a.get('pads', [0] * 2 * rank)) if kind == 'NOTSET' else [0] * 2 * rank
    return pads[:rank], pads[rank:]


def torch_pads(before, after):
    return [p for pair in zip(reversed(before), reversed(after)) for p in pair]


def conv(a, x):
    kernel, rank = list(x[1].shape[2:]), x[0].dim() - 2
    strides, dilations, groups = list(a.get('strides', [1] * rank)), list(a.get('dilations', [1] * rank)), a.get('group', 1)
    before, after = window_pads(a, x[0].shape[2:], kernel, strides, dilations)
    function = CONV[rank]
    if before == after:
        return lambda x, w, b=None: function(x, w, b, strides, before, dilations, groups)
    pads = torch_pads(before, after)
    return lambda x, w, b=None: function(F.pad(x, pads), w, b, strides, 0, dilations, groups)


def conv_transpose(a, x):
    kernel, rank = list(x[1].shape[2:]), x[0].dim() - 2
    strides, dilations, groups = list(a.get('strides', [1] * rank)), list(a.get('dilations', [1] * rank)), a.get('group', 1)
    extra = list(a.get('output_padding', [0] * rank))
    if 'output_shape' in a or a.get('auto_pad', 'NOTSET') not in ('NOTSET', 'VALID'):
        sizes = a.get('output_shape') or [n * s for n, s in zip(x[0].shape[2:], strides)]
        totals = [s * (n - 1) + e + (k - 1) * d + 1 - o
                  for n, s, e, k, d, o in zip(x[0].shape[2:], strides, extra, kernel, dilations, sizes)]
        before = [t // 2 for t in totals]
        after = [t - b for t, b in zip(totals, before)]
    else:
        before, after = window_pads(a, None, kernel, strides, dilations)
    function = TRANSPOSED[rank]
    if before == after:
        return lambda x, w, b=None: function(x, w, b, strides, before, extra, groups, dilations)
    cut = [-p for p in torch_pads(before, after)]
    return lambda x, w, b=None: F.pad(function(x, w, b, strides, 0, extra, groups, dilations), cut)


def pool(kind, a, x):
    kernel, rank = list(a['kernel_shape']), x[0].dim() - 2
    strides, dilations = list(a.get('strides', [1] * rank)), list(a.get('dilations', [1] * rank))
    before, after = window_pads(a, x[0].shape[2:], kernel, strides, dilations)
    ceil, pads, even = bool(a.get('ceil_mode', 0)), torch_pads(before, after), before == after
    if kind == 'MaxPool':
        function = MAX_POOL[rank]
        if even:
            return lambda x: function(x, kernel, strides, before, dilations, ceil)
        return lambda x: function(F.pad(x, pads, value=-torch.inf), kernel, strides, 0, dilations, ceil)
    function, counted = AVERAGE_POOL[rank], bool(a.get('count_include_pad', 0))
    if even:
        return lambda x: function(x, kernel, strides, before, ceil, counted)
    if counted:
        return lambda x: function(F.pad(x, pads), kernel, strides, 0, ceil)
    share = function(F.pad(torch.ones_like(x[0]), pads), kernel, strides, 0, ceil)
    return lambda x: function(F.pad(x, pads), kernel, strides, 0, ceil) / share


def gemm(a, x):
    alpha, beta, left, right = a.get('alpha', 1.), a.get('beta', 1.), a.get('transA', 0), a.get('transB', 0)
    if len(x) > 2 and x[2] is not None:
        if alpha == beta == 1 and right and not left and x[2].dim() == 1:
            return F.linear
        return lambda x, w, b: torch.addmm(b, x.t() if left else x, w.t() if right else w, beta=beta, alpha=alpha)
    return lambda x, w, _=None: torch.mm(x.t() if left else x, w.t() if right else w).mul(alpha) if alpha != 1 else torch.mm(
        x.t() if left else x, w.t() if right else w)


def reshape(a, x):
    sizes = [x[0].shape[i] if n == 0 and not a.get('allowzero', 0) else n for i, n in enumerate(_integers(x[1]))]
    sizes = list(x[0].reshape(sizes).shape)
    return lambda x: x.reshape(sizes), (0,)


def squeeze(a, x):
    axes = _axes(a, x)
    axes = tuple(axes) if axes is not None else tuple(i for i, n in enumerate(x[0].shape) if n == 1)
    return lambda x: x.squeeze(axes), (0,)


def unsqueeze(a, x):
    axes = _axes(a, x)
    sizes = list(x[0].shape)
    for axis in sorted(v % (x[0].dim() + len(axes)) for v in axes):
        sizes.insert(axis, 1)
    return lambda x: x.reshape(sizes), (0,)


def slices(a, x):
    starts, ends = (_integers(x[1]), _integers(x[2])) if 'starts' not in a else (a['starts'], a['ends'])
    given = _integers(x[3]) if len(x) > 3 and x[3] is not None else a.get('axes')
    axes = list(range(len(starts))) if given is None else given
    steps = _integers(x[4]) if len(x) > 4 and x[4] is not None else [1] * len(starts)
    rank, wanted, turned = x[0].dim(), [slice(None)] * x[0].dim(), []
    for start, end, axis, step in zip(starts, ends, axes, steps):
        axis %= rank
        picked = range(*slice(start, end if step > 0 or end >= -x[0].shape[axis] else None, step).indices(x[0].shape[axis]))
        if step < 0:
            if not len(picked):
                raise NotImplementedError('Slice: backwards and empty')
            turned.append(axis)
            picked = picked[::-1]
        wanted[axis] = slice(picked.start, picked.stop, picked.step)
    wanted = tuple(wanted)
    return (lambda x: x[wanted].flip(turned) if turned else x[wanted]), (0,)


def split(a, x):
    axis = a.get('axis', 0)
    sizes = _integers(x[1]) if len(x) > 1 and x[1] is not None else a.get('split')
    if sizes is None:
        count = a.get('num_outputs') or a['outputs']
        sizes = -(-x[0].shape[axis] // count)
    return lambda x: torch.split(x, sizes, axis), (0,)


def gather(a, x):
    axis, size = a.get('axis', 0) % x[0].dim(), x[0].shape[a.get('axis', 0)]
    whole = bool((x[1] >= 0).all())
    if x[1].numel() == 1 and a['known'][1]:
        place, one = int(x[1]) % size, x[1].dim()
        return (lambda x: x.select(axis, place)) if one == 0 else (lambda x: x.narrow(axis, place, 1).reshape(
            x.shape[:axis] + (1,) * one + x.shape[axis + 1:])), (0,)
    if axis == 0 and x[0].dim() == 2 and whole:
        return lambda x, i: F.embedding(i, x)
    return (lambda x, i: OPS['Gather']({'axis': axis}, x, i)) if whole else lambda x, i: OPS['Gather']({'axis': axis}, x, i % size)


def gather_nd(a, x):
    if a.get('batch_dims', 0):
        raise NotImplementedError('GatherND with batch_dims')
    return lambda x, i: x[i.unbind(-1)]


def scatter_elements(a, x):
    axis, kind = a.get('axis', 0), a.get('reduction', 'none')
    if kind in ('none', 'add'):
        return (lambda x, i, u: x.scatter(axis, i, u)) if kind == 'none' else lambda x, i, u: x.scatter_add(axis, i, u)
    name = {'max': 'amax', 'min': 'amin', 'mul': 'prod'}[kind]
    return lambda x, i, u: x.scatter_reduce(axis, i, u, name)


def pad(a, x):
    given = a['pads'] if 'pads' in a else _integers(x[1])
    rank, half = x[0].dim(), len(given) // 2
    axes = [v % rank for v in _integers(x[3])] if len(x) > 3 and x[3] is not None else range(rank)
    before, after = [0] * rank, [0] * rank
    for axis, b, e in zip(axes, given[:half], given[half:]):
        before[axis], after[axis] = b, e
    pads, mode = torch_pads(before, after), a.get('mode', 'constant')
    if mode == 'constant':
        value = float(x[2]) if len(x) > 2 and x[2] is not None else a.get('value', 0.)
        return lambda x: F.pad(x, pads, value=value), (0,)
    count = max(i for i, p in enumerate(pads) if p) // 2 + 1
    if count + 1 <= rank <= count + 2 and count < 4:
        pads, mode = pads[:2 * count], {'reflect': 'reflect', 'edge': 'replicate', 'wrap': 'circular'}[mode]
        return lambda x: F.pad(x, pads, mode=mode), (0,)
    picks = [(axis, torch.from_numpy(np.pad(np.arange(n), (b, e), mode))) for axis, (n, b, e) in enumerate(zip(x[0].shape, before, after)) if b or e]
    return lambda x: functools.reduce(lambda y, pick: y.index_select(*pick), picks, x), (0,)


def reduce(function, a, x):
    axes, keep = _axes(a, x), bool(a.get('keepdims', 1))
    if axes is None:
        if a.get('noop_with_empty_axes', 0):
            return lambda x: x, (0,)
        axes = list(range(x[0].dim()))
    return lambda x: function(x, axes, keep), (0,)


def reduce_prod(x, axes, keep):
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keep)
    return x


REDUCTIONS = {'ReduceMean': torch.mean, 'ReduceSum': torch.sum, 'ReduceMax': torch.amax, 'ReduceMin': torch.amin, 'ReduceProd': reduce_prod,
              'ReduceSumSquare': lambda x, axes, keep: (x * x).sum(axes, keep), 'ReduceL2': lambda x, axes, keep: (x * x).sum(axes, keep).sqrt(),
              'ReduceL1': lambda x, axes, keep: x.abs().sum(axes, keep)}


def softmax(function, a, x):
    new, rank = a['opset'] >= 13, x[0].dim()
    axis = a.get('axis', -1 if new else 1) % rank
    if new or axis == rank - 1:
        return lambda x: function(x, axis)
    return lambda x: function(x.flatten(axis), axis).reshape(x.shape)


def clip(a, x):
    limits = [float(x[i]) if len(x) > i and x[i] is not None else a.get(name) for i, name in ((1, 'min'), (2, 'max'))]
    if limits[0] is None and limits[1] is None:
        return lambda x: x, (0,)
    return (lambda x: torch.clamp(x, *limits)), (0,)


def power(a, x):
    if x[1].numel() == 1 and a['known'][1] and x[1].dim() <= x[0].dim():
        exponent = x[1].item()
        return lambda x: x.pow(exponent), (0,)
    return torch.pow


def divide(a, x):
    whole = not x[0].is_floating_point()
    return (lambda x, y: torch.div(x, y, rounding_mode='trunc')) if whole else torch.div


def expand(a, x):
    sizes = list(torch.broadcast_shapes(x[0].shape, _integers(x[1])))
    return lambda x: x.expand(sizes), (0,)


def hard_sigmoid(a, x):
    alpha, beta = a.get('alpha', .2), a.get('beta', .5)
    return F.hardsigmoid if abs(alpha - 1 / 6) < 1e-6 and beta == .5 else lambda x: torch.clamp(x * alpha + beta, 0, 1)


def prelu(a, x):
    if x[1].numel() in (1, x[0].shape[1]) and (x[1].dim() == x[0].dim() - 1 or x[1].shape[-1] == 1 or x[0].dim() == 2):
        return lambda x, slope: F.prelu(x, slope.reshape(-1))
    return lambda x, slope: torch.where(x > 0, x, x * slope)


def batch_norm(a, x):
    eps = a.get('epsilon', 1e-5)
    return lambda x, w, b, mean, variance: F.batch_norm(x, mean, variance, w, b, False, 0., eps)


def layer_norm(a, x):
    sizes, eps = list(x[0].shape[a.get('axis', -1):]), a.get('epsilon', 1e-5)
    return lambda x, w, b=None: F.layer_norm(x, sizes, w, b, eps)


def resize(a, x):
    old = list(x[0].shape)
    if len(x) > 3 and x[3] is not None:
        new = _integers(x[3])
    else:
        scales = x[2] if len(x) > 2 else x[1]
        new = [int(n * s) for n, s in zip(old, scales.tolist())]
    mode, place, rounded = a.get('mode', 'nearest'), a.get('coordinate_transformation_mode', 'half_pixel'), a.get('nearest_mode', 'round_prefer_floor')
    sizes, whole = new[2:], all(n % o == 0 for o, n in zip(old, new))
    if len(new) != len(old) or new[:2] != old[:2]:
        raise NotImplementedError('Resize of other axes')
    if mode == 'nearest' and (place == 'asymmetric' and rounded == 'floor' or whole and place == 'half_pixel' and 'round' in rounded):
        return lambda x: F.interpolate(x, sizes), (0,)
    name = {('linear', 3): 'linear', ('linear', 4): 'bilinear', ('linear', 5): 'trilinear', ('cubic', 4): 'bicubic'}.get((mode, len(old)))
    if name is None or place not in ('half_pixel', 'pytorch_half_pixel', 'align_corners'):
        raise NotImplementedError(f'Resize: {mode} {place}')
    return lambda x: F.interpolate(x, sizes, mode=name, align_corners=place == 'align_corners'), (0,)


def stft(a, x):
    step, length, one = int(x[1]), x[2].numel() if x[2] is not None else int(x[3]), a.get('onesided', 1)
    transform = torch.fft.rfft if one else torch.fft.fft

    def function(signal, window=None):
        frames = signal.reshape(signal.shape[0], -1).unfold(1, length, step)
        return torch.view_as_real(transform(frames if window is None else frames * window))
    return function, (0, 2)


def dft(a, x):
    axis = int(x[2]) if len(x) > 2 and x[2] is not None else a.get('axis', 1 if a['opset'] < 20 else -2)
    length = int(x[1]) if len(x) > 1 and x[1] is not None else None
    if a.get('inverse', 0) or x[0].shape[-1] != 1:
        raise NotImplementedError('DFT of complex numbers')
    axis = axis % x[0].dim()
    transform = torch.fft.rfft if a.get('onesided', 0) else torch.fft.fft
    return lambda x: torch.view_as_real(transform(x.squeeze(-1), length, axis)), (0,)


def reverse_sequence(a, x):
    time, lengths = a.get('time_axis', 0), x[1]
    if a.get('batch_axis', 1) == time or not bool((lengths == x[0].shape[time]).all()):
        raise NotImplementedError('ReverseSequence of parts')
    return lambda x: x.flip(time), (0,)


def arg_max(a, x):
    axis, keep = a.get('axis', 0), bool(a.get('keepdims', 1))
    return lambda x: x.argmax(axis, keep)


def top_k(a, x):
    count, axis = int(x[1].reshape(())), a.get('axis', -1)
    return lambda x: torch.topk(x, count, axis, bool(a.get('largest', 1)), bool(a.get('sorted', 1))), (0,)


def once(value):
    return lambda *_: value, ()



MAKERS = {
    'Conv': conv, 'ConvTranspose': conv_transpose, 'Gemm': gemm, 'Reshape': reshape, 'Squeeze': squeeze, 'Unsqueeze': unsqueeze, 'Slice': slices,
    'Split': split, 'Gather': gather, 'GatherND': gather_nd, 'ScatterElements': scatter_elements, 'Pad': pad, 'Clip': clip, 'Pow': power,
    'Div': divide, 'Expand': expand, 'HardSigmoid': hard_sigmoid, 'PRelu': prelu, 'BatchNormalization': batch_norm, 'LayerNormalization': layer_norm,
    'Resize': resize, 'STFT': stft, 'DFT': dft, 'ReverseSequence': reverse_sequence, 'ArgMax': arg_max, 'TopK': top_k,
    'MaxPool': functools.partial(pool, 'MaxPool'), 'AveragePool': functools.partial(pool, 'AveragePool'),
    'Softmax': functools.partial(softmax, F.softmax), 'LogSoftmax': functools.partial(softmax, F.log_softmax),
    'LRN': lambda a, x: lambda x: F.local_response_norm(x, a['size'], a.get('alpha', 1e-4), a.get('beta', .75), a.get('bias', 1.)),
    'GlobalMaxPool': lambda a, x: lambda x: x.amax(list(range(2, x.dim())), True),
    'LeakyRelu': lambda a, x: lambda x: F.leaky_relu(x, a.get('alpha', .01)),
    'Elu': lambda a, x: lambda x: F.elu(x, a.get('alpha', 1.)),
    'Gelu': lambda a, x: lambda x: F.gelu(x, approximate=a.get('approximate', 'none')),
    'GatherElements': lambda a, x: lambda x, i: torch.gather(x, a.get('axis', 0), i),
    'Einsum': lambda a, x: functools.partial(torch.einsum, a['equation']),
    'Cast': lambda a, x: functools.partial(torch.Tensor.to, dtype=dtype_of(a['to'])),
    'Max': lambda a, x: lambda *x: functools.reduce(torch.maximum, x), 'Min': lambda a, x: lambda *x: functools.reduce(torch.minimum, x),
    'Sum': lambda a, x: lambda *x: functools.reduce(torch.add, x),
    'Constant': lambda a, x: once(_constant(a)), 'Shape': lambda a, x: once(OPS['Shape'](a, x[0])), 'Size': lambda a, x: once(torch.tensor(x[0].numel())),
    'Range': lambda a, x: once(torch.arange(x[0].item(), x[1].item(), x[2].item(), dtype=x[0].dtype)),
    'NonZero': lambda a, x: once(torch.nonzero(x[0]).t()),
    'ConstantOfShape': lambda a, x: once(torch.full(_integers(x[0]), _constant(a).item() if 'value' in a else 0.,
                                                    dtype=_constant(a).dtype if 'value' in a else torch.float32)),
    **{name: functools.partial(reduce, function) for name, function in REDUCTIONS.items()},
    **{name: lambda a, x, function=function: function for name, function in DIRECT.items()},
    **{name: lambda a, x, function=OPS[name]: functools.partial(function, a) for name in OF_ORACLE},
}


def make(kind, a, x):
    """(the function of a step, the positions of the inputs that it reads)."""
    if kind not in MAKERS:
        raise NotImplementedError(kind)
    made = MAKERS[kind](a, x)
    return made if isinstance(made, tuple) else (made, tuple(range(len(x))))
