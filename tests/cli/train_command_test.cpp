// `temper train` from outside: what it writes, says and returns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

TEST(TrainCommand, WritesModelsChartsAndMetricsAndReportsTheValidation) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "train.epochs=2", "train.out=" + run, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_EQ(line.at("outcome").as_string("outcome"), "finished");
  // 1,438 training samples in batches of 32: 45 steps an epoch.
  EXPECT_EQ(line.at("steps").as_int("steps"), 90);
  // The file knows half of the classes; a model that learns nothing stays near 0.5.
  EXPECT_GT(line.at("val/accuracy").as_double("accuracy"), 0.8);
  for (const char* name :
       {"best.onnx", "last.onnx", "recipe.toml", "metrics.jsonl", "charts/loss.png",
        "charts/loss.svg", "charts/accuracy.png", "charts/learning_rate.svg", "tensorboard"}) {
    EXPECT_TRUE(fs::exists(fs::path(run) / name)) << name;
  }
  EXPECT_THAT(result.err, HasSubstr("epoch 1/2  step 45/90"));
  EXPECT_THAT(result.err, HasSubstr("epoch 2/2  step 90/90"));
  EXPECT_THAT(result.err, Not(HasSubstr("\r")));  // no bar where there is no terminal
}

TEST(TrainCommand, SaysTheSameAccuracyAsEvalOfTheBestModelOnTheSameRows) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "train.epochs=1", "data.val_split=0",
                  "data.val=" + digits("digits.npz"), "train.out=" + run, "--json"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const CommandResult evaluated =
      run_temper({"eval", run + "/best.onnx", "--data", digits("digits.npz"), "--loss",
                  "cross_entropy", "label_smoothing=0.1", "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const training::JsonValue first = training::parse_json(trained.out, "train");
  const training::JsonValue second = training::parse_json(evaluated.out, "eval");
  EXPECT_EQ(second.at("samples").as_int("samples"), 1797);
  EXPECT_EQ(first.at("val/accuracy").as_double("a"), second.at("accuracy").as_double("a"));
  EXPECT_NEAR(first.at("val/loss").as_double("l"), second.at("loss").as_double("l"), 1e-6);
}

TEST(TrainCommand, TrainsAModelOnDataAndShowsOnlyWhatWasInferred) {
  const ScratchFolder scratch;
  CommandOptions options;
  options.folder = scratch.path();
  const CommandResult result =
      run_temper({"train", digits("digits.onnx"), digits("digits.npz"), "train.epochs=1"}, options);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("loss.name = \"cross_entropy\" (the target is "));
  EXPECT_THAT(result.err, HasSubstr("data.val_split = 0.2 (held out, as nothing else is given)"));
  EXPECT_THAT(result.err, Not(HasSubstr("[optimizer]")));
  EXPECT_LE(std::count(result.err.begin(), result.err.end(), '\n'), 12) << result.err;
  EXPECT_THAT(result.out, HasSubstr("recipe       runs/digits-1/recipe.toml"));
  EXPECT_THAT(file_text(scratch / "runs/digits-1/recipe.toml"), HasSubstr("val_split = 0.2"));
  EXPECT_THAT(result.out, HasSubstr("validation loss"));
  EXPECT_TRUE(fs::exists(fs::path(scratch.path()) / "runs/digits-1/last.onnx"));
}

