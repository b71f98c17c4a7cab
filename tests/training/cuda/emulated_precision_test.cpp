// Mixed precision on the emulated device: the kernels of a step take 16-bit tensors themselves, and
// models learn as on the CPU.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "models/architecture.h"
#include "runtime/base/concat.h"
#include "runtime/exec/plan.h"
#include "tests/device_under_test.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "tests/training/support/tiny_run.h"
#include "training/analysis/inspection.h"
#include "training/recipe/recipe.h"

namespace temper::training {
namespace {

using Int = std::int64_t;

std::string write_model_to(const std::string& folder, const char* architecture,
                           const Attrs& options) {
  const std::string path = folder + "/model.onnx";
  models::write_model(models::make_model(models::find_architecture(architecture), options, 0),
                      path);
  return path;
}

// ---------------------------------------------------------------- plans

struct PlannedModel {
  const char* architecture;
  Attrs options;
  // The steps that still run by conversion: "Op count, ...".
  const char* converted = "";
};

void PrintTo(const PlannedModel& model, std::ostream* out) { *out << model.architecture; }

class EmulatedMixedPrecisionPlans
    : public testing::TestWithParam<std::tuple<PlannedModel, const char*>> {};

TEST_P(EmulatedMixedPrecisionPlans, HaveKernelsThatTake16Bits) {
  if (test::is_device_left_out()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const auto& [model, precision] = GetParam();
  const TemporaryFolder folder;
  const graph::OnnxModel onnx =
      graph::OnnxModel::load(write_model_to(folder.path(), model.architecture, model.options));
  TrainingPreview preview(onnx, "mse", {{"sequence", 16}}, test::device_under_test(), 1, precision);
  std::map<std::string, int> converted;
  int narrow_products = 0;
  for (const PlanStep& step : preview.plan(2).steps) {
    converted[step.op] += step.family.ends_with("via f32") ? 1 : 0;
    const bool is_product = step.op == "Gemm" || step.op == "MatMul" || step.op == "Conv";
    narrow_products += is_product && size_of(step.input_type) == 2 ? 1 : 0;
  }
  std::string text;
  for (const auto& [op, count] : converted) {
    text += count == 0 ? "" : concat(text.empty() ? "" : ", ", op, " ", count);
  }
  EXPECT_EQ(text, model.converted);
  EXPECT_GT(narrow_products, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Models, EmulatedMixedPrecisionPlans,
    testing::Combine(
        testing::Values(
            PlannedModel{"gpt",
                         {{"context", Int{16}},
                          {"layers", Int{2}},
                          {"heads", Int{2}},
                          {"width", Int{16}},
                          {"dropout", 0.1}}},
            PlannedModel{"llama",
                         {{"vocabulary", Int{32}},
                          {"layers", Int{1}},
                          {"heads", Int{2}},
                          {"kv-heads", Int{1}},
                          {"width", Int{16}},
                          {"mlp", Int{32}}}},
            PlannedModel{"resnet18",
                         {{"image-size", Int{32}},
                          {"stem", "small"},
                          {"width", Int{8}},
                          {"classes", Int{10}}}},
            PlannedModel{"unet", {}},
            PlannedModel{
                "lstm",
                {{"features", Int{4}}, {"hidden", Int{8}}, {"layers", Int{2}}, {"dropout", 0.1}}},
            PlannedModel{"gru", {{"features", Int{4}}, {"hidden", Int{8}}}}),
        testing::Values("bf16", "fp16")),
    [](const auto& instance) {
      return concat(std::get<0>(instance.param).architecture, "_", std::get<1>(instance.param));
    });

// ---------------------------------------------------------------- training

struct TrainedModel {
  const char* name;
  const char* architecture;  // empty: the recipe's own model
  Attrs options;
  const char* recipe;
  std::vector<std::string> settings;
};

void PrintTo(const TrainedModel& model, std::ostream* out) { *out << model.name; }

class EmulatedMixedPrecisionRuns
    : public testing::TestWithParam<std::tuple<TrainedModel, const char*>> {
 protected:
  static RunRecord run(const std::string& device) {
    const auto& [model, precision] = GetParam();
    const std::string folder =
        concat(testing::TempDir(), "/mixed_", model.name, "_", precision, "_", device);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    RecipeSources sources;
    sources.file = std::string(TEMPER_SOURCE_DIR "/models/") + model.recipe;
    sources.overrides = {concat("train.device=\"", device, "\""),
                         concat("train.precision=\"", precision, "\""),
                         "train.threads=1",
                         concat("train.out=\"", folder, "/run\""),
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.eval_every=0",
                         "train.steps=6"};
    if (*model.architecture != '\0') {
      sources.overrides.push_back(
          concat("model.path=\"", write_model_to(folder, model.architecture, model.options), "\""));
    }
    sources.overrides.insert(sources.overrides.end(), model.settings.begin(), model.settings.end());
    return run_tiny(read_recipe(sources), false);
  }
};

TEST_P(EmulatedMixedPrecisionRuns, LearnAsOnTheCpu) {
  if (test::is_device_left_out()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const RunRecord cpu = run("cpu"), device = run(test::device_under_test());
  ASSERT_EQ(cpu.losses.size(), 6u);
  ASSERT_EQ(device.losses.size(), 6u);
  // Sums in another order are rounded to other 16-bit numbers now and then.
  const double tolerance = std::string(std::get<1>(GetParam())) == "bf16" ? 1e-2 : 2e-3;
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    EXPECT_NEAR(cpu.losses[i], device.losses[i], tolerance * std::max(1.0, cpu.losses[i]))
        << "step " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, EmulatedMixedPrecisionRuns,
    testing::Combine(testing::Values(TrainedModel{"digits", "", {}, "digits/digits.toml", {}},
                                     TrainedModel{"gpt",
                                                  "gpt",
                                                  {{"context", Int{16}},
                                                   {"layers", Int{1}},
                                                   {"heads", Int{2}},
                                                   {"width", Int{16}},
                                                   {"dropout", 0.1}},
                                                  "language/gpt.toml",
                                                  {"data.block=16", "data.stride=16"}},
                                     TrainedModel{"lstm",
                                                  "lstm",
                                                  {{"features", Int{1}}, {"hidden", Int{8}}},
                                                  "forecast/forecast.toml",
                                                  {}},
                                     TrainedModel{"gru",
                                                  "gru",
                                                  {{"features", Int{1}},
                                                   {"hidden", Int{8}},
                                                   {"bidirectional", Int{1}}},
                                                  "forecast/forecast.toml",
                                                  {}}),
                     testing::Values("bf16", "fp16")),
    [](const auto& instance) {
      return concat(std::get<0>(instance.param).name, "_", std::get<1>(instance.param));
    });

}  // namespace
}  // namespace temper::training
