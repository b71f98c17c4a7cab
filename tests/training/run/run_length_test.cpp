// A run that is resumed as a longer or shorter one.
#include "training/run/run_length.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_runs.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

// 38 rows in batches of 4: ten steps an epoch.
class RunLengthChange : public TinyRuns {
 protected:
  static bool says(const std::vector<std::string>& messages, const std::string& text) {
    return std::any_of(messages.begin(), messages.end(), [&](const std::string& message) {
      return message.find(text) != std::string::npos;
    });
  }
};

TEST_F(RunLengthChange, AFinishedRunGoesOnWithTheBitsOfOneThatWasLongFromTheStart) {
  for (const char* per : {"train.epochs=", "train.steps="}) {
    const bool steps = std::string(per) == "train.steps=";
    const Lines two = {per + std::string(steps ? "20" : "2")};
    const Lines four = {per + std::string(steps ? "40" : "4")};
    const std::string whole_folder = steps ? "whole-steps" : "whole";
    const std::string cut_folder = steps ? "cut-steps" : "cut";
    const RunRecord whole = run_tiny(recipe(whole_folder, four), false);
    ASSERT_EQ(run_tiny(recipe(cut_folder, two), false).result.outcome, RunOutcome::kFinished);
    const RunRecord longer = run_tiny(recipe(cut_folder, four), true);
    EXPECT_EQ(longer.result.steps, 40);
    EXPECT_EQ(longer.losses.size(), 20u);
    EXPECT_EQ(whole.variables, longer.variables) << per;
    EXPECT_EQ(whole.log, longer.log) << per;
    EXPECT_EQ(whole.last_model, longer.last_model) << per;
    EXPECT_TRUE(says(longer.messages, "this run was to have 20 steps, it now has 40"));
    EXPECT_FALSE(says(longer.messages, "goes by the run's length"));
  }
}

TEST_F(RunLengthChange, TheFolderRemembersIt) {
  run_tiny(recipe("cut", {"train.epochs=1"}), false);
  run_tiny(recipe("cut", {"train.epochs=3"}), true,
           [](const StepView& view) { return view.progress.step == 15; });
  const Recipe written = read_recipe({folder_.path("cut/recipe.toml"), {}, {}, false});
  EXPECT_EQ(written.train.epochs, 3);
  EXPECT_EQ(run_tiny(written, true).result.steps, 30);
}

// lr(t) = (1 + cos(pi t / T)) / 2 for T steps: CosineAnnealingLR.
double cosine(double t, double total) {
  return 0.01 * (1 + std::cos(std::numbers::pi * t / total)) / 2;
}

TEST_F(RunLengthChange, AScheduleByTheLengthIsThatOfTheNewOneAndSaysSo) {
  const Lines lines = {"schedule.name=\"cosine\"", "train.epochs=2"};
  const Lines longer = {"schedule.name=\"cosine\"", "train.epochs=4"};
  const std::vector<double> before = logged(run_tiny(recipe("cut", lines), false).log, "opt/lr");
  const RunRecord resumed = run_tiny(recipe("cut", longer), true);
  const std::vector<double> rates = logged(resumed.log, "opt/lr");
  ASSERT_EQ(rates.size(), 40u);
  for (std::size_t t = 0; t < rates.size(); ++t) {
    EXPECT_NEAR(rates[t], cosine(static_cast<double>(t), t < 20 ? 20 : 40), 1e-12) << t;
  }
  EXPECT_TRUE(std::equal(before.begin(), before.end(), rates.begin()));
  EXPECT_TRUE(says(resumed.messages,
                   "schedule \"cosine\" goes by the run's length: from step 21 on its rates are "
                   "those of a run of 40 steps (0.005"));
}

TEST_F(RunLengthChange, AShorterRunThanWhatIsDoneEndsAtOnce) {
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 15; });
  const RunRecord shorter = run_tiny(recipe("cut", {"train.epochs=1"}), true);
  EXPECT_TRUE(shorter.losses.empty());
  EXPECT_EQ(shorter.result.outcome, RunOutcome::kFinished);
  EXPECT_TRUE(says(shorter.messages, "it has done 15 already, so none is left"));
  EXPECT_FALSE(shorter.last_model.empty());
}

TEST_F(RunLengthChange, EpochsThatHaveNoEffectAreSaid) {
  const Session session(recipe("cut", {"train.steps=5", "train.epochs=8"}));
  EXPECT_TRUE(says(session.notes(), "train.epochs has no effect: train.steps = 5 decides"));
}

TEST_F(RunLengthChange, TheLastStageMayBeLonger) {
  const auto staged = [&](const std::string& out, std::int64_t last) {
    Recipe made = recipe(out);
    made.stages = {{1, {"w1", "b1"}, 1.0}, {last, {}, 0.1}};
    return made;
  };
  const RunRecord whole = run_tiny(staged("whole", 3), false);
  run_tiny(staged("cut", 1), false);
  const RunRecord longer = run_tiny(staged("cut", 3), true);
  EXPECT_EQ(whole.variables, longer.variables);
  EXPECT_EQ(whole.log, longer.log);
}

// By default SWA begins at three quarters of the run.
TEST(ResumedAverage, BeginsAsTheNewLengthSaysAndNeverWithoutItsFirstUpdate) {
  AverageSettings settings;
  settings.kind = "swa";
  RunState state;
  state.total_steps = 100;
  state.average_start = 75;
  std::vector<std::string> notes;
  const auto resumed = [&](std::int64_t total, std::int64_t applied, std::int64_t updates) {
    notes.clear();
    state.average_updates = updates;
    return resumed_average(settings, {10, total}, state, applied, notes);
  };
  EXPECT_EQ(resumed(100, 90, 1).start(), 75);
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(resumed(200, 100, 2).start(), 150);  // anew, later
  EXPECT_EQ(notes.size(), 1u);
  EXPECT_NE(notes.front().find("given up"), std::string::npos) << notes.front();
  EXPECT_EQ(resumed(200, 50, 0).start(), 150);
  EXPECT_EQ(notes.size(), 1u);
  EXPECT_EQ(resumed(80, 70, 0).start(), 70);    // 60 is past: there is no average of it
  EXPECT_EQ(resumed(104, 100, 2).start(), 75);  // 78 is past, and it has begun
  EXPECT_TRUE(notes.empty());
  state.average_start = 70;  // of a run that was shortened before
  state.total_steps = 80;
  EXPECT_EQ(resumed(80, 75, 0).start(), 70);
}

class AdversarialLength : public TinyGans {};

TEST_F(AdversarialLength, MayChangeToo) {
  const GanRecord whole = run_tiny_gan(recipe("whole", {"train.steps=8"}), false);
  run_tiny_gan(recipe("cut", {"train.steps=4"}), false);
  const GanRecord longer = run_tiny_gan(recipe("cut", {"train.steps=8"}), true);
  EXPECT_EQ(whole.variables, longer.variables);
  EXPECT_EQ(whole.generator, longer.generator);
  ASSERT_FALSE(longer.messages.empty());
  EXPECT_EQ(longer.messages.front(), "this run was to have 4 steps, it now has 8");
}

}  // namespace
}  // namespace temper::training
