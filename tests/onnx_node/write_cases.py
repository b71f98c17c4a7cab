#!/usr/bin/env python3
"""Writes ONNX's backend node tests as files: DIR/CASE/model.onnx, DIR/CASE/test_data_set_0/*.pb, DIR/index.txt.

Usage: build/venv/bin/python tests/onnx_node/write_cases.py build/onnx_node   (tools/test_venv.sh does it)

The cases are code in the onnx package. A line of the index is: case, op tested, all ops of the model, separated by
tabs. Where a case takes or gives a sequence or an optional value, nodes that make it of tensors, or take it apart, are
put around its own. Cases with maps have no tensor files.
"""
import os
import shutil
import sys
import warnings

import numpy
from onnx import ModelProto, TensorProto, helper, numpy_helper
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


class TensorsOnly:
    """A case's model whose inputs and outputs are tensors, and their values."""

    def __init__(self, case):
        self.model = ModelProto()
        self.model.CopyFrom(case.model)
        graph = self.model.graph
        given, wanted = case.data_sets[0]
        infos, outputs, nodes = list(graph.input), list(graph.output), list(graph.node)
        for field in ("input", "output", "node"):
            graph.ClearField(field)
        self.inputs, self.outputs = [], []
        for info, value in zip(infos, given, strict=True):
            self.make(info.name, info.type, value, info)
        graph.node.extend(nodes)
        for info, value in zip(outputs, wanted, strict=True):
            self.take_apart(info.name, info.type, value, info)

    def node(self, op, inputs, output, **attributes):
        self.model.graph.node.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    @staticmethod
    def info(name, value):
        value = numpy.asarray(value)
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)

    def make(self, name, kind, value, info=None):
        if kind.HasField("sequence_type"):
            parts = [f"{name}.{i}" for i in range(len(value))]
            for part, one in zip(parts, value, strict=True):
                self.make(part, kind.sequence_type.elem_type, one)
            op = "SequenceConstruct" if parts else "SequenceEmpty"
            self.node(op, parts, name)
        elif kind.HasField("optional_type"):
            inner = kind.optional_type.elem_type
            if value is None:
                self.node("Optional", [], name, type=inner)
            else:
                self.make(name + ".value", inner, value)
                self.node("Optional", [name + ".value"], name)
        else:
            self.model.graph.input.append(info or self.info(name, value))
            self.inputs.append((name, value))

    def take_apart(self, name, kind, value, info=None):
        if kind.HasField("sequence_type"):
            self.take_apart(self.node("SequenceLength", [name], name + ".length"), TENSOR, numpy.int64(len(value)))
            for i, one in enumerate(value):
                self.model.graph.initializer.append(numpy_helper.from_array(numpy.int64(i), f"{name}.at{i}"))
                part = self.node("SequenceAt", [name, f"{name}.at{i}"], f"{name}.{i}")
                self.take_apart(part, kind.sequence_type.elem_type, one)
        elif kind.HasField("optional_type"):
            has = self.node("OptionalHasElement", [name], name + ".has")
            self.take_apart(has, TENSOR, numpy.bool_(value is not None))
            if value is not None:
                inner = self.node("OptionalGetElement", [name], name + ".value")
                self.take_apart(inner, kind.optional_type.elem_type, value)
        else:
            self.model.graph.output.append(info or self.info(name, value))
            self.outputs.append((name, value))


TENSOR = helper.make_tensor_type_proto(TensorProto.INT64, [])


def write_case(folder, case):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    graph = case.model.graph
    has_map = any(v.type.HasField("map_type") for v in [*graph.input, *graph.output])
    tensors = None if has_map else TensorsOnly(case)
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write((case.model if has_map else tensors.model).SerializeToString())
    if has_map:
        return
    for kind, values in (("input", tensors.inputs), ("output", tensors.outputs)):
        for i, (name, value) in enumerate(values):
            write_tensor(os.path.join(data, f"{kind}_{i}.pb"), value, name)


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
