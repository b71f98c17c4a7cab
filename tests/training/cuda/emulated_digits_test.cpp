// The digits recipe whole on the emulated device: the kernels, copies and the captured step of the
// CUDA backend, against the CPU.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "backends/cuda/emulated/emulated_device.h"
#include "tests/device_under_test.h"
#include "tests/training/support/tiny_run.h"
#include "training/recipe/recipe.h"

namespace temper::training {
namespace {

class EmulatedDigits : public testing::Test {
 protected:
  void SetUp() override {
    if (test::is_device_left_out()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }

  RunRecord run(const std::string& device, const std::vector<std::string>& more,
                std::int64_t late = 0) {
    const std::string out = testing::TempDir() + "/emulated_digits_" + device;
    std::filesystem::remove_all(out);
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/digits/digits.toml";
    sources.overrides = {"train.device=\"" + device + "\"", "train.threads=1",
                         "train.out=\"" + out + "\"", "log.tensorboard=false", "log.charts=false"};
    sources.overrides.insert(sources.overrides.end(), more.begin(), more.end());
    return run_tiny(read_recipe(sources), false, nullptr, {}, late);
  }
};

TEST_F(EmulatedDigits, LearnAsOnTheCpu) {
  const std::vector<std::string> short_run = {"train.epochs=2"};
  const RunRecord cpu = run("cpu", short_run), device = run(test::device_under_test(), short_run);
  ASSERT_EQ(cpu.losses.size(), device.losses.size());
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    // Rounding differs, and what it does grows with the steps.
    const double tolerance = i < 10 ? 1e-5 : 2e-2;
    EXPECT_NEAR(cpu.losses[i], device.losses[i], tolerance) << "step " << i;
  }
}

// The recipe as it stands, all its epochs.
TEST_F(EmulatedDigits, LearnToTheAccuracyOfTheCpu) {
  const RunRecord cpu = run("cpu", {}), device = run(test::device_under_test(), {});
  ASSERT_EQ(cpu.losses.size(), 900u);
  ASSERT_EQ(device.losses.size(), 900u);
  const double wanted = cpu.result.final_evaluation.metric("accuracy").value();
  const double made = device.result.final_evaluation.metric("accuracy").value();
  RecordProperty("cpu", concat(wanted));
  RecordProperty("device", concat(made));
  EXPECT_GT(wanted, 0.97);
  EXPECT_NEAR(wanted, made, 0.01);
  EXPECT_NEAR(cpu.result.final_evaluation.loss, device.result.final_evaluation.loss, 0.01);
}

// Those that see the axes of a parameter, by products and sums over rows and columns.
TEST_F(EmulatedDigits, OptimizersOfMatricesMoveAsOnTheCpu) {
  for (const std::string name : {"adafactor", "muon"}) {
    const std::vector<std::string> more = {"train.steps=6", "train.eval_every=0",
                                           "optimizer.name=\"" + name + "\"", "optimizer.lr=0.01"};
    const RunRecord cpu = run("cpu", more), device = run(test::device_under_test(), more);
    ASSERT_EQ(cpu.losses.size(), device.losses.size()) << name;
    EXPECT_GT(std::abs(cpu.losses.front() - cpu.losses.back()), 1e-2) << name;
    for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
      EXPECT_NEAR(cpu.losses[i], device.losses[i], 2e-5) << name << ", step " << i;
    }
  }
}

// One launch of a graph per step: the host queues no kernel, copies two inputs there and the
// readings back, and waits for nothing but what it reads late, with later steps behind it.
TEST_F(EmulatedDigits, AStepIsOneGraph) {
  if (!test::is_emulated_under_test()) {
    GTEST_SKIP() << "only the emulated device counts what it is told";
  }
  const auto steps = [](int count) {
    return std::vector<std::string>{concat("train.steps=", count), "train.eval_every=0"};
  };
  const emulated::DeviceCounts before = emulated::device_counts();
  const RunRecord shorter = run("cuda-emulated", steps(10), kLateAsSuitsTheDevice);
  const emulated::DeviceCounts middle = emulated::device_counts();
  const RunRecord longer = run("cuda-emulated", steps(30), kLateAsSuitsTheDevice);
  const emulated::DeviceCounts after = emulated::device_counts();
  const auto more = [&](std::uint64_t emulated::DeviceCounts::* count) {
    return (after.*count - middle.*count) - (middle.*count - before.*count);
  };
  EXPECT_EQ(more(&emulated::DeviceCounts::replays), 20u);
  EXPECT_EQ(more(&emulated::DeviceCounts::launches), 0u);
  EXPECT_EQ(more(&emulated::DeviceCounts::allocations), 0u);
  // Pictures and targets come in and go on to where the graph reads them; the rate and its like
  // come in.
  EXPECT_EQ(more(&emulated::DeviceCounts::copies), 20u * 5);
  EXPECT_EQ(more(&emulated::DeviceCounts::waits), more(&emulated::DeviceCounts::late_waits));
}

}  // namespace
}  // namespace temper::training
