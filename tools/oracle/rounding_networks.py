"""Networks whose products onnxruntime does in 8 bits, for tests/models/network_test.cpp: writes to tests/models/expected/networks.

NAME.onnx, NAME.npz (one sample and the target of mse) and NAME.gradients.npz: the loss and the gradients by the file's names,
computed by PyTorch in double with rounding that the gradient passes straight through, as if it were not there.
quantized_lstm has DynamicQuantizeLSTM between two products, quantized_products MatMulInteger and ConvInteger as
quantize_dynamic writes them. onnxruntime's outputs are compared with PyTorch's. Needs torch, onnx, onnxruntime, numpy.
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).resolve().parents[2] / 'tests/models/expected/networks'


def rounded(x):
    """As DynamicQuantizeLinear and back, by all of x; the gradient is that of x."""
    low, high = min(x.min().item(), 0.), max(x.max().item(), 0.)
    scale = (high - low) / 255
    if scale == 0:
        return x
    zero = round(min(max(-low / scale, 0), 255))
    made = scale * ((x.detach() / scale).round() + zero).clamp(0, 255) - scale * zero
    return x + (made - x).detach()


def lstm(x, w, r, bias, p):
    """One direction; x [T, 1, I], w [I, 4H], r [H, 4H], gates in ONNX's order i, o, f, c."""
    hidden = r.shape[0]
    h, c, out = torch.zeros(1, hidden).double(), torch.zeros(1, hidden).double(), []
    for row in rounded(x) @ w:
        sums = row + rounded(h) @ r + bias[:4 * hidden] + bias[4 * hidden:]
        i, o, f, g = sums.split(hidden, -1)
        i, f = torch.sigmoid(i + p[:hidden] * c), torch.sigmoid(f + p[2 * hidden:] * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + p[hidden:2 * hidden] * c) * torch.tanh(c)
        out.append(h)
    return torch.stack(out)


class Tensors:
    """The stored tensors of a file, and PyTorch's view of them."""

    def __init__(self, seed):
        self.rng, self.stored, self.leaves = np.random.default_rng(seed), {}, {}

    def floats(self, name, *shape):
        value = (self.rng.standard_normal(shape) * .5).astype(np.float32)
        self.stored[name] = value
        self.leaves[name] = torch.tensor(value.astype(np.float64), requires_grad=True)
        return self.leaves[name]

    def integers(self, name, kind, scale, zero, *shape, split=None):
        """Integers, their scales and zero points, as NAME, NAME_scale and NAME_zero; returns what they stand for."""
        span = np.iinfo(kind)
        value = self.rng.integers(span.min, span.max + 1, shape).astype(kind)
        scale, zero = np.asarray(scale, np.float32), np.asarray(zero, kind)
        self.stored.update({name: value, f'{name}_scale': scale, f'{name}_zero': zero})
        form = (-1,) + (1,) * (len(shape) - 1) if split == 0 else (-1,) if scale.ndim else ()
        return torch.tensor((value.astype(np.float64) - zero.astype(np.float64).reshape(form)) * scale.astype(np.float64).reshape(form))


def save(name, tensors, nodes, x, output):
    made = output.detach().numpy()
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info('x', TensorProto.FLOAT, x.shape)],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, made.shape)],
                              [numpy_helper.from_array(v, k) for k, v in tensors.stored.items()])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17), helper.make_opsetid('com.microsoft', 1)])
    onnx.save(model, OUT / f'{name}.onnx')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
    theirs = session.run(None, {'x': x})[0]
    print(name, 'differs from onnxruntime by', np.abs(theirs - made).max(), 'of', np.abs(made).max())
    target = np.random.default_rng(9).standard_normal(made.shape).astype(np.float32)
    loss = ((output - torch.tensor(target.astype(np.float64))) ** 2).mean()
    loss.backward()
    np.savez(OUT / f'{name}.npz', x=x, target=target)
    np.savez(OUT / f'{name}.gradients.npz', loss=np.float64(loss.item()), **{k: v.grad.numpy() for k, v in tensors.leaves.items()})


