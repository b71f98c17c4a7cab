// Which kernels the plans of whole models take in float32 on the cpu backend: none of the
// reference's, and as many steps as tests/models/expected/plan_steps.txt says. On the device: as
// many reorders as it says for models of pictures, whose regions have channels last.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "tests/models/planned_model.h"

namespace temper {
namespace {

using training::GraphKind;
using Int = std::int64_t;

struct StepCount {
  int steps = 0;  // without reorders
  int reorders = 0;
};

// The training plan comes first, as in a run: it decides the layouts of the weights.
const std::vector<std::pair<std::string, GraphKind>> kKinds = {{"train", GraphKind::kTrain},
                                                               {"evaluate", GraphKind::kEvaluate},
                                                               {"predict", GraphKind::kPredict}};

StepCount count_steps(const Plan& plan) {
  StepCount count;
  for (const PlanStep& step : plan.steps) {
    ++(step.op == "Reorder" ? count.reorders : count.steps);
  }
  return count;
}

std::string page_path() {
  return std::string(TEMPER_SOURCE_DIR) + "/tests/models/expected/plan_steps.txt";
}

// By "model kind".
std::map<std::string, StepCount> read_counts() {
  std::map<std::string, StepCount> counts;
  std::ifstream stream(page_path());
  std::string line;
  while (std::getline(stream, line)) {
    std::istringstream words(line);
    std::string model, kind;
    StepCount count;
    if (line.rfind('#', 0) != 0 && words >> model >> kind >> count.steps >> count.reorders) {
      counts[model + " " + kind] = count;
    }
  }
  return counts;
}

void write_counts(const std::map<std::string, StepCount>& counts) {
  std::ofstream page(page_path());
  page << "# Steps of the plans of plan_kernels_test.cpp at batch 4: model, graph, steps without\n"
          "# reorders, reorders. Written by that test with TEMPER_UPDATE_REFERENCE=1.\n";
  for (const auto& [name, count] : counts) {
    const std::size_t space = name.find(' ');
    page << std::left << std::setw(22) << name.substr(0, space) << std::setw(14)
         << name.substr(space + 1) << std::right << std::setw(6) << count.steps << std::setw(5)
         << count.reorders << "\n";
  }
}

class PlanOf : public testing::TestWithParam<PlannedModel> {};

TEST_P(PlanOf, TakesNoReferenceKernelAndAsManyStepsAsBefore) {
  CompiledModel model(GetParam(), "cpu", 2);
  const bool updates = std::getenv("TEMPER_UPDATE_REFERENCE") != nullptr;
  std::map<std::string, StepCount> expected = read_counts();
  // How many channels lie together, and so what is reordered, depends on library and processor.
  const std::string kernels = make_backend("cpu")->fingerprint();
  const bool same_processor =
      kernels.starts_with("onednn") && kernels.find("avx512") != std::string::npos;
  for (const auto& [kind_name, kind] : kKinds) {
    SCOPED_TRACE(kind_name);
    const Plan& plan = model.engine().plan(CompiledModel::request(kind));
    for (const PlanStep& step : plan.steps) {
      std::string reasons;
      for (const std::string& refusal : step.refusals) {
        reasons += "\n  not " + refusal;
      }
      EXPECT_NE(step.family, "reference") << step.op << " of " << step.origin << reasons;
    }
    const StepCount count = count_steps(plan);
    const std::string key = std::string(GetParam().name) + " " + kind_name;
    if (updates) {
      expected[key] = count;
      continue;
    }
    EXPECT_EQ(count.steps, expected[key].steps)
        << "if that is meant, run it once with TEMPER_UPDATE_REFERENCE=1";
    EXPECT_TRUE(!same_processor || count.reorders == expected[key].reorders)
        << count.reorders << " reorders, expected " << expected[key].reorders
        << "; if that is meant, run it once with TEMPER_UPDATE_REFERENCE=1";
  }
  if (updates) {
    write_counts(expected);
  }
}

class DevicePlanOf : public testing::TestWithParam<PlannedModel> {};

TEST_P(DevicePlanOf, ReordersAsOftenAsBefore) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  CompiledModel model(GetParam(), "cuda-emulated", 2);
  const bool updates = std::getenv("TEMPER_UPDATE_REFERENCE") != nullptr;
  std::map<std::string, StepCount> expected = read_counts();
  for (const auto& [kind_name, kind] : kKinds) {
    const StepCount count = count_steps(model.engine().plan(CompiledModel::request(kind)));
    const std::string key = concat(GetParam().name, " cuda_", kind_name);
    if (updates) {
      expected[key] = count;
      continue;
    }
    EXPECT_EQ(count.steps, expected[key].steps) << key;
    EXPECT_EQ(count.reorders, expected[key].reorders)
        << key << "; if that is meant, run it once with TEMPER_UPDATE_REFERENCE=1";
  }
  if (updates) {
    write_counts(expected);
  }
}

PlannedModel file(const char* name, const char* expected, const char* loss = "cross_entropy") {
  return {.name = name, .loss = loss, .expected = expected};
}

// The models that are timed against PyTorch, as `temper new` makes them and as PyTorch exports
// them, and what else `temper new` makes.
INSTANTIATE_TEST_SUITE_P(
    Models, PlanOf,
    testing::Values(PlannedModel{.name = "gpt",
                                 .options = {{"vocabulary", Int{512}},
                                             {"layers", Int{4}},
                                             {"width", Int{256}},
                                             {"heads", Int{4}}},
                                 .sequence_of_classes = true},
                    PlannedModel{.name = "llama",
                                 .options = {{"vocabulary", Int{512}}},
                                 .sequence_of_classes = true},
                    PlannedModel{.name = "bert", .options = {{"vocabulary", Int{512}}}},
                    PlannedModel{.name = "vit", .options = {{"image-size", Int{64}}}},
                    PlannedModel{.name = "lstm", .loss = "mse"},
                    PlannedModel{.name = "gru", .loss = "mse"},
                    PlannedModel{.name = "unet", .loss = "bce_with_logits"},
                    PlannedModel{.name = "resnet18", .options = {{"image-size", Int{64}}}},
                    PlannedModel{.name = "resnet50", .options = {{"image-size", Int{64}}}},
                    PlannedModel{.name = "mobilenet_v2", .options = {{"image-size", Int{64}}}},
                    PlannedModel{.name = "mlp"}, PlannedModel{.name = "lenet"},
                    PlannedModel{.name = "convnet"}, PlannedModel{.name = "tcn", .loss = "mse"},
                    PlannedModel{.name = "autoencoder", .loss = "mse"},
                    PlannedModel{.name = "dcgan_generator", .loss = "mse"},
                    PlannedModel{.name = "dcgan_discriminator", .loss = "bce_with_logits"},
                    file("tiny_mlp.fixed.onnx", "tiny_mlp", "mse"), file("mlp.raw.onnx", "mlp"),
                    file("lenet.onnx", "lenet"), file("cifar_cnn.onnx", "cifar_cnn"),
                    file("cifar_cnn.raw.onnx", "cifar_cnn.raw")),
    [](const testing::TestParamInfo<PlannedModel>& tested) { return test_name(tested.param); });

INSTANTIATE_TEST_SUITE_P(
    Models, DevicePlanOf,
    testing::Values(PlannedModel{.name = "unet", .loss = "bce_with_logits"},
                    PlannedModel{.name = "resnet18", .options = {{"image-size", Int{64}}}},
                    PlannedModel{.name = "mobilenet_v2", .options = {{"image-size", Int{64}}}},
                    PlannedModel{.name = "dcgan_generator", .loss = "mse"},
                    file("lenet.onnx", "lenet"), file("cifar_cnn.onnx", "cifar_cnn")),
    [](const testing::TestParamInfo<PlannedModel>& tested) { return test_name(tested.param); });

}  // namespace
}  // namespace temper
