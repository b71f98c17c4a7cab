// Who was ahead when, from curves; and a comparison of two short runs.
#include "training/analysis/compare.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/base/error.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

ComparedRun curve(const std::string& name, std::vector<double> values) {
  ComparedRun run;
  run.name = name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    run.curves["val/loss"].steps.push_back(10.0 * static_cast<double>(i + 1));
  }
  run.curves["val/loss"].values = std::move(values);
  return run;
}

TEST(Compare, SaysWhoLedWhenAndWhenEachReachedTheOthersBest) {
  Comparison comparison;
  comparison.by = "val/loss";
  comparison.runs = {curve("early", {0.5, 0.4, 0.45, 0.42}), curve("late", {0.9, 0.6, 0.4, 0.1})};
  judge(comparison);
  const ComparedRun& early = comparison.runs[0];
  const ComparedRun& late = comparison.runs[1];
  EXPECT_EQ(early.best_value, 0.4);
  EXPECT_EQ(early.best_step, 20);
  EXPECT_EQ(early.final_value, 0.42);
  EXPECT_EQ(early.first_led, 10);
  EXPECT_EQ(late.first_led, 40);
  EXPECT_EQ(late.reached, (std::vector<std::int64_t>{30, 40}));
  EXPECT_EQ(early.reached, (std::vector<std::int64_t>{20, -1}));
  ASSERT_EQ(comparison.leads.size(), 2u);
  EXPECT_EQ(comparison.leads[1].step, 40);
  EXPECT_EQ(comparison.ranking, (std::vector<std::size_t>{1, 0}));
  comparison.maximize = true;
  judge(comparison);
  EXPECT_EQ(comparison.runs[1].best_value, 0.9);
}

TEST(Compare, RunsTheSameModelUnderEachSettingAndDropsWhatBelongsToAnotherOptimizer) {
  const TempFolder scratch;
  write_tiny_model(scratch.path("m.onnx"));
  write_tiny_data(scratch.path("d.npz"), 40, 5);
  RecipeSources base;
  base.overrides = {"model.path=\"" + scratch.path("m.onnx") + "\"",
                    "data.train=\"" + scratch.path("d.npz") + "\"",
                    "data.val_split=0.2",
                    "optimizer.name=adamw",
                    "optimizer.lr=0.02",
                    "optimizer.weight_decay=0.3",
                    "train.epochs=2",
                    "train.threads=1",
                    "log.tensorboard=false"};
  CompareOptions options;
  options.folder = scratch.path("out");
  const Comparison comparison = compare_runs(
      base, {{"a", {}}, {"b", {"optimizer.name=sgd"}}, {"again", {"optimizer.name=adamw"}}},
      options);
  EXPECT_EQ(comparison.by, "val/loss");
  ASSERT_EQ(comparison.runs.size(), 3u);
  const auto& runs = comparison.runs;
  EXPECT_EQ(runs[0].curves.at("val/loss").values, runs[2].curves.at("val/loss").values);
  EXPECT_NE(runs[0].curves.at("val/loss").values, runs[1].curves.at("val/loss").values);
  EXPECT_TRUE(std::filesystem::exists(scratch.path("out/b/last.onnx")));
  RecipeSources sgd;
  sgd.file = scratch.path("out/b/recipe.toml");
  const Recipe used = read_recipe(sgd);
  EXPECT_EQ(used.optimizer.parameters.get_double("weight_decay", -1), 0);
  EXPECT_EQ(used.optimizer.parameters.get_double("lr", -1), 0.02);
  EXPECT_THROW(compare_runs(base, {{"only", {}}}, options), Error);
  EXPECT_THROW(compare_runs(base, {{"x", {}}, {"y", {"optimizer.lrr=1"}}}, options), Error);
}

}  // namespace
}  // namespace temper::training
