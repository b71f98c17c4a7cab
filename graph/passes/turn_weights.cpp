#include "graph/passes/turn_weights.h"

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::graph {
namespace {

// W where `id` is W^T; an invalid id: it is not.
ValueId before_turn(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (value.kind != ValueKind::kNode || value.shape.rank() != 2) {
    return {};
  }
  const Node& node = graph.node(value.producer);
  const bool turns = node.op->movement == Movement::kPermute &&
                     node.attrs.get_ints("perm", {}) == std::vector<std::int64_t>{1, 0};
  return turns ? node.inputs.front() : ValueId{};
}

void turn(Graph& graph, NodeId product, ValueId weight) {
  const ValueId x = graph.node(product).inputs[0];
  const ValueId outer = graph.node(product).outputs.front();
  Builder b(graph, graph.node(product).origin);
  const Shape from = b.shape(x), to = b.shape(outer);
  const int last = from.rank() - 1;
  const bool is_matrix = from.rank() == 2;
  const ValueId rows = is_matrix ? x : b.reshape(x, {from.count(0, last), from[last]});
  ValueId made = b.op("Gemm", {rows, weight}, {{"transB", std::int64_t{1}}});
  made = is_matrix ? made : b.reshape(made, to);
  graph.value(made).name.swap(graph.value(outer).name);
  graph.remove_node(product);
  graph.replace_uses(outer, made);
}

}  // namespace

void turn_weights(Graph& graph) {
  for (const NodeId id : topological_order(graph)) {
    const Node& node = graph.node(id);
    if (node.op->linear != Linear::kMatrix || !node.op->is_bare_product() ||
        graph.value(node.inputs[0]).shape.rank() < 2 ||
        !is_float(graph.value(node.inputs[0]).dtype)) {
      continue;
    }
    if (const ValueId weight = before_turn(graph, node.inputs[1]); weight.valid()) {
      turn(graph, id, weight);
    }
  }
}

}  // namespace temper::graph
