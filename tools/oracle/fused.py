#!/usr/bin/env python3
"""Ops of com.microsoft as onnxruntime computes them. Writes tests/ops/expected/fused.cpp.

Element k of float input i is 0.9 sin(1.3 k + i), as in tests/ops/fused_cases.cpp; integers and scales are written out.
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper


def numbers(place, shape):
    k = np.arange(np.prod(shape))
    return (0.9 * np.sin(1.3 * k + place)).reshape(shape).astype(np.float32)


def case(op, inputs, outputs=1, domain='com.microsoft', wanted=None, **attributes):
    """An input is a shape, an array, or None."""
    return op, inputs, outputs, domain, wanted or [True] * outputs, attributes


X, TABLE = (2, 3, 8), (5, 2)
IDS = np.array([[1, 4, 2], [0, 3, 3]], np.int32)
MASK = np.array([[1, 1, 0], [1, 1, 1]], np.int32)
def integers(shape, dtype):
    lowest = np.iinfo(dtype).min
    return (np.arange(np.prod(shape)) * 37 % 256 + lowest).astype(dtype).reshape(shape)


def lstm(directions, batch, dtype, scale, zero, given=(), **attributes):
    """Four steps of three numbers, two of them kept; `given`: which of bias, states and peepholes."""
    h, d = 2, directions
    options = [(d, 8 * h), None, (d, batch, h), (d, batch, h), (d, 3 * h)]
    inputs = [(4, batch, 3), integers((d, 3, 4 * h), dtype), integers((d, h, 4 * h), dtype)]
    inputs += [o if i in given else None for i, o in enumerate(options)]
    scales = np.array(scale, np.float32)
    return case('DynamicQuantizeLSTM', inputs + [scales, np.array(zero, dtype), scales * np.float32(.5), np.array(zero, dtype)], 3,
                hidden_size=h, **attributes)


CASES = [
    case('FusedMatMul', [(2, 3, 4), (2, 3, 5)], alpha=.5, transA=1),
    case('FusedMatMul', [(2, 3, 4), (5, 4)], alpha=1.5, transB=1),
    case('FusedMatMul', [(3, 2, 4), (2, 4, 5)], transBatchA=1),
    case('FusedMatMul', [(2, 3, 4), (4, 2, 5)], transBatchB=1),
    case('FusedGemm', [(3, 4), (5, 4), (5,)], transB=1, alpha=.5, beta=2., activation='LeakyRelu', activation_alpha=.1),
    case('FusedGemm', [(3, 4), (4, 5)], activation='Tanh'),
    case('FusedConv', [(2, 2, 5, 5), (3, 2, 3, 3), (3,)], activation='Relu', kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    case('FusedConv', [(2, 2, 5, 5), (3, 2, 3, 3), (3,), (2, 3, 3, 3)], activation='HardSigmoid', activation_params=[.3, .4],
         kernel_shape=[3, 3]),
    case('FusedConv', [(2, 2, 5, 5), (3, 2, 3, 3)], activation='Clip', activation_params=[-.5, .5], kernel_shape=[3, 3]),
    case('Gelu', [X]),
    case('BiasGelu', [X, (8,)]),
    case('FastGelu', [X, (8,)]),
    case('FastGelu', [X]),
    case('QuickGelu', [X], alpha=1.3),
    case('SkipLayerNormalization', [X, X, (8,), (8,), (8,)], 4, epsilon=1e-5, wanted=[True, False, False, True]),
    case('SkipLayerNormalization', [X, (3, 8), (8,)], epsilon=1e-5),
    case('SkipSimplifiedLayerNormalization', [X, X, (8,), (8,)], 4, epsilon=1e-5, wanted=[True, False, False, True]),
    case('SimplifiedLayerNormalization', [X, (8,)], domain='', axis=-1, epsilon=1e-5),
    case('EmbedLayerNormalization', [IDS, IDS % 2, (6, 8), (4, 8), (2, 8), (8,), (8,), MASK], 3, epsilon=1e-5),
    case('EmbedLayerNormalization', [IDS, None, (6, 8), (4, 8), None, (8,), (8,), None, IDS % 3], 2, epsilon=1e-5),
    case('Attention', [X, (8, 24), (24,), MASK], num_heads=2),
    case('Attention', [X, (8, 24), (24,), np.array([2, 3], np.int32)], num_heads=2, unidirectional=1, scale=.4),
    case('Attention', [X, (8, 20), (20,)], num_heads=2, qkv_hidden_sizes=[8, 8, 4]),
    case('Attention', [X, (8, 24), (24,), None, (2, 2, 2, 4, 4)], 2, num_heads=2, unidirectional=1),
    case('MultiHeadAttention', [X, (2, 5, 8), (2, 5, 8), (24,), np.array([[1, 1, 1, 0, 1], [1, 1, 1, 1, 0]], np.int32)], num_heads=2),
    case('MultiHeadAttention', [X, (2, 3, 8), (2, 3, 8), None, None, (1, 2, 3, 5), (2, 2, 2, 4), (2, 2, 2, 4)], 3, num_heads=2,
         scale=.3),
    case('MultiHeadAttention', [X, (2, 2, 5, 4), (2, 2, 5, 4)], num_heads=2),
    case('RotaryEmbedding', [X, IDS.astype(np.int64), TABLE, TABLE], num_heads=2),
    case('RotaryEmbedding', [(2, 2, 3, 4), np.array([1], np.int64), TABLE, TABLE], interleaved=1),
    lstm(1, 1, np.int8, [.015625], [0], (0, 2, 3)),
    lstm(2, 2, np.uint8, [.0125, .015625], [120, 130], (0, 2, 3, 4), direction='bidirectional'),
    lstm(1, 2, np.int8, [[.01 * k for k in range(1, 9)]], [[0] * 8], (0,), direction='reverse', clip=.7, input_forget=1,
         activations=['Sigmoid', 'Relu', 'Tanh']),
]


def run(op, inputs, outputs, domain, wanted, attributes):
    feeds, names, infos = {}, [], []
    for i, given in enumerate(inputs):
        names.append('' if given is None else f'x{i}')
        if given is None:
            continue
        array = given if isinstance(given, np.ndarray) else numbers(i, given)
        feeds[f'x{i}'] = array
        infos.append(helper.make_tensor_value_info(f'x{i}', helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))
    made = [f'y{i}' if wanted[i] else '' for i in range(outputs)]
    kinds = {1: TensorProto.INT32} if op == 'EmbedLayerNormalization' else {}
    node = helper.make_node(op, names, made, domain=domain, **attributes)
    graph = helper.make_graph([node], 'g', infos, [helper.make_tensor_value_info(n, kinds.get(i, TensorProto.FLOAT), None)
                                                  for i, n in enumerate(made) if n])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid('', 17), helper.make_opsetid('com.microsoft', 1)])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1  # of several, each rounds its samples by their own range
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
    found = iter(session.run([n for n in made if n], feeds))
    return [next(found) if n else None for n in made]


def braces(values):
    return '{' + ', '.join(values) + '}'


def attribute_text(value):
    if isinstance(value, str):
        return f'std::string("{value}")'
    if isinstance(value, list) and isinstance(value[0], str):
        return 'std::vector<std::string>' + braces([f'"{v}"' for v in value])
    if isinstance(value, list):
        kind = 'double' if isinstance(value[0], float) else 'std::int64_t'
        return f'std::vector<{kind}>' + braces([repr(v) for v in value])
    return repr(value) if isinstance(value, float) else f'std::int64_t{{{value}}}'


KINDS = {np.int64: 'DType::kInt64', np.int32: 'DType::kInt32', np.int8: 'DType::kInt8', np.uint8: 'DType::kUInt8',
         np.float32: 'DType::kFloat32'}


def input_text(given):
    if given is None:
        return '{}'
    if isinstance(given, np.ndarray):
        kind = KINDS[given.dtype.type]
        numbers_in = [format(v, '.9g') if given.dtype == np.float32 else str(v) for v in given.ravel()]
        return f'{{{braces(map(str, given.shape))}, {kind}, {braces(numbers_in)}}}'
    return f'{{{braces(map(str, given))}, DType::kUndefined, {{}}}}'


def output_text(value):
    if value is None:
        return '{}'
    return f'{{{braces(map(str, value.shape))}, {braces([f"{float(v):.8g}" for v in value.ravel()])}}}'


def main():
    lines = ['// Written by tools/oracle/fused.py.', '#include "tests/ops/expected/fused.h"', '', 'namespace temper::op_suite {', '',
             '// clang-format off', 'const std::vector<FusedValues>& fused_values() {', '  static const std::vector<FusedValues> values = {']
    for op, inputs, outputs, domain, wanted, attributes in CASES:
        try:
            found = run(op, inputs, outputs, domain, wanted, attributes)
        except Exception as error:
            print(op, attributes, str(error)[:300])
            continue
        pairs = [f'{{"{k}", {attribute_text(v)}}}' for k, v in attributes.items()]
        lines.append(f'      {{"Microsoft{op}", {braces(pairs)}, {braces(map(input_text, inputs))},\n'
                     f'       {braces(map(output_text, found))}}},')
    lines += ['  };', '  return values;', '}', '// clang-format on', '', '}  // namespace temper::op_suite', '']
    root = pathlib.Path(__file__).resolve().parents[2]
    (root / 'tests/ops/expected/fused.cpp').write_text('\n'.join(lines))


if __name__ == '__main__':
    main()
