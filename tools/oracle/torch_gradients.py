#!/usr/bin/env python3
"""Writes tests/onnx_node/expected/torch_gradients.txt: derivatives of ONNX's node tests that onnx-ad refuses, by PyTorch.

Usage: python tools/oracle/torch_gradients.py build/onnx_node tests/onnx_node/expected/gradients.txt > OUT
(needs onnx, numpy, torch)

Lines as onnx_ad_gradients.py writes them. A case whose values PyTorch's function does not give is left out.
"""
import os
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def spatial_pads(a, rank):
    pads = list(a.get("pads", [0] * 2 * rank))
    if a.get("auto_pad", b"NOTSET") != b"NOTSET" or pads[:rank] != pads[rank:]:
        raise ValueError("uneven pads")
    return pads[:rank]


def conv_transpose(a, x, w, b=None):
    rank = x.dim() - 2
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    if "output_shape" in a:
        raise ValueError("output_shape")
    return [function(x, w, b, a.get("strides", 1), spatial_pads(a, rank), a.get("output_padding", 0),
                     a.get("group", 1), a.get("dilations", 1))]


def average_pool(a, x):
    rank = x.dim() - 2
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[rank - 1]
    if any(d != 1 for d in a.get("dilations", [])):
        raise ValueError("dilations")
    return [function(x, a["kernel_shape"], a.get("strides", [1] * rank), spatial_pads(a, rank),
                     bool(a.get("ceil_mode", 0)), bool(a.get("count_include_pad", 0)))]


def max_pool(a, x):
    rank = x.dim() - 2
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[rank - 1]
    pads = spatial_pads(a, rank)
    x = F.pad(x, [p for p in reversed(pads) for _ in range(2)], value=-1e30)
    return [function(x, a["kernel_shape"], a.get("strides", 1), 0, a.get("dilations", 1), bool(a.get("ceil_mode", 0)))]


def reduce(function):
    def reduced(a, x, axes=None):
        if axes is not None and axes.numel() > 0:
            raise ValueError("axes")
        y = function(x)
        return [y.reshape([1] * x.dim()) if a.get("keepdims", 1) else y]
    return reduced


