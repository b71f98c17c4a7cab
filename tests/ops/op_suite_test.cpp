// The op suite: one list of cases, run in several ways (see op_case.h). Instance names are the
// cases' names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "graph/ir/op_def.h"
#include "graph/passes/evaluate.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_gradient.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/device_plan.h"
#include "tests/ops/op_case.h"
#include "tests/ops/tolerance.h"

namespace temper::op_suite {
namespace {

struct Instance {
  OpCase op_case;
  DType dtype = DType::kFloat64;
  std::string name;
};

std::ostream& operator<<(std::ostream& out, const Instance& instance) {
  return out << instance.name;
}

template <class Keep>
std::vector<Instance> instances(bool all_dtypes, Keep keep) {
  std::vector<Instance> made;
  std::map<std::string, int> seen;
  for (const OpCase& op_case : all_cases()) {
    if (!keep(op_case)) {
      continue;
    }
    const std::vector<DType> dtypes =
        all_dtypes ? dtypes_of(op_case) : std::vector{DType::kFloat64};
    for (const DType dtype : dtypes) {
      std::string name = concat(case_name(op_case), "_", to_string(dtype));
      const int times = ++seen[name];
      made.push_back({op_case, dtype, times == 1 ? name : concat(name, "_", times)});
    }
  }
  return made;
}

std::string instance_name(const testing::TestParamInfo<Instance>& info) { return info.param.name; }

void expect_close(const HostTensor& actual, const HostTensor& expected, Tolerance tolerance,
                  const std::string& what) {
  ASSERT_EQ(actual.shape, expected.shape) << what;
  ASSERT_EQ(actual.values.size(), expected.values.size()) << what;
  int shown = 0;
  for (std::size_t i = 0; i < actual.values.size() && shown < 5; ++i) {
    const double a = actual.values[i];
    const double e = expected.values[i];
    const bool same = (std::isnan(a) && std::isnan(e)) || a == e ||
                      std::abs(a - e) <= tolerance.absolute + tolerance.relative * std::abs(e);
    if (!same) {
      ++shown;
      ADD_FAILURE() << what << ", element " << i << ": " << a << ", expected " << e
                    << ", difference " << a - e;
    }
  }
}

// A 16-bit result overflows where its type does.
HostTensor rounded(HostTensor tensor, DType dtype) {
  if (is_float(dtype) && size_of(dtype) == 2) {
    tensor.values = Tensor::from<double>(dtype, tensor.shape, tensor.values).values<double>();
  }
  return tensor;
}

Tolerance scaled(Tolerance tolerance, const OpCase& op_case) {
  EXPECT_TRUE(op_case.tolerance_factor == 1 || !op_case.tolerance_reason.empty())
      << "a looser tolerance needs its reason";
  return {tolerance.absolute * op_case.tolerance_factor,
          tolerance.relative * op_case.tolerance_factor};
}

// ---------------------------------------------------------------- (1) reference against the closed
// form

class ReferenceResult : public testing::TestWithParam<Instance> {};

TEST_P(ReferenceResult, IsTheClosedForm) {
  const auto& [op_case, dtype, name] = GetParam();
  const CaseGraph case_graph(op_case, dtype);
  const KernelResult result = ReferenceCase(case_graph).run_checked(case_graph.kernel_inputs());
  EXPECT_EQ(result.complaints, std::vector<std::string>{});
  const std::vector<HostTensor> expected = op_case.expected(case_graph.host_inputs());
  ASSERT_LE(expected.size(), result.outputs.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].values.empty() && expected[i].shape.rank() == 0) {
      continue;
    }
    ASSERT_TRUE(result.outputs[i].defined()) << "output " << i;
    expect_close(to_host(result.outputs[i]), rounded(expected[i], result.outputs[i].dtype()),
                 scaled(closed_form_tolerance(result.outputs[i].dtype()), op_case),
                 concat("output ", i));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, ReferenceResult,
                         testing::ValuesIn(instances(true,
                                                     [](const OpCase& op_case) {
                                                       return op_case.expected != nullptr;
                                                     })),
                         instance_name);

// ---------------------------------------------------------------- (2) every backend, row and dtype
// against the reference

class BackendResult : public testing::TestWithParam<Instance> {};

void expect_reference(const Instance& instance, const KernelResult& expected, CaseKernel& kernel,
                      const CaseGraph& case_graph, const BackendUnderTest& backend,
                      const std::string& what) {
  const KernelResult actual = kernel.run_checked(case_graph.kernel_inputs(), backend.before_run);
  EXPECT_EQ(actual.complaints, std::vector<std::string>{}) << what;
  for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
    if (expected.outputs[i].defined()) {
      expect_close(to_host(actual.outputs[i]), to_host(expected.outputs[i]),
                   scaled(backend_tolerance(expected.outputs[i].dtype()), instance.op_case),
                   concat(what, ", output ", i));
    }
  }
}

