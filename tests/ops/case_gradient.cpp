#include "tests/ops/case_gradient.h"

#include <algorithm>
#include <random>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"

namespace temper::op_suite {

bool is_differentiated(const OpCase& op_case) { return !op_case.differentiate.empty(); }

std::vector<double> functional(std::size_t output, std::int64_t count) {
  std::mt19937 engine(static_cast<unsigned>(77 + output));
  std::uniform_real_distribution<double> uniform(0.3, 1.7);
  std::vector<double> weights(static_cast<std::size_t>(count));
  for (double& weight : weights) {
    weight = uniform(engine) * ((engine() & 1U) != 0 ? 1 : -1);
  }
  return weights;
}

bool counts_in_loss(const OpCase& op_case, const graph::Graph& graph, ValueId output,
                    std::size_t i) {
  const auto& excluded = op_case.not_differentiable_outputs;
  return output.valid() && is_float(graph.value(output).dtype) &&
         std::find(excluded.begin(), excluded.end(), static_cast<int>(i)) == excluded.end();
}

std::vector<ValueId> add_gradient(const OpCase& op_case, CaseGraph& case_graph) {
  graph::Graph& graph = case_graph.graph;
  graph::Builder builder(graph, "test loss");
  ValueId loss;
  const std::vector<ValueId> outputs = case_graph.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!counts_in_loss(op_case, graph, outputs[i], i)) {
      continue;
    }
    const DType dtype = builder.dtype(outputs[i]);
    const Shape shape = builder.shape(outputs[i]);
    const std::vector<double> weights = functional(i, shape.element_count());
    const ValueId constant = graph.add_constant({}, Tensor::from<double>(dtype, shape, weights));
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      axes.push_back(axis);
    }
    ValueId part = builder.mul(outputs[i], constant);
    part = axes.empty() ? part : builder.reduce_sum(part, axes, false);
    loss = loss.valid() ? builder.add(loss, part) : part;
  }
  std::vector<ValueId> wrt;
  for (const int i : op_case.differentiate) {
    wrt.push_back(case_graph.values[static_cast<std::size_t>(i)]);
  }
  return graph::gradient(graph, loss, wrt);
}

std::map<ValueId, Tensor> known_values(const CaseGraph& case_graph) {
  std::map<ValueId, Tensor> known;
  for (std::size_t i = 0; i < case_graph.values.size(); ++i) {
    if (case_graph.values[i].valid()) {
      known[case_graph.values[i]] = case_graph.tensors[i];
    }
  }
  return known;
}

}  // namespace temper::op_suite
