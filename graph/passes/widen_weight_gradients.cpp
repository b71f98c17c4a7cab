#include "graph/passes/widen_weight_gradients.h"

#include <algorithm>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::graph {
namespace {

class WeightGradients {
 public:
  explicit WeightGradients(Graph& graph) : graph_(graph), users_(users(graph)) {}

  void try_widen(NodeId id) {
    const std::vector<ValueId> outputs = graph_.node(id).outputs;
    for (const ValueId output : outputs) {
      if (output.valid() && !only_cast_to_float32(output)) {
        return;
      }
    }
    graph_.node(id).attrs.set("wide", std::int64_t{1});
    infer_node(graph_, id);
    for (const ValueId output : outputs) {
      if (!output.valid()) {
        continue;
      }
      const NodeId cast = users_[static_cast<std::size_t>(output.index)].front();
      const ValueId wide = graph_.node(cast).outputs.front();
      graph_.remove_node(cast);
      graph_.replace_uses(wide, output);
    }
  }

 private:
  bool only_cast_to_float32(ValueId id) const {
    const auto& readers = users_[static_cast<std::size_t>(id.index)];
    const auto is_bound = [&](const auto& bound) { return bound.value == id; };
    if (size_of(graph_.value(id).dtype) != 2 || readers.size() != 1 ||
        std::any_of(graph_.outputs.begin(), graph_.outputs.end(), is_bound) ||
        std::any_of(graph_.updates.begin(), graph_.updates.end(), is_bound)) {
      return false;
    }
    const Node& reader = graph_.node(readers.front());
    return reader.op->movement == Movement::kConvert &&
           graph_.value(reader.outputs.front()).dtype == DType::kFloat32;
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;
};

}  // namespace

void widen_weight_gradients(Graph& graph) {
  WeightGradients gradients(graph);
  for (const NodeId id : topological_order(graph)) {
    if (graph.node(id).op->can_widen) {
      gradients.try_widen(id);
    }
  }
}

}  // namespace temper::graph
