// A run that was stopped and resumed has the bits of the run that never was.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_runs.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

// A model and its data in a folder of their own. Row 17 of the training data makes its step not
// finite.
class Resume : public TinyRuns {
 protected:
  Resume() : TinyRuns({}, {17}) {}

  void expect_equal(const RunRecord& whole, const RunRecord& resumed) {
    EXPECT_EQ(whole.variables, resumed.variables);
    EXPECT_EQ(whole.log, resumed.log);
    EXPECT_FALSE(whole.last_model.empty());
    EXPECT_EQ(whole.last_model, resumed.last_model);
    EXPECT_EQ(whole.result.steps, resumed.result.steps);
    EXPECT_EQ(whole.result.skipped, resumed.result.skipped);
    EXPECT_EQ(whole.result.best_metric, resumed.result.best_metric);
    EXPECT_EQ(whole.result.final_evaluation.loss, resumed.result.final_evaluation.loss);
    EXPECT_EQ(resumed.result.outcome, RunOutcome::kFinished);
    EXPECT_EQ(read_bytes(folder_.path("whole/best.onnx")),
              read_bytes(folder_.path("cut/best.onnx")));
  }

  // Cuts a run where `stop` says, resumes it, and compares it with one that was not cut.
  void check_cut(const Lines& lines, const StopWhen& stop) {
    const RunRecord whole = run_tiny(recipe("whole", lines), false);
    EXPECT_EQ(whole.result.outcome, RunOutcome::kFinished);
    EXPECT_GT(whole.result.skipped, 0);
    const RunRecord first = run_tiny(recipe("cut", lines), false, stop);
    ASSERT_EQ(first.result.outcome, RunOutcome::kInterrupted);
    ASSERT_LT(first.result.steps, whole.result.steps);
    expect_equal(whole, run_tiny(recipe("cut", lines), true));
  }
};

struct Setting {
  const char* name;
  Lines lines;
};

class ResumeWith : public Resume, public testing::WithParamInterface<Setting> {};

// 38 rows: 9 batches of 4 and one of 2.
TEST_P(ResumeWith, TheSameBitsWhenCutInTheMiddleOfAnEpoch) {
  check_cut(GetParam().lines, [](const StepView& view) {
    const bool accumulates = view.session.recipe().train.accumulate > 1;
    return view.progress.step == (accumulates ? 6 : 13);
  });
}

TEST_P(ResumeWith, TheSameBitsWhenCutAtTheBorderOfAnEpoch) {
  check_cut(GetParam().lines, [](const StepView& view) {
    const bool accumulates = view.session.recipe().train.accumulate > 1;
    return view.progress.step == (accumulates ? 4 : 10);
  });
}

TEST_P(ResumeWith, TheSameBitsWhenCutJustAfterASkippedStep) {
  int skipped = 0;
  check_cut(GetParam().lines, [&](const StepView& view) {
    skipped += view.skipped ? 1 : 0;
    return skipped > 0;
  });
  EXPECT_EQ(skipped, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, ResumeWith,
    testing::Values(
        Setting{"AdamwCosineWarmUp",
                {"schedule.name=\"cosine\"", "schedule.warmup=\"20%\"", "clip.norm=1.0"}},
        Setting{"SgdMomentum", {"optimizer.name=\"sgd\"", "optimizer.momentum=0.9", "log.every=4"}},
        Setting{"Plateau",
                {"schedule.name=\"plateau\"", "schedule.patience=0", "schedule.threshold=0.5",
                 "schedule.factor=0.7", "train.eval_every=3"}},
        Setting{"Accumulation", {"train.accumulate=3", "schedule.name=\"cosine\""}},
        Setting{"Bf16", {"train.precision=\"bf16\"", "clip.norm=1.0"}},
        Setting{"Fp16",  // V7: cut in the middle of the interval
                {"train.precision=\"fp16\"", "scaler.growth_interval=4", "scaler.init_scale=64.0",
                 "clip.norm=1.0", "log.every=1"}},
        Setting{"Fp16Accumulation",
                {"train.precision=\"fp16\"", "scaler.growth_interval=4", "train.accumulate=3"}},
        Setting{"ReferenceDevice", {"train.device=\"reference\"", "train.epochs=2"}}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(Resume, APlateauLowersTheRateOfTheStepsAfterAnEvaluation) {
  const RunRecord run =
      run_tiny(recipe("whole", {"schedule.name=\"plateau\"", "schedule.patience=0",
                                "schedule.threshold=0.5", "train.eval_every=10"}),
               false);
  EXPECT_NE(run.log.find("\"opt/lr\": 0.01,"), std::string::npos) << run.log;
  EXPECT_NE(run.log.find("\"opt/lr\": 0.001,"), std::string::npos) << run.log;
}

TEST_F(Resume, TheSameBitsAfterSeveralCuts) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  bool resume = false;
  for (const std::int64_t step : {1, 2, 9, 11, 29}) {
    const RunRecord part = run_tiny(
        recipe("cut"), resume, [&](const StepView& view) { return view.progress.step == step; });
    ASSERT_EQ(part.result.outcome, RunOutcome::kInterrupted) << step;
    resume = true;
  }
  expect_equal(whole, run_tiny(recipe("cut"), true));
}

// As after a hard kill: no checkpoint at the end, but the log goes on past the last one.
TEST_F(Resume, TheLogIsCutBackToTheCheckpointOfARunThatWasKilled) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 17; });
  std::filesystem::remove_all(folder_.path("cut/checkpoints/step-000000000017"));
  ASSERT_TRUE(std::filesystem::exists(folder_.path("cut/checkpoints/step-000000000010")));
  expect_equal(whole, run_tiny(recipe("cut"), true));
}

