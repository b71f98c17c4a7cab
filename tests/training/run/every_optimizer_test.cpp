// What holds for every optimizer there is: a skipped step changes nothing, a resumed run has the
// same bits, both backends agree, the loss falls.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;
using Values = std::map<std::string, std::string>;  // bytes of each variable

class EveryOptimizer : public testing::TestWithParam<std::string> {
 protected:
  EveryOptimizer() { write_tiny_model(folder_.path("tiny.onnx")); }

  Recipe recipe(const std::string& out, Lines lines = {}) const {
    lines.push_back("optimizer.name=\"" + GetParam() + "\"");
    if (GetParam() == "sgd") {  // so that it has a state
      lines.push_back("optimizer.momentum=0.9");
    }
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path("train.npz"), folder_.path(out),
                       lines);
  }

  TempFolder folder_;
};

TEST_P(EveryOptimizer, ASkippedStepChangesNothing) {
  write_tiny_data(folder_.path("train.npz"), 24, 5, {13});
  Values before;
  std::int64_t skips = 0;
  run_tiny(recipe("run", {"train.epochs=2", "clip.norm=1.0"}), false, [&](const StepView& view) {
    Values after = bytes_of_variables(view.session.engine().store());
    for (const auto& [name, bytes] : after) {
      if (view.skipped && name != "step.attempted" && name != "step.position") {
        EXPECT_EQ(bytes, before.at(name)) << name;
      }
    }
    if (!view.skipped && !before.empty()) {
      EXPECT_NE(after.at("w1"), before.at("w1"));
    }
    skips += view.skipped ? 1 : 0;
    before = std::move(after);
    return false;
  });
  EXPECT_EQ(skips, 2);
}

TEST_P(EveryOptimizer, ResumesWithTheSameBits) {
  write_tiny_data(folder_.path("train.npz"), 38, 5, {17});
  const Lines lines = {"schedule.name=\"cosine\"", "optimizer.weight_decay=0.01",
                       "optimizer.centralize=true", "clip.agc=0.1"};
  const RunRecord whole = run_tiny(recipe("whole", lines), false);
  EXPECT_GT(whole.result.skipped, 0);
  const RunRecord cut = run_tiny(recipe("cut", lines), false,
                                 [](const StepView& view) { return view.progress.step == 13; });
  ASSERT_EQ(cut.result.outcome, RunOutcome::kInterrupted);
  const RunRecord resumed = run_tiny(recipe("cut", lines), true);
  EXPECT_EQ(whole.variables, resumed.variables);
  EXPECT_EQ(whole.log, resumed.log);
  EXPECT_EQ(whole.last_model, resumed.last_model);
}

TEST_P(EveryOptimizer, GivesTheSameLossesOnBothBackends) {
  write_tiny_data(folder_.path("train.npz"), 24, 5);
  const RunRecord fast = run_tiny(recipe("fast"), false);
  const RunRecord plain = run_tiny(recipe("plain", {"train.device=\"reference\""}), false);
  ASSERT_EQ(fast.losses.size(), plain.losses.size());
  for (std::size_t i = 0; i < fast.losses.size(); ++i) {
    EXPECT_NEAR(fast.losses[i], plain.losses[i], 2e-4 * std::abs(plain.losses[i])) << i;
  }
}

TEST_P(EveryOptimizer, LowersTheLoss) {
  TinyModel still;
  still.dropout = 0;
  write_tiny_model(folder_.path("tiny.onnx"), still);
  write_tiny_data(folder_.path("train.npz"), 60, 5);
  Lines lines = {"train.epochs=12", "data.batch_size=20"};
  if (GetParam() == "adadelta" || GetParam() == "lars") {
    lines.push_back("optimizer.lr=1.0");
  }
  const RunRecord record = run_tiny(recipe("run", lines), false);
  const auto of_epoch = [](auto first) { return first[0] + first[1] + first[2]; };
  EXPECT_LT(of_epoch(record.losses.end() - 3), of_epoch(record.losses.begin()));
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Optimizer& optimizer : optimizers()) {
    all.push_back(optimizer.name);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Optimizers, EveryOptimizer, testing::ValuesIn(names()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace temper::training
