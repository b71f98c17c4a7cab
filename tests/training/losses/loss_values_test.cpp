// Every loss against PyTorch's value and gradients, on both backends and in both float types, and
// at the extremes of its inputs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "backends/backends.h"
#include "graph/autodiff/gradient.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "graph/passes/pipeline.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"
#include "tests/device_under_test.h"
#include "tests/training/losses/expected/losses.h"
#include "training/losses/loss.h"

namespace temper::training {
namespace {

struct Result {
  double value = 0;
  std::vector<std::vector<double>> gradients;
};

Tensor tensor_of(DType dtype, const LossTensor& values) {
  return Tensor::from<double>(dtype, values.shape, values.values);
}

// On a device whose memory the host cannot touch, as a plan.
std::vector<Tensor> run_plan(graph::Graph& graph, const Backend& backend,
                             const std::map<graph::ValueId, Tensor>& known,
                             const std::vector<graph::ValueId>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    graph.add_output(concat("y", i), results[i]);
  }
  const std::vector<graph::ValueId> inputs = graph.inputs;
  graph::run_pipeline(graph, *make_backend("reference"));
  const std::unique_ptr<Stream> stream = backend.make_stream();
  VariableStore store(backend.memory(), *stream);
  Arena arena(backend.memory());
  const Plan plan = graph::lower(graph, backend, store, {});
  store.allocate();
  Executor executor(plan, store, arena);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    executor.bind_input(static_cast<int>(i), known.at(inputs[i]));
  }
  executor.run();
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < results.size(); ++i) {
    tensors.push_back(executor.read_output(static_cast<int>(i)).to_plain());
  }
  return tensors;
}

Result run(const ExpectedLoss& wanted, DType dtype, const char* backend_name) {
  const Loss& loss = find_loss(wanted.loss);
  graph::Graph graph(graph::standard_ops());
  graph::Builder builder(graph, "loss");
  const Attrs parameters =
      complete_parameters("loss", loss.name, loss.parameters, wanted.parameters);
  LossInputs in{builder, {}, {}, parameters, {}, {}};
  std::map<graph::ValueId, Tensor> known;
  for (std::size_t i = 0; i < wanted.outputs.size(); ++i) {
    in.outputs.push_back(graph.add_input(concat("x", i), dtype, wanted.outputs[i].shape));
    known.emplace(in.outputs.back(), tensor_of(dtype, wanted.outputs[i]));
  }
  if (!wanted.target.values.empty()) {
    const DType type = wanted.class_target ? DType::kInt64 : dtype;
    in.target = graph.add_input("t", type, wanted.target.shape);
    known.emplace(in.target, tensor_of(type, wanted.target));
  }
  if (!wanted.sample_weight.empty()) {
    const Shape shape{static_cast<std::int64_t>(wanted.sample_weight.size())};
    in.sample_weight = graph.add_input("w", dtype, shape);
    known.emplace(in.sample_weight, Tensor::from<double>(dtype, shape, wanted.sample_weight));
  }
  if (!wanted.input_lengths.empty()) {
    const Shape shape{static_cast<std::int64_t>(wanted.input_lengths.size())};
    in.input_lengths = graph.add_input("l", DType::kInt64, shape);
    known.emplace(in.input_lengths,
                  Tensor::from<double>(DType::kInt64, shape, wanted.input_lengths));
  }
  const graph::ValueId value = builder.reshape(build_loss(loss, in), {});
  std::vector<graph::ValueId> results = graph::gradient(graph, value, in.outputs);
  results.insert(results.begin(), value);
  const auto backend = make_backend(backend_name);
  const std::vector<Tensor> tensors = backend->memory().is_host()
                                          ? graph::evaluate(graph, *backend, known, results)
                                          : run_plan(graph, *backend, known, results);
  Result result{tensors[0].values<double>().front(), {}};
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    result.gradients.push_back(tensors[i].values<double>());
  }
  return result;
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) {
    most = std::max(most, std::abs(value));
  }
  return most;
}