TEST_F(Resume, ARunKilledBeforeItsFirstCheckpointBeginsAnew) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 3; });
  std::filesystem::remove_all(folder_.path("cut/checkpoints"));
  expect_equal(whole, run_tiny(recipe("cut"), true));
}

TEST_F(Resume, AFinishedRunStaysAsItIs) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  std::filesystem::copy(folder_.path("whole"), folder_.path("cut"),
                        std::filesystem::copy_options::recursive);
  const RunRecord again = run_tiny(recipe("cut"), true);
  EXPECT_TRUE(again.losses.empty());
  expect_equal(whole, again);
}

TEST_F(Resume, ADamagedNewestCheckpointIsSkippedLoudlyForTheOneBefore) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 25; });
  const std::string newest = folder_.path("cut/checkpoints/step-000000000025");
  for (const char* file :
       {"weights.safetensors", "state.json", "optimizer.safetensors", "MANIFEST"}) {
    const std::string path = newest + "/" + file;
    const std::string before = read_bytes(path);
    std::string damaged = before;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    std::ofstream(path, std::ios::binary) << damaged;
    std::filesystem::remove_all(folder_.path("copy"));
    std::filesystem::copy(folder_.path("cut"), folder_.path("copy"),
                          std::filesystem::copy_options::recursive);
    const RunRecord resumed = run_tiny(recipe("copy"), true);
    ASSERT_FALSE(resumed.messages.empty()) << file;
    EXPECT_NE(resumed.messages.front().find("step-000000000025"), std::string::npos)
        << resumed.messages.front();
    EXPECT_EQ(whole.variables, resumed.variables) << file;
    EXPECT_EQ(whole.log, resumed.log) << file;
    EXPECT_EQ(resumed.losses.size(), 10U) << file;  // from step 20 on
    std::ofstream(path, std::ios::binary) << before;
  }
}

TEST_F(Resume, ADamagedCheckpointIsReplacedWhenItsStepComesAgain) {
  run_tiny(recipe("cut", {"checkpoint.keep=1"}), false,
           [](const StepView& view) { return view.progress.step == 20; });
  const std::string checkpoints = folder_.path("cut/checkpoints/");
  std::filesystem::copy(checkpoints + "step-000000000020", checkpoints + "step-000000000030");
  std::filesystem::resize_file(checkpoints + "step-000000000030/weights.safetensors", 100);
  const RunRecord resumed = run_tiny(recipe("cut", {"checkpoint.keep=1"}), true);
  EXPECT_EQ(resumed.result.steps, 30);
  const RunRecord again = run_tiny(recipe("cut", {"checkpoint.keep=1"}), true);
  EXPECT_TRUE(again.losses.empty());  // the checkpoint of step 30 is whole now
  EXPECT_EQ(again.variables, resumed.variables);
}

TEST_F(Resume, NothingButDamagedCheckpointsIsAnError) {
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 12; });
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path("cut/checkpoints"))) {
    std::filesystem::remove(entry.path() / "MANIFEST");
  }
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidModel,
               "step-000000000012", "step-000000000010", "MANIFEST");
}

TEST_F(Resume, AnotherRecipeIsRefusedAndTheDifferenceNamed) {
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 12; });
  const std::string log = read_bytes(folder_.path("cut/metrics.jsonl"));
  expect_error([&] { run_tiny(recipe("cut", {"optimizer.lr=0.02"}), true); },
               ErrorCode::kInvalidArgument, "optimizer.lr was 0.01, now 0.02");
  expect_error([&] { run_tiny(recipe("cut", {"optimizer.name=\"sgd\""}), true); },
               ErrorCode::kInvalidArgument, "optimizer.name was \"adamw\", now \"sgd\"");
  expect_error([&] { run_tiny(recipe("cut", {"data.batch_size=5"}), true); },
               ErrorCode::kInvalidArgument, "data.batch_size was 4, now 5");
  expect_error([&] { run_tiny(recipe("cut", {"train.threads=2"}), true); },
               ErrorCode::kInvalidArgument, "threads 1", "threads 2");
  write_tiny_data(folder_.path("train.npz"), 38, 7);
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidArgument,
               "data.train = '",
               "train.npz' differs from what this run began with: it has as many bytes");
  write_tiny_data(folder_.path("train.npz"), 39, 7);
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidArgument,
               "data.train = '", "train.npz' differs", " bytes then, and has ");
  write_tiny_data(folder_.path("train.npz"), 38, 5, {17});
  TinyModel other;
  other.dropout = 0.4;
  write_tiny_model(folder_.path("tiny.onnx"), other);
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidArgument,
               "tiny.onnx' differs");
  EXPECT_EQ(read_bytes(folder_.path("cut/metrics.jsonl")), log);
}

