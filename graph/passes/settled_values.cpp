#include "graph/passes/settled_values.h"

#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::graph {

std::vector<bool> settled_variables(const Graph& graph) {
  std::vector<bool> settled(static_cast<std::size_t>(graph.variable_count()));
  for (std::size_t i = 0; i < settled.size(); ++i) {
    const Variable& variable = graph.variable(VariableId{static_cast<int>(i)});
    settled[i] = variable.identity.is_of_model() || variable.is(VariableKind::kTeacher);
  }
  for (const UpdateBinding& update : graph.updates) {
    settled[static_cast<std::size_t>(update.variable.index)] = false;
  }
  return settled;
}

bool repeats(const Node& node) {
  return !node.inputs.empty() && !node.op->is_stateful && node.bodies.empty();
}

std::vector<bool> settled_values(const Graph& graph) {
  const std::vector<bool> variables = settled_variables(graph);
  std::vector<bool> settled(static_cast<std::size_t>(graph.value_count()), false);
  for (std::size_t i = 0; i < settled.size(); ++i) {
    const Value& value = graph.value(ValueId{static_cast<int>(i)});
    settled[i] = value.kind == ValueKind::kVariable
                     ? variables[static_cast<std::size_t>(value.variable.index)]
                     : value.kind == ValueKind::kConstant;
  }
  for (const NodeId id : topological_order(graph)) {
    const Node& node = graph.node(id);
    const bool once =
        repeats(node) && std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
          return !input.valid() || settled[static_cast<std::size_t>(input.index)];
        });
    for (const ValueId output : node.outputs) {
      if (output.valid()) {
        settled[static_cast<std::size_t>(output.index)] = once;
      }
    }
  }
  return settled;
}

void mark_settled_weights(Graph& graph) {
  const std::vector<bool> settled = settled_values(graph);
  for (int i = 0; i < graph.node_count(); ++i) {
    Node& node = graph.node(NodeId{i});
    if (!node.removed && node.op->linear == Linear::kConvolution &&
        graph.value(node.inputs[1]).dtype == DType::kFloat32 &&
        settled[static_cast<std::size_t>(node.inputs[1].index)]) {
      node.attrs.set("settled_weight", std::int64_t{1});
    }
  }
}

}  // namespace temper::graph
