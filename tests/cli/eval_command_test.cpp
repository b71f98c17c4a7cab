// `temper eval` from outside: the table, the JSON line and the charts of a model, a recipe, a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(EvalCommand, OfARunTellsOfTheBestModelOnItsValidationRows) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "train.epochs=2", "metrics.names=[\"f1\"]",
                  "checkpoint.monitor=val/f1", "train.out=" + run, "--json"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const double f1 = training::parse_json(trained.out, "train").at("val/f1").as_double("f1");
  const CommandResult evaluated =
      run_temper({"eval", run, "--charts", scratch / "charts", "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const training::JsonValue json = training::parse_json(evaluated.out, "eval");
  EXPECT_EQ(json.at("f1").as_double("f1"), f1) << "the weights were stored and read unchanged";
  EXPECT_THAT(json.at("model").as_string("model"), HasSubstr("best.onnx"));
  EXPECT_EQ(json.at("classes").as_array("classes").size(), 10u);
  EXPECT_EQ(json.at("confusion").as_array("confusion").size(), 10u);
  EXPECT_EQ(json.at("charts").as_array("charts").size(), 3u);
  for (const char* name : {"confusion_matrix.png", "roc.png", "precision_recall.svg"}) {
    EXPECT_TRUE(fs::exists(scratch / (std::string("charts/") + name))) << name;
  }
}

TEST(TrainCommand, DrawsTheBestModelsChartsAndShowsThemInTensorBoard) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "train.epochs=1", "train.out=" + run, "--quiet"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  std::string events;
  for (const auto& entry : fs::directory_iterator(run + "/tensorboard/train")) {
    events += file_text(entry.path());
  }
  for (const char* name : {"loss", "accuracy", "learning_rate", "confusion_matrix", "roc"}) {
    const std::string png = file_text(run + "/charts/" + name + ".png");
    EXPECT_THAT(events, HasSubstr(std::string("charts/") + name));
    EXPECT_NE(events.find(png), std::string::npos) << name << ": the file of the folder itself";
  }
}

TEST(EvalCommand, DrawsTheTrueAndPredictedValuesOfARegression) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper(
      {"eval", digits("../regression/regression.toml"), "--charts", scratch / "charts", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue json = training::parse_json(result.out, "eval");
  EXPECT_EQ(json.at("charts").as_array("charts").size(), 1u);
  EXPECT_TRUE(fs::exists(scratch / "charts/predictions.png"));
  EXPECT_TRUE(fs::exists(scratch / "charts/predictions.svg"));
}

TEST(EvalCommand, PrintsALinePerClassByItsName) {
  const CommandResult result = run_temper(
      {"eval", digits("digits.toml"),
       "data.class_names=[\"zero\",\"one\",\"two\",\"three\",\"four\",\"five\",\"six\",\"seven\","
       "\"eight\",\"nine\"]"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("held out for validation"));
  EXPECT_THAT(result.out, HasSubstr("precision   recall       f1   support"));
  EXPECT_THAT(result.out, HasSubstr("\nseven "));
  EXPECT_THAT(result.out, HasSubstr("f1 (macro)"));
  EXPECT_THAT(result.out, HasSubstr("commonest mistakes: "));
}

TEST(EvalCommand, OfAModelFileNeedsDataAndOfARecipeTakesOthers) {
  const CommandResult missing = run_temper({"eval", digits("digits.onnx")});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("--data"));
  const CommandResult all =
      run_temper({"eval", digits("digits.toml"), "--data", digits("digits.npz"), "--json"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_EQ(training::parse_json(all.out, "eval").at("samples").as_int("samples"), 1797);
  const CommandResult on = run_temper({"eval", digits("digits.toml"), "--on", "test"});
  EXPECT_EQ(on.exit_code, 2);
  EXPECT_THAT(on.err, HasSubstr("val or train"));
}

TEST(EvalCommand, RefusesAMonitorThatTheRunDoesNotHave) {
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "checkpoint.monitor=val/f2", "--dry-run"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("did you mean val/f1?"));
}

}  // namespace
}  // namespace temper::test
