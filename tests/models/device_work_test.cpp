// What a training step asks of the device, by the emulated device's own count: one launch of a
// graph of as many kernels as tests/models/expected/device_work.txt says, and no more work for the
// host than to hand over its inputs and to fetch the readings, late.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "backends/cuda/cuda_backend.h"
#include "runtime/base/concat.h"
#include "tests/models/planned_model.h"
#include "training/analysis/step_work.h"

namespace temper {
namespace {

using training::CountedWork;
using training::GraphKind;
using Int = std::int64_t;

std::string page_path() {
  return std::string(TEMPER_SOURCE_DIR) + "/tests/models/expected/device_work.txt";
}

// What a step's graph has, by model.
struct GraphSize {
  Int kernels = 0, library_calls = 0, copies = 0;

  friend bool operator==(const GraphSize&, const GraphSize&) = default;
};

void PrintTo(const GraphSize& size, std::ostream* out) {
  *out << size.kernels << " kernels, " << size.library_calls << " library calls, " << size.copies
       << " copies";
}

std::map<std::string, GraphSize> read_sizes() {
  std::map<std::string, GraphSize> sizes;
  std::ifstream stream(page_path());
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string model;
    GraphSize size;
    if (!line.starts_with('#') &&
        words >> model >> size.kernels >> size.library_calls >> size.copies) {
      sizes[model] = size;
    }
  }
  return sizes;
}

void write_sizes(const std::map<std::string, GraphSize>& sizes) {
  std::ofstream page(page_path());
  page << "# The captured training step of device_work_test.cpp at batch 4: model, own kernels,\n"
          "# library calls, copies. Written by that test with TEMPER_UPDATE_REFERENCE=1.\n";
  for (const auto& [model, size] : sizes) {
    page << std::left << std::setw(20) << model << std::right << std::setw(6) << size.kernels
         << std::setw(6) << size.library_calls << std::setw(6) << size.copies << "\n";
  }
}

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

  const GraphSize size = {work.kernels, work.library_calls, work.copies};
  std::map<std::string, GraphSize> sizes = read_sizes();
  const PlannedModel& model_of = GetParam();
  const bool wide = model_of.precision == DType::kFloat32;
  const std::string name =
      concat(model_of.name, wide ? "" : "/", wide ? "" : to_string(model_of.precision));
  if (std::getenv("TEMPER_UPDATE_REFERENCE") != nullptr) {
    sizes[name] = size;
    write_sizes(sizes);
  }
  EXPECT_EQ(size, sizes[name]) << "if that is meant, run it once with TEMPER_UPDATE_REFERENCE=1";
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
