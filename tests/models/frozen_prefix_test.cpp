// A head trained on a frozen convolutional part, whose norms are folded into the convolutions, is
// the head that PyTorch trains (tools/oracle/frozen_training.py).
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/platform/files.h"
#include "tests/models/expected_training.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "training/compile/engine.h"
#include "training/compile/step/parameter_groups.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper {
namespace {

using training::CompileSettings;
using training::JsonValue;

CompileSettings frozen_settings(const ExpectedTraining& model, const JsonValue& frozen) {
  CompileSettings settings;
  const training::Loss& loss = training::find_loss(model.loss);
  settings.losses.emplace_back().loss = {
      loss.name, training::complete_parameters("loss", loss.name, loss.parameters, {})};
  const training::Optimizer& sgd = training::find_optimizer("sgd");
  const Attrs given{{"lr", frozen.at("lr").as_double("lr")},
                    {"momentum", frozen.at("momentum").as_double("momentum")}};
  settings.optimizer = {
      sgd.name, training::complete_parameters("optimizer", sgd.name, sgd.parameters, given)};
  for (const JsonValue& pattern : frozen.at("freeze").as_array("freeze")) {
    settings.model.freeze.push_back(pattern.as_string("a pattern"));
  }
  settings.model.batchnorm = "frozen";
  return settings;
}

class FrozenPrefixOn : public testing::TestWithParam<const char*> {};

TEST_P(FrozenPrefixOn, TrainsTheHeadAsPyTorchDoes) {
  const ExpectedTraining model = read_expected("cifar_cnn.raw");
  const std::string path =
      std::string(TEMPER_SOURCE_DIR) + "/tests/models/expected/cifar_cnn.frozen.json";
  const JsonValue frozen = training::parse_json(read_text_file(path, 1 << 16), path);
  TemporaryFolder folder;
  const auto backend = make_backend(GetParam()), reference = make_backend("reference");
  const graph::OnnxModel onnx =
      graph::OnnxModel::load(place_model(model, "cifar_cnn.raw.onnx", folder.path()));
  const CompileSettings settings = frozen_settings(model, frozen);
  training::EngineOptions options;
  options.threads = 1;
  training::Engine engine(onnx.build_graph(graph::standard_ops()), settings, *backend, *reference,
                          options);
  training::GraphRequest request;
  request.batch = model.input.shape()[0];
  engine.prepare({request});
  training::RateTable(engine.store(), settings).fill_constant();
  const training::HeldExecutor held = engine.executor(request);
  Executor& executor = *held;
  const Plan& plan = executor.plan();
  const auto norms = std::count_if(plan.steps.begin(), plan.steps.end(), [](const PlanStep& step) {
    return step.op == "BatchNormalization";
  });
  EXPECT_EQ(norms, 0);
  EXPECT_GT(plan.settled_steps, 0u);
  executor.bind_input(plan.input({PortRole::kModelInput, 0}), model.input);
  executor.bind_input(plan.input({PortRole::kTarget, 0}), model.target);
  std::size_t step = 0;
  for (const JsonValue& loss : frozen.at("losses").as_array("losses")) {
    executor.run();
    const double expected = loss.as_double("a loss");
    const int index = plan.output(PortRole::kLoss, 0);
    EXPECT_NEAR(executor.read_output(index).values<double>().at(0), expected, 2e-5 * expected)
        << "step " << step++;
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, FrozenPrefixOn, testing::Values("cpu", "reference"),
                         [](const auto& device) { return std::string(device.param); });

}  // namespace
}  // namespace temper
