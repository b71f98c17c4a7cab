#!/usr/bin/env python3
"""Writes ONNX's backend node tests as files: DIR/CASE/model.onnx, DIR/CASE/test_data_set_0/*.pb, DIR/index.txt.

Usage: build/venv/bin/python tests/onnx_node/write_cases.py build/onnx_node   (tools/test_venv.sh does it)

The cases are code in the onnx package. A line of the index is: case, op tested, all ops of the model, separated by
tabs. Cases with sequences, maps or optional values have no tensor files.
"""
import os
import shutil
import sys
import warnings

from onnx import TensorProto, numpy_helper
from onnx.backend.test.case import model, node


def tested_op(case, ops_by_name):
    """A function's body is tested under its name with "_expanded" behind it, Gradient on models of other ops."""
    ops = [each.op_type for each in case.model.graph.node]
    if "Gradient" in ops:
        return "Gradient"
    base = case.name.split("_expanded")[0]
    return ops_by_name.get(base, case.model.graph.node[0].op_type)


def write_tensor(path, value, name):
    if not isinstance(value, TensorProto):
        value = numpy_helper.from_array(value, name)
    with open(path, "wb") as file:
        file.write(value.SerializeToString())


def write_case(folder, case):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write(case.model.SerializeToString())
    graph = case.model.graph
    if not all(v.type.HasField("tensor_type") for v in [*graph.input, *graph.output]):
        return
    inputs, outputs = case.data_sets[0]
    for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
        for i, (value, info) in enumerate(zip(values, infos, strict=True)):
            write_tensor(os.path.join(data, f"{kind}_{i}.pb"), value, info.name)


def main():
    target = sys.argv[1]
    warnings.simplefilter("ignore", RuntimeWarning)  # cases that divide by zero on purpose
    # Gradient is tested by models, whose other nodes are tested alone.
    gradients = [case for case in model.collect_testcases() if case.name.startswith("test_gradient_")]
    cases = [*node.collect_testcases(None), *gradients]
    ops_by_name = {case.name: case.model.graph.node[0].op_type for case in cases}
    shutil.rmtree(target, ignore_errors=True)
    lines = []
    for case in sorted(cases, key=lambda c: c.name):
        write_case(os.path.join(target, case.name), case)
        ops = sorted({each.op_type for each in case.model.graph.node})
        lines.append("\t".join([case.name, tested_op(case, ops_by_name), ",".join(ops)]))
    # Last: its presence says that all is there.
    with open(os.path.join(target, "index.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
