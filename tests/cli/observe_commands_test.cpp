// `temper lr-find`, `temper compare` and `temper plot losses` from outside: files, output, codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(LrFindCommand, WritesAChartAndSuggestionsAndLeavesTheModelAlone) {
  const ScratchFolder scratch;
  const std::string before = file_text(digits("digits.onnx.data"));
  const CommandResult result =
      run_temper({"lr-find", digits("digits.toml"), "--steps", "60", "--out", scratch / "out"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("valley"));
  EXPECT_THAT(result.out, HasSubstr("optimizer.lr="));
  EXPECT_TRUE(fs::exists(scratch / "out/lr_find.png"));
  const training::JsonValue json =
      training::parse_json(file_text(scratch / "out/lr_find.json"), "lr_find.json");
  EXPECT_EQ(json.at("suggestions").as_array("suggestions").size(), 3u);
  EXPECT_EQ(file_text(digits("digits.onnx.data")), before);
  const CommandResult again =
      run_temper({"lr-find", digits("digits.toml"), "--out", scratch / "out"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("is not empty"));
}

TEST(LrFindCommand, RefusesRatesThatAreNone) {
  const CommandResult result = run_temper({"lr-find", digits("digits.toml"), "--from", "fast"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("takes a number such as 1e-3, not 'fast'"));
}

TEST(DiagnoseCommand, SaysWhatStandsOutWritesChartsAndLeavesTheModelAlone) {
  const ScratchFolder scratch;
  const std::string before = file_text(digits("digits.onnx.data"));
  const CommandResult result = run_temper({"diagnose", digits("digits.toml"), "optimizer.lr=100",
                                           "--steps", "20", "--out", scratch / "out"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("!! gradients: gradients explode"));
  EXPECT_THAT(result.out, HasSubstr("try: a lower optimizer.lr"));
  for (const char* name : {"steps", "gradients", "updates", "weights", "activations"}) {
    EXPECT_TRUE(fs::exists(scratch / ("out/" + std::string(name) + ".png"))) << name;
  }
  const training::JsonValue json =
      training::parse_json(file_text(scratch / "out/diagnosis.json"), "diagnosis.json");
  EXPECT_EQ(json.at("layers").as_array("layers").size(), 7u);
  EXPECT_EQ(json.at("steps").as_int("steps"), 20);
  std::string events;
  for (const auto& entry : fs::directory_iterator(scratch / "out/tensorboard")) {
    events += file_text(entry.path());
  }
  for (const char* tag : {"gradients/0.weight", "weights/10.bias", "activations/node_relu",
                          "update_ratio/8.weight", "charts/updates"}) {
    EXPECT_THAT(events, HasSubstr(tag));
  }
  EXPECT_EQ(file_text(digits("digits.onnx.data")), before);
}

// As `temper train` does.
TEST(LrFindCommand, TakesAModelAndDataInPlaceOfARecipe) {
  const ScratchFolder scratch;
  const std::vector<std::string> settings = {digits("digits.onnx"), digits("digits.npz"),
                                             "data.batch_size=64"};
  const auto with = [&](std::vector<std::string> words, std::vector<std::string> options) {
    words.insert(words.end(), settings.begin(), settings.end());
    words.insert(words.end(), options.begin(), options.end());
    return run_temper(words);
  };
  const CommandResult found = with({"lr-find"}, {"--steps", "20", "--out", scratch / "lr"});
  ASSERT_EQ(found.exit_code, 0) << found.err;
  EXPECT_TRUE(fs::exists(scratch / "lr/lr_find.png"));
  const CommandResult seen = with({"diagnose"}, {"--steps", "5", "--out", scratch / "seen"});
  ASSERT_EQ(seen.exit_code, 0) << seen.err;
  const CommandResult checked = with({"data", "check"}, {});
  ASSERT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("val    359 samples"));
}

TEST(LrFindCommand, SaysThatARecipeHasTwoModels) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"lr-find"}, {"diagnose"}, {"data", "check"}}) {
    std::vector<std::string> line = words;
    line.push_back(digits("../digits_gan/digits_gan.toml"));
    const CommandResult result = run_temper(line);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("trains two models against each other")) << words.front();
  }
}

TEST(CompareCommand, ComparesNamesAndSettingListsAndWritesTheirCharts) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper({"compare", "optimizers", digits("digits.toml"),
                                           "train.steps=20", "train.eval_every=5", "adamw",
                                           "momentum: optimizer.name=sgd optimizer.momentum=0.9",
                                           "--out", scratch / "out", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue json = training::parse_json(result.out, "stdout");
  EXPECT_EQ(json.at("by").as_string("by"), "val/loss");
  EXPECT_EQ(json.at("runs").as_array("runs").size(), 2u);
  for (const char* name : {"compare.json", "val_loss.png", "train_loss.svg", "loss.png",
                           "adamw/last.onnx", "momentum/metrics.jsonl"}) {
    EXPECT_TRUE(fs::exists(scratch / "out/" + name)) << name;
  }
}

TEST(CompareCommand, SaysWhatItComparesAndNamesTheRunAtFault) {
  const CommandResult what = run_temper({"compare", "optimisers", digits("digits.toml")});
  EXPECT_EQ(what.exit_code, 2);
  EXPECT_THAT(what.err, HasSubstr("did you mean optimizers?"));
  const ScratchFolder scratch;
  const CommandResult run = run_temper({"compare", "optimizers", digits("digits.toml"), "adamw",
                                        "bad: optimizer.momentun=1", "--out", scratch / "out"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("in run 'bad' of the comparison"));
}

TEST(CompareCommand, RunsTheRegressionSample) {
  const ScratchFolder scratch;
  const std::string recipe = digits("../regression/regression.toml");
  const CommandResult result = run_temper(
      {"compare", "optimizers", recipe, "train.epochs=3", "--out", scratch / "out", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue json = training::parse_json(result.out, "stdout");
  EXPECT_EQ(json.at("runs").as_array("runs").size(), 5u);
  EXPECT_TRUE(fs::exists(scratch / "out/val_loss.png"));
}

TEST(PlotLosses, DrawsNamesAndRecipes) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper(
      {"plot", "losses", digits("../losses/huber.toml"), "mse", "--out", scratch / "shapes.png"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(scratch / "shapes.png"));
  EXPECT_THAT(file_text(scratch / "shapes.svg"), HasSubstr("<svg"));
}

TEST(PlotLosses, RefusesWhatIsNoFunctionOfOneError) {
  const CommandResult classes = run_temper({"plot", "losses", "cross_entropy"});
  EXPECT_EQ(classes.exit_code, 2);
  EXPECT_THAT(classes.err, HasSubstr("no function of one prediction"));
  const CommandResult mixed = run_temper({"plot", "losses", "mse", "bce_with_logits"});
  EXPECT_EQ(mixed.exit_code, 2);
  EXPECT_THAT(mixed.err, HasSubstr("draw them apart"));
}

}  // namespace
}  // namespace temper::test
