#include "graph/onnx/surgery/trial_run.h"

#include <algorithm>
#include <cmath>

#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr double kTolerance = 1e-4;

// How far apart, measured by the largest value; infinite where the shapes differ.
double distance(const Tensor& expected, const Tensor& actual) {
  if (expected.shape() != actual.shape()) {
    return HUGE_VAL;
  }
  const std::vector<double> a = expected.values<double>(), b = actual.values<double>();
  double far = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = std::isnan(a[i]) && std::isnan(b[i]);
    if (both_nan || a[i] == b[i]) {
      continue;
    }
    far = std::max(far, std::isfinite(a[i] - b[i]) ? std::abs(a[i] - b[i]) : HUGE_VAL);
  }
  for (const double value : a) {
    largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
  }
  return far / largest;
}

}  // namespace

Tensor trial_samples(DType dtype, const Shape& shape, std::uint64_t seed) {
  std::vector<double> numbers(static_cast<std::size_t>(shape.element_count()));
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (double& number : numbers) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const auto bits = static_cast<double>(state >> 40) / static_cast<double>(1 << 24);
    number = is_float(dtype) ? 2 * bits - 1 : bits < 0.5 ? 0 : 1;
  }
  return Tensor::from<double>(dtype, shape, numbers);
}

std::vector<Tensor> trial_outputs(const Graph& graph, const std::vector<Tensor>& inputs,
                                  const Trial& trial) {
  std::map<ValueId, Tensor> known;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    known[graph.inputs[i]] = inputs[i];
  }
  std::vector<ValueId> wanted;
  for (const Graph::Output& output : graph.outputs) {
    wanted.push_back(output.value);
  }
  return evaluate(graph, trial.backend, known, wanted, trial.threads);
}

void check_close(const std::string& output, const Tensor& expected, const Tensor& actual,
                 const std::string& when) {
  const double far = distance(expected, actual);
  TEMPER_CHECK(far <= kTolerance, ErrorCode::kUnsupported,
               "the changed model does not give what it "
               "gave: output '",
               output, "' ", when, " is ", actual.shape(), ", expected ", expected.shape(),
               ", and differs by ", far, " of its largest value; nothing was written");
}

}  // namespace temper::graph