// A model of 3.4 MB: its middle is far from both ends.
TEST_F(Resume, AnyChangedByteOfTheModelIsSeen) {
  TinyModel large;
  large.hidden = 60000;
  large.batchnorm = false;
  const std::string path = folder_.path("tiny.onnx");
  write_tiny_model(path, large);
  const Lines lines = {"train.steps=4"};
  run_tiny(recipe("cut", lines), false,
           [](const StepView& view) { return view.progress.step == 2; });
  std::string bytes = read_bytes(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  expect_error([&] { run_tiny(recipe("cut", lines), true); }, ErrorCode::kInvalidArgument,
               "model.path = '",
               "tiny.onnx' differs from what this run began with: it has as many");
}

TEST_F(Resume, AChangedByteOfExternalDataIsSeen) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kTinyInputs})};
  parts.outputs = {value_info("y", {-1, kTinyClasses})};
  parts.initializers = {external_tensor("w", {kTinyInputs, kTinyClasses}, "w.data", 0,
                                        kTinyInputs * kTinyClasses * 4)};
  parts.nodes = {node("MatMul", {"x", "w"}, {"y"})};
  std::ofstream(folder_.path("tiny.onnx"), std::ios::binary) << parts.bytes();
  std::vector<float> weights = tiny_values(kTinyInputs * kTinyClasses, 3);
  const auto write = [&] {
    std::ofstream(folder_.path("w.data"), std::ios::binary)
        .write(reinterpret_cast<const char*>(weights.data()),
               static_cast<std::streamsize>(weights.size() * sizeof(float)));
  };
  write();
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 2; });
  weights[7] += 0.5f;
  write();
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidArgument,
               "model.path = '", "differs from what this run began with");
}

TEST_F(Resume, AnotherValidationSetIsNamed) {
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 12; });
  write_tiny_data(folder_.path("val.npz"), 12, 6);
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidArgument, "data.val = '",
               "val.npz' differs");
}

TEST_F(Resume, WhatWasCountedByAnotherMonitorIsNotGoneOnWith) {
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 12; });
  expect_error([&] { run_tiny(recipe("cut", {"checkpoint.monitor=\"val/accuracy\""}), true); },
               ErrorCode::kInvalidArgument,
               "checkpoint.monitor was the default, now \"val/accuracy\"");
}

TEST_F(Resume, HowOftenAPlateauIsShownItsMetricStays) {
  const Lines plateau = {"schedule.name=\"plateau\"", "train.eval_every=3"};
  run_tiny(recipe("cut", plateau), false,
           [](const StepView& view) { return view.progress.step == 12; });
  expect_error([&] { run_tiny(recipe("cut", {plateau.front(), "train.eval_every=4"}), true); },
               ErrorCode::kInvalidArgument, "train.eval_every was 3, now 4");
}

TEST_F(Resume, WhatDoesNotDecideTheNumbersMayChange) {
  const Lines longer = {"train.epochs=4"};
  const RunRecord whole = run_tiny(recipe("whole", longer), false);
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 12; });
  const RunRecord resumed =
      run_tiny(recipe("cut", longer), true);  // a constant rate: it may run longer
  EXPECT_EQ(whole.variables, resumed.variables);
  EXPECT_EQ(whole.log, resumed.log);
}

TEST_F(Resume, ARunThatIsNotThereIsRefused) {
  expect_error([&] { run_tiny(recipe("nowhere"), true); }, ErrorCode::kInvalidArgument,
               "no run to resume");
  run_tiny(recipe("cut", {"train.steps=1"}), false);
  expect_error([&] { run_tiny(recipe("cut", {"train.steps=1"}), false); },
               ErrorCode::kInvalidArgument, "not empty", "--resume");
}

// Two runs of one process and one machine give the same bits.
TEST_F(Resume, TwoRunsGiveTheSameBits) {
  const RunRecord one = run_tiny(recipe("whole", {"train.threads=2"}), false);
  const RunRecord two = run_tiny(recipe("cut", {"train.threads=2"}), false);
  expect_equal(one, two);
}

}  // namespace
}  // namespace temper::training
