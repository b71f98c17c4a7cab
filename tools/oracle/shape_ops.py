#!/usr/bin/env python3
"""Writes tests/ops/expected/shape_ops.cpp: outputs of onnx's reference evaluator for shape ops.

Usage: python tools/oracle/shape_ops.py > tests/ops/expected/shape_ops.cpp  (needs onnx and numpy)
"""
import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

OPSET = 28
LOWEST = -(2**63)
HIGHEST = 2**63 - 1024  # the largest a double holds: op cases keep numbers as doubles


def counting(*shape):
    """1, 2, 3, ... as float32: every element differs."""
    return np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)


def ints(*numbers):
    return np.array(numbers, dtype=np.int64)


def cases():
    """(op, attributes, inputs, number of outputs); 1-D inputs behind the first are constants."""
    yield "Reshape", {}, [counting(2, 3, 4), ints(0, -1)], 1
    yield "Reshape", {}, [counting(2, 3, 4), ints(4, 0, 2)], 1
    yield "Reshape", {}, [counting(1), np.array([], np.int64)], 1
    yield "Reshape", {"allowzero": 1}, [counting(0, 3), ints(3, 0)], 1
    for axis in (0, 1, 3, -1):
        yield "Flatten", {"axis": axis}, [counting(2, 1, 3)], 1
    yield "Squeeze", {}, [counting(1, 3, 1)], 1
    yield "Squeeze", {}, [counting(1, 3, 1), ints(-1)], 1
    yield "Unsqueeze", {}, [counting(3, 2), ints(-1, 0)], 1
    yield "Unsqueeze", {}, [counting(3, 2), ints(3, 1)], 1
    yield "Transpose", {}, [counting(2, 3, 1)], 1
    yield "Transpose", {"perm": [1, 2, 0]}, [counting(2, 3, 2)], 1
    yield "Concat", {"axis": -1}, [counting(2, 1), counting(2, 3), counting(2, 0)], 1
    yield "Concat", {"axis": 0}, [counting(1, 2), counting(3, 2)], 1
    yield "Split", {"num_outputs": 3, "axis": 0}, [counting(7)], 3
    yield "Split", {"num_outputs": 2, "axis": -1}, [counting(2, 4)], 2
    yield "Split", {"axis": 1}, [counting(2, 5), ints(1, 0, 4)], 3
    yield "Slice", {}, [counting(5, 3), ints(1), ints(HIGHEST)], 1
    yield "Slice", {}, [counting(5, 3), ints(-1, 0), ints(LOWEST, 2), ints(0, 1), ints(-2, 1)], 1
    yield "Slice", {}, [counting(7), ints(HIGHEST), ints(LOWEST), ints(-1), ints(-3)], 1
    yield "Slice", {}, [counting(7), ints(-100), ints(100), ints(0), ints(3)], 1
    yield "Slice", {}, [counting(4), ints(3), ints(0), ints(0), ints(-1)], 1
    yield "Slice", {}, [counting(4), ints(3), ints(1), ints(0), ints(1)], 1
    yield "Slice", {}, [counting(2, 4), ints(1), ints(-1), ints(-1)], 1
    yield "Gather", {"axis": 0}, [counting(4, 2), np.array([[3, -1], [0, -4]], np.int64)], 1
    yield "Gather", {"axis": -1}, [counting(2, 3), np.array(-2, np.int64)], 1
    yield "Gather", {"axis": 1}, [counting(2, 3, 2), np.array([2, 2, 0], np.int32)], 1
    yield "Expand", {}, [counting(3, 1), ints(2, 1, 4)], 1
    yield "Expand", {}, [counting(2, 3), ints(1)], 1
    yield "Pad", {}, [counting(2, 3), ints(0, 2, 1, 0), np.float32(9)], 1
    yield "Pad", {}, [counting(2, 3), ints(1, 0), None, ints(-1)], 1
    yield "Pad", {"mode": "reflect"}, [counting(2, 4), ints(1, 2, 0, 3)], 1
    yield "Pad", {"mode": "reflect"}, [counting(3), ints(5, 4)], 1
    yield "Pad", {"mode": "edge"}, [counting(2, 3), ints(1, 2, 2, 1)], 1
    yield "Pad", {"mode": "wrap"}, [counting(3, 2), ints(2, 1, 1, 1)], 1
    yield "Pad", {"mode": "wrap"}, [counting(3), ints(4, 5)], 1
    yield "Tile", {}, [counting(2, 3), ints(2, 2)], 1
    yield "Tile", {}, [counting(2, 1), ints(1, 0)], 1
    yield "Shape", {}, [counting(2, 3, 4)], 1
    yield "Shape", {"start": 1, "end": -1}, [counting(2, 3, 4)], 1
    yield "Shape", {"start": -2}, [counting(2, 3, 4)], 1
    yield "Shape", {"start": 2, "end": 1}, [counting(2, 3, 4)], 1
    yield "Size", {}, [counting(2, 3, 4)], 1
    for axis in (0, 1, -1):
        yield "OneHot", {"axis": axis}, [np.array([[0, 2], [-1, 1]], np.int64), np.float32(3),
                                         np.array([2, 5], np.float32)], 1
    tied = np.array([[1, 4, 4, 0], [3, 3, 2, 3]], np.float32)
    yield "ArgMax", {"axis": 1}, [tied], 1
    yield "ArgMax", {"axis": -1, "select_last_index": 1, "keepdims": 0}, [tied], 1
    yield "ArgMax", {"axis": 0, "keepdims": 0}, [tied], 1


