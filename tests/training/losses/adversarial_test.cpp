// Adversarial losses and gradient penalties against PyTorch (2.15, float64), and the penalties'
// gradients against central differences.
#include "training/losses/adversarial.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "backends/reference/reference_backend.h"
#include "graph/autodiff/gradient.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"
#include "tests/training/losses/expected/adversarial.h"
#include "training/compile/step/gradient_penalty.h"

namespace temper::training {
namespace {

using graph::ValueId;

const std::vector<double> kReal = {0.5, -2.0, 30.0, 1e4, -1e4, 0.0};
const std::vector<double> kFake = {-0.7, 1.5, -40.0, -1e4, 1e4, 0.0};

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                 const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 1e-12 + 1e-10 * std::abs(expected[i]))
        << what << ", element " << i;
  }
}

// The loss of scores in `dtype`, and its gradients with respect to real and fake.
std::vector<Tensor> scores_result(const AdversarialLoss& loss, bool discriminator, DType dtype) {
  graph::Graph graph(graph::standard_ops());
  const Shape shape{6, 1};
  const std::vector<ValueId> scores = {graph.add_input("real", dtype, shape),
                                       graph.add_input("fake", dtype, shape)};
  graph::Builder builder(graph, "loss");
  const ValueId value = discriminator ? loss.discriminator(builder, scores[0], scores[1])
                                      : loss.generator(builder, scores[1]);
  std::vector<ValueId> wanted = graph::gradient(graph, value, scores);
  wanted.push_back(value);
  const auto backend = reference::make_reference_backend();
  return graph::evaluate(graph, *backend,
                         {{scores[0], Tensor::from<double>(dtype, shape, kReal)},
                          {scores[1], Tensor::from<double>(dtype, shape, kFake)}},
                         wanted);
}

TEST(AdversarialLoss, EqualsPyTorchAlsoAtExtremeLogits) {
  for (const AdversarialExpected& expected : adversarial_expected()) {
    const AdversarialLoss& loss = find_adversarial_loss(expected.loss);
    const auto d = scores_result(loss, true, DType::kFloat64);
    expect_near(d[0].values<double>(), expected.dreal, expected.loss + ", real");
    expect_near(d[1].values<double>(), expected.dfake, expected.loss + ", fake");
    expect_near(d[2].values<double>(), {expected.discriminator}, expected.loss);
    const auto g = scores_result(loss, false, DType::kFloat64);
    expect_near(g[1].values<double>(), expected.dfake_of_generator, expected.loss + ", generator");
    expect_near(g[2].values<double>(), {expected.generator}, expected.loss + ", generator");
  }
}

TEST(AdversarialLoss, IsFiniteInFloatAtExtremeLogits) {
  for (const AdversarialLoss& loss : adversarial_losses()) {
    for (const bool discriminator : {true, false}) {
      for (const Tensor& tensor : scores_result(loss, discriminator, DType::kFloat32)) {
        for (const double value : tensor.values<double>()) {
          EXPECT_TRUE(std::isfinite(value)) << loss.name;
        }
      }
    }
  }
}

TEST(AdversarialLoss, OffersTheNearestName) {
  try {
    find_adversarial_loss("wasserstein_pg");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("wasserstein_gp"), std::string::npos);
  }
}

Tensor wave(const Shape& shape, double phase, double scale) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    values.push_back(scale * std::sin(1.7 * static_cast<double>(i) + phase));
  }
  return Tensor::from<double>(DType::kFloat64, shape, values);
}

// The discriminator of tools/oracle/adversarial.py, and a penalty of it.
class Penalty {
 public:
  enum class Kind { kGradientPenalty, kR1 };

  explicit Penalty(Kind kind)
      : graph_(graph::standard_ops()),
        builder_(graph_, "penalty"),
        backend_(reference::make_reference_backend()) {
    add("conv1.weight", {4, 1, 3, 3}, 0.5);
    add("conv1.bias", {4}, 0.3);
    add("conv2.weight", {3, 4, 3, 3}, 0.4);
    add("conv2.bias", {3}, 0.2);
    add("fc.weight", {1, 12}, 0.8);
    add("fc.bias", {1}, 0.1);
    const ValueId real = graph_.add_constant({}, wave({3, 1, 8, 8}, 2, 1));
    const ValueId fake = graph_.add_constant({}, wave({3, 1, 8, 8}, 5, 0.7));
    const ValueId coefficients = graph_.add_constant(
        {}, Tensor::from<double>(DType::kFloat64, {3, 1, 1, 1}, std::vector{0.2, 0.9, 0.55}));
    const auto discriminator = [this](ValueId x) { return scores(x); };
    value_ = kind == Kind::kR1
                 ? r1_penalty(builder_, discriminator, real)
                 : gradient_penalty(builder_, discriminator, real, fake, coefficients);
    gradients_ = graph::gradient(graph_, value_, parameters_);
  }

