// The worked examples of models/ as their READMEs type them, but with smaller models and shorter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

std::string sample(const std::string& name) { return digits("../" + name); }

void expect_done(const std::vector<std::string>& words) {
  const CommandResult result = run_temper(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
}

// Trains a recipe on `model` and returns the figures of its best model.
training::JsonValue train(const std::string& recipe, const std::string& model,
                          const std::string& run, std::vector<std::string> settings) {
  settings.insert(settings.begin(),
                  {"train", sample(recipe), "model.path=" + model, "train.out=" + run, "--json"});
  const CommandResult result = run_temper(settings);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return training::parse_json(result.out, "train");
}

TEST(WorkedExample, AnLstmForecastsATimeSeries) {
  const ScratchFolder scratch;
  const std::string model = scratch / "lstm.onnx", run = scratch / "run";
  expect_done({"new", "lstm", model, "--features", "1", "--hidden", "16"});
  const training::JsonValue best = train("forecast/forecast.toml", model, run, {"train.epochs=8"});
  EXPECT_GT(best.at("val/r2").as_double("r2"), 0.5);
  expect_done({"eval", run, "--charts", scratch / "charts"});
  EXPECT_TRUE(fs::exists(scratch / "charts/predictions.png"));
}

TEST(WorkedExample, AUnetTellsDiscsFromSquares) {
  const ScratchFolder scratch;
  const std::string model = scratch / "unet.onnx";
  expect_done({"new", "unet", model, "--channels", "1", "--classes", "3", "--image-size", "32",
               "--width", "8", "--depth", "2"});
  const training::JsonValue best =
      train("segmentation/segmentation.toml", model, scratch / "run", {"train.epochs=5"});
  EXPECT_GT(best.at("val/accuracy").as_double("accuracy"), 0.7);
}

TEST(WorkedExample, AGptLearnsToWrite) {
  const ScratchFolder scratch;
  const std::string model = scratch / "gpt.onnx", run = scratch / "run";
  expect_done(
      {"new", "gpt", model, "--context", "32", "--layers", "1", "--heads", "2", "--width", "16"});
  const training::JsonValue best =
      train("language/gpt.toml", model, run, {"train.epochs=2", "data.block=32", "data.stride=32"});
  EXPECT_LT(best.at("val/perplexity").as_double("perplexity"), 60) << "of 256 bytes";
  const CommandResult text =
      run_temper({"generate", run, "--prompt", "You may ", "--length", "60"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, StartsWith("You may "));
  EXPECT_EQ(text.out.size(), 8 + 60 + 1u);
}

TEST(WorkedExample, ANetworkOfDigitsLearnsLetters) {
  const ScratchFolder scratch;
  const std::string model = scratch / "letters.onnx";
  expect_done({"train", digits("digits.toml"), "train.epochs=3",
               "train.out=" + (scratch / "digits"), "--quiet"});
  expect_done({"prepare", scratch / "digits/best.onnx", model, "--head-classes", "6"});
  const training::JsonValue best = train("letters/letters.toml", model, scratch / "run", {});
  EXPECT_GT(best.at("val/accuracy").as_double("accuracy"), 0.85);
}

// The language model of before, or one like it, that learns another text by adapters alone.
TEST(WorkedExample, AdaptersTeachAGptSonnets) {
  const ScratchFolder scratch;
  const std::string model = scratch / "gpt.onnx", adapted = scratch / "lora.onnx";
  const std::string run = scratch / "run", merged = scratch / "merged.onnx";
  expect_done(
      {"new", "gpt", model, "--context", "64", "--layers", "1", "--heads", "2", "--width", "16"});
  expect_done({"prepare", model, adapted, "--lora", "r=4", "--match", "h.*.*.*"});
  train("language/lora.toml", adapted, run, {"train.epochs=2"});
  expect_done({"prepare", run + "/last.onnx", merged, "--merge-lora"});
  const auto text = [](const std::string& file) {
    return run_temper({"generate", file, "--prompt", "Shall I ", "--length", "20", "--greedy"}).out;
  };
  EXPECT_EQ(text(merged), text(run + "/last.onnx"));
  EXPECT_THAT(text(merged), StartsWith("Shall I "));
}

}  // namespace
}  // namespace temper::test
