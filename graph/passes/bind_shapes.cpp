#include "graph/passes/bind_shapes.h"

#include <algorithm>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate.h"

namespace temper::graph {
namespace {

bool foldable(const Graph& graph, const Node& node, std::int64_t max_elements) {
  if (node.op->is_stateful) {
    return false;
  }
  std::int64_t input_elements = 0;
  for (const ValueId input : node.inputs) {
    if (!input.valid()) {
      continue;
    }
    const Value& value = graph.value(input);
    if (value.kind != ValueKind::kConstant) {
      return false;
    }
    input_elements = std::max(input_elements, value.shape.element_count());
  }
  return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
    return !output.valid() ||
           (graph.value(output).dtype != DType::kOpaque &&
            graph.value(output).shape.element_count() <= std::max(max_elements, input_elements));
  });
}

void fold(Graph& graph, const Backend& reference, NodeId id) {
  const std::vector<Tensor> results = evaluate_constant_node(graph, reference, id);
  Node& node = graph.node(id);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) {
      Value& value = graph.value(node.outputs[i]);
      value.kind = ValueKind::kConstant;
      value.constant = results[i];
      value.producer = NodeId{};
    }
  }
  node.removed = true;
}

}  // namespace

void infer_and_fold(Graph& graph, const Backend& reference, std::int64_t max_elements) {
  for (const NodeId id : topological_order(graph)) {
    infer_node(graph, id);
    if (foldable(graph, graph.node(id), max_elements)) {
      fold(graph, reference, id);
    }
  }
}

void fold_constants(Graph& graph, const Backend& reference, std::int64_t max_elements) {
  for (const NodeId id : topological_order(graph)) {
    if (foldable(graph, graph.node(id), max_elements)) {
      fold(graph, reference, id);
    }
  }
}

void bind_shapes(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                 std::int64_t unnamed_first, const Backend& reference) {
  for (const ValueId id : graph.inputs) {
    Value& value = graph.value(id);
    TEMPER_CHECK(value.rank_known, ErrorCode::kUnsupported, "input '", value.name,
                 "' declares no shape");
    for (int axis = 0; axis < value.shape.rank(); ++axis) {
      const Dim& dim = value.dims[static_cast<std::size_t>(axis)];
      const bool unnamed_batch = axis == 0 && dim.symbol.empty();
      const auto named = symbols.find(dim.symbol.empty() ? std::string("?") : dim.symbol);
      if (dim.value >= 0) {
        value.shape[axis] = dim.value;
      } else if (!unnamed_batch && named != symbols.end()) {
        value.shape[axis] = named->second;
      } else if (axis == 0) {
        value.shape[axis] = unnamed_first;
      } else {
        fail(ErrorCode::kInvalidArgument, "dimension ", axis, " of input '", value.name,
             "' is open; give its size, such as ", dim.symbol.empty() ? "?" : dim.symbol, "=64");
      }
    }
    value.shape_known = true;
  }
  infer_and_fold(graph, reference);
}

}  // namespace temper::graph
