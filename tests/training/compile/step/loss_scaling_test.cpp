// Loss scaling in whole steps of a training graph, against torch.amp.GradScaler's traces (the test
// vectors V1 to V9; V8, several processes, has no counterpart here; V7, saving in the middle of an
// interval, is in resume_test.cpp).
#include "training/compile/step/loss_scaling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "backends/backends.h"
#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "tests/training/expected/grad_scaler_traces.h"
#include "training/compile/engine.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

constexpr std::int64_t kRows = 2, kInputs = 3, kOutputs = 2;

// y = x w, squared error, Adam.
class ScaledModel {
 public:
  ScaledModel(DType precision, const ScalerSettings& scaler, double clip_norm, bool accumulates)
      : backend_(make_backend("cpu")), reference_(make_backend("reference")) {
    CompileSettings settings;
    const Loss& loss = find_loss("mse");
    settings.losses.emplace_back().loss = {
        loss.name, complete_parameters("loss", loss.name, loss.parameters, {})};
    const Optimizer& optimizer = find_optimizer("adam");
    settings.optimizer = {
        optimizer.name, complete_parameters("optimizer", optimizer.name, optimizer.parameters, {})};
    settings.clip.norm = clip_norm;
    settings.precision = precision;
    settings.scaler = scaler;
    EngineOptions options;
    engine_ = std::make_unique<Engine>(linear_model(), settings, *backend_, *reference_, options);
    engine_->prepare(accumulates
                         ? std::vector{request(GraphKind::kLast), request(GraphKind::kMicro)}
                         : std::vector{request(GraphKind::kTrain)});
    VariableStore& store = engine_->store();
    std::vector<double> rates(2 * kRateSlots, std::numeric_limits<double>::quiet_NaN());
    std::fill_n(rates.begin(), kRateSlots, 0.01);
    store.set(store.find(ScalarRole::kRates),
              Tensor::from<double>(DType::kFloat64, {2, kRateSlots}, rates));
    if (accumulates) {
      store.set(store.find(ScalarRole::kGroup),
                Tensor::from<float>(DType::kFloat32, {}, {{4.0f * kRows}}));
    }
  }

  // One micro-batch whose x is all `value`, against a target of zeros.
  Executor& run(GraphKind kind, float value) {
    x_ = Tensor::from<float>(DType::kFloat32, {kRows, kInputs},
                             std::vector<float>(kRows * kInputs, value));
    target_ = Tensor(DType::kFloat32, {kRows, kOutputs});
    const HeldExecutor held = engine_->executor(request(kind));
    Executor& executor = *held;
    executor.bind_input(executor.plan().input({PortRole::kModelInput, 0}), x_);
    executor.bind_input(executor.plan().input({PortRole::kTarget, 0}), target_);
    executor.run();
    return executor;  // a plan of prepare() stays
  }

  double number(ScalarRole variable) const {
    const VariableStore& store = engine_->store();
    return store.get(store.find(variable)).values<double>()[0];
  }

  // Everything a skipped step must leave alone.
  std::map<std::string, std::vector<double>> kept() const {
    std::map<std::string, std::vector<double>> all;
    const VariableStore& store = engine_->store();
    for (int i = 0; i < store.count(); ++i) {
      const ScalarRole role = store.variable(i).identity.scalar;
      if (role != ScalarRole::kLossScale && role != ScalarRole::kGrowthTracker &&
          role != ScalarRole::kAttempted && role != ScalarRole::kPosition &&
          role != ScalarRole::kRates) {
        all[store.variable(i).name] = store.get(i).values<double>();
      }
    }
    return all;
  }

 private:
  static graph::Graph linear_model() {
    graph::Graph graph(graph::standard_ops());
    graph::Variable weight;
    weight.name = "w";
    weight.shape = {kInputs, kOutputs};
    weight.trainable = true;
    weight.initial = Tensor::from<float>(DType::kFloat32, weight.shape,
                                         std::vector<float>{0.5f, -0.25f, 1, 0.75f, -0.5f, 0.25f});
    const graph::VariableId w = graph.add_variable(std::move(weight));
    const graph::ValueId x =
        graph.add_input("x", DType::kFloat32, {graph::Dim{-1, "batch"}, graph::Dim{kInputs, {}}});
    const NodeId product = graph.add_node(graph.registry().get("MatMul"),
                                          {x, graph.read_variable(w)}, {"y"}, {}, "MatMul 'y'");
    graph.add_output("y", graph.node(product).outputs[0]);
    return graph;
  }

  static GraphRequest request(GraphKind kind) {
    GraphRequest made;
    made.kind = kind;
    made.batch = kRows;
    return made;
  }

  std::unique_ptr<Backend> backend_, reference_;
  std::unique_ptr<Engine> engine_;
  Tensor x_, target_;
};

float input_for(char letter) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (letter) {
    case 'c':
      return 1e-3f;
    case 'd':
      return 1e-42f;
    case 'i':
      return kInfinity;
    case 'm':
      return -kInfinity;
    case 'n':
      return std::numeric_limits<float>::quiet_NaN();
    default:
      return 0;
  }
}

