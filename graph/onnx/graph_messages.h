// Parts of a graph as messages of an ONNX file: values, tensors and nodes, for the writers of
// graphs. Private to graph/onnx.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/external_writer.h"
#include "graph/onnx/model_writer.h"

namespace temper::wire {
class GraphProto;
class TensorProto;
class ValueInfoProto;
}  // namespace temper::wire

namespace temper::graph {

// The version of the format that came with an opset; PyTorch writes no older one than 10.
std::int64_t ir_version_of(std::int64_t opset);

// TensorProto.DataType. THROWS: kInternal for a type that ONNX has not.
std::int32_t onnx_type(DType dtype);

void declare_value(wire::ValueInfoProto& info, const std::string& name, DType dtype,
                   const std::vector<Dim>& dims);

// An initializer without its values.
wire::TensorProto& add_tensor(wire::GraphProto& out, const std::string& name, DType dtype,
                              const Shape& shape);

// The values a variable begins with, as they are in memory: little-endian, as ONNX stores them.
StreamedBytes initial_bytes(const Variable& variable);

// Initializers of these variables with what they begin with: in `held`, or, where they are more
// than `inline_bytes` together, in a data file beside `path`, which is written at once.
void add_variables(wire::GraphProto& out, const Graph& graph,
                   const std::vector<VariableId>& variables, std::int64_t inline_bytes,
                   const std::string& path, HeldData& held);

// `names`: of each value of the graph.
void add_node(wire::GraphProto& out, const Node& node, const std::vector<std::string>& names);

}  // namespace temper::graph