std::vector<const KernelImpl*> rows_required(const std::string& op) {
  std::vector<const KernelImpl*> rows;
  if (required_rows() != nullptr) {
    for (const auto& row : required_rows()->kernels().rows(op)) {
      rows.push_back(row.get());
    }
  }
  return rows;
}

TEST_P(BackendResult, IsTheReferenceResultForEveryKernel) {
  const auto& [op_case, dtype, name] = GetParam();
  const CaseGraph case_graph(op_case, dtype);
  const KernelResult expected = ReferenceCase(case_graph).run_checked(case_graph.kernel_inputs());
  EXPECT_EQ(expected.complaints, std::vector<std::string>{}) << "reference";
  bool is_taken = false;
  std::string refusals;
  for (const BackendUnderTest& backend : backends_under_test()) {
    for (const auto& row : backend.backend->kernels().rows(op_case.op)) {
      if (row->family().starts_with("reference")) {
        is_taken = true;
        continue;
      }
      const std::string refusal = CaseKernel::refusal(case_graph, *row, backend.threads);
      if (!refusal.empty()) {
        refusals += concat("\n", row->family(), ": ", refusal);
        continue;
      }
      is_taken = true;
      const std::string what =
          concat(backend.backend->name(), "/", row->family(), ", ", backend.threads, " threads");
      CaseKernel plain(case_graph, *row, backend.threads, backend.backend.get());
      expect_reference(GetParam(), expected, plain, case_graph, backend, what);
      // No plan gives oneDNN layouts that it did not choose. In bf16, its version 3 had a wrong
      // gradient of a 1x1 convolution whose data have their channels last, once.
      if (row->family() == "onednn" && dtype == DType::kBFloat16) {
        continue;
      }
      CaseKernel last(case_graph, *row, backend.threads, backend.backend.get(), true);
      if (last.takes_layouts()) {
        expect_reference(GetParam(), expected, last, case_graph, backend, what + ", channels last");
      }
    }
  }
  if (!is_taken) {
    for (const KernelImpl* row : rows_required(op_case.op)) {
      EXPECT_NE(CaseKernel::refusal(case_graph, *row), "")
          << "the emulated device takes it" << refusals;
    }
    GTEST_SKIP() << "no row takes it" << refusals;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, BackendResult,
                         testing::ValuesIn(instances(true, [](const OpCase&) { return true; })),
                         instance_name);

// ---------------------------------------------------------------- (3) gradients

bool is_differentiated_in_double(const OpCase& op_case) {
  return is_differentiated(op_case) && has_dtype(op_case, DType::kFloat64);
}

std::vector<Tensor> evaluate_gradient(const Backend& backend, const CaseGraph& case_graph,
                                      const std::vector<ValueId>& wanted, int threads) {
  return graph::evaluate(case_graph.graph, backend, known_values(case_graph), wanted, threads);
}

double loss_of(const OpCase& op_case, const CaseGraph& case_graph, ReferenceCase& kernel,
               const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> outputs = kernel.run(inputs);
  double loss = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!counts_in_loss(op_case, case_graph.graph, case_graph.outputs()[i], i)) {
      continue;
    }
    const std::vector<double> values = outputs[i].values<double>();
    const std::vector<double> weights = functional(i, static_cast<std::int64_t>(values.size()));
    for (std::size_t k = 0; k < values.size(); ++k) {
      loss += values[k] * weights[k];
    }
  }
  return loss;
}

