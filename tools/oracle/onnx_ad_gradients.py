#!/usr/bin/env python3
"""Writes tests/onnx_node/expected/gradients.txt: derivatives of ONNX's node tests as onnx-ad has them, in double.

Usage: python tools/oracle/onnx_ad_gradients.py build/onnx_node > tests/onnx_node/expected/gradients.txt
(needs onnx, onnx-ad, numpy; onnxruntime where onnx's own evaluator cannot run a derivative)

Every case of one node whose inputs are floats is made a model of doubles. With dy[k] = cos(1 + k) for element k of
each float output, a line holds: case, number of an input, sum of dx[k] sin(1 + k), sum of dx[k]^2. Cases that onnx-ad
refuses, or whose derivative neither evaluator runs, are counted by reason on stderr.
"""
import collections
import os
import sys
import warnings

import numpy as np
import onnx
import onnx_ad
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


def as_double(model):
    """The model with all of its float tensors in double."""
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.tensor_type
        if kind.elem_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            raise ValueError("16 bits")
        if kind.elem_type == TensorProto.FLOAT:
            kind.elem_type = TensorProto.DOUBLE
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
                array = numpy_helper.to_array(attribute.t).astype(np.float64)
                attribute.t.CopyFrom(numpy_helper.from_array(array))
    return model


def read_inputs(folder, model):
    inputs = {}
    for i, value in enumerate(model.graph.input):
        array = numpy_helper.to_array(onnx.load_tensor(os.path.join(folder, "test_data_set_0", f"input_{i}.pb")))
        if value.type.tensor_type.elem_type == TensorProto.DOUBLE:
            array = array.astype(np.float64)
        inputs[value.name] = array
        # The shape as a number, which onnx-ad sums over.
        shape = onnx.helper.make_tensor_type_proto(value.type.tensor_type.elem_type, array.shape)
        value.type.CopyFrom(shape)
    return inputs


def read_output_shapes(folder, model):
    for i, value in enumerate(model.graph.output):
        tensor = onnx.load_tensor(os.path.join(folder, "test_data_set_0", f"output_{i}.pb"))
        yield value.name, value.type.tensor_type.elem_type, tuple(tensor.dims)


def evaluate(model, feeds, wanted):
    try:
        return ReferenceEvaluator(model).run(wanted, feeds)
    except Exception:
        import onnxruntime
        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(model.SerializeToString(), options).run(wanted, feeds)


def gradients(folder):
    model = as_double(onnx.load(os.path.join(folder, "model.onnx")))
    feeds = read_inputs(folder, model)
    independents = [v.name for v in model.graph.input if v.type.tensor_type.elem_type == TensorProto.DOUBLE]
    outputs = list(read_output_shapes(folder, model))
    dependents = [name for name, kind, _ in outputs if kind == TensorProto.DOUBLE]
    if not independents or not dependents:
        raise ValueError("no float input or output")
    adjoint = onnx_ad.reverse(model, layout="onnx", inputs=independents, outputs=dependents)
    given = {v.name for v in adjoint.graph.input}
    for name, kind, shape in outputs:
        if f"adj_{name}" in given:
            count = int(np.prod(shape))
            feeds[f"adj_{name}"] = np.cos(1.0 + np.arange(count)).reshape(*shape, 1)
    feeds = {name: array for name, array in feeds.items() if name in given}
    made = {v.name for v in adjoint.graph.output}
    wanted = [f"adj_{name}" for name in independents if f"adj_{name}" in made]
    results = evaluate(adjoint, feeds, wanted)
    for name, result in zip(wanted, results, strict=True):
        number = [v.name for v in model.graph.input].index(name[len("adj_"):])
        flat = np.asarray(result, dtype=np.float64).ravel()
        yield number, float(flat @ np.sin(1.0 + np.arange(flat.size))), float(flat @ flat)


def main():
    folder = sys.argv[1]
    warnings.simplefilter("ignore")
    refused = collections.Counter()
    done = 0
    with open(os.path.join(folder, "index.txt"), encoding="utf-8") as index:
        rows = [line.rstrip("\n").split("\t") for line in index]
    for case, op, ops in rows:
        if "," in ops or "_expanded" in case:
            continue
        try:
            lines = [f"{case}\t{number}\t{dot:.15g}\t{norm:.15g}" for number, dot, norm in
                     gradients(os.path.join(folder, case))]
            if any("nan" in line or "inf" in line for line in lines):
                raise ValueError("not finite")
            print("\n".join(lines))
            done += 1
        except Exception as error:
            refused[f"{op}: {type(error).__name__} {str(error).splitlines()[0][:90] if str(error) else ''}"] += 1
    print(f"{done} cases", file=sys.stderr)
    for reason, count in sorted(refused.items()):
        print(f"  {count} {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
