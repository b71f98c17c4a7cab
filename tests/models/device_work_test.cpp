// What a training step asks of the device, by the emulated device's own count: one launch of a
// graph of as many kernels as tests/models/expected/device_work.txt says, and no more work for the
// host than to hand over its inputs and to fetch the readings, late.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <string>
#include <vector>

#include "backends/cuda/cuda_backend.h"
#include "tests/counts_page.h"
#include "tests/models/planned_model.h"
#include "training/analysis/step_work.h"

namespace temper {
namespace {

using training::CountedWork;
using training::GraphKind;
using Int = std::int64_t;

const test::CountsPage kPage = {
    TEMPER_SOURCE_DIR "/tests/models/expected/device_work.txt",
    "# The captured training step of device_work_test.cpp at batch 4: model, own kernels,\n"
    "# library calls, copies. Written by that test with TEMPER_UPDATE_REFERENCE=1.\n",
    {20},
    {6, 6, 6}};

class DeviceWork : public testing::TestWithParam<PlannedModel> {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
};

TEST_P(DeviceWork, IsOneGraphAndNothingByTheHost) {
  CompiledModel model(GetParam(), "cuda-emulated", 1);
  const training::GraphRequest request = CompiledModel::request(GraphKind::kTrain);
  model.engine().prepare({request});
  const training::HeldExecutor executor = model.engine().executor(request);
  const Plan& plan = executor->plan();
  const CountedWork work = training::count_work(*executor);

  EXPECT_EQ(work.replays, 1);
  EXPECT_EQ(work.host_launches, 0);
  EXPECT_EQ(work.host_waits, 0);
  EXPECT_EQ(work.allocations, 0);
  EXPECT_EQ(work.host_copies, static_cast<Int>(plan.inputs.size()) * 2 + 1)
      << "inputs to the device and to their places there, readings";
  const training::StepWork planned = training::work_of(plan);
  EXPECT_EQ(work.bytes_in, planned.bytes_in);
  EXPECT_EQ(work.bytes_out, planned.bytes_out);

  const std::vector<Int> size = {work.kernels, work.library_calls, work.copies};
  EXPECT_EQ(size, test::expected_counts(kPage, row_name(GetParam()), size))
      << "kernels, library calls, copies; " << test::kHowToUpdate;
}

// Each in f32 and in both 16-bit precisions, but for LSTM, which stays in f32.
std::vector<PlannedModel> models() {
  std::vector<PlannedModel> all = {{.name = "digits"},
                                   {.name = "cifar_cnn.onnx", .expected = "cifar_cnn"},
                                   {.name = "resnet18", .options = {{"image-size", Int{64}}}},
                                   {.name = "gpt",
                                    .options = {{"vocabulary", Int{512}},
                                                {"layers", Int{4}},
                                                {"width", Int{256}},
                                                {"heads", Int{4}}},
                                    .sequence_of_classes = true}};
  for (std::size_t i = 0, count = all.size(); i < 2 * count; ++i) {
    all.push_back(all[i % count]);
    all.back().precision = i < count ? DType::kBFloat16 : DType::kFloat16;
  }
  all.push_back({.name = "lstm", .loss = "mse"});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, DeviceWork, testing::ValuesIn(models()),
                         [](const testing::TestParamInfo<PlannedModel>& tested) {
                           return test_name(tested.param);
                         });

// Of the tiny network on the reference backend, by hand: no kernel but those of two layers,
// float32, batch 4.
TEST(StepWork, CountsTheBytesOfEveryTensorThatAKernelTouches) {
  CompiledModel model(
      {.name = "mlp",
       .options = {{"inputs", Int{3}}, {"hidden", std::vector<Int>{5}}, {"outputs", Int{2}}},
       .loss = "mse"},
      "reference", 1);
  const Plan& plan = model.engine().plan(CompiledModel::request(GraphKind::kPredict));
  std::string ops;
  for (const PlanStep& step : plan.steps) {
    ops += step.op + " ";
  }
  ASSERT_EQ(ops, "Gemm Gemm ");
  const training::StepWork work = training::work_of(plan);
  const Int x = 4 * 3, w1 = 5 * 3, b1 = 5, h = 4 * 5, w2 = 2 * 5, b2 = 2, y = 4 * 2;
  EXPECT_EQ(work.bytes_read, 4 * (x + w1 + b1 + h + w2 + b2));
  EXPECT_EQ(work.bytes_written, 4 * (h + y));
  EXPECT_EQ(work.bytes_in, 4 * x);
}

}  // namespace
}  // namespace temper
