#!/usr/bin/env python3
"""Fills in what onnxruntime gives for the fresh models of tests/models/expected/fresh_models.json.

Usage: python tools/oracle/fresh_models.py build/temper      (needs numpy, onnx, onnxruntime)

For each case `temper new` writes the model; onnx.checker checks it, with its shapes inferred strictly; onnxruntime runs
it on the inputs of expected_training.py's streams `CASE/INPUT`, its parameters and statistics being those of the
streams `CASE/TENSOR` (fresh ones are often so small that the output says little). Written into the case: the output's
shape, its norm and eight elements. Nothing in the file comes from Temper but the models' graphs.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime

from expected_training import generate, generate_classes

CASES = pathlib.Path(__file__).parents[2] / 'tests/models/expected/fresh_models.json'
SIZES = {'batch': 4, 'sequence': 8}
SAMPLES = 8


def option_words(options):
    for name, value in options.items():
        if value is True:
            yield f'--{name}'
        else:
            yield f'--{name}={",".join(map(str, value)) if isinstance(value, list) else value}'


def give_values(model, case):
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or not tensor.dims or tensor.name.endswith('inv_freq'):
            continue
        count, around_one = int(np.prod(tensor.dims)), tensor.name.endswith(('weight', 'running_var'))
        if len(tensor.dims) > 1:
            shift, scale = 0, 2 / math.sqrt(count / tensor.dims[0])
        else:
            shift, scale = (1 if around_one else 0), 0.5
        values = generate(f'{case["name"]}/{tensor.name}', list(tensor.dims), shift, scale)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def inputs_of(model, case):
    feeds = {}
    for info in model.graph.input:
        tensor = info.type.tensor_type
        shape = [SIZES[d.dim_param] if d.dim_param else d.dim_value for d in tensor.shape.dim]
        stream = f'{case["name"]}/{info.name}'
        if tensor.elem_type == onnx.TensorProto.INT64:
            count = int(np.prod(shape))
            feeds[info.name] = np.array(generate_classes(stream, count, case['tokens'][info.name])).reshape(shape)
        else:
            feeds[info.name] = generate(stream, shape, 0, 1)
    return feeds


def measure(temper, case, folder):
    path = f'{folder}/{case["name"]}.onnx'
    words = [temper, 'new', case['architecture'], path, f'--opset={case.get("opset", 20)}', '--json']
    made = json.loads(subprocess.run(words + list(option_words(case['options'])), check=True, capture_output=True).stdout)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    give_values(model, case)
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    output = session.run(None, inputs_of(model, case))[0]
    flat = output.astype(np.float64).ravel()
    places = np.linspace(0, flat.size - 1, SAMPLES).astype(int)
    case['output'] = {'shape': list(output.shape), 'norm': float(np.linalg.norm(flat)),
                      'samples': [[int(i), float(flat[i])] for i in places]}
    print(case['name'], made['parameters'], output.shape, case['output']['norm'])


def main():
    cases = json.loads(CASES.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            measure(sys.argv[1], case, folder)
    CASES.write_text('[\n' + ',\n'.join(json.dumps(case) for case in cases) + '\n]\n')


if __name__ == '__main__':
    main()
