#include "graph/passes/integer_roundings.h"

#include <string>

#include "graph/ir/op_def.h"
#include "runtime/base/one_number.h"

namespace temper::graph {
namespace {

bool is_float32(const Graph& graph, ValueId id) { return graph.value(id).dtype == DType::kFloat32; }

// One scale in f32, no blocks, no other precision.
bool is_plain(const Graph& graph, const Node& node) {
  return node.attrs.get_int("block_size", 0) == 0 && !node.attrs.has("precision") &&
         is_float32(graph, node.inputs[1]) && is_one_number(graph.value(node.inputs[1]).shape);
}

}  // namespace

bool has_operand(const Node& node, std::size_t i) {
  return i < node.inputs.size() && node.inputs[i].valid();
}

bool is_product(const Graph& graph, const Node& node) {
  if (node.removed || node.op->is_expanded || node.op->linear == Linear::kNone ||
      !is_float32(graph, node.inputs[0]) || !is_float32(graph, node.outputs[0])) {
    return false;
  }
  return node.op->linear == Linear::kConvolution ||
         (graph.value(node.inputs[0]).shape.rank() >= 2 &&
          graph.value(node.inputs[1]).shape.rank() == 2 && node.attrs.get_int("transA", 0) == 0 &&
          node.attrs.get_double("alpha", 1) == 1 && node.attrs.get_double("beta", 1) == 1);
}

bool is_rounding(const Graph& graph, const Node& node) {
  return node.op->movement == Movement::kRound && node.inputs.size() > 1 &&
         graph.value(node.outputs[0]).dtype == DType::kUInt8 && is_plain(graph, node) &&
         is_float32(graph, node.inputs[0]);
}

bool is_unrounding(const Graph& graph, const Node& node) {
  return node.op->movement == Movement::kUnround &&
         graph.value(node.inputs[0]).dtype == DType::kUInt8 && is_plain(graph, node) &&
         is_float32(graph, node.outputs[0]);
}

bool is_round_trip(const Graph& graph, const Node& node) {
  const std::string type = node.attrs.get_string("quantized", "");
  const bool is_signed = type == to_string(DType::kInt8);
  return !node.removed && !node.op->gradient_op_name.empty() &&
         (is_signed || type == to_string(DType::kUInt8)) && is_plain(graph, node) &&
         is_float32(graph, node.inputs[0]) && is_float32(graph, node.outputs[0]) &&
         (!is_signed || !has_operand(node, 2) ||
          graph.value(node.inputs[2]).kind == ValueKind::kConstant);
}

bool reads_rounded(const Graph& graph, ValueId id) {
  const auto is_made = [&](ValueId value) { return graph.value(value).kind == ValueKind::kNode; };
  if (!is_made(id)) {
    return false;
  }
  const Node& node = graph.node(graph.value(id).producer);
  return is_round_trip(graph, node) || is_unrounding(graph, node) ||
         (node.op->arithmetic == Arithmetic::kDivide && is_made(node.inputs[0]) &&
          is_round_trip(graph, graph.node(graph.value(node.inputs[0]).producer)));
}

}  // namespace temper::graph