class GradScalerTrace : public testing::TestWithParam<ScalerTrace> {};

TEST_P(GradScalerTrace, HasPyTorchsScaleAndTrackerAfterEveryStep) {
  const ScalerTrace& trace = GetParam();
  ScalerSettings settings;
  settings.init_scale = trace.init_scale;
  settings.growth_interval = 4;
  settings.min_scale = 0;  // PyTorch has no lower bound
  ScaledModel model(DType::kFloat16, settings, 0, trace.group > 1);
  std::int64_t applied = 0;
  for (std::size_t step = 0; step < trace.after.size(); ++step) {
    const auto before = model.kept();
    bool finite = true;
    for (int i = 0; i < trace.group; ++i) {
      const char letter = trace.gradients[step * static_cast<std::size_t>(trace.group) +
                                          static_cast<std::size_t>(i)];
      finite = finite && std::string("czd").find(letter) != std::string::npos;
      const GraphKind kind = trace.group == 1       ? GraphKind::kTrain
                             : i + 1 == trace.group ? GraphKind::kLast
                                                    : GraphKind::kMicro;
      model.run(kind, input_for(letter));
    }
    applied += finite ? 1 : 0;
    EXPECT_EQ(model.number(ScalarRole::kLossScale), trace.after[step].scale) << "step " << step;
    EXPECT_EQ(model.number(ScalarRole::kGrowthTracker),
              static_cast<double>(trace.after[step].growth_tracker))
        << "step " << step;
    EXPECT_EQ(model.number(ScalarRole::kApplied), static_cast<double>(applied));
    EXPECT_EQ(model.number(ScalarRole::kAttempted), static_cast<double>(step + 1));
    EXPECT_EQ(model.number(ScalarRole::kPosition),
              static_cast<double>(static_cast<std::int64_t>(step + 1) * trace.group * kRows));
    if (!finite) {
      EXPECT_EQ(model.kept(), before) << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, GradScalerTrace, testing::ValuesIn(grad_scaler_traces()),
                         [](const auto& each) { return each.param.name; });

double grad_norm(const Executor& executor) {
  const Tensor& norm = executor.read_output(executor.plan().output(PortRole::kNorm));
  return norm.values<double>()[0];
}

// V5. The norm is the f32 run's up to fp16's rounding, whatever the scale, and so is what clipping
// leaves: Adam would hide the scale in the update, not in its first moment.
TEST(LossScaling, ClippingSeesUnscaledGradients) {
  for (const double scale : {1.0, 1024.0, 1000.0}) {
    ScalerSettings settings;
    settings.init_scale = scale;
    ScaledModel half(DType::kFloat16, settings, 0.05, false);
    ScaledModel full(DType::kFloat32, settings, 0.05, false);
    const double norm = grad_norm(full.run(GraphKind::kTrain, 0.5f));
    EXPECT_GT(norm, 0.1);
    EXPECT_NEAR(grad_norm(half.run(GraphKind::kTrain, 0.5f)), norm, 2e-3 * norm) << scale;
    const std::vector<double> expected = full.kept().at("w.exp_avg");
    const std::vector<double> actual = half.kept().at("w.exp_avg");
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(actual[i], expected[i], 2e-3 * std::abs(expected[i])) << scale;
    }
  }
}

// The outputs' gradients are 1 and 0.75 times 2^-23, where fp16 has steps of 2^-24, unless the loss
// is scaled.
TEST(LossScaling, KeepsGradientsThatFp16AloneWouldLose) {
  ScalerSettings settings;
  settings.init_scale = 1;
  ScaledModel unscaled(DType::kFloat16, settings, 0, false);
  settings.init_scale = 65536;
  ScaledModel scaled(DType::kFloat16, settings, 0, false);
  ScaledModel full(DType::kFloat32, settings, 0, false);
  const double norm = grad_norm(full.run(GraphKind::kTrain, 0x1p-22f));
  EXPECT_NEAR(grad_norm(scaled.run(GraphKind::kTrain, 0x1p-22f)), norm, 0.01 * norm);
  EXPECT_GT(std::abs(grad_norm(unscaled.run(GraphKind::kTrain, 0x1p-22f)) - norm), 0.1 * norm);
}

TEST(LossScaling, StaysAtMinScaleAndAtAFixedScale) {
  ScalerSettings settings;
  settings.init_scale = 4;
  ScaledModel bounded(DType::kFloat16, settings, 0, false);
  settings.dynamic = false;
  ScaledModel fixed(DType::kFloat16, settings, 0, false);
  for (const double expected : {2.0, 1.0, 1.0}) {
    bounded.run(GraphKind::kTrain, input_for('i'));
    EXPECT_EQ(bounded.number(ScalarRole::kLossScale), expected);
    fixed.run(GraphKind::kTrain, input_for('i'));
    EXPECT_EQ(fixed.number(ScalarRole::kLossScale), 4);
  }
  EXPECT_EQ(fixed.number(ScalarRole::kApplied), 0);
}

}  // namespace
}  // namespace temper::training
