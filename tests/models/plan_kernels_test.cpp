// Which kernels the plans of whole models take on the cpu backend, in float32 and in bf16: none of
// the reference's, as many steps as tests/models/expected/plan_steps.txt says, and as much memory
// as plan_bytes.txt says. On the device: as many reorders as it says for models of pictures, whose
// regions have channels last.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <string>
#include <utility>
#include <vector>

#include "backends/backends.h"
#include "backends/cpu/library.h"
#include "backends/cuda/cuda_backend.h"
#include "runtime/base/concat.h"
#include "tests/counts_page.h"
#include "tests/models/planned_model.h"

namespace temper {
namespace {

using training::GraphKind;
using Int = std::int64_t;

// The training plan comes first, as in a run: it decides the layouts of the weights.
const std::vector<std::pair<std::string, GraphKind>> kKinds = {{"train", GraphKind::kTrain},
                                                               {"evaluate", GraphKind::kEvaluate},
                                                               {"predict", GraphKind::kPredict}};

const test::CountsPage kSteps = {
    TEMPER_SOURCE_DIR "/tests/models/expected/plan_steps.txt",
    "# Steps of the plans of plan_kernels_test.cpp at batch 4: model, graph, steps without\n"
    "# reorders, reorders. Written by that test with TEMPER_UPDATE_REFERENCE=1.\n",
    {22, 14},
    {6, 5}};

const test::CountsPage kBytes = {TEMPER_SOURCE_DIR "/tests/models/expected/plan_bytes.txt",
                                 "# Memory of the plans of plan_kernels_test.cpp at batch 4, with "
                                 "AVX-512 and two threads: model,\n"
                                 "# graph, bytes of values and workspaces, of gradients, of the "
                                 "kernels' own tables. Written by\n"
                                 "# that test with TEMPER_UPDATE_REFERENCE=1.\n",
                                 {28, 10},
                                 {12, 12, 10}};

// Steps without reorders, and reorders, of each run: what is settled once does not count.
std::vector<Int> count_steps(const Plan& plan) {
  std::vector<Int> counts = {0, 0};
  for (std::size_t i = plan.settled_steps; i < plan.steps.size(); ++i) {
    ++counts[plan.steps[i].op == "Reorder" ? 1 : 0];
  }
  return counts;
}

void expect_steps(const std::string& name, const Plan& plan, bool reorders_too) {
  std::vector<Int> found = count_steps(plan);
  std::vector<Int> expected = test::expected_counts(kSteps, name, found);
  if (!reorders_too && !expected.empty()) {
    found.pop_back();
    expected.pop_back();
  }
  EXPECT_EQ(found, expected) << "steps and reorders of " << name << "; " << test::kHowToUpdate;
}

// Workspaces of the library's kernels depend on the caches of the processor, a little.
void expect_bytes(const std::string& name, const Plan& plan) {
  constexpr double kOtherCaches = 0.02;
  const std::vector<Int> found = {plan.arena_bytes, plan.flat_bytes, plan.kernel_bytes};
  const std::vector<Int> expected = test::expected_counts(kBytes, name, found);
  ASSERT_EQ(found.size(), expected.size()) << name << "; " << test::kHowToUpdate;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double allowed = kOtherCaches * static_cast<double>(expected[i]);
    EXPECT_NEAR(static_cast<double>(found[i]), static_cast<double>(expected[i]), allowed)
        << "bytes of " << name << ", number " << i + 1 << "; " << test::kHowToUpdate;
  }
}

class PlanOf : public testing::TestWithParam<PlannedModel> {};

TEST_P(PlanOf, TakesNoReferenceKernelAndAsManyStepsAndBytesAsBefore) {
  if (GetParam().precision == DType::kBFloat16 && !cpu::has_bfloat16_products()) {
    GTEST_SKIP() << "this processor has no products in bf16";
  }
  CompiledModel model(GetParam(), "cpu", 2);
  // How many channels lie together, and so what is reordered, depends on library and processor.
  const std::string kernels = make_backend("cpu")->fingerprint();
  const bool same_processor =
      kernels.starts_with("onednn") && kernels.find("avx512") != std::string::npos &&
      (GetParam().precision != DType::kBFloat16 || !cpu::has_fast_bfloat16_products());
  for (const auto& [kind_name, kind] : kKinds) {
    const std::string row = concat(row_name(GetParam()), " ", kind_name);
    const Plan& plan = model.engine().plan(CompiledModel::request(kind));
    for (const PlanStep& step : plan.steps) {
      std::string reasons;
      for (const std::string& refusal : step.refusals) {
        reasons += "\n  not " + refusal;
      }
      EXPECT_NE(step.family, "reference") << step.op << " of " << step.origin << reasons;
    }
    expect_steps(row, plan, same_processor);
    if (same_processor) {
      expect_bytes(row, plan);
    }
  }
}

class DevicePlanOf : public testing::TestWithParam<PlannedModel> {};

TEST_P(DevicePlanOf, ReordersAsOftenAsBefore) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  CompiledModel model(GetParam(), "cuda-emulated", 2);
  for (const auto& [kind_name, kind] : kKinds) {
    expect_steps(concat(row_name(GetParam()), " cuda_", kind_name),
                 model.engine().plan(CompiledModel::request(kind)), true);
  }
}

PlannedModel file(const char* name, const char* expected, const char* loss = "cross_entropy") {
  return {.name = name, .loss = loss, .expected = expected};
}

// The models that are timed against PyTorch, as `temper new` makes them and as PyTorch exports
// them, and what else `temper new` makes; each in float32 and in bf16.
std::vector<PlannedModel> planned_models() {
  std::vector<PlannedModel> models = {
      {.name = "gpt",
       .options =
           {{"vocabulary", Int{512}}, {"layers", Int{4}}, {"width", Int{256}}, {"heads", Int{4}}},
       .sequence_of_classes = true},
      {.name = "llama", .options = {{"vocabulary", Int{512}}}, .sequence_of_classes = true},
      {.name = "bert", .options = {{"vocabulary", Int{512}}}},
      {.name = "vit", .options = {{"image-size", Int{64}}}},
      {.name = "lstm", .loss = "mse"},
      {.name = "gru", .loss = "mse"},
      {.name = "unet", .loss = "bce_with_logits"},
      {.name = "resnet18", .options = {{"image-size", Int{64}}}},
      {.name = "resnet50", .options = {{"image-size", Int{64}}}},
      {.name = "mobilenet_v2", .options = {{"image-size", Int{64}}}},
      {.name = "mlp"},
      {.name = "lenet"},
      {.name = "convnet"},
      {.name = "tcn", .loss = "mse"},
      {.name = "autoencoder", .loss = "mse"},
      {.name = "dcgan_generator", .loss = "mse"},
      {.name = "dcgan_discriminator", .loss = "bce_with_logits"},
      file("tiny_mlp.fixed.onnx", "tiny_mlp", "mse"),
      file("mlp.raw.onnx", "mlp"),
      file("lenet.onnx", "lenet"),
      file("cifar_cnn.onnx", "cifar_cnn"),
      file("cifar_cnn.raw.onnx", "cifar_cnn.raw")};
  const std::size_t count = models.size();
  for (std::size_t i = 0; i < count; ++i) {
    models.push_back(models[i]);
    models.back().precision = DType::kBFloat16;
  }
  return models;
}

INSTANTIATE_TEST_SUITE_P(Models, PlanOf, testing::ValuesIn(planned_models()),
                         [](const testing::TestParamInfo<PlannedModel>& tested) {
                           return test_name(tested.param);
                         });

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
