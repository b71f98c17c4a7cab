#include "tests/ops/case_graph.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"

namespace temper::op_suite {
namespace {

std::vector<double> numbers_of(const OpInput& input, DType dtype, unsigned seed) {
  const auto count = static_cast<std::size_t>(input.shape.element_count());
  if (!input.explicit_values.empty() || count == 0) {
    TEMPER_ASSERT(input.explicit_values.size() == count, "case values do not fit ", input.shape);
    return input.explicit_values;
  }
  std::mt19937 random_engine(seed);
  std::vector<double> numbers(count);
  if (input.is_distinct) {
    std::iota(numbers.begin(), numbers.end(), 0.0);
    std::shuffle(numbers.begin(), numbers.end(), random_engine);
    for (double& number : numbers) {
      number = input.low + (input.high - input.low) * (number + 0.5) / static_cast<double>(count);
    }
    return numbers;
  }
  std::uniform_real_distribution<double> uniform(input.low, input.high);
  const auto near_kink = [&](double x) {
    return std::any_of(input.kinks.begin(), input.kinks.end(),
                       [&](double kink) { return std::abs(x - kink) < 0.05; });
  };
  for (double& number : numbers) {
    do {
      number = uniform(random_engine);
    } while (near_kink(number));
    if (dtype == DType::kBool) {
      number = number > (input.low + input.high) / 2 ? 1 : 0;
    } else if (is_integer(dtype)) {
      number = std::floor(number);
    }
  }
  return numbers;
}

}  // namespace

CaseGraph::CaseGraph(const OpCase& op_case, DType dtype) : graph(graph::standard_ops()) {
  unsigned seed = 1;
  for (const OpInput& input : op_case.inputs) {
    if (input.is_missing) {
      values.emplace_back();
      tensors.emplace_back();
      continue;
    }
    const DType type = input.dtype == DType::kUndefined ? dtype : input.dtype;
    const std::vector<double> numbers = numbers_of(input, type, 1000 + seed++);
    tensors.push_back(Tensor::from<double>(type, input.shape, numbers));
    values.push_back(input.is_constant
                         ? graph.add_constant({}, tensors.back())
                         : graph.add_input(concat("x", values.size()), type, input.shape));
  }
  graph::Builder builder(graph, op_case.op);
  const std::vector<ValueId> made =
      builder.ops(op_case.op, values, op_case.outputs, op_case.attrs, op_case.wanted);
  const auto output = std::find_if(made.begin(), made.end(), [](auto id) { return id.valid(); });
  TEMPER_ASSERT(output != made.end(), op_case.op, " wants no output");
  node = graph.value(*output).producer;
}

std::vector<Tensor> CaseGraph::kernel_inputs() const {
  std::vector<Tensor> inputs = tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i >= graph.node(node).inputs.size() || !graph.node(node).inputs[i].valid()) {
      inputs[i] = {};
    }
  }
  inputs.resize(graph.node(node).inputs.size());
  return inputs;
}

std::vector<HostTensor> CaseGraph::host_inputs() const {
  std::vector<HostTensor> inputs;
  for (const Tensor& tensor : tensors) {
    inputs.push_back(tensor.defined() ? to_host(tensor) : HostTensor{});
  }
  return inputs;
}

HostTensor to_host(const Tensor& tensor) { return {tensor.shape(), tensor.values<double>()}; }

}  // namespace temper::op_suite