TEST(TrainCommand, PrintsWhatTheOptimizerDoesWithEachTensor) {
  const ScratchFolder scratch;
  std::ofstream(scratch / "r.toml") << "[model]\npath = \"" << digits("digits.onnx")
                                    << "\"\nfreeze = [\"0.weight\"]\n[data]\ntrain = \"x.npz\"\n"
                                       "[[optimizer.group]]\nmatch = \"**.weight\"\nlr = 0.5\n"
                                       "[[optimizer.group]]\nmatch = \"10.**\"\n"
                                       "weight_decay = 0.125\nlr = 0.25\n";
  const CommandResult text = run_temper({"train", scratch / "r.toml", "--print-config"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, testing::ContainsRegex("\n10.weight: lr = 0.25, weight_decay = 0.125 +# "
                                               "group \\*\\*.weight \\+ 10.\\*\\*\n"));
  EXPECT_THAT(text.out, testing::ContainsRegex("\n0.weight: lr = 0.5, .*not trained"));
  EXPECT_THAT(text.out, testing::ContainsRegex("\n0.bias: lr = 0.001, .*# no group\n"));
  const CommandResult json = run_temper({"train", scratch / "r.toml", "--print-config", "--json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const training::JsonValue line = training::parse_json(json.out, "stdout");
  EXPECT_EQ(line.at("settings").at("train.epochs").at("value").as_string("value"), "10");
  EXPECT_EQ(line.at("tensors").at("10.bias").at("groups").as_string("groups"), "10.**");
}

TEST(TrainCommand, TakesNumbersWhereTextsAreWanted) {
  const ScratchFolder scratch;
  CommandOptions options;
  options.folder = scratch.path();
  fs::copy(digits("digits.npz"), scratch / "2024.npz");
  fs::rename(scratch / "2024.npz", scratch / "2024");
  const CommandResult result = run_temper({"train", digits("digits.onnx"), "data.train=2024",
                                           "data.format=npz", "train.steps=1", "train.out=7"},
                                          options);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(scratch / "7/last.onnx"));
}

TEST(TrainCommand, SaysWhenAScheduleIsShorterThanTheRun) {
  const ScratchFolder scratch;
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "train.steps=20", "schedule.name=one_cycle",
                  "schedule.warmup=", "schedule.total_steps=5", "train.out=" + (scratch / "run")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("one_cycle has total_steps = 5, but the run has 20 steps"));
}

TEST(TrainCommand, PrintsEverySettingWithWhereItCameFrom) {
  CommandOptions options;
  options.environment["TEMPER_DATA_BATCH_SIZE"] = "16";
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "optimizer.lr=0.25", "--print-config"}, options);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, testing::ContainsRegex("optimizer\\.lr = 0\\.25 +# command line"));
  EXPECT_THAT(result.out,
              testing::ContainsRegex("data\\.batch_size = 16 +# TEMPER_DATA_BATCH_SIZE"));
  EXPECT_THAT(result.out, testing::ContainsRegex("train\\.epochs = 20 +# .*digits\\.toml:26"));
  EXPECT_THAT(result.out, testing::ContainsRegex("checkpoint\\.keep = 3 +# default"));
}

