"""A recurrent network whose Loop carries its weights from step to step, as tf2onnx writes Keras' layers: loop_weights.onnx with
one batch and PyTorch's gradients in tests/models/expected/networks. Needs torch, onnx, onnxruntime, numpy."""
import numpy as np
import torch
from onnx import TensorProto, helper

from rounding_networks import Tensors, save


def loop_weights():
    steps, inputs, hidden = 66, 3, 4  # more steps than are written out
    t = Tensors(3)
    x = t.rng.standard_normal((1, steps, inputs)).astype(np.float32)
    w, r, b, last = t.floats('w', inputs, hidden), t.floats('r', hidden, hidden), t.floats('b', hidden), t.floats('last', hidden, 2)
    h = torch.zeros(1, hidden).double()
    for row in torch.tensor(x.astype(np.float64)).transpose(0, 1):
        h = torch.tanh(row @ w + h @ r + b)
    y = (h + b) @ last
    t.stored.update(zero=np.zeros((1, hidden), np.float32), steps=np.int64(steps), go=np.bool_(True))
    info = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    states = [('h', [1, hidden]), ('wi', [inputs, hidden]), ('ri', [hidden, hidden]), ('bi', [hidden])]
    body = helper.make_graph(
        [helper.make_node('Gather', ['x', 'i'], ['row'], axis=1), helper.make_node('MatMul', ['row', 'wi'], ['from_x']),
         helper.make_node('MatMul', ['h', 'ri'], ['from_h']), helper.make_node('Add', ['from_x', 'from_h'], ['sum']),
         helper.make_node('Add', ['sum', 'bi'], ['sums']), helper.make_node('Tanh', ['sums'], ['h_out']),
         helper.make_node('Identity', ['wi'], ['wi_copy']), helper.make_node('Identity', ['wi_copy'], ['wi_out']),
         helper.make_node('Identity', ['ri'], ['ri_out']), helper.make_node('Identity', ['bi'], ['bi_out']),
         helper.make_node('Identity', ['go_in'], ['go_out'])],
        'step', [info('i', TensorProto.INT64, []), info('go_in', TensorProto.BOOL, [])] + [info(n, TensorProto.FLOAT, s) for n, s in states],
        [info('go_out', TensorProto.BOOL, [])] + [info(n, TensorProto.FLOAT, s) for n, s in
                                                  [('h_out', [1, hidden]), ('wi_out', [inputs, hidden]), ('ri_out', [hidden, hidden]), ('bi_out', [hidden])]])
    nodes = [helper.make_node('Loop', ['steps', 'go', 'zero', 'w', 'r', 'b'], ['h_last', 'w_last', 'r_last', 'b_last'], 'loop', body=body),
             helper.make_node('Add', ['h_last', 'b_last'], ['moved']), helper.make_node('MatMul', ['moved', 'last'], ['y'])]
    save('loop_weights', t, nodes, x, y)


if __name__ == '__main__':
    loop_weights()