def evaluate(op, attributes, inputs, outputs):
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **attributes)
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for n, x in zip(names, inputs) if n]
    results = [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None)
               for i in range(outputs)]
    model = helper.make_model(helper.make_graph([node], "case", infos, results),
                              opset_imports=[helper.make_opsetid("", OPSET)])
    return ReferenceEvaluator(model).run(None, {n: x for n, x in zip(names, inputs) if n})


def number(value):
    if isinstance(value, str):
        return f'std::string("{value}")'
    if isinstance(value, list):
        return f"std::vector<std::int64_t>{{{', '.join(str(v) for v in value)}}}"
    return f"std::int64_t{{{value}}}"


def literal(value):
    return {LOWEST: "kLowest", HIGHEST: "kHighest"}.get(int(value), str(int(value)))


def braces(numbers):
    return "{" + ", ".join(literal(v) for v in np.asarray(numbers).ravel()) + "}"


def input_text(index, x, op):
    if x is None:
        return "missing()"
    absorbed = index > 0 and not (op in ("Gather", "Concat") or (op == "OneHot" and index == 2))
    if absorbed and x.dtype == np.int64:
        return f"ints({braces(x)})"
    if absorbed:
        return f"constant_scalar({literal(x)})"
    text = f"counting({braces(x.shape)})"
    if x.dtype != np.float32 or not np.array_equal(x, counting(*x.shape)):
        text = f"values({braces(x.shape)}, {braces(x)})"
    types = {np.dtype(np.int64): "DType::kInt64", np.dtype(np.int32): "DType::kInt32"}
    return text + (f".of({types[x.dtype]})" if x.dtype in types else "")


def main():
    print(f"""// Made by tools/oracle/shape_ops.py with the evaluator of onnx {onnx.__version__}.
// Do not edit.
#include <cstdint>
#include <limits>
#include <numeric>

#include "tests/ops/shape_case.h"

namespace temper::op_suite {{
namespace {{

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max() - 1023;

// 1, 2, 3, ...
OpInput counting(const Shape& shape) {{
  std::vector<double> numbers(static_cast<std::size_t>(shape.element_count()));
  std::iota(numbers.begin(), numbers.end(), 1.0);
  return values(shape, std::move(numbers));
}}

OpCase make(std::string op, Attrs attrs, std::vector<OpInput> inputs,
            std::vector<HostTensor> outputs) {{
  OpCase made;
  made.op = std::move(op);
  made.attrs = std::move(attrs);
  made.inputs = std::move(inputs);
  made.outputs = static_cast<int>(outputs.size());
  made.expected = [outputs = std::move(outputs)](const std::vector<HostTensor>&) {{
    return outputs;
  }};
  made.dtypes = {{DType::kFloat32, DType::kInt32}};
  made.label = "onnx";
  return made;
}}

}}  // namespace

// clang-format off
std::vector<OpCase> onnx_shape_cases() {{
  std::vector<OpCase> cases;""")
    for op, attributes, inputs, outputs in cases():
        expected = evaluate(op, attributes, inputs, outputs)
        attrs = ", ".join(f'{{"{k}", {number(v)}}}' for k, v in attributes.items())
        ins = ", ".join(input_text(i, x, op) for i, x in enumerate(inputs))
        outs = ", ".join(f"HostTensor{{Shape{braces(y.shape)}, {braces(y)}}}"
                         for y in map(np.asarray, expected))
        print(f'  cases.push_back(make("{op}", {{{attrs}}}, {{{ins}}},\n'
              f"                       {{{outs}}}));")
    print("""  return cases;
}
// clang-format on

}  // namespace temper::op_suite""")


if __name__ == "__main__":
    main()