def quantized_lstm():
    steps, inputs, hidden = 5, 3, 4
    t = Tensors(1)
    x = t.rng.standard_normal((1, steps, inputs)).astype(np.float32)
    first, last = t.floats('first', inputs, inputs), t.floats('last', 2 * hidden, 2)
    bias, peepholes = t.floats('bias', 2, 8 * hidden), t.floats('peepholes', 2, 3 * hidden)
    w, r = [], []
    for made, name, rows in ((w, 'w', inputs), (r, 'r', hidden)):
        scale, zero = np.float32([.01, .0075]), np.uint8([120, 135])
        value = t.rng.integers(0, 256, (2, rows, 4 * hidden)).astype(np.uint8)
        t.stored.update({name: value, f'{name}_scale': scale, f'{name}_zero': zero})
        made += [torch.tensor((value[d].astype(np.float64) - zero[d]) * np.float64(scale[d])) for d in range(2)]
    h = (torch.tensor(x.astype(np.float64)) @ first).transpose(0, 1)
    forward = lstm(h, w[0], r[0], bias[0], peepholes[0])
    backward = lstm(h.flip(0), w[1], r[1], bias[1], peepholes[1]).flip(0)
    y = torch.cat([forward, backward], -1).transpose(0, 1) @ last
    t.stored['shape'] = np.int64([0, 0, -1])
    nodes = [helper.make_node('MatMul', ['x', 'first'], ['a']), helper.make_node('Transpose', ['a'], ['b'], perm=[1, 0, 2]),
             helper.make_node('DynamicQuantizeLSTM', ['b', 'w', 'r', 'bias', '', '', '', 'peepholes', 'w_scale', 'w_zero', 'r_scale', 'r_zero'],
                              ['c'], 'lstm', domain='com.microsoft', hidden_size=hidden, direction='bidirectional'),
             helper.make_node('Transpose', ['c'], ['d'], perm=[2, 0, 1, 3]), helper.make_node('Reshape', ['d', 'shape'], ['e']),
             helper.make_node('MatMul', ['e', 'last'], ['y'])]
    save('quantized_lstm', t, nodes, x, y)


def dynamic(op, x, name, y, **attributes):
    """As onnxruntime's quantize_dynamic writes a product with integers."""
    return [helper.make_node('DynamicQuantizeLinear', [x], [f'{y}_q', f'{y}_s', f'{y}_z'], f'{y}_quantize'),
            helper.make_node(op, [f'{y}_q', name, f'{y}_z', f'{name}_zero'], [f'{y}_i'], f'{y}_product', **attributes),
            helper.make_node('Cast', [f'{y}_i'], [f'{y}_f'], to=TensorProto.FLOAT),
            helper.make_node('Mul', [f'{y}_s', f'{name}_scale'], [f'{y}_ss']), helper.make_node('Mul', [f'{y}_f', f'{y}_ss'], [y])]


def quantized_products():
    t = Tensors(2)
    x = t.rng.standard_normal((1, 2, 5, 5)).astype(np.float32)
    first, bias, last = t.floats('first', 2, 2, 1, 1), t.floats('bias', 3, 1, 1), t.floats('last', 4, 2)
    kernel = t.integers('kernel', np.uint8, .0125, 118, 3, 2, 3, 3)
    matrix = t.integers('matrix', np.int8, [.01, .02, .005, .0125], [0, 3, -2, 1], 5, 4)
    h = torch.nn.functional.conv2d(torch.tensor(x.astype(np.float64)), first)
    h = torch.relu(torch.nn.functional.conv2d(rounded(h), kernel, padding=1) + bias)
    y = rounded(h) @ matrix @ last
    nodes = [helper.make_node('Conv', ['x', 'first'], ['a'], kernel_shape=[1, 1])]
    nodes += dynamic('ConvInteger', 'a', 'kernel', 'b', kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    nodes += [helper.make_node('Add', ['b', 'bias'], ['c']), helper.make_node('Relu', ['c'], ['d'])]
    nodes += dynamic('MatMulInteger', 'd', 'matrix', 'e') + [helper.make_node('MatMul', ['e', 'last'], ['y'])]
    save('quantized_products', t, nodes, x, y)


if __name__ == '__main__':
    quantized_lstm()
    quantized_products()