  std::size_t count() const { return parameters_.size(); }
  std::vector<double> gradient(std::size_t i) const {
    return graph::evaluate(graph_, *backend_, known_, {gradients_[i]})[0].values<double>();
  }
  double value() const { return value_of(known_); }
  // The central difference with respect to element k of parameter i.
  double numeric(std::size_t i, std::size_t k) const {
    constexpr double kStep = 1e-6;
    return (moved(i, k, kStep) - moved(i, k, -kStep)) / (2 * kStep);
  }

 private:
  using Known = std::map<ValueId, Tensor>;

  void add(const char* name, const Shape& shape, double scale) {
    parameters_.push_back(graph_.add_input(name, DType::kFloat64, shape));
    known_[parameters_.back()] =
        wave(shape, 0.4 * static_cast<double>(parameters_.size() - 1), scale);
  }

  ValueId scores(ValueId x) {
    using Ints = std::vector<std::int64_t>;
    const Attrs window{{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
    const auto& p = parameters_;
    ValueId h = builder_.op("Conv", {x, p[0], p[1]}, window);
    h = builder_.op("LeakyRelu", {h}, {{"alpha", 0.2}});
    h = builder_.op("Tanh", {builder_.op("Conv", {h, p[2], p[3]}, window)});
    h = builder_.op("Flatten", {h});
    return builder_.op("Gemm", {h, p[4], p[5]}, {{"transB", std::int64_t{1}}});
  }

  double value_of(const Known& known) const {
    return graph::evaluate(graph_, *backend_, known, {value_})[0].values<double>().front();
  }
  double moved(std::size_t i, std::size_t k, double step) const {
    Known known = known_;
    Tensor& tensor = known.at(parameters_[i]);
    std::vector<double> values = tensor.values<double>();
    values[k] += step;
    tensor = Tensor::from<double>(DType::kFloat64, tensor.shape(), values);
    return value_of(known);
  }

  graph::Graph graph_;
  graph::Builder builder_;
  std::unique_ptr<Backend> backend_;
  std::vector<ValueId> parameters_;
  Known known_;
  ValueId value_;
  std::vector<ValueId> gradients_;
};

void expect_penalty(Penalty::Kind kind, const PenaltyExpected& expected) {
  const Penalty penalty(kind);
  EXPECT_NEAR(penalty.value(), expected.value, 1e-12 * std::abs(expected.value));
  ASSERT_EQ(penalty.count(), expected.gradients.size());
  for (std::size_t i = 0; i < penalty.count(); ++i) {
    const std::string& name = expected.gradients[i].name;
    const std::vector<double> gradient = penalty.gradient(i);
    std::vector<double> wanted = expected.gradients[i].values;
    wanted.resize(gradient.size());  // one that PyTorch calls unused is zero
    expect_near(gradient, wanted, name);
    for (std::size_t k = 0; k < gradient.size(); k += 7) {
      EXPECT_NEAR(gradient[k], penalty.numeric(i, k), 1e-5 + 1e-3 * std::abs(gradient[k])) << name;
    }
  }
}

TEST(GradientPenalty, HasPyTorchsValueAndGradientAndThatOfCentralDifferences) {
  expect_penalty(Penalty::Kind::kGradientPenalty, gradient_penalty_expected());
}

TEST(R1Penalty, HasPyTorchsValueAndGradientAndThatOfCentralDifferences) {
  expect_penalty(Penalty::Kind::kR1, r1_expected());
}

TEST(GradientPenalty, HasNoGradientWhereTheDiscriminatorIsFlat) {
  graph::Graph graph(graph::standard_ops());
  graph::Builder builder(graph, "penalty");
  const ValueId w = graph.add_input("w", DType::kFloat64, Shape{2, 1});
  const ValueId x = graph.add_constant({}, wave({3, 2}, 0, 1));
  const ValueId half =
      graph.add_constant({}, Tensor::from<double>(DType::kFloat64, {3, 1}, std::vector(3, 0.5)));
  const ValueId value = gradient_penalty(
      builder, [&](ValueId at) { return builder.op("MatMul", {at, w}); }, x, x, half);
  std::vector<ValueId> wanted = graph::gradient(graph, value, std::vector{w});
  wanted.push_back(value);
  const auto backend = reference::make_reference_backend();
  const auto results =
      graph::evaluate(graph, *backend, {{w, Tensor(DType::kFloat64, {2, 1})}}, wanted);
  EXPECT_EQ(results[0].values<double>(), (std::vector<double>{0, 0}));
  EXPECT_EQ(results[1].values<double>(), std::vector<double>{1});
}

}  // namespace
}  // namespace temper::training
