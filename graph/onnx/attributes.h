// Node attributes from the file: to Attrs, and the tensor of a Constant node.
#pragma once

#include <string>

#include "graph/ir/op_def.h"
#include "graph/onnx/flatten.h"
#include "runtime/base/attrs.h"
#include "runtime/memory/tensor.h"

namespace temper::graph {

// The tensor of `op`'s filler attribute becomes `value` and `dtype`. THROWS: kUnsupported for
// tensors, graphs and types elsewhere, kInvalidModel for a type ONNX does not know.
Attrs read_attributes(const FlatNode& node, const OpDef& op);

// Of a Constant node: why its value cannot be read ("Constant nodes with sparse_value"), or "".
std::string constant_problem(const FlatNode& node);
// Whether a Constant node without a tensor (value_float, value_floats, value_int, value_ints) holds
// floats.
bool holds_float(const FlatNode& node);
Tensor constant_from_attributes(const FlatNode& node, const std::string& what);

}  // namespace temper::graph
