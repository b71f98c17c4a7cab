// Elementwise losses against torch.nn.functional (2.15, float64); cross entropy is covered by the
// op suite.
#include "training/losses/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "backends/reference/reference_backend.h"
#include "graph/autodiff/gradient.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"

namespace temper::training {
namespace {

struct Result {
  double loss = 0;
  std::vector<double> gradient;
};

Result run(const char* name, const Attrs& given, const std::vector<double>& x,
           const std::vector<double>& t) {
  const Loss& loss = find_loss(name);
  graph::Graph graph(graph::standard_ops());
  const Shape shape{2, 3};
  const graph::ValueId output = graph.add_input("x", DType::kFloat64, shape);
  const graph::ValueId target = graph.add_input("t", DType::kFloat64, shape);
  graph::Builder builder(graph, "loss");
  const Attrs parameters = complete_parameters("loss", name, loss.parameters, given);
  const graph::ValueId value = build_loss(loss, {builder, {output}, target, parameters, {}});
  const std::vector<graph::ValueId> wrt = {output};
  const std::vector<graph::ValueId> grads = graph::gradient(graph, value, wrt);
  const auto backend = reference::make_reference_backend();
  const std::map<graph::ValueId, Tensor> known = {
      {output, Tensor::from<double>(DType::kFloat64, shape, x)},
      {target, Tensor::from<double>(DType::kFloat64, shape, t)}};
  const std::vector<Tensor> results = graph::evaluate(graph, *backend, known, {value, grads[0]});
  return {results[0].values<double>().front(), results[1].values<double>()};
}

void expect_near(const Result& result, double loss, const std::vector<double>& gradient) {
  EXPECT_NEAR(result.loss, loss, 1e-12 * std::abs(loss));
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    EXPECT_NEAR(result.gradient[i], gradient[i], 1e-10) << "element " << i;
  }
}

const std::vector<double> kLogits = {0.5, -2.0, 30.0, -40.0, 1e4, -1e4};
const std::vector<double> kTargets = {1, 0, 1, 0, 1, 0.25};

// As torch.autograd.grad(create_graph=True) twice: (x^2 - 2 t x + t) / (x (1 - x))^2 / n.
TEST(Bce, HasTheSecondDerivativeOfPyTorch) {
  const std::vector<double> x = {0.125, 0.5, 0.75, 0.25};
  const std::vector<double> t = {1, 0, 0.5, 0};
  const Loss& loss = find_loss("bce");
  graph::Graph graph(graph::standard_ops());
  const Shape shape{4};
  const graph::ValueId output = graph.add_input("x", DType::kFloat64, shape);
  const graph::ValueId target = graph.add_input("t", DType::kFloat64, shape);
  graph::Builder builder(graph, "loss");
  const Attrs parameters = complete_parameters("loss", "bce", loss.parameters, {});
  const graph::ValueId value = build_loss(loss, {builder, {output}, target, parameters, {}});
  const std::vector<graph::ValueId> wrt = {output};
  const graph::ValueId slope = graph::gradient(graph, value, wrt)[0];
  const graph::ValueId sum = builder.reduce_sum(slope, {0}, false);
  const graph::ValueId bend = graph::gradient(graph, sum, wrt)[0];
  const auto backend = reference::make_reference_backend();
  const std::vector<Tensor> results =
      graph::evaluate(graph, *backend,
                      {{output, Tensor::from<double>(DType::kFloat64, shape, x)},
                       {target, Tensor::from<double>(DType::kFloat64, shape, t)}},
                      {bend});
  const std::vector<double> made = results[0].values<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double both = x[i] * (1 - x[i]);
    const double wanted = (x[i] * x[i] - 2 * t[i] * x[i] + t[i]) / (both * both) / 4;
    EXPECT_NEAR(made[i], wanted, 1e-6 * std::abs(wanted)) << "element " << i;
  }
}

TEST(BceWithLogits, EqualsPyTorchAlsoAtExtremeLogits) {
  expect_near(run("bce_with_logits", {}, kLogits, kTargets), 416.7668341658705,
              {-0.0629234447996909, 0.019867153670352924, 0, 0, 0, -0.041666666666666664});
}

TEST(BceWithLogits, WeighsThePositiveClassAsPyTorch) {
  expect_near(
      run("bce_with_logits",
          {{"pos_weight", std::vector<double>{0.5, 2.0, 4.0}}, {"reduction", std::string("sum")}},
          kLogits, kTargets),
      10000.363966503133, {-0.1887703343990727, 0.11920292202211755, 0, 0, 0, -1.0});
  expect_near(run("bce_with_logits", {{"pos_weight", std::vector<double>{3.0}}}, kLogits, kTargets),
              1250.258193160597, {-0.18877033439907268, 0.019867153670352924, 0, 0, 0, -0.125});
}

TEST(Mse, IsTheMeanOfSquaredDifferences) {
  const std::vector<double> x = {1, 2, 3, 4, 5, 6};
  const std::vector<double> t = {0, 2, 5, 4, 4, 3};
  expect_near(run("mse", {}, x, t), 15.0 / 6, {1.0 / 3, 0, -2.0 / 3, 0, 1.0 / 3, 1});
  expect_near(run("mse", {{"reduction", std::string("sum")}}, x, t), 15, {2, 0, -4, 0, 2, 6});
}

TEST(Losses, AMisspeltNameIsAnErrorThatNamesTheNearest) {
  try {
    find_loss("cross_entropi");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(error.message().find("did you mean cross_entropy?"), std::string::npos);
  }
}

}  // namespace
}  // namespace temper::training
