"""Runs an ONNX file's own graph in PyTorch, with every float initializer a leaf that requires grad.

    python onnx_in_torch.py grad MODEL.onnx BATCH.npz LOSS OUT.npz
    python onnx_in_torch.py train MODEL.onnx BATCH.npz LOSS OPTIMIZER STEPS [KEY=VALUE ...]    (one loss a line)

The exporter merges and folds tensors, so a default export no longer equals the module it came from; the graph in the
file is then the only oracle. Training semantics throughout: BatchNormalization uses batch statistics and updates its
running ones as PyTorch does (unbiased variance), Dropout is the identity. Needs torch, onnx, numpy.
"""
import sys

import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as F

OPTIMIZERS = {'sgd': torch.optim.SGD, 'adam': torch.optim.Adam, 'adamw': torch.optim.AdamW}
LOSSES = {'cross_entropy': F.cross_entropy, 'mse': F.mse_loss, 'bce_with_logits': F.binary_cross_entropy_with_logits}


def _attributes(node):
    values = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        values[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return values


def _spatial_padding(a, rank, what):
    if a.get('auto_pad', 'NOTSET') not in ('NOTSET', 'VALID'):
        raise NotImplementedError(f'{what}: auto_pad {a["auto_pad"]}')
    pads = list(a.get('pads', [0] * 2 * rank))
    if pads[:rank] != pads[rank:]:
        raise NotImplementedError(f'{what}: asymmetric pads {pads}')
    return pads[:rank]


def _conv(a, x, weight, bias=None):
    rank = x.dim() - 2
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
    return function(x, weight, bias, a.get('strides', [1] * rank), _spatial_padding(a, rank, 'Conv'),
                    a.get('dilations', [1] * rank), a.get('group', 1))


def _pool(a, x, kind):
    rank = x.dim() - 2
    kernel = a['kernel_shape']
    strides = a.get('strides', [1] * rank)
    padding = _spatial_padding(a, rank, kind)
    ceil = bool(a.get('ceil_mode', 0))
    if kind == 'MaxPool':
        function = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[rank]
        return function(x, kernel, strides, padding, a.get('dilations', [1] * rank), ceil)
    function = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[rank]
    return function(x, kernel, strides, padding, ceil, bool(a.get('count_include_pad', 0)))


def _gemm(a, x, weight, bias=None):
    x = x.t() if a.get('transA', 0) else x
    weight = weight.t() if a.get('transB', 0) else weight
    y = a.get('alpha', 1.0) * (x @ weight)
    return y if bias is None else y + a.get('beta', 1.0) * bias


def _integers(tensor):
    return [int(v) for v in tensor.reshape(-1).tolist()]


def _constant(a):
    for key in ('value_ints', 'value_int'):
        if key in a:
            return torch.tensor(a[key], dtype=torch.int64)
    for key in ('value_floats', 'value_float'):
        if key in a:
            return torch.tensor(a[key], dtype=torch.float32)
    return torch.from_numpy(np.array(onnx.numpy_helper.to_array(a['value'])))


def _axes(a, inputs):
    if len(inputs) > 1 and inputs[1] is not None:
        return _integers(inputs[1])
    return list(a['axes']) if 'axes' in a else None


def _squeeze(a, *inputs):
    axes = _axes(a, inputs)
    return inputs[0].squeeze() if axes is None else inputs[0].squeeze(tuple(axes))


def _unsqueeze(a, *inputs):
    x, axes = inputs[0], _axes(a, inputs)
    rank = x.dim() + len(axes)
    for axis in sorted(v % rank for v in axes):
        x = x.unsqueeze(axis)
    return x


def _shape(a, x):
    return torch.tensor(list(x.shape)[a.get('start', 0):a.get('end', None)], dtype=torch.int64)


def _flatten(a, x):
    axis = a.get('axis', 1) % (x.dim() + 1)
    rows = int(np.prod(x.shape[:axis])) if axis else 1
    return x.reshape(rows, -1)


OPS = {
    'Add': lambda a, x, y: x + y,
    'Sub': lambda a, x, y: x - y,
    'Mul': lambda a, x, y: x * y,
    'Div': lambda a, x, y: x / y,
    'Relu': lambda a, x: F.relu(x),
    'Sigmoid': lambda a, x: torch.sigmoid(x),
    'Tanh': lambda a, x: torch.tanh(x),
    'Softmax': lambda a, x: F.softmax(x, a.get('axis', -1)),
    'LogSoftmax': lambda a, x: F.log_softmax(x, a.get('axis', -1)),
    'MatMul': lambda a, x, y: x @ y,
    'Gemm': _gemm,
    'Conv': _conv,
    'MaxPool': lambda a, x: _pool(a, x, 'MaxPool'),
    'AveragePool': lambda a, x: _pool(a, x, 'AveragePool'),
    'GlobalAveragePool': lambda a, x: x.mean(tuple(range(2, x.dim())), keepdim=True),
    'Flatten': _flatten,
    'Transpose': lambda a, x: x.permute(a.get('perm', list(range(x.dim()))[::-1])),
    'Squeeze': _squeeze,
    'Unsqueeze': _unsqueeze,
    'Concat': lambda a, *x: torch.cat(x, a['axis']),
    'Gather': lambda a, x, i: x.index_select(a.get('axis', 0), i.reshape(-1)).reshape(
        x.shape[:a.get('axis', 0)] + i.shape + x.shape[a.get('axis', 0) + 1:]),
    'Shape': _shape,
    'Constant': lambda a: _constant(a),
    'Identity': lambda a, x: x,
    'Dropout': lambda a, x, *rest: x,
}


class OnnxInTorch:
    """One ONNX file as a PyTorch function. `leaves` are its parameters, `buffers` its BatchNorm statistics, by name."""

    def __init__(self, path, dtype=torch.float32):
        self.model = onnx.load(str(path))
        self.graph = self.model.graph
        self.dtype = dtype
        statistics = {name for node in self.graph.node if node.op_type == 'BatchNormalization' for name in node.input[3:5]}
        self.leaves, self.buffers, self.constants = {}, {}, {}
        for initializer in self.graph.initializer:
            tensor = torch.from_numpy(np.array(onnx.numpy_helper.to_array(initializer)))
            if not tensor.is_floating_point():
                self.constants[initializer.name] = tensor
            elif initializer.name in statistics:
                self.buffers[initializer.name] = tensor.to(dtype)
            else:
                self.leaves[initializer.name] = tensor.to(dtype).requires_grad_()
        known = {i.name for i in self.graph.initializer}
        self.inputs = [i for i in self.graph.input if i.name not in known]

    def _declared_batch(self):
        """The batch size written into the file, or None where it is symbolic."""
        dimension = self.inputs[0].type.tensor_type.shape.dim[0]
        return dimension.dim_value if dimension.HasField('dim_value') else None

    def _reshape(self, a, x, shape):
        target = _integers(shape)
        declared = self._declared_batch()
        if not a.get('allowzero', 0):
            target = [x.shape[i] if v == 0 else v for i, v in enumerate(target)]
        fits = -1 in target or int(np.prod(target)) == x.numel()
        # A file exported for one batch size has it inside Reshape's constants; another batch takes its place.
        if declared is not None and declared != self.batch and target[0] == declared:
            if not fits or -1 in target[1:]:
                target[0] = self.batch
        return x.reshape(target)

    def _batch_norm(self, a, node, x, weight, bias, mean, variance, update):
        axes = [0] + list(range(2, x.dim()))
        count = x.numel() // x.shape[1]
        batch_mean, batch_variance = x.mean(axes), x.var(axes, unbiased=False)
        view = [1, -1] + [1] * (x.dim() - 2)
        y = (x - batch_mean.view(view)) / torch.sqrt(batch_variance.view(view) + a.get('epsilon', 1e-5))
        if update:
            keep = a.get('momentum', 0.9)
            with torch.no_grad():
                unbiased = batch_variance * (count / (count - 1))
                self.buffers[node.input[3]] = mean * keep + batch_mean * (1 - keep)
                self.buffers[node.input[4]] = variance * keep + unbiased * (1 - keep)
        return y * weight.view(view) + bias.view(view)

    def forward(self, arrays, update_statistics=True):
        """Runs the graph on {input name: tensor}; returns {output name: tensor}."""
        values = {**self.constants, **self.leaves, **self.buffers, '': None}
        for declared in self.inputs:
            x = arrays[declared.name]
            values[declared.name] = x.to(self.dtype) if x.is_floating_point() else x
        self.batch = values[self.inputs[0].name].shape[0]
        for node in self.graph.node:
            a, inputs = _attributes(node), [values[name] for name in node.input]
            if node.op_type == 'Reshape':
                result = self._reshape(a, *inputs)
            elif node.op_type == 'BatchNormalization':
                result = self._batch_norm(a, node, *inputs, update_statistics)
            elif node.op_type in OPS:
                result = OPS[node.op_type](a, *inputs)
            else:
                raise NotImplementedError(f'{node.op_type} (node {node.name})')
            values[node.output[0]] = result
        return {output.name: values[output.name] for output in self.graph.output}

    def loss(self, batch, loss, update_statistics=True):
        target = batch['target']
        target = target.to(self.dtype) if target.is_floating_point() else target
        y = next(iter(self.forward(batch, update_statistics).values()))
        return LOSSES[loss](y, target)

    def gradients(self, batch, loss):
        """Returns (loss, {initializer name: gradient}); nothing in the model changes."""
        value = self.loss(batch, loss, update_statistics=False)
        grads = torch.autograd.grad(value, list(self.leaves.values()))
        return value.item(), dict(zip(self.leaves, grads))

    def train(self, batch, loss, optimizer, steps, options):
        """Trains on the one batch again and again; returns the loss of each step. Weights stay in `leaves`."""
        stepper = OPTIMIZERS[optimizer](list(self.leaves.values()), **options)
        losses = []
        for _ in range(steps):
            stepper.zero_grad(set_to_none=True)
            value = self.loss(batch, loss)
            value.backward()
            stepper.step()
            losses.append(value.item())
        return losses


def load_batch(path):
    """Reads a .npz batch as {name: tensor}."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def main(arguments):
    if len(arguments) == 5 and arguments[0] == 'grad':
        value, grads = OnnxInTorch(arguments[1]).gradients(load_batch(arguments[2]), arguments[3])
        np.savez(arguments[4], loss=np.float32(value), **{name: g.numpy() for name, g in grads.items()})
        return 0
    if len(arguments) >= 6 and arguments[0] == 'train':
        model, batch = OnnxInTorch(arguments[1]), load_batch(arguments[2])
        options = {key: float(value) for key, value in (pair.split('=') for pair in arguments[6:])}
        for value in model.train(batch, arguments[3], arguments[4], int(arguments[5]), options):
            print(repr(value))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