TEST(TrainCommand, DryRunPrintsTheMemoryPlanAndLeavesNoRun) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper(
      {"train", digits("digits.toml"), "train.out=" + scratch / "run", "--dry-run", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  const training::JsonValue& bytes = line.at("memory_bytes");
  // 38,282 float parameters; AdamW keeps two moments of each.
  EXPECT_GE(bytes.at("variables").as_int("b"), 3 * 38282 * 4);
  EXPECT_GE(bytes.at("gradients").as_int("b"), 38282 * 4);
  EXPECT_EQ(bytes.at("total").as_int("b"),
            bytes.at("variables").as_int("b") + bytes.at("gradients").as_int("b") +
                bytes.at("activations").as_int("b") + bytes.at("constants").as_int("b") +
                bytes.at("kernels").as_int("b"));
  const training::JsonValue& peaks = line.at("peak_bytes");
  const auto peak = [&](const char* name) { return peaks.at(name).as_int("b"); };
  EXPECT_EQ(peak("step"), bytes.at("total").as_int("b") + peak("program"));
  EXPECT_GT(peak("program"), 4 << 20);
  EXPECT_EQ(peak("evaluation"), peak("step"));
  for (const char* writing : {"checkpoint", "export"}) {
    EXPECT_GT(peak(writing), peak("step"));
    EXPECT_LT(peak(writing), peak("step") + (64 << 20));
  }
  EXPECT_FALSE(fs::exists(scratch / "run"));
}

// The first stage trains one tensor, the second all of them.
TEST(TrainCommand, DryRunOfAStagedRunShowsItsLargestStage) {
  const ScratchFolder scratch;
  std::ofstream(scratch / "staged.toml")
      << "[model]\npath = \"" << digits("digits.onnx") << "\"\n[data]\ntrain = \""
      << digits("digits.npz") << "\"\n[[train.stage]]\nepochs = 1\nfreeze = [\"*.weight\"]\n"
      << "[[train.stage]]\nepochs = 1\n";
  const CommandResult result = run_temper({"train", scratch / "staged.toml", "--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("(stage 2 of 2, the largest)"));
  const CommandResult json = run_temper({"train", scratch / "staged.toml", "--dry-run", "--json"});
  const training::JsonValue bytes = training::parse_json(json.out, "stdout").at("memory_bytes");
  EXPECT_GE(bytes.at("variables").as_int("b"), 3 * 38282 * 4);
}

// The external data of last.onnx; its name ends in a hash of its content.
std::string last_weights(const std::string& run) {
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("last-") && name.ends_with(".data")) {
      return file_text(entry.path().string());
    }
  }
  return {};
}

TEST(TrainCommand, ARunStoppedBySigtermGoesOnToTheSameBytes) {
  const ScratchFolder scratch;
  const std::vector<std::string> common = {"train", digits("digits.toml"), "train.epochs=100",
                                           "train.limit_batches=2"};
  std::vector<std::string> whole = common;
  whole.push_back("train.out=" + scratch / "whole");
  ASSERT_EQ(run_temper(whole).exit_code, 0);

  std::vector<std::string> stopped = common;
  stopped.push_back("train.out=" + scratch / "stopped");
  CommandOptions options;
  // The line before the first step; those of 100 epochs do not fit into the pipe.
  options.terminate_after = "200 steps";
  const CommandResult first = run_temper(stopped, options);
  ASSERT_EQ(first.exit_code, 75) << first.err;
  EXPECT_THAT(first.err, HasSubstr("stopped by SIGTERM"));
  EXPECT_FALSE(fs::exists(scratch / "stopped/last.onnx"));

  const CommandResult second = run_temper({"train", scratch / "stopped", "--resume"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("going on after step"));
  EXPECT_EQ(file_text(scratch / "whole/last.onnx"), file_text(scratch / "stopped/last.onnx"));
  const std::string weights = last_weights(scratch / "whole");
  EXPECT_GE(weights.size(), 64u * 512 * 4);  // the largest tensor; small ones stay in the model
  EXPECT_EQ(weights, last_weights(scratch / "stopped"));
}

TEST(TrainCommand, AMisspeltKeyEndsWithTheNearestOneAndExitCode2) {
  const CommandResult key = run_temper({"train", digits("digits.toml"), "optimizer.lrr=0.1"});
  EXPECT_EQ(key.exit_code, 2);
  EXPECT_THAT(key.err, HasSubstr("did you mean optimizer.lr?"));
  const CommandResult fixed = run_temper({"train", digits("digits.toml"), "data.batchsize=3"});
  EXPECT_EQ(fixed.exit_code, 2);
  EXPECT_THAT(fixed.err, HasSubstr("did you mean data.batch_size?"));
}

TEST(TrainCommand, ADirectoryThatIsNotEmptyIsNeverWrittenTo) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  fs::create_directories(run);
  fs::copy_file(digits("digits.toml"), run + "/notes.txt");
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "train.epochs=1", "train.out=" + run});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("not empty"));
  EXPECT_EQ(std::distance(fs::directory_iterator(run), fs::directory_iterator{}), 1);
}

TEST(TrainCommand, WritesTheGraphAfterEachPass) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper(
      {"train", digits("digits.toml"), "--dry-run", "--dump-passes", scratch / "passes"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  int files = 0;
  for (const auto& entry : fs::directory_iterator(scratch / "passes")) {
    ++files;
    EXPECT_THAT(file_text(entry.path().string()), HasSubstr("Conv"));
  }
  EXPECT_GT(files, 2);
}

}  // namespace
}  // namespace temper::test
