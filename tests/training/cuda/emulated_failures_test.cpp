// A device that fails or is full while a run goes on: the error says what, and the run goes on from
// its last checkpoint to the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "runtime/base/error.h"
#include "tests/training/support/tiny_runs.h"

namespace temper::training {
namespace {

using testing::HasSubstr;
using Lines = std::vector<std::string>;

class DeviceFailures : public TinyRuns {
 protected:
  DeviceFailures() : TinyRuns({true, 0.3}) {}
  void SetUp() override {
    TinyRuns::SetUp();
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
  void TearDown() override {
    emulated::set_memory_bytes(0);
    emulated::fail_in_replay(0);
    TinyRuns::TearDown();
  }
  Recipe on_device(const std::string& out) const {
    return recipe(out, {"train.device=\"cuda-emulated\"", "train.steps=30", "checkpoint.every=7",
                        "log.every=1", "data.seed=3"});
  }
  // The error of a run, and its notes.
  static std::string error_of(const Recipe& made, ErrorCode expected,
                              const StopWhen& each = nullptr) {
    try {
      run_tiny(made, false, each, {}, kLateAsSuitsTheDevice);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "the run ended well";
    return {};
  }
  void expect_resumes_to(const RunRecord& whole, const std::string& out) {
    const RunRecord resumed = run_tiny(on_device(out), true, nullptr, {}, kLateAsSuitsTheDevice);
    EXPECT_EQ(resumed.variables, whole.variables);
    EXPECT_EQ(resumed.log, whole.log);
    EXPECT_TRUE(resumed.last_model == whole.last_model);
  }
};

TEST_F(DeviceFailures, AreToldInTheDevicesWordsAndTheRunGoesOnFromItsCheckpoint) {
  const RunRecord whole = run_tiny(on_device("whole"), false, nullptr, {}, kLateAsSuitsTheDevice);
  // The runs of evaluations count, too: between the checkpoints of steps 7 and 14.
  emulated::fail_in_replay(15, "an illegal memory access was encountered");
  const std::string error = error_of(on_device("failed"), ErrorCode::kDevice);
  EXPECT_THAT(error, HasSubstr("an illegal memory access was encountered"));
  EXPECT_THAT(error, HasSubstr("the run is saved up to step 7; go on with: temper train "));
  EXPECT_EQ(exit_code(ErrorCode::kDevice), 9);
  emulated::fail_in_replay(0);
  expect_resumes_to(whole, "failed");
}

TEST_F(DeviceFailures, BeforeTheFirstCheckpointSaySo) {
  emulated::fail_in_replay(2, "unspecified launch failure");
  EXPECT_THAT(error_of(on_device("early"), ErrorCode::kDevice), HasSubstr("was saved yet"));
}

TEST_F(DeviceFailures, OfMemorySayHowMuchThereIsAndWhatNeedsLess) {
  emulated::set_memory_bytes(4096);
  const std::string error = error_of(on_device("full"), ErrorCode::kOutOfMemory);
  EXPECT_THAT(error, HasSubstr("the device has no "));
  EXPECT_THAT(error, HasSubstr(" of 4096 are free"));
  EXPECT_THAT(error, HasSubstr("data.batch_size"));
  EXPECT_THAT(error, HasSubstr("train.accumulate"));
  EXPECT_THAT(error, HasSubstr("train.precision = \"bf16\""));
  EXPECT_THAT(error, HasSubstr("training takes "));
  EXPECT_EQ(exit_code(ErrorCode::kOutOfMemory), 6);
}

// The second stage takes memory of its own.
TEST_F(DeviceFailures, OfMemoryAmidARunLeaveItToBeGoneOnWith) {
  const auto staged = [&](const std::string& out) {
    Recipe made = on_device(out);
    made.train.steps = 0;
    made.train.epochs = 0;
    made.stages = {{2, {"w1"}, 1.0}, {4, {}, 0.5}};
    return made;
  };
  const RunRecord whole = run_tiny(staged("whole"), false, nullptr, {}, kLateAsSuitsTheDevice);
  const std::string error =
      error_of(staged("full"), ErrorCode::kOutOfMemory, [](const StepView& step) {
        if (step.progress.step == 8) {
          emulated::set_memory_bytes(4096);
        }
        return false;
      });
  EXPECT_THAT(error, HasSubstr("the run is saved up to step "));
  emulated::set_memory_bytes(0);
  const RunRecord resumed = run_tiny(staged("full"), true, nullptr, {}, kLateAsSuitsTheDevice);
  EXPECT_EQ(resumed.variables, whole.variables);
  EXPECT_EQ(resumed.log, whole.log);
}

}  // namespace
}  // namespace temper::training
