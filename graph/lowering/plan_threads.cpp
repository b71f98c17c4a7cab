#include "graph/lowering/plan_threads.h"

#include "graph/ir/op_def.h"

namespace temper::graph {
namespace {

// What the products of a kernel do in the time an element takes from memory and back.
constexpr double kPerElement = 16;

double elements(const Graph& graph, ValueId id) {
  return id.valid() ? static_cast<double>(graph.value(id).shape.element_count()) : 0;
}

}  // namespace

double work_of(const Graph& graph) {
  double work = 0;
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (node.removed || node.op->is_reshape()) {
      continue;
    }
    work += node.op->work_function != nullptr ? node.op->work_function(graph, node) : 0;
    for (const auto* values : {&node.inputs, &node.outputs}) {
      for (const ValueId id : *values) {
        work += kPerElement * elements(graph, id);
      }
    }
  }
  return work;
}

int threads_of_plan(const Graph& graph, int threads) {
  return threads > 1 && work_of(graph) < kSmallPlan ? 1 : threads;
}

}  // namespace temper::graph
