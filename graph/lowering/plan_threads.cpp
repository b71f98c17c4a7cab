#include "graph/lowering/plan_threads.h"

#include <string>

#include "graph/ir/op_def.h"

namespace temper::graph {
namespace {

// What the products of a kernel do in the time an element takes from memory and back.
constexpr double kPerElement = 16;

double elements(const Graph& graph, ValueId id) {
  return id.valid() ? static_cast<double>(graph.value(id).shape.element_count()) : 0;
}

double last_dim(const Graph& graph, ValueId id) {
  const Shape& shape = graph.value(id).shape;
  return shape.rank() > 0 ? static_cast<double>(shape[shape.rank() - 1]) : 1;
}

// Each output of a convolution takes the weights of its channel once.
double convolution(const Graph& graph, ValueId y, ValueId weights) {
  const Shape& w = graph.value(weights).shape;
  const auto channels = static_cast<double>(w.rank() > 0 ? w[0] : 1);
  return channels > 0 ? 2 * elements(graph, y) * elements(graph, weights) / channels : 0;
}

// 0 for ops that are no product.
double product_of(const Graph& graph, const Node& node) {
  const std::string& op = node.op->name();
  const auto& in = node.inputs;
  const auto& out = node.outputs;
  if (op == "MatMul") {
    return 2 * elements(graph, in[0]) * last_dim(graph, in[1]);
  }
  if (op == "Gemm") {
    return 2 * elements(graph, in[0]) * last_dim(graph, out[0]);
  }
  if (op == "LinearGradWeights") {
    return 2 * elements(graph, in[0]) * last_dim(graph, in[1]);
  }
  if (op == "Conv") {
    return convolution(graph, out[0], in[1]);
  }
  if (op == "ConvGradData") {
    return convolution(graph, in[1], in[0]);
  }
  if (op == "ConvTranspose") {
    return convolution(graph, in[0], in[1]);
  }
  if (op == "ConvGradWeights" && out[0].valid()) {
    return convolution(graph, in[1], out[0]);
  }
  return 0;
}

}  // namespace

double work_of(const Graph& graph) {
  double work = 0;
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (node.removed || node.op->is_reshape) {
      continue;
    }
    work += product_of(graph, node);
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
