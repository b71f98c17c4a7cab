// The spike guard: what counts as a spike, that a skipped one changes nothing, that a rollback is
// the earlier state, that all of it resumes exactly; and on_nonfinite = "ignore".
#include "training/run/spike_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;
using Values = std::map<std::string, std::string>;  // bytes of each variable

TEST(SpikeLimit, IsAFactorOverTheMedianOfAFullWindow) {
  SpikeSettings settings;
  settings.factor = 3;
  settings.window = 4;
  EXPECT_EQ(spike_limit(settings, {1, 2, 3}), HUGE_VAL);
  EXPECT_DOUBLE_EQ(spike_limit(settings, {4, 1, 100, 2}), 9);
  EXPECT_DOUBLE_EQ(spike_limit(settings, {-4, -1, -100, -2}), 3);  // a loss below 0: as far above
  std::vector<double> window{1, 2, 3, 4};
  remember_good(settings, window, 5);
  remember_good(settings, window, NAN);
  EXPECT_EQ(window, (std::vector<double>{2, 3, 4, 5}));
  EXPECT_DOUBLE_EQ(median({5, 1, 2}), 2);
}

class SpikeGuard : public testing::Test {
 protected:
  // Ten batches of 4 an epoch; row 30, of the eighth, is far from all others.
  SpikeGuard() {
    TinyModel plain;
    plain.batchnorm = false;
    plain.dropout = 0;
    write_tiny_model(folder_.path("plain.onnx"), plain);
    write_tiny_model(folder_.path("full.onnx"));
    write_tiny_data(folder_.path("train.npz"), 40, 5, {30}, 1e3f);
  }

  Recipe recipe(const std::string& model, const std::string& out, Lines lines) const {
    lines.insert(lines.end(), {"data.shuffle=false", "train.epochs=2", "train.spike_window=4"});
    return tiny_recipe(folder_.path(model), folder_.path("train.npz"), folder_.path(out), lines);
  }
  static bool moves_anyway(const std::string& name) {
    return name == "step.attempted" || name == "step.position" || name == "step.spike_window";
  }

  TempFolder folder_;
};

TEST_F(SpikeGuard, SkipsTheStepAndSaysWhy) {
  const RunRecord record = run_tiny(recipe("plain.onnx", "run", {"train.spike=\"skip\""}), false);
  EXPECT_EQ(record.result.skipped, 2);  // one an epoch
  ASSERT_EQ(record.messages.size(), 2U);
  EXPECT_NE(record.messages[0].find("step 8 was skipped: its gradient norm "), std::string::npos);
  EXPECT_NE(record.messages[0].find(" is over 10 times "), std::string::npos);
  EXPECT_NE(record.log.find("\"opt/spikes\": 2"), std::string::npos) << record.log;
}

TEST_F(SpikeGuard, ASkippedStepChangesNothing) {
  for (const char* device : {"train.device=\"cpu\"", "train.device=\"reference\""}) {
    for (const char* accumulate : {"train.accumulate=1", "train.accumulate=2"}) {
      std::filesystem::remove_all(folder_.path("run"));
      Values before;
      std::int64_t skips = 0;
      // So narrow a limit that usual steps pass it too.
      run_tiny(recipe("full.onnx", "run",
                      {"train.spike=\"skip\"", "train.spike_of=\"loss\"", "train.spike_factor=1.05",
                       "train.spike_window=3", device, accumulate}),
               false, [&](const StepView& view) {
                 Values after = bytes_of_variables(view.session.engine().store());
                 skips += view.skipped ? 1 : 0;
                 for (const auto& [name, bytes] : after) {
                   if (view.skipped && !moves_anyway(name)) {
                     EXPECT_EQ(bytes, before.at(name)) << name;
                   }
                 }
                 EXPECT_TRUE(view.skipped || before.empty() || after.at("w1") != before.at("w1"));
                 before = std::move(after);
                 return false;
               });
      EXPECT_GT(skips, 1) << device << accumulate;
    }
  }
}