void expect_equal(const ExpectedLoss& wanted, DType dtype, const char* backend, double tolerance) {
  SCOPED_TRACE(concat(wanted.loss, to_string(wanted.parameters), " ", dtype, " on ", backend));
  const Result result = run(wanted, dtype, backend);
  EXPECT_NEAR(result.value, wanted.value, tolerance * std::abs(wanted.value));
  ASSERT_EQ(result.gradients.size(), wanted.gradients.size());
  for (std::size_t i = 0; i < wanted.gradients.size(); ++i) {
    const double scale = largest(wanted.gradients[i]);
    for (std::size_t k = 0; k < wanted.gradients[i].size(); ++k) {
      EXPECT_NEAR(result.gradients[i][k], wanted.gradients[i][k], tolerance * scale)
          << "output " << i << ", element " << k;
    }
  }
}

TEST(LossValues, EqualPyTorchInDouble) {
  for (const ExpectedLoss& wanted : expected_losses()) {
    expect_equal(wanted, DType::kFloat64, "reference", 1e-6);
    expect_equal(wanted, DType::kFloat64, "cpu", 1e-6);
  }
}

TEST(LossValues, EqualPyTorchInFloat) {
  for (const ExpectedLoss& wanted : expected_losses()) {
    expect_equal(wanted, DType::kFloat32, "reference", 1e-5);
    expect_equal(wanted, DType::kFloat32, "cpu", 1e-5);
  }
}

TEST(LossValues, EqualPyTorchWithAWeightForEachSample) {
  for (const ExpectedLoss& wanted : expected_weighted_losses()) {
    expect_equal(wanted, DType::kFloat64, "reference", 1e-6);
    expect_equal(wanted, DType::kFloat32, "cpu", 1e-5);
  }
}

// Also where both the weight of a sample and the target decide what counts.
TEST(EmulatedLossValues, EqualPyTorchInFloat) {
  if (test::is_device_left_out()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  for (const auto& cases : {expected_losses(), expected_weighted_losses()}) {
    for (const ExpectedLoss& wanted : cases) {
      expect_equal(wanted, DType::kFloat32, test::device_under_test(), 1e-5);
    }
  }
}

TEST(LossValues, CoverEveryLoss) {
  std::set<std::string> covered;
  for (const ExpectedLoss& wanted : expected_losses()) {
    covered.insert(wanted.loss);
  }
  for (const Loss& loss : losses()) {
    EXPECT_TRUE(covered.contains(loss.name)) << loss.name;
  }
}

// Outputs of +-1e4, 0 and, where the loss takes probabilities, exactly 0 and 1; all alike and all
// apart.
std::vector<ExpectedLoss> extremes(const ExpectedLoss& like) {
  const bool probabilities =
      like.loss == "bce" || like.parameters.get_string("activation", "") == "none";
  const std::vector<double> values = probabilities ? std::vector<double>{0, 1, 1, 0}
                                                   : std::vector<double>{1e4, -1e4, 0, 1e4, -1e4};
  std::vector<ExpectedLoss> made;
  for (const std::size_t shift : {0u, 1u, 2u, 3u}) {
    ExpectedLoss extreme = like;
    for (std::size_t o = 0; o < like.outputs.size(); ++o) {
      std::vector<double>& numbers = extreme.outputs[o].values;
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        numbers[i] = values[(i + shift * (o + 1)) % values.size()];
      }
    }
    made.push_back(extreme);
    for (LossTensor& output : extreme.outputs) {
      std::fill(output.values.begin(), output.values.end(), values[shift]);
    }
    made.push_back(std::move(extreme));
  }
  return made;
}

class LossExtremes : public testing::TestWithParam<std::string> {};

TEST_P(LossExtremes, GiveFiniteValuesAndGradients) {
  for (const ExpectedLoss& like : expected_losses()) {
    if (like.loss != GetParam()) {
      continue;
    }
    for (const ExpectedLoss& extreme : extremes(like)) {
      for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
        const Result result = run(extreme, dtype, "cpu");
        EXPECT_TRUE(std::isfinite(result.value)) << concat(to_string(like.parameters), " ", dtype);
        for (const auto& gradient : result.gradients) {
          EXPECT_TRUE(std::all_of(gradient.begin(), gradient.end(), [](double x) {
            return std::isfinite(x);
          })) << concat(to_string(like.parameters), " ", dtype);
        }
      }
    }
  }
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const Loss& loss : losses()) {
    names.push_back(loss.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Losses, LossExtremes, testing::ValuesIn(loss_names()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace temper::training