def space_to_depth(a, x):
    size = a["blocksize"]
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // size, size, w // size, size)
    order = (0, 1, 3, 5, 2, 4) if a.get("mode", b"DCR") == b"CRD" else (0, 3, 5, 1, 2, 4)
    return [blocks.permute(order).reshape(n, c * size * size, h // size, w // size)]


def causal_conv(a, x, w, b=None, past=None):
    taps = w.shape[2]
    past = torch.zeros(x.shape[0], x.shape[1], taps - 1, dtype=x.dtype) if past is None else past
    sequence = torch.cat([past, x], 2)
    y = F.conv1d(sequence, w, b, groups=x.shape[1])
    y = y if a.get("activation", b"none") == b"none" else F.silu(y)
    return [y, sequence[:, :, sequence.shape[2] - taps + 1:]]


def batch_norm(a, x, scale, bias, mean, var):
    return [F.batch_norm(x, None, None, scale, bias, True, 0, a.get("epsilon", 1e-5))]


def scatter(reductions):
    def scatter_elements(a, x, indices, updates):
        axis = a.get("axis", 0)
        indices = torch.where(indices < 0, indices + x.shape[axis], indices)
        return [x.scatter_reduce(axis, indices, updates, reductions[a["reduction"]], include_self=True)]
    return scatter_elements


def einsum(a, *operands):
    return [torch.einsum(a["equation"].decode(), *operands)]


def mod(a, x, y):
    return [torch.fmod(x, y) if a.get("fmod", 0) else torch.remainder(x, y)]


def slice_steps(a, x, starts, ends, axes=None, steps=None):
    axes = range(x.dim()) if axes is None else axes.tolist()
    steps = [1] * x.dim() if steps is None else steps.tolist()
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        places = list(range(x.shape[axis]))[start:end:step]
        x = x.index_select(axis, torch.tensor(places, dtype=torch.int64))
    return [x]


def rotary(a, x, cos, sin, positions=None):
    heads = a.get("num_heads", 0)
    folded = x.dim() == 3
    if folded:
        x = x.reshape(x.shape[0], x.shape[1], heads, -1)
    else:
        x = x.transpose(1, 2)
    size = a.get("rotary_embedding_dim", 0) or x.shape[-1]
    if positions is not None:
        cos, sin = cos[positions], sin[positions]
    cos, sin = cos[:, :, None, :], sin[:, :, None, :]
    turned, rest = x[..., :size], x[..., size:]
    if a.get("interleaved", 0):
        first, second = turned[..., 0::2], turned[..., 1::2]
        real, imaginary = cos * first - sin * second, sin * first + cos * second
        turned = torch.stack([real, imaginary], -1).flatten(-2)
    else:
        first, second = turned.chunk(2, -1)
        turned = torch.cat([cos * first - sin * second, sin * first + cos * second], -1)
    y = torch.cat([turned, rest], -1)
    return [y.flatten(2) if folded else y.transpose(1, 2)]


FUNCTIONS = {
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "CausalConvWithState": causal_conv,
    "ConvTranspose": conv_transpose,
    "Det": lambda a, x: [torch.linalg.det(x)],
    "Einsum": einsum,
    "MaxPool": max_pool,
    "Mod": mod,
    "ReduceL1": reduce(lambda x: x.abs().sum()),
    "ReduceL2": reduce(lambda x: x.norm()),
    "ReduceLogSumExp": reduce(lambda x: x.flatten().logsumexp(0)),
    "ReduceMean": reduce(lambda x: x.mean()),
    "ReduceSumSquare": reduce(lambda x: (x * x).sum()),
    "RotaryEmbedding": rotary,
    "ScatterElements": scatter({b"max": "amax", b"min": "amin", b"mul": "prod", b"add": "sum"}),
    "Slice": slice_steps,
    "SpaceToDepth": space_to_depth,
}


def load(folder, kind, i):
    return numpy_helper.to_array(onnx.load_tensor(os.path.join(folder, "test_data_set_0", f"{kind}_{i}.pb")))


def gradients(folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    node = model.graph.node[0]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    by_name = {}
    for i, value in enumerate(model.graph.input):
        array = load(folder, "input", i)
        if array.dtype == np.float16:
            raise ValueError("16 bits")
        tensor = torch.from_numpy(np.array(array))
        by_name[value.name] = tensor.double().requires_grad_() if tensor.is_floating_point() else tensor
    outputs = FUNCTIONS[node.op_type](attributes, *(by_name.get(name) for name in node.input))
    count = len(model.graph.output)
    loss = 0
    for i, y in enumerate(outputs):
        wanted = load(folder, "output", i)
        if y.shape != wanted.shape or not np.allclose(y.detach().numpy(), wanted, 1e-3, 1e-5):
            raise ValueError("other values")
        loss = loss + (y.flatten() * torch.cos(1.0 + torch.arange(y.numel(), dtype=torch.float64))).sum()
    which = "all" if len(outputs) == count else "first"
    for i, tensor in enumerate(by_name.values()):
        if tensor.is_floating_point():
            dx = torch.autograd.grad(loss, tensor, retain_graph=True, allow_unused=True)[0]
            if dx is not None:
                flat = dx.flatten()
                dot = flat @ torch.sin(1.0 + torch.arange(flat.numel(), dtype=torch.float64))
                yield which, i, dot.item(), (flat @ flat).item()


def main():
    folder, known = sys.argv[1:3]
    with open(known, encoding="utf-8") as file:
        done = {line.split("\t")[0] for line in file}
    with open(os.path.join(folder, "index.txt"), encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    for case, op, ops in rows:
        if op not in FUNCTIONS or ops != op or case in done or "_expanded" in case:
            continue
        try:
            for which, i, dot, square in gradients(os.path.join(folder, case)):
                print(f"{case}\t{which}\t{i}\t{dot:.15g}\t{square:.15g}")
        except Exception as error:
            print(case, type(error).__name__, str(error)[:90], file=sys.stderr)


if __name__ == "__main__":
    main()