class Gradient : public testing::TestWithParam<Instance> {};

TEST_P(Gradient, IsTheCentralDifferenceInDouble) {
  const auto& [op_case, dtype, name] = GetParam();
  const CaseGraph plain(op_case, dtype);
  CaseGraph with_gradient(op_case, dtype);
  const std::vector<ValueId> dx = add_gradient(op_case, with_gradient);
  const std::vector<Tensor> analytic = evaluate_gradient(reference_backend(), with_gradient, dx, 1);
  ReferenceCase kernel(plain);
  for (std::size_t k = 0; k < op_case.differentiate.size(); ++k) {
    const auto input = static_cast<std::size_t>(op_case.differentiate[k]);
    std::vector<Tensor> inputs = plain.kernel_inputs();
    ASSERT_TRUE(inputs[input].defined()) << "input " << input << " was absorbed";
    inputs[input] = inputs[input].to_plain();
    HostTensor numeric{inputs[input].shape(), {}};
    for (double& x : inputs[input].span<double>()) {
      const double kept = x;
      x = kept + kGradientStep;
      const double up = loss_of(op_case, plain, kernel, inputs);
      x = kept - kGradientStep;
      const double down = loss_of(op_case, plain, kernel, inputs);
      x = kept;
      numeric.values.push_back((up - down) / (2 * kGradientStep));
    }
    expect_close(to_host(analytic[k]), numeric, kGradientTolerance,
                 concat("gradient of input ", input));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradient,
                         testing::ValuesIn(instances(false, is_differentiated_in_double)),
                         instance_name);

// Ops that only a gradient makes (with opaque inputs, too) run here on the other backends.
class BackendGradient : public testing::TestWithParam<Instance> {};

TEST_P(BackendGradient, IsTheReferenceGradient) {
  const auto& [op_case, dtype, name] = GetParam();
  CaseGraph case_graph(op_case, dtype);
  const std::vector<ValueId> dx = add_gradient(op_case, case_graph);
  const std::vector<Tensor> expected = evaluate_gradient(reference_backend(), case_graph, dx, 1);
  std::string refusals;
  for (const BackendUnderTest& backend : backends_under_test()) {
    std::vector<Tensor> actual;
    if (backend.backend->memory().is_host()) {
      actual = evaluate_gradient(*backend.backend, case_graph, dx, backend.threads);
    } else {
      try {
        DeviceValues made = evaluate_on_device(case_graph.graph, *backend.backend,
                                               known_values(case_graph), dx, backend.before_run);
        EXPECT_EQ(made.complaints, std::vector<std::string>{});
        actual = std::move(made.values);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kUnsupported) {
          throw;
        }
        refusals += concat("\n", error.message());
        continue;
      }
    }
    for (std::size_t i = 0; i < dx.size(); ++i) {
      expect_close(to_host(actual[i]), to_host(expected[i]),
                   scaled(backend_tolerance(dtype), op_case),
                   concat(backend.backend->name(), ", ", backend.threads,
                          " threads, gradient of input ", op_case.differentiate[i]));
    }
  }
  if (!refusals.empty()) {
    if (required_rows() != nullptr) {
      EXPECT_THROW(evaluate_on_device(case_graph.graph, *required_rows(), known_values(case_graph),
                                      dx, nullptr),
                   Error)
          << "the emulated device takes it" << refusals;
    }
    GTEST_SKIP() << "no kernels" << refusals;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, BackendGradient,
                         testing::ValuesIn(instances(true, is_differentiated)), instance_name);

}  // namespace
}  // namespace temper::op_suite
