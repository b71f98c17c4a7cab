// A step that is not finite changes nothing, and too many of them end the run with the culprit's
// name.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;
using Snapshot = std::map<std::string, std::string>;

std::int64_t integer(const Snapshot& all, const char* name) {
  std::int64_t value = 0;
  std::memcpy(&value, all.at(name).data(), sizeof value);
  return value;
}

class SkippedStep : public testing::Test {
 protected:
  Recipe recipe(Lines lines) const {
    lines.insert(lines.end(), {"data.shuffle=false", "train.epochs=1"});
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path("train.npz"), folder_.path("run"),
                       lines);
  }

  // Runs an epoch of 24 rows and compares the variables before and after each skipped step.
  void check_nothing_changes(const Lines& lines, std::int64_t expected_skips) {
    Snapshot before;
    std::int64_t skips = 0;
    const RunRecord record = run_tiny(recipe(lines), false, [&](const StepView& view) {
      Snapshot after = bytes_of_variables(view.session.engine().store());
      if (view.skipped) {
        ++skips;
        EXPECT_EQ(integer(after, "step.attempted"), integer(before, "step.attempted") + 1);
        EXPECT_GT(integer(after, "step.position"), integer(before, "step.position"));
        EXPECT_EQ(integer(after, "step.applied"), integer(before, "step.applied"));
        for (const auto& [name, bytes] : after) {
          if (name != "step.attempted" && name != "step.position") {
            EXPECT_EQ(bytes, before.at(name)) << name;
          }
        }
      } else if (!before.empty()) {
        EXPECT_NE(after.at("w1"), before.at("w1"));
        EXPECT_EQ(integer(after, "step.applied"), integer(before, "step.applied") + 1);
      }
      before = std::move(after);
      return false;
    });
    EXPECT_EQ(skips, expected_skips);
    EXPECT_EQ(record.result.skipped, expected_skips);
  }

  TempFolder folder_;
};

struct BadRow {
  const char* name;
  std::int64_t row;
  float value;
  const char* accumulate;
  const char* device;
};

class SkippedStepWith : public SkippedStep, public testing::WithParamInterface<BadRow> {};

TEST_P(SkippedStepWith, ChangesNoParameterMomentOrStatistic) {
  const BadRow& bad = GetParam();
  write_tiny_model(folder_.path("tiny.onnx"));
  write_tiny_data(folder_.path("train.npz"), 24, 5, {bad.row}, bad.value);
  check_nothing_changes({bad.accumulate, bad.device, "clip.norm=1.0"}, 1);
}

// The variance of 1e25 overflows, the normalised values do not: loss and gradients stay finite.
INSTANTIATE_TEST_SUITE_P(
    Rows, SkippedStepWith,
    testing::Values(
        BadRow{"Plain", 9, 3e38f, "train.accumulate=1", "train.device=\"cpu\""},
        BadRow{"Statistics", 9, 1e25f, "train.accumulate=1", "train.device=\"cpu\""},
        BadRow{"Reference", 9, 3e38f, "train.accumulate=1", "train.device=\"reference\""},
        BadRow{"FirstMicroBatch", 14, 3e38f, "train.accumulate=3", "train.device=\"cpu\""},
        BadRow{"MicroStatistics", 14, 1e25f, "train.accumulate=3", "train.device=\"cpu\""},
        BadRow{"LastMicroBatch", 22, 3e38f, "train.accumulate=3", "train.device=\"cpu\""}),
    [](const auto& each) { return std::string(each.param.name); });

// Squared error: 1e25 squared overflows, its gradient does not.
TEST_F(SkippedStep, FollowsFromTheLossOfAnyMicroBatch) {
  TinyModel model;
  model.batchnorm = false;
  write_tiny_model(folder_.path("tiny.onnx"), model);
  std::vector<float> target(24 * kTinyClasses, 0.5f);
  target[14 * kTinyClasses] = 1e25f;
  write_npz(folder_.path("train.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {24, kTinyInputs},
                                       tiny_values(24 * kTinyInputs, 5))},
             {"target", Tensor::from<float>(DType::kFloat32, {24, kTinyClasses}, target)}});
  for (const char* accumulate : {"train.accumulate=1", "train.accumulate=3"}) {
    std::filesystem::remove_all(folder_.path("run"));
    check_nothing_changes({accumulate, "loss.name=\"mse\""}, 1);
  }
}

// A line of each step, the last that of the epoch: the skipped one has neither loss nor accuracy.
TEST_F(SkippedStep, CountsNeitherInTheLossNorInTheAccuracy) {
  write_tiny_model(folder_.path("tiny.onnx"));
  write_tiny_data(folder_.path("train.npz"), 24, 5, {9});
  const RunRecord record = run_tiny(recipe({"optimizer.lr=0"}), false);
  const std::vector<double> accuracies = logged(record.log, "train/accuracy");
  const std::vector<double> losses = logged(record.log, "train/loss");
  ASSERT_EQ(accuracies.size(), 5U);
  ASSERT_EQ(losses.size(), 5U);
  // Of 20 samples: five times the epoch's, without the four steps that have lines, is the last's.
  const double last =
      5 * accuracies[4] - accuracies[0] - accuracies[1] - accuracies[2] - accuracies[3];
  EXPECT_NEAR(last * 4, std::round(last * 4), 1e-9);
  EXPECT_GE(last, -1e-9);
  EXPECT_LE(last, 1 + 1e-9);
}

TEST_F(SkippedStep, StopsTheRunAndNamesTheNodeWhenAskedTo) {
  TinyModel model;
  model.batchnorm = false;
  write_tiny_model(folder_.path("tiny.onnx"), model);
  write_tiny_data(folder_.path("train.npz"), 24, 5, {14});
  expect_error([&] { run_tiny(recipe({"train.on_nonfinite=\"stop\""}), false); },
               ErrorCode::kDiverged, "step 4 gave a non-finite loss", "Gemm 'first'",
               "samples 12 to 15 of epoch 0");
  std::filesystem::remove_all(folder_.path("run"));
  expect_error(
      [&] { run_tiny(recipe({"train.on_nonfinite=\"stop\"", "train.accumulate=3"}), false); },
      ErrorCode::kDiverged, "step 2 gave a non-finite loss", "Gemm 'first'", "samples 12 to 15");
}

TEST_F(SkippedStep, StopsTheRunWhenTooManyFollowEachOther) {
  write_tiny_model(folder_.path("tiny.onnx"));
  write_tiny_data(folder_.path("train.npz"), 24, 5, {1, 9, 14, 18});
  const RunRecord record = run_tiny(recipe({"train.max_consecutive_skips=4"}), false);
  EXPECT_EQ(record.result.skipped, 4);  // of these, three in a row
  EXPECT_EQ(record.messages.size(), 4U);
  std::filesystem::remove_all(folder_.path("run"));
  expect_error(
      [&] { run_tiny(recipe({"train.max_consecutive_skips=3", "checkpoint.every=2"}), false); },
      ErrorCode::kDiverged, "step 5", "3 skipped steps in a row", "'first'");
  // The checkpoint of step 4 is good, and going on from it ends in the same way.
  expect_error(
      [&] { run_tiny(recipe({"train.max_consecutive_skips=3", "checkpoint.every=2"}), true); },
      ErrorCode::kDiverged, "step 5", "3 skipped steps in a row", "'first'");
}

}  // namespace
}  // namespace temper::training
