// The copies of weights in 16 bits that mixed precision keeps on a device: written by the
// optimizer's pass, equal to the rounded weights whatever happened, and read in place of casts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/concat.h"
#include "runtime/base/low_copy.h"
#include "training/compile/engine.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

constexpr std::int64_t kRows = 4;

graph::VariableId weight(graph::Graph& graph, const char* name, const Shape& shape) {
  graph::Variable made;
  made.name = name;
  made.shape = shape;
  made.trainable = true;
  std::vector<float> values;
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    values.push_back(0.3f * std::sin(static_cast<float>(3 * i + 1)));
  }
  made.initial = Tensor::from<float>(DType::kFloat32, shape, values);
  return graph.add_variable(std::move(made));
}

// A convolution, whose weight lies with its channels last, and a layer behind it.
graph::Graph small_model() {
  graph::Graph graph(graph::standard_ops());
  graph::Builder b(graph, "model");
  const graph::ValueId x = graph.add_input(
      "x", DType::kFloat32,
      {graph::Dim{-1, "batch"}, graph::Dim{3, {}}, graph::Dim{5, {}}, graph::Dim{5, {}}});
  const auto kernel = graph.read_variable(weight(graph, "conv.weight", {8, 3, 3, 3}));
  const auto matrix = graph.read_variable(weight(graph, "linear.weight", {72, 2}));
  const NodeId conv =
      graph.add_node(graph.registry().get("Conv"), {x, kernel}, {"h"}, {}, "Conv 'h'");
  const NodeId flat = graph.add_node(graph.registry().get("Flatten"), {graph.node(conv).outputs[0]},
                                     {"f"}, {}, "Flatten 'f'");
  const NodeId product =
      graph.add_node(graph.registry().get("MatMul"), {graph.node(flat).outputs[0], matrix}, {"y"},
                     {}, "MatMul 'y'");
  graph.add_output("y", graph.node(product).outputs[0]);
  return graph;
}

class Model {
 public:
  Model(const std::string& optimizer_name, DType precision, const std::string& device,
        const std::vector<GraphKind>& kinds = {GraphKind::kTrain})
      : backend_(make_backend(device)), reference_(make_backend("reference")) {
    CompileSettings settings;
    const Loss& loss = find_loss("mse");
    settings.losses.emplace_back().loss = {
        loss.name, complete_parameters("loss", loss.name, loss.parameters, {})};
    const Optimizer& optimizer = find_optimizer(optimizer_name);
    settings.optimizer = {
        optimizer.name, complete_parameters("optimizer", optimizer.name, optimizer.parameters, {})};
    settings.precision = precision;
    engine_ =
        std::make_unique<Engine>(small_model(), settings, *backend_, *reference_, EngineOptions{});
    std::vector<GraphRequest> requests;
    for (const GraphKind kind : kinds) {
      requests.push_back(request(kind));
    }
    engine_->prepare(requests);
    std::vector<double> rates(2 * kRateSlots, std::numeric_limits<double>::quiet_NaN());
    std::fill_n(rates.begin(), kRateSlots, 0.01);
    store().set(store().find(ScalarRole::kRates),
                Tensor::from<double>(DType::kFloat64, {2, kRateSlots}, rates));
    if (store().find(ScalarRole::kGroup) >= 0) {
      store().set(store().find(ScalarRole::kGroup),
                  Tensor::from<float>(DType::kFloat32, {}, {{2.0f * kRows}}));
    }
  }

  void step(float value, GraphKind kind = GraphKind::kTrain) {
    std::vector<float> numbers;
    for (int i = 0; i < kRows * 75; ++i) {
      numbers.push_back(value * std::cos(static_cast<float>(i)));
    }
    const Tensor x = Tensor::from<float>(DType::kFloat32, {kRows, 3, 5, 5}, numbers);
    const Tensor target =
        Tensor::from<float>(DType::kFloat32, {kRows, 2}, std::vector<float>(kRows * 2, 0.5f));
    const HeldExecutor executor = engine_->executor(request(kind));
    executor->bind_input(executor->plan().input({PortRole::kModelInput, 0}), x);
    executor->bind_input(executor->plan().input({PortRole::kTarget, 0}), target);
    executor->run();
    store().stream().wait_all();
  }

