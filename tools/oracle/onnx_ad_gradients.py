#!/usr/bin/env python3
"""Writes tests/onnx_node/expected/gradients.txt: derivatives of ONNX's node tests as onnx-ad has them, in double.

Usage: python tools/oracle/onnx_ad_gradients.py build/onnx_node > tests/onnx_node/expected/gradients.txt
(needs onnx, onnx-ad, numpy; onnxruntime where onnx's own evaluator cannot run a derivative)

Every case of one node whose inputs are floats is made a model of doubles, its other inputs constants. With dy[k] =
cos(1 + k) for element k of each float output, or of the first alone where onnx-ad refuses the others, a line holds:
case, all or first, number of an input, sum of dx[k] sin(1 + k), sum of dx[k]^2. Cases that onnx-ad refuses, or whose
derivative neither evaluator runs, are counted by reason on stderr.
"""
import collections
import fnmatch
import os
import sys
import warnings

import numpy as np
import onnx
import onnx_ad
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

# Inputs that are floats and no data: sizes and places.
PARAMETERS = {"Resize": range(1, 4), "Upsample": range(1, 2), "RoiAlign": range(1, 3)}
# Their derivatives need a ScatterND of opset 16; they are the same operators in 18.
BY_SCATTERING = ("Gather", "GatherElements", "GatherND", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")


# Where onnx-ad 0.3.0 is wrong, as PyTorch says (torch_gradients.py): windows that overlap, determinants, an empty list
# of axes, places in a larger output, mode CRD, values outside.
WRONG = ("test_maxpool_*_default", "test_maxpool_2d_pads", "test_det_*", "test_reduce_*_default_axes_keepdims_*",
         "test_maxunpool_export_with_output_shape", "test_spacetodepth_crd_mode_example",
         "test_resize_tf_crop_and_resize_extrapolation_value")
# An output is -inf where a key is masked: there is no derivative.
INFINITE = ("test_attention_4d_with_past_and_present_qk_matmul_bias_*_mask_causal",)


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
    """The floats by name; what is no float, or no data, becomes an initializer."""
    inputs = {}
    kept = []
    for i, value in enumerate(model.graph.input):
        array = numpy_helper.to_array(onnx.load_tensor(os.path.join(folder, "test_data_set_0", f"input_{i}.pb")))
        if value.type.tensor_type.elem_type != TensorProto.DOUBLE or i in PARAMETERS.get(model.graph.node[0].op_type, ()):
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
            continue
        inputs[value.name] = array.astype(np.float64)
        # The shape as numbers, which onnx-ad sums over.
        kept.append(onnx.helper.make_tensor_value_info(value.name, TensorProto.DOUBLE, array.shape))
    del model.graph.input[:]
    model.graph.input.extend(kept)
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


def adjoint_of(model, independents, dependents):
    """Of all outputs, or of the first alone."""
    try:
        return "all", onnx_ad.reverse(model, layout="onnx", inputs=independents, outputs=dependents)
    except onnx_ad.UnsupportedOperator:
        if len(dependents) == 1:
            raise
        return "first", onnx_ad.reverse(model, layout="onnx", inputs=independents, outputs=dependents[:1])


def gradients(folder):
    model = as_double(onnx.load(os.path.join(folder, "model.onnx")))
    numbers = {value.name: i for i, value in enumerate(model.graph.input)}
    feeds = read_inputs(folder, model)
    if model.graph.node[0].op_type in BY_SCATTERING:
        model.opset_import[0].version = max(model.opset_import[0].version, 18)
    outputs = list(read_output_shapes(folder, model))
    dependents = [name for name, kind, _ in outputs if kind == TensorProto.DOUBLE]
    if not feeds or not dependents:
        raise ValueError("no float input or output")
    which, adjoint = adjoint_of(model, list(feeds), dependents)
    given = {value.name for value in adjoint.graph.input}
    seeded = dict(feeds)
    for name, _, shape in outputs:
        if f"adj_{name}" in given:
            count = int(np.prod(shape))
            seeded[f"adj_{name}"] = np.cos(1.0 + np.arange(count)).reshape(*shape, 1)
    made = {value.name for value in adjoint.graph.output}
    wanted = [f"adj_{name}" for name in feeds if f"adj_{name}" in made]
    results = evaluate(adjoint, seeded, wanted)
    for name, result in zip(wanted, results, strict=True):
        flat = np.asarray(result, dtype=np.float64).ravel()
        yield which, numbers[name[len("adj_"):]], float(flat @ np.sin(1.0 + np.arange(flat.size))), float(flat @ flat)


def main():
    folder = sys.argv[1]
    warnings.simplefilter("ignore")
    refused = collections.Counter()
    done = 0
    with open(os.path.join(folder, "index.txt"), encoding="utf-8") as index:
        rows = [line.rstrip("\n").split("\t") for line in index]
    for case, op, ops in rows:
        if "," in ops or "_expanded" in case or any(fnmatch.fnmatch(case, pattern) for pattern in WRONG + INFINITE):
            continue
        try:
            lines = [f"{case}\t{which}\t{number}\t{dot:.15g}\t{norm:.15g}" for which, number, dot, norm in
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
