#include "training/analysis/observed_values.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "graph/onnx/deploy/inner_outputs.h"
#include "graph/onnx/deploy/weight_range.h"

namespace temper::training {

namespace {

TrialResult run_all(const graph::OnnxModel& model, TrialRunner& runner) {
  graph::ModelEdit probe(model);
  graph::make_values_outputs(probe);
  return runner.run(probe.model());
}

// Without what stands for infinity.
double larger(double largest, double element) {
  const double size = std::abs(element);
  return size <= graph::kStandsForInfinity ? std::max(largest, size) : largest;
}

}  // namespace

graph::KnownValues known_values(const graph::OnnxModel& model, TrialRunner& runner) {
  const TrialResult result = run_all(model, runner);
  graph::KnownValues values;
  for (std::size_t i = 0; i < result.names.size(); ++i) {
    values[result.names[i]] = {result.values[i].dtype(), result.values[i].shape()};
  }
  for (const graph::OnnxValueInfo& input : model.inputs()) {
    if (input.rank_known) {
      Shape shape;
      for (const auto& dim : input.dims) {
        shape.push_back(std::max<std::int64_t>(dim.value, 0));
      }
      values[input.name] = {input.dtype, shape};
    }
  }
  return values;
}

graph::ObservedValues observe_values(const graph::OnnxModel& model, TrialRunner& runner) {
  const TrialResult result = run_all(model, runner);
  graph::ObservedValues values;
  for (std::size_t i = 0; i < result.names.size(); ++i) {
    const Tensor& tensor = result.values[i];
    if (tensor.dtype() != DType::kFloat32) {
      continue;
    }
    double largest = 0;
    for (const double element : tensor.values<double>()) {
      largest = larger(largest, element);
    }
    values[result.names[i]] = largest;
  }
  return values;
}

void widen_by_data(const graph::OnnxModel& model, const graph::RunValues& run,
                   graph::ObservedValues& values) {
  for (const graph::OnnxValueInfo& input : model.inputs()) {
    if (input.file_type == "FLOAT") {
      values.try_emplace(input.name, 0);
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, largest] : values) {
    names.push_back(name);
  }
  run(graph::ModelEdit(model), names, [&](std::size_t i, std::span<const float> numbers) {
    double& largest = values.at(names[i]);
    for (const float number : numbers) {
      largest = larger(largest, number);
    }
  });
}

}  // namespace temper::training