TEST_F(SpikeGuard, RollsBackToTheStateOfTheLastSnapshot) {
  std::map<std::int64_t, Values> after_step;
  std::int64_t skips = 0;
  const RunRecord record = run_tiny(
      recipe("plain.onnx", "run", {"train.spike=\"rollback\"", "train.spike_snapshot=5"}), false,
      [&](const StepView& view) {
        const std::int64_t step = view.progress.step;
        after_step[step] = bytes_of_variables(view.session.engine().store());
        if (view.skipped) {
          ++skips;
          const Values& then = after_step.at(step - step % 5);
          for (const auto& [name, bytes] : after_step[step]) {
            if (!moves_anyway(name) && !name.starts_with("snapshot of ") && name != "step.rates") {
              EXPECT_EQ(bytes, then.at(name)) << name << " after step " << step;
            }
          }
          EXPECT_NE(after_step[step].at("w1"), after_step.at(step - 1).at("w1"));
        }
        return false;
      });
  EXPECT_EQ(skips, 2);
  EXPECT_EQ(record.result.steps, 20);
  EXPECT_NE(record.messages.front().find("the weights are again those of step 5"),
            std::string::npos);
  EXPECT_NE(record.log.find("\"opt/rollbacks\": 2"), std::string::npos);
}

TEST_F(SpikeGuard, WarnsAndGoesOnWhenAskedTo) {
  const RunRecord record = run_tiny(recipe("plain.onnx", "run", {"train.spike=\"warn\""}), false);
  EXPECT_EQ(record.result.skipped, 0);
  ASSERT_FALSE(record.messages.empty());
  EXPECT_NE(record.messages[0].find("step 8: its gradient norm"), std::string::npos);
}

TEST_F(SpikeGuard, StopsWhenTheSpikeDoesNotPass) {
  expect_error(
      [&] {
        run_tiny(recipe("plain.onnx", "run",
                        {"train.spike=\"skip\"", "train.spike_factor=1.0000001", "optimizer.lr=0.0",
                         "train.spike_window=2", "data.batch_size=10", "train.epochs=40",
                         "train.max_consecutive_skips=1"}),
                 false);
      },
      ErrorCode::kDiverged, "this is no spike that passes", "train.spike_factor");
}

TEST_F(SpikeGuard, ResumesWithTheSameBits) {
  for (const char* action : {"train.spike=\"skip\"", "train.spike=\"rollback\""}) {
    const auto of = [&](const char* out) {
      return recipe("full.onnx", out,
                    {action, "train.spike_snapshot=4", "train.spike_factor=1.05",
                     "train.spike_of=\"loss\"", "schedule.name=\"cosine\""});
    };
    for (const char* out : {"whole", "cut"}) {
      std::filesystem::remove_all(folder_.path(out));
    }
    const RunRecord whole = run_tiny(of("whole"), false);
    EXPECT_GT(whole.result.skipped, 1);
    run_tiny(of("cut"), false, [](const StepView& view) { return view.progress.step == 7; });
    const RunRecord resumed = run_tiny(of("cut"), true);
    EXPECT_EQ(whole.variables, resumed.variables) << action;
    EXPECT_EQ(whole.log, resumed.log) << action;
  }
}

TEST_F(SpikeGuard, IgnoredNonFiniteStepsAreAppliedAndCounted) {
  write_tiny_data(folder_.path("train.npz"), 40, 5, {38}, 3e38f);
  const Recipe ignoring =
      recipe("plain.onnx", "run", {"train.on_nonfinite=\"ignore\"", "train.spike=\"off\""});
  bool broken = false;
  std::string log;
  try {
    run_tiny(ignoring, false, [&](const StepView& view) {
      const auto w1 = view.session.engine().store().get(view.session.engine().store().find("w1"));
      const std::vector<double> numbers = w1.values<double>();
      broken =
          std::any_of(numbers.begin(), numbers.end(), [](double x) { return !std::isfinite(x); });
      return false;
    });
  } catch (const Error& error) {  // weights that are not finite are not saved
    EXPECT_EQ(error.code(), ErrorCode::kDiverged);
  }
  EXPECT_TRUE(broken);
  log = log_without_speed(folder_.path("run") + "/metrics.jsonl");
  EXPECT_NE(log.find("\"opt/nonfinite\": 1"), std::string::npos) << log;
  EXPECT_EQ(log.find("opt/skipped"), std::string::npos);
}

}  // namespace
}  // namespace temper::training
