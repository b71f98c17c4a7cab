// Second derivatives, for every case of the op suite that is differentiated: the reverse pass over
// its own output, in double, against central differences of the first derivative along random
// directions (torch.autograd.gradgradcheck's fast mode).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/passes/evaluate.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/op_case.h"
#include "tests/ops/tolerance.h"

namespace temper::op_suite {
namespace {

std::vector<double> random_numbers(unsigned seed, std::int64_t count) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> uniform(0.3, 1.7);
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) {
    number = uniform(engine) * ((engine() & 1U) != 0 ? 1 : -1);
  }
  return numbers;
}

// phi = <dx, weights> where dx is the gradient of <y, dy>; dy is an input too, so that the second
// pass differentiates with respect to everything a gradient rule reads.
class SecondOrder {
 public:
  explicit SecondOrder(const OpCase& op_case)
      : case_graph_(op_case, DType::kFloat64), builder_(case_graph_.graph, "test") {
    for (std::size_t i = 0; i < case_graph_.values.size(); ++i) {
      if (case_graph_.values[i].valid()) {
        known_[case_graph_.values[i]] = case_graph_.tensors[i];
      }
    }
    for (const int i : op_case.differentiate) {
      wrt_.push_back(case_graph_.values[static_cast<std::size_t>(i)]);
    }
    add_first(op_case);
    const std::vector<ValueId> operands = wrt_;
    wrt_.insert(wrt_.end(), seeds_.begin(), seeds_.end());
    second_ = graph::gradient(case_graph_.graph, phi_, wrt_);
  }

  std::size_t count() const { return wrt_.size(); }
  bool is_empty(std::size_t i) const { return known_.at(wrt_[i]).element_count() == 0; }

  // The derivative of phi with respect to wrt[i] along `direction`.
  double analytic(std::size_t i, const std::vector<double>& direction) const {
    const std::vector<double> gradient = evaluate(second_[i], known_).values<double>();
    double sum = 0;
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      sum += gradient[k] * direction[k];
    }
    return sum;
  }
  double numeric(std::size_t i, const std::vector<double>& direction) const {
    return (phi_at(i, direction, kGradientStep) - phi_at(i, direction, -kGradientStep)) /
           (2 * kGradientStep);
  }
  std::vector<double> direction(std::size_t i, unsigned seed) const {
    return random_numbers(seed, known_.at(wrt_[i]).element_count());
  }

 private:
  using Known = std::map<ValueId, Tensor>;

  void add_first(const OpCase& op_case) {
    graph::Graph& graph = case_graph_.graph;
    ValueId loss;
    const std::vector<ValueId> outputs = case_graph_.outputs();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& excluded = op_case.not_differentiable_outputs;
      if (!outputs[i].valid() || !is_float(builder_.dtype(outputs[i])) ||
          std::find(excluded.begin(), excluded.end(), static_cast<int>(i)) != excluded.end()) {
        continue;
      }
      const Shape shape = builder_.shape(outputs[i]);
      const ValueId seed = graph.add_input(concat("dy", i), DType::kFloat64, shape);
      known_[seed] = Tensor::from<double>(
          DType::kFloat64, shape,
          random_numbers(static_cast<unsigned>(50 + i), shape.element_count()));
      seeds_.push_back(seed);
      loss = plus(loss, total(builder_.mul(outputs[i], seed)));
    }
    unsigned number = 80;
    for (const ValueId dx : graph::gradient(graph, loss, wrt_)) {
      const Shape shape = builder_.shape(dx);
      const ValueId weights = graph.add_constant(
          {}, Tensor::from<double>(DType::kFloat64, shape,
                                   random_numbers(++number, shape.element_count())));
      phi_ = plus(phi_, total(builder_.mul(dx, weights)));
    }
  }

  ValueId total(ValueId value) {
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < builder_.shape(value).rank(); ++axis) {
      axes.push_back(axis);
    }
    return axes.empty() ? value : builder_.reduce_sum(value, axes, false);
  }
  ValueId plus(ValueId sum, ValueId part) { return sum.valid() ? builder_.add(sum, part) : part; }

  Tensor evaluate(ValueId id, const Known& known) const {
    return graph::evaluate(case_graph_.graph, reference_backend(), known, {id}, 1).front();
  }

  double phi_at(std::size_t i, const std::vector<double>& direction, double step) const {
    Known moved = known_;
    Tensor& tensor = moved.at(wrt_[i]);
    std::vector<double> numbers = tensor.values<double>();
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      numbers[k] += step * direction[k];
    }
    tensor = Tensor::from<double>(tensor.dtype(), tensor.shape(), numbers);
    return evaluate(phi_, moved).values<double>().front();
  }

  CaseGraph case_graph_;
  graph::Builder builder_;
  Known known_;
  std::vector<ValueId> wrt_;
  std::vector<ValueId> seeds_;
  ValueId phi_;
  std::vector<ValueId> second_;
};

struct Named {
  OpCase op_case;
  std::string name;
};

std::ostream& operator<<(std::ostream& out, const Named& named) { return out << named.name; }

std::vector<Named> differentiated_cases() {
  std::vector<Named> made;
  std::map<std::string, int> seen;
  for (const OpCase& op_case : all_cases()) {
    if (!op_case.differentiate.empty() && has_dtype(op_case, DType::kFloat64)) {
      const std::string name = case_name(op_case);
      const int times = ++seen[name];
      made.push_back({op_case, times == 1 ? name : concat(name, "_", times)});
    }
  }
  return made;
}

class SecondDerivative : public testing::TestWithParam<Named> {};

TEST_P(SecondDerivative, IsTheCentralDifferenceOfTheFirst) {
  const OpCase& op_case = GetParam().op_case;
  const SecondOrder second(op_case);
  for (std::size_t i = 0; i < second.count(); ++i) {
    for (unsigned seed = 1; seed <= 3 && !second.is_empty(i); ++seed) {
      const std::vector<double> direction = second.direction(i, 200 + seed);
      const double expected = second.numeric(i, direction);
      EXPECT_NEAR(second.analytic(i, direction), expected,
                  kGradientTolerance.absolute + kGradientTolerance.relative * std::abs(expected))
          << (i < op_case.differentiate.size() ? concat("input ", op_case.differentiate[i])
                                               : std::string("the gradient of an output"))
          << ", direction " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, SecondDerivative, testing::ValuesIn(differentiated_cases()),
                         [](const testing::TestParamInfo<Named>& named) {
                           return named.param.name;
                         });

}  // namespace
}  // namespace temper::op_suite
