#include "graph/lowering/plan_threads.h"

#include "graph/ir/op_def.h"

namespace temper::graph {
namespace {

// What the products of a kernel do in the time an element takes from memory and back.
constexpr double kPerElement = 16;

double elements(const Graph& graph, ValueId id) {
  return id.valid() ? static_cast<double>(graph.value(id).shape.element_count()) : 0;
}

bool takes_a_step(const Node& node) { return !node.removed && !node.op->is_reshape(); }

}  // namespace

int steps_of(const Graph& graph) {
  int steps = 0;
  for (int i = 0; i < graph.node_count(); ++i) {
    steps += takes_a_step(graph.node(NodeId{i})) ? 1 : 0;
  }
  return steps;
}

double work_of(const Graph& graph) {
  double work = 0;
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (!takes_a_step(node)) {
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
  if (threads <= 1) {
    return threads;
  }
  const double work = work_of(graph);
  return work < kSmallPlan && work < kLargeStep * steps_of(graph) ? 1 : threads;
}

}  // namespace temper::graph
