// What a run of two models has of the loop and of the data's settings: limits of time and batches,
// when it saves, how rows are drawn, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "runtime/base/error.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npy.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class AdversarialLimits : public TinyGans {
 protected:
  std::size_t files_in(const std::string& folder) const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path(folder)), {}));
  }

  // The first field of the batches of so many epochs.
  std::vector<std::vector<double>> batches(const Recipe& made, std::int64_t epochs) const {
    const AdversarialSession session(made);
    const auto loader = session.make_train_loader({});
    std::vector<std::vector<double>> seen;
    for (const Batch* batch = loader->next(); batch->begin.epoch < epochs; batch = loader->next()) {
      EXPECT_EQ(batch->rows, 4);
      seen.push_back(batch->fields[0].values<double>());
    }
    return seen;
  }

  // Whether a run that is stopped after 6 steps and resumed gives the whole run's bits.
  void expect_exact_resume(const Lines& lines) const {
    const GanRecord whole = run_tiny_gan(recipe("whole", lines), false);
    EXPECT_EQ(run_tiny_gan(recipe("cut", lines), false, 6).result.steps, 6);
    const GanRecord resumed = run_tiny_gan(recipe("cut", lines), true);
    EXPECT_EQ(whole.variables, resumed.variables);
    EXPECT_EQ(whole.log, resumed.log);
    EXPECT_EQ(whole.generator, resumed.generator);
  }
};

TEST_F(AdversarialLimits, MaxTimeEndsTheRunWithACheckpointAndBothModels) {
  const GanRecord whole = run_tiny_gan(recipe("whole"), false);
  const GanRecord none = run_tiny_gan(recipe("cut", {"train.max_time=\"0 s\""}), false);
  EXPECT_EQ(none.result.outcome, RunOutcome::kTimeIsUp);
  EXPECT_EQ(none.result.steps, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_.path("cut/generator.onnx")));
  EXPECT_TRUE(std::filesystem::exists(folder_.path("cut/discriminator.onnx")));
  const GanRecord resumed = run_tiny_gan(recipe("cut", {"train.max_time=\"1 h\""}), true);
  EXPECT_EQ(resumed.result.outcome, RunOutcome::kFinished);
  EXPECT_EQ(whole.variables, resumed.variables);
  EXPECT_EQ(whole.log, resumed.log);
}

TEST_F(AdversarialLimits, MaxTimeEndsARunThatHasBegun) {
  const GanRecord run =
      run_tiny_gan(recipe("run", {"train.max_time=\"0.3 s\"", "train.steps=100000000"}), false);
  EXPECT_EQ(run.result.outcome, RunOutcome::kTimeIsUp);
  EXPECT_GT(run.result.steps, 0);
  EXPECT_GE(files_in("run/checkpoints"), 1U);  // how many depends on how fast it ran
}

TEST_F(AdversarialLimits, LimitBatchesEndsEachEpochEarly) {
  const Lines lines = {"train.limit_batches=2"};
  EXPECT_EQ(batches(recipe("run", lines), 1).size(), 2U);
  EXPECT_EQ(batches(recipe("run"), 1).size(), 9U);
  expect_exact_resume(lines);
  const GanRecord run = run_tiny_gan(
      recipe("epochs", {"train.limit_batches=2", "train.steps=0", "train.epochs=4"}), false);
  EXPECT_EQ(run.result.steps, 8);
}

TEST_F(AdversarialLimits, OverfitBatchesTrainsOnTheSameRowsInOneOrder) {
  const Recipe made = recipe("run", {"train.overfit_batches=2"});
  const auto seen = batches(made, 3);
  ASSERT_EQ(seen.size(), 6U);
  EXPECT_EQ(seen[0], seen[2]);
  EXPECT_EQ(seen[1], seen[5]);
  EXPECT_NE(seen[0], seen[1]);
}

TEST_F(AdversarialLimits, RowsKeepTheirOrderWithoutShuffling) {
  const Lines lines = {"data.shuffle=false"};
  const auto seen = batches(recipe("run", lines), 2);
  ASSERT_EQ(seen.size(), 18U);
  EXPECT_EQ(seen[0], seen[9]);
  EXPECT_NE(batches(recipe("run"), 1)[0], seen[0]);
}

TEST_F(AdversarialLimits, CheckpointsByRunningTimeReplaceThoseOfEachEpoch) {
  run_tiny_gan(recipe("run", {"checkpoint.minutes=60"}), false);
  EXPECT_EQ(files_in("run/checkpoints"), 1U);  // the last one
  run_tiny_gan(recipe("often", {"checkpoint.every=2", "checkpoint.keep=4"}), false);
  EXPECT_EQ(files_in("often/checkpoints"), 4U);
}

