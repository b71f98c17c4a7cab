#include "training/analysis/observed_values.h"

#include <algorithm>
#include <cmath>

#include "graph/onnx/deploy/inner_outputs.h"
#include "graph/onnx/deploy/weight_range.h"

namespace temper::training {

namespace {

TrialResult run_all(const graph::OnnxModel& model, TrialRunner& runner) {
  graph::ModelEdit probe(model);
  graph::make_values_outputs(probe);
  return runner.run(probe.model());
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
      const double size = std::abs(element);
      largest = size <= graph::kStandsForInfinity ? std::max(largest, size) : largest;
    }
    values[result.names[i]] = largest;
  }
  return values;
}

}  // namespace temper::training
