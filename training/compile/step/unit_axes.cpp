#include "training/compile/step/unit_axes.h"

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::training {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

namespace {

// Whether a product takes this weight as [inputs, outputs].
bool multiplies_as_it_lies(const Graph& graph, ValueId weight,
                           const std::vector<std::vector<NodeId>>& users) {
  for (const NodeId id : users[static_cast<std::size_t>(weight.index)]) {
    const Node& node = graph.node(id);
    const graph::OpDef& op = *node.op;
    if (op.movement == graph::Movement::kConvert &&
        multiplies_as_it_lies(graph, node.outputs[0], users)) {
      return true;
    }
    const bool right = node.inputs.size() > 1 && node.inputs[1] == weight;
    const bool transposed =
        !op.weight_transpose.empty() && node.attrs.get_int(op.weight_transpose, 0) != 0;
    if (right && op.linear == graph::Linear::kMatrix && !transposed) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::int64_t> unit_axes(Graph& graph,
                                    const std::vector<graph::VariableId>& parameters) {
  std::vector<ValueId> weights;
  for (const graph::VariableId id : parameters) {
    weights.push_back(graph.read_variable(id));
  }
  const auto users = graph::users(graph);
  std::vector<std::int64_t> axes;
  for (const ValueId weight : weights) {
    const std::int64_t rank = graph.value(weight).shape.rank();
    axes.push_back(rank < 2 ? -1 : multiplies_as_it_lies(graph, weight, users) ? rank - 1 : 0);
  }
  return axes;
}

}  // namespace temper::training