TEST_F(AdversarialLimits, BalancedRowsShowEachClassAsOften) {
  // Class 0 once in 38 rows; its row is the only one with this value.
  std::vector<float> x = tiny_values(38 * kTinyInputs, 5);
  std::vector<std::int64_t> target(38, 1);
  target[7] = 0;
  x[7 * kTinyInputs] = 77;
  write_npz(folder_.path("train.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {38, kTinyInputs}, x)},
             {"target", Tensor::from<std::int64_t>(DType::kInt64, {38}, target)}});
  const auto rare = [&](const Lines& lines) {
    std::int64_t found = 0;
    for (const std::vector<double>& batch : batches(recipe("run", lines), 10)) {
      found += std::count(batch.begin(), batch.end(), 77.0);
    }
    return found;
  };
  EXPECT_LE(rare({}), 10);
  EXPECT_GT(rare({"data.sampling=\"balanced\""}), 140);  // of 360
  EXPECT_LT(rare({"data.sampling=\"balanced\""}), 220);
  expect_exact_resume({"data.sampling=\"balanced\""});
}

TEST_F(AdversarialLimits, WeightedRowsAreDrawnByTheirWeightsWhichTheRunKnowsAgain) {
  std::vector<double> weights(38, 0.0);
  weights[3] = weights[30] = 1;
  const std::string file = folder_.path("weights.npy");
  write_npy(file, Tensor::from<double>(DType::kFloat64, {38}, weights));
  const Lines lines = {"data.sampling=\"weighted\"", "data.sampling_weights=\"" + file + "\""};
  std::set<double> firsts;
  for (const std::vector<double>& batch : batches(recipe("run", lines), 2)) {
    for (std::size_t row = 0; row < 4; ++row) {
      firsts.insert(batch[row * kTinyInputs]);
    }
  }
  EXPECT_EQ(firsts.size(), 2U);
  expect_exact_resume(lines);
  weights[5] = 1;
  write_npy(file, Tensor::from<double>(DType::kFloat64, {38}, weights));
  expect_error([&] { run_tiny_gan(recipe("cut", lines), true); }, ErrorCode::kInvalidArgument,
               "data.sampling_weights");
}

// Row 17 makes its step not finite.
TEST_F(AdversarialLimits, LateReportsChangeNothing) {
  write_tiny_data(folder_.path("train.npz"), 38, 5, {17});
  const Lines lines[] = {{},
                         {"adversarial.ratio=2", "schedule.name=\"cosine\""},
                         {"average.kind=\"ema\"", "average.decay=0.8"}};
  for (const Lines& setting : lines) {
    const std::string plain_out =
        concat("plain", setting.size(), setting.empty() ? "" : setting[0].substr(0, 5));
    const std::string late_out = "late" + plain_out;
    const GanRecord plain = run_tiny_gan(recipe(plain_out, setting), false);
    const GanRecord late = run_tiny_gan(recipe(late_out, setting), false, 0, {}, 3);
    EXPECT_GT(plain.result.skipped, 0);
    EXPECT_EQ(plain.variables, late.variables);
    EXPECT_EQ(plain.log, late.log);
    EXPECT_EQ(plain.losses, late.losses);
    EXPECT_EQ(plain.messages, late.messages);
    EXPECT_EQ(plain.generator, late.generator);
  }
}

TEST_F(AdversarialLimits, WorkersGiveTheSameBits) {
  const GanRecord one = run_tiny_gan(recipe("one", {"data.workers=1"}), false);
  const GanRecord three = run_tiny_gan(recipe("three", {"data.workers=3"}), false);
  EXPECT_EQ(one.variables, three.variables);
  EXPECT_EQ(one.log, three.log);
}

TEST_F(AdversarialLimits, SaysHowManyRowsTheWholeBatchesLeaveOut) {
  const auto notes = [&](const Lines& lines) {
    return join(AdversarialSession(recipe("run", lines)).notes(), "\n");
  };
  EXPECT_NE(notes({}).find("every step of two models has 4 rows, so each epoch leaves out 2 of 38"),
            std::string::npos);
  EXPECT_EQ(notes({"data.drop_last=true"}).find("leaves out"), std::string::npos);
  EXPECT_NE(notes({"train.overfit_batches=2"}).find("8 samples, in one order, to train on"),
            std::string::npos);
}

TEST_F(AdversarialLimits, RefusesWhatNeedsAMetricOrStages) {
  for (const char* line :
       {"checkpoint.top_k=2", "checkpoint.mode=\"max\"", "train.limit_val_batches=1",
        "train.accumulate_by=\"batches\"", "metrics.threshold=0.25"}) {
    const std::string key(line, std::string_view(line).find('='));
    expect_error([&] { AdversarialSession session(recipe("run", {line})); },
                 ErrorCode::kInvalidArgument, key, "a run of two models takes no");
  }
  Recipe staged = recipe("run");
  staged.stages.push_back({2, {}, 1.0});
  expect_error([&] { AdversarialSession session(staged); }, ErrorCode::kInvalidArgument,
               "train.stage");
  expect_error([&] { run_tiny_gan(recipe("run", {"schedule.name=\"plateau\""}), false); },
               ErrorCode::kInvalidArgument, "plateau");
}

TEST_F(AdversarialLimits, SaysThatEpochsAreVoidWhereStepsDecide) {
  const AdversarialSession session(recipe("run", {"train.epochs=3"}));
  EXPECT_NE(join(session.notes(), "\n").find("train.epochs has no effect"), std::string::npos);
}

}  // namespace
}  // namespace temper::training
