// Steps that are issued before those before them are reported (training/run/report_lag.h): the host
// waits for none of them, and what they do is what they do one after another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "tests/training/cuda/device_pair.h"
#include "tests/training/support/picture_models.h"
#include "training/formats/npz.h"
#include "training/run/report_lag.h"

namespace temper::training {
namespace {

using testing::HasSubstr;
using Lines = std::vector<std::string>;

constexpr std::int64_t kBadRow = 17;  // of the fifth step
constexpr std::int64_t kBadStep = 5;

class LateReports : public EmulatedRuns {
 protected:
  LateReports() {
    write_tiny_model(folder_.path("tiny.onnx"));
    write_tiny_data(folder_.path("good.npz"), 400, 5);
    write_tiny_data(folder_.path("bad.npz"), 400, 5, {kBadRow});
    write_tiny_data(folder_.path("spiked.npz"), 400, 5, {30, 90, 91}, 1e3f);
  }
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
  // Runs of 40 steps that nothing comes between.
  Recipe recipe(const std::string& data, const std::string& out, Lines lines) const {
    lines.insert(lines.end(), {"train.device=\"cuda-emulated\"", "train.steps=40",
                               "data.shuffle=false", "checkpoint.every=1000"});
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path(data), folder_.path(out), lines);
  }
};

struct Kind {
  const char* name;
  Lines lines;
  std::string data = "bad.npz";
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class LateReportsOf : public LateReports, public testing::WithParamInterface<Kind> {};

TEST_P(LateReportsOf, ChangeNoBitAndLeaveTheHostNothingToWaitFor) {
  const auto run = [&](const std::string& out, std::int64_t late, const StopWhen& each) {
    return run_tiny(recipe(GetParam().data, out, GetParam().lines), false, each, {}, late);
  };
  const RunRecord at_once = run("at_once", 0, nullptr);
  std::int64_t waits = 0, steps = 0;
  emulated::DeviceCounts before;
  const RunRecord late = run("late", kLateAsSuitsTheDevice, [&](const StepView& view) {
    const emulated::DeviceCounts now = emulated::device_counts();
    if (view.progress.step > 10 && view.progress.step <= 34) {
      waits += static_cast<std::int64_t>(now.waits - before.waits) -
               static_cast<std::int64_t>(now.late_waits - before.late_waits);
      ++steps;
    }
    before = now;
    return false;
  });
  EXPECT_EQ(steps, 24);
  EXPECT_EQ(waits, 0);
  EXPECT_EQ(late.variables, at_once.variables);
  EXPECT_EQ(late.log, at_once.log);
  EXPECT_EQ(late.messages, at_once.messages);
  EXPECT_EQ(late.result.skipped, at_once.result.skipped);
  EXPECT_EQ(late.result.skipped > 0, GetParam().data != "good.npz");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LateReportsOf,
    testing::Values(Kind{"Plain", {}},
                    Kind{"Fp16", {"train.precision=\"fp16\"", "scaler.growth_interval=3"}},
                    Kind{"Fp16FromFarAbove",
                         {"train.precision=\"fp16\"", "scaler.init_scale=16777216.0",
                          "scaler.growth_interval=9"},
                         "bad.npz"},
                    Kind{"MovingAverage", {"average.kind=\"ema\"", "average.decay=0.9"}},
                    Kind{"StochasticAverage",
                         {"average.kind=\"swa\"", "average.start=\"6 steps\"", "average.every=3",
                          "average.use_buffers=true"}},
                    Kind{"OnlyWarned", {"train.spike=\"warn\"", "train.spike_window=4"}},
                    Kind{"Stopped", {"train.on_nonfinite=\"stop\""}, "good.npz"},
                    Kind{
                        "SpikesSkipped",
                        {"train.spike=\"skip\"", "train.spike_window=3", "train.spike_factor=1.05"},
                        "spiked.npz"},
                    Kind{"SpikesOfTheLoss",
                         {"train.spike=\"skip\"", "train.spike_of=\"loss\"", "train.spike_window=5",
                          "train.spike_factor=1.5", "train.accumulate=2"},
                         "spiked.npz"}),
    [](const auto& each) { return std::string(each.param.name); });

// Four steps are issued behind the bad one before anybody hears of it.
TEST_F(LateReports, OfAStepThatEndsTheRunFindTheWeightsBeforeIt) {
  std::vector<std::string> weights, errors;
  for (const std::int64_t late : {std::int64_t{0}, kLateAsSuitsTheDevice}) {
    try {
      run_tiny(
          recipe("bad.npz", late == 0 ? "at_once" : "late",
                 {"train.on_nonfinite=\"stop\"", "optimizer.lr=0.1"}),
          false,
          [&](const StepView& view) {
            if (view.progress.step == kBadStep - 1) {
              weights.push_back(bytes_of_variables(view.session.engine().store()).at("w1"));
            }
            return false;
          },
          {}, late);
      ADD_FAILURE() << "the run ended well";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDiverged);
      errors.push_back(error.message());
    }
  }
  ASSERT_EQ(weights.size(), 2U);
  EXPECT_EQ(weights[0], weights[1]);
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0], errors[1]);
  EXPECT_THAT(errors[1], HasSubstr("the first bad values come from"));
}

TEST_F(LateReports, AndInputsOnTheirWayAreTheSameInAnyOrderOfStreams) {
  const Lines lines = {"train.accumulate=2", "clip.norm=0.5"};
  const RunRecord late =
      run_tiny(recipe("good.npz", "late", lines), false, nullptr, {}, kLateAsSuitsTheDevice);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const emulated::RestlessStreams restless(seed);
    const RunRecord drawn = run_tiny(recipe("good.npz", concat("drawn", seed), lines), false,
                                     nullptr, {}, kLateAsSuitsTheDevice);
    EXPECT_EQ(drawn.variables, late.variables) << seed;
    EXPECT_EQ(drawn.log, late.log) << seed;
  }
}

TEST_F(LateReports, AreOneWordOfADeviceWithoutCudnn) {
  write_picture_classifier(folder_.path("picture.onnx"));
  constexpr std::int64_t kRows = 8;
  std::vector<std::int64_t> target(kRows);
  for (std::int64_t row = 0; row < kRows; ++row) {
    target[static_cast<std::size_t>(row)] = row % 2;
  }
  write_npz(folder_.path("pictures.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {kRows, 3, 8, 8},
                                       tiny_values(kRows * 3 * 64, 7))},
             {"target", Tensor::from<std::int64_t>(DType::kInt64, {kRows}, target)}});
  const auto messages = [&](const std::string& out) {
    const Recipe made =
        tiny_recipe(folder_.path("picture.onnx"), folder_.path("pictures.npz"), folder_.path(out),
                    {"train.device=\"cuda-emulated\"", "train.epochs=1"});
    return run_tiny(made, false).messages;
  };
  const auto slow = [](const std::vector<std::string>& all) {
    return std::ranges::count_if(all, [](const std::string& message) {
      return message.starts_with(
          "slow: convolutions are direct sums, right but slow: cuDNN is not "
          "there");
    });
  };
  EXPECT_EQ(slow(messages("with")), 0);
  emulated::set_cudnn_missing(true);
  const std::vector<std::string> without = messages("without");
  emulated::set_cudnn_missing(false);
  EXPECT_EQ(slow(without), 1);
}

}  // namespace
}  // namespace temper::training