  // How many parameters have copies; each must be its parameter, rounded.
  int expect_copies(const std::string& when) {
    int copies = 0;
    for (int i = 0; i < store().count(); ++i) {
      const int copy = store().find(low_copy_of(i));
      if (copy >= 0) {
        ++copies;
        const Tensor value = store().get(i);
        Tensor rounded(store().variable(copy).dtype, value.shape());
        copy_elements(value, rounded);
        EXPECT_EQ(store().get(copy).values<float>(), rounded.values<float>())
            << store().variable(i).name << " " << when;
        EXPECT_EQ(store().variable(copy).layout, store().variable(i).layout);
      }
    }
    return copies;
  }
  std::vector<float> values(const char* name) {
    return store().get(store().find(name)).values<float>();
  }

  int count_steps(std::string_view op) {
    int found = 0;
    for (const PlanStep& step : engine_->plan(request(GraphKind::kTrain)).steps) {
      found += step.op == op ? 1 : 0;
    }
    return found;
  }
  VariableStore& store() { return engine_->store(); }

  static GraphRequest request(GraphKind kind) {
    GraphRequest made;
    made.kind = kind;
    made.batch = kRows;
    return made;
  }

 private:
  std::unique_ptr<Backend> backend_, reference_;
  std::unique_ptr<Engine> engine_;
};

class LowCopiesOfWeights : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
};

TEST_F(LowCopiesOfWeights, AreWrittenWithThemByEveryOptimizer) {
  for (const Optimizer& optimizer : optimizers()) {
    for (const DType precision : {DType::kBFloat16, DType::kFloat16}) {
      Model model(optimizer.name, precision, "cuda-emulated");
      // The updates that see the axes of a matrix write none.
      const bool sees_axes = optimizer.name == "muon" || optimizer.name == "adafactor";
      const std::string what = concat(optimizer.name, " in ", precision);
      EXPECT_EQ(model.expect_copies("at first, " + what), sees_axes ? 0 : 2) << what;
      const std::vector<float> before = model.values("conv.weight");
      model.step(0.5f);
      model.step(1.5f);
      model.expect_copies("after two steps of " + what);
      EXPECT_NE(model.values("conv.weight"), before) << what;
    }
  }
}

TEST_F(LowCopiesOfWeights, GiveTheWeightsThatCastsGive) {
  // As little as a step of SGD differs between devices, a copy that were a step late would show.
  Model device("sgd", DType::kBFloat16, "cuda-emulated"), cpu("sgd", DType::kBFloat16, "cpu");
  EXPECT_EQ(cpu.expect_copies("on the CPU"), 0);
  for (const float value : {0.5f, 1.0f, -1.5f, 2.0f}) {
    device.step(value);
    cpu.step(value);
  }
  for (const char* name : {"conv.weight", "linear.weight"}) {
    const std::vector<float> a = device.values(name), b = cpu.values(name);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(a[i], b[i], 2e-3) << name << " " << i;
    }
  }
}

TEST_F(LowCopiesOfWeights, LeaveNoCastOrReorderOfAWeightInAStep) {
  Model model("adamw", DType::kBFloat16, "cuda-emulated");
  EXPECT_LE(model.count_steps("Cast"), 3) << "of the input, the outputs and their gradient";
  EXPECT_LE(model.count_steps("Reorder"), 3) << "of the input, to the matrix and back";
}

TEST_F(LowCopiesOfWeights, StayWithWeightsOfAStepThatIsSkipped) {
  Model model("adamw", DType::kFloat16, "cuda-emulated");
  model.step(1);
  const std::vector<float> before = model.values("conv.weight");
  model.step(std::numeric_limits<float>::infinity());
  EXPECT_EQ(model.values("conv.weight"), before);
  EXPECT_EQ(model.expect_copies("after a skipped step"), 2);
}

TEST_F(LowCopiesOfWeights, AreThereForGroupsOfMicroBatches) {
  Model model("adamw", DType::kBFloat16, "cuda-emulated", {GraphKind::kLast, GraphKind::kMicro});
  for (int group = 0; group < 2; ++group) {
    model.step(1, GraphKind::kMicro);
    model.step(0.5f, GraphKind::kLast);
    EXPECT_EQ(model.expect_copies("after a group"), 2);
  }
}

}  // namespace
}  // namespace temper::training
