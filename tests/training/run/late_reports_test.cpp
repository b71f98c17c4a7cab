// A run whose steps' figures arrive some steps late leaves the same bits, lines and messages as one
// that waits for each.
#include <gtest/gtest.h>

#include "runtime/base/error.h"
#include "tests/training/support/tiny_runs.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

struct Setting {
  const char* name;
  Lines lines;
};

class LateFigures : public TinyRuns, public testing::WithParamInterface<Setting> {
 protected:
  LateFigures() : TinyRuns({true, 0.3}, {5, 17}) {}  // two steps of each epoch are not finite

  void expect_same(const RunRecord& late, const RunRecord& plain) const {
    EXPECT_EQ(late.variables, plain.variables);
    EXPECT_EQ(late.log, plain.log);
    EXPECT_EQ(late.last_model, plain.last_model);
    EXPECT_EQ(late.losses.size(), plain.losses.size());
    EXPECT_EQ(late.messages, plain.messages);
    EXPECT_EQ(late.result.skipped, plain.result.skipped);
    EXPECT_EQ(late.result.best_step, plain.result.best_step);
  }
};

TEST_P(LateFigures, ChangeNothingOfARun) {
  const RunRecord plain = run_tiny(recipe("plain", GetParam().lines), false);
  EXPECT_GT(plain.result.skipped, 0);
  for (const std::int64_t late : {1, 3, 50}) {
    const std::string out = concat("late", late);
    expect_same(run_tiny(recipe(out, GetParam().lines), false, nullptr, {}, late), plain);
  }
}

// What was issued when the stop is asked for counts, so it stops a little later.
TEST_P(LateFigures, ChangeNothingOfAResumedRun) {
  const RunRecord plain = run_tiny(recipe("plain", GetParam().lines), false);
  const RunRecord cut = run_tiny(
      recipe("cut", GetParam().lines), false,
      [](const StepView& view) { return view.progress.step == 6; }, {}, 2);
  EXPECT_EQ(cut.result.outcome, RunOutcome::kInterrupted);
  EXPECT_GE(cut.result.steps, 6);
  EXPECT_LE(cut.result.steps, 8);
  const RunRecord resumed = run_tiny(recipe("cut", GetParam().lines), true, nullptr, {}, 2);
  EXPECT_EQ(resumed.variables, plain.variables);
  EXPECT_EQ(resumed.log, plain.log);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, LateFigures,
    testing::Values(Setting{"Plain", {}},
                    Setting{"LinesOfSeveralSteps", {"log.every=4", "train.eval_every=7"}},
                    Setting{"Accumulation", {"train.accumulate=3"}},
                    Setting{"Schedule", {"schedule.name=\"one_cycle\"", "schedule.max_lr=0.05"}},
                    Setting{"Plateau", {"schedule.name=\"plateau\"", "schedule.patience=0"}},
                    // These wait for each step.
                    Setting{"Average", {"average.kind=\"ema\"", "average.decay=0.8"}},
                    Setting{"Spikes", {"train.spike=\"skip\"", "train.spike_window=8"}}),
    [](const testing::TestParamInfo<Setting>& setting) { return setting.param.name; });

class LateFailures : public TinyRuns {
 protected:
  LateFailures() : TinyRuns({true, 0.3}, {1, 9, 17, 25, 33, 2, 10, 18, 26, 34}) {}

  std::string error_of(const std::string& out, const Lines& lines, std::int64_t late) const {
    try {
      run_tiny(recipe(out, lines), false, nullptr, {}, late);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(LateFailures, NameTheSameStepAndNode) {
  for (const Lines& lines :
       {Lines{"train.on_nonfinite=\"stop\""}, Lines{"train.max_consecutive_skips=2"},
        Lines{"train.max_consecutive_skips=3", "data.batch_size=2"}}) {
    const std::string name = lines.front().substr(6, 10) + std::to_string(lines.size());
    const std::string plain = error_of("plain" + name, lines, 0);
    EXPECT_NE(plain.find("first bad values come from"), std::string::npos) << plain;
    EXPECT_EQ(error_of("late" + name, lines, 4), plain);
  }
}

}  // namespace
}  // namespace temper::training
