#!/usr/bin/env python3
"""Writes tests/training/fixtures/diff: copies of checkpoints/net.onnx that `temper diff` and `temper average` are to tell apart, and
what numpy and onnxruntime say of them.

Usage: diff_files.py CHECKPOINTS_FOLDER OUT_FOLDER. Needs numpy, onnx, onnxruntime.
"""
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper


def tensors(model):
    return {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}


def set_tensor(model, name, value):
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(value, name))
            return
    raise KeyError(name)


def place(x):
    bits = x.view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7fffffff))


def measures(a, b):
    x, y = a.astype('f8').ravel(), b.astype('f8').ravel()
    apart = np.abs(x - y)
    return {'largest': apart.max(), 'mean': apart.mean(), 'largest_value': np.abs(x).max(), 'differing': int((x != y).sum()),
            'cosine': float(x @ y / np.sqrt(x @ x) / np.sqrt(y @ y)),
            'ulps': int(np.abs(place(np.ravel(a)) - place(np.ravel(b))).max())}


def outputs(model, x):
    return ort.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider']).run(None, {'x': x})[0]


def renamed(model):
    """Every name but those of inputs and outputs is another one; the nodes stand as they did."""
    kept = {v.name for v in list(model.graph.input) + list(model.graph.output)} | {''}
    new = {}

    def name(old):
        return old if old in kept else new.setdefault(old, f't{len(new)}_')
    for tensor in model.graph.initializer:
        tensor.name = name(tensor.name)
    for number, node in enumerate(model.graph.node):
        node.name = f'step{number}_'
        for names in (node.input, node.output):
            for i, old in enumerate(names):
                names[i] = name(old)
    del model.graph.value_info[:]
    return model


def without_traces(model):
    """Without where in which Python file each node came from."""
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == 'pkg.torch.onnx.name_scopes']
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    return model


def main():
    source, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    base = without_traces(onnx.load(f'{source}/net.onnx'))
    onnx.save(base, f'{out}/base.onnx')
    weights = tensors(base)
    generator = np.random.default_rng(3)
    x = generator.standard_normal((2, 3, 8, 8)).astype('f4')
    expected = {}

    onnx.save(renamed(onnx.load(f'{out}/base.onnx')), f'{out}/renamed.onnx')

    # One weight in the middle of the network, moved by a little; and one by a single bit.
    changed = onnx.load(f'{out}/base.onnx')
    middle = next(i for node in base.graph.node if node.op_type == 'MatMul' for i in node.input if i in weights)
    value = weights[middle] + (generator.standard_normal(weights[middle].shape) * .01).astype('f4')
    set_tensor(changed, middle, value)
    one_bit = weights['out.weight'].copy()
    one_bit.ravel()[3:4].view(np.int32)[0] += 1
    set_tensor(changed, 'out.weight', one_bit)
    onnx.save(changed, f'{out}/changed.onnx')
    expected['changed'] = {'middle': middle, 'weight': measures(weights[middle], value),
                           'one_bit': measures(weights['out.weight'], one_bit),
                           'output': measures(outputs(base, x), outputs(changed, x))}

    # Other epsilon in one node, an opset and metadata that differ.
    other = onnx.load(f'{out}/base.onnx')
    norm = next(node for node in other.graph.node if node.op_type == 'LayerNormalization')
    next(a for a in norm.attribute if a.name == 'epsilon').f = .5
    other.metadata_props.add(key='author', value='nobody')
    other.opset_import[0].version = 21
    onnx.save(other, f'{out}/other_epsilon.onnx')
    expected['other_epsilon'] = {'node': norm.name, 'from': base.opset_import[0].version,
                                 'output': measures(outputs(base, x), outputs(other, x))}
    np.savez(f'{out}/x.npz', x=x)

    # Three clients' files and their means, weighted by 1, 2 and 5, in double.
    parts = [base, changed]
    third = onnx.load(f'{out}/base.onnx')
    for name, value in weights.items():
        if value.dtype == np.float32:
            set_tensor(third, name, (value * 1.5 + .125).astype('f4'))
    onnx.save(third, f'{out}/third.onnx')
    parts.append(third)
    shares = np.array([1., 2., 5.]) / 8
    mean = onnx.load(f'{out}/base.onnx')
    for name, value in weights.items():
        if value.dtype == np.float32:
            total = sum(s * tensors(p)[name].astype('f8') for s, p in zip(shares, parts))
            set_tensor(mean, name, total.astype('f4'))
    onnx.save(mean, f'{out}/mean.onnx')
    with open(f'{out}/expected.json', 'w') as file:
        json.dump(expected, file, indent=1)
        file.write('\n')


main()
