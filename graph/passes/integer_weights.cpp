#include "graph/passes/integer_weights.h"

#include <algorithm>
#include <cmath>

#include "graph/ir/op_def.h"
#include "graph/passes/integer_roundings.h"
#include "runtime/base/one_number.h"

namespace temper::graph {
namespace {

// A constant of 8-bit numbers: what was folded of a Cast.
std::optional<Tensor> as_integers(const Tensor& tensor) {
  const std::vector<float> values = tensor.values<float>();
  const bool fits = std::all_of(values.begin(), values.end(), [](float v) {
    return v >= -128 && v <= 127 && v == std::nearbyint(v);
  });
  return fits ? std::optional(Tensor::from<float>(DType::kInt8, tensor.shape(), values))
              : std::nullopt;
}

bool is_zero(const Value& value) {
  if (value.kind != ValueKind::kConstant) {
    return false;
  }
  const std::vector<float> numbers = value.constant.values<float>();
  return std::all_of(numbers.begin(), numbers.end(), [](float v) { return v == 0; });
}

// Of a DequantizeLinear whose scales, if several, lie along `axis`.
std::optional<IntegerWeight> unrounded(const Graph& graph, const Node& node, int axis) {
  const Shape& scale = graph.value(node.inputs[1]).shape;
  const bool fits =
      is_one_number(scale) || (scale.rank() == 1 && node.attrs.get_int("axis", 1) == axis);
  if (graph.value(node.inputs[0]).dtype != DType::kInt8 ||
      graph.value(node.inputs[1]).dtype != DType::kFloat32 || !fits ||
      node.attrs.get_int("block_size", 0) != 0 ||
      (has_operand(node, 2) && !is_zero(graph.value(node.inputs[2])))) {
    return std::nullopt;
  }
  IntegerWeight weight;
  weight.value = node.inputs[0];
  weight.scale = node.inputs[1];
  return weight;
}

}  // namespace

std::optional<IntegerWeight> integer_weight(const Graph& graph, const Node& product,
                                            const std::vector<bool>& settled) {
  ValueId id = product.inputs[1];
  const auto at = static_cast<std::size_t>(id.index);
  if (at >= settled.size() || !settled[at]) {
    return std::nullopt;
  }
  const bool is_matrix = product.op->linear == Linear::kMatrix;
  bool transposed = is_matrix && product.attrs.get_int(product.op->weight_transpose, 0) != 0;
  int axis = !is_matrix || transposed ? 0 : 1;
  if (is_matrix && graph.value(id).kind == ValueKind::kNode &&
      graph.node(graph.value(id).producer).op->movement == Movement::kPermute) {
    id = graph.node(graph.value(id).producer).inputs[0];
    transposed = !transposed;
    axis = 1 - axis;
  }
  const Value& value = graph.value(id);
  std::optional<IntegerWeight> weight;
  if (value.kind == ValueKind::kConstant) {
    if (const auto integers = as_integers(value.constant)) {
      weight.emplace();
      weight->constant = *integers;
    }
  } else if (value.kind == ValueKind::kNode) {
    const Node& node = graph.node(value.producer);
    if (node.op->movement == Movement::kUnround) {
      weight = unrounded(graph, node, axis);
    } else if (node.op->movement == Movement::kConvert &&
               graph.value(node.inputs[0]).dtype == DType::kInt8) {
      weight.emplace();
      weight->value = node.inputs[0];
    }
  }
  if (weight) {
    weight->transposed = transposed;
  }
  return weight;
}

}  // namespace temper::graph
