// The rate finder: the sweep in closed form, the variables afterwards, the suggestions.
#include "training/analysis/lr_find.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "runtime/base/error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

// y = w x with x = 1 and target 0: the loss is w^2, its gradient 2 w.
Recipe quadratic(const std::string& folder, double start) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 1})};
  parts.outputs = {value_info("y", {-1, 1})};
  parts.initializers = {floats("w", {1, 1}, {static_cast<float>(start)})};
  parts.nodes = {node("MatMul", {"x", "w"}, {"y"}, {}, "line")};
  std::ofstream(folder + "/q.onnx", std::ios::binary) << parts.bytes();
  const std::vector<float> ones(8, 1.0f);
  const std::vector<float> zeros(8, 0.0f);
  write_npz(folder + "/q.npz", {{"x", Tensor::from<float>(DType::kFloat32, {8, 1}, ones)},
                                {"target", Tensor::from<float>(DType::kFloat32, {8, 1}, zeros)}});
  return tiny_recipe(folder + "/q.onnx", folder + "/q.npz", folder + "/run",
                     {"loss.name=mse", "optimizer.name=sgd"});
}

TEST(LrFind, FollowsTheClosedFormOnAQuadratic) {
  const TempFolder scratch;
  Session session(quadratic(scratch.path("."), 1.5));
  LrFindOptions options;
  options.from = 1e-4;
  options.to = 0.4;
  options.steps = 60;
  const LrFindResult result = find_learning_rate(session, options);
  ASSERT_EQ(result.points.size(), 60u);
  EXPECT_EQ(result.end, LrFindEnd::kFinished);
  double w = 1.5;
  double average = 0;
  for (int i = 0; i < 60; ++i) {
    const double lr = 1e-4 * std::pow(0.4 / 1e-4, i / 59.0);
    average = 0.9 * average + 0.1 * w * w;
    const LrFindPoint& point = result.points[static_cast<std::size_t>(i)];
    EXPECT_NEAR(point.lr, lr, 1e-12 * lr) << i;
    EXPECT_NEAR(point.loss, w * w, 2e-5 * w * w) << i;
    EXPECT_NEAR(point.smoothed, average / (1 - std::pow(0.9, i + 1)), 2e-5) << i;
    w -= lr * 2 * w;
  }
}

TEST(LrFind, StopsWhenTheSmoothedLossIsFourTimesItsBest) {
  const TempFolder scratch;
  Session session(quadratic(scratch.path("."), 1.5));
  LrFindOptions options;
  options.from = 1e-3;
  options.to = 100;  // above 1 each step makes |w| larger
  options.smoothing = 0.5;
  const LrFindResult result = find_learning_rate(session, options);
  EXPECT_EQ(result.end, LrFindEnd::kDiverged);
  EXPECT_LT(result.points.size(), 100u);
  EXPECT_GT(result.end_lr, 1.0);
  double best = result.points.front().smoothed;
  for (std::size_t i = 0; i + 1 < result.points.size(); ++i) {
    best = std::min(best, result.points[i].smoothed);
    EXPECT_LE(result.points[i].smoothed, 4 * best) << i;
  }
  EXPECT_GT(result.points.back().smoothed, 4 * best);
}

TEST(LrFind, PutsEveryVariableBackAndGivesTheSameBitsTwice) {
  const TempFolder scratch;
  write_tiny_model(scratch.path("m.onnx"));
  write_tiny_data(scratch.path("d.npz"), 30, 5);
  Session session(tiny_recipe(scratch.path("m.onnx"), scratch.path("d.npz"), scratch.path("run"),
                              {"train.accumulate=2"}));
  session.engine().prepare(session.requests());
  const std::string before = hash_of_variables(session.engine().store());
  LrFindOptions options;
  options.steps = 30;
  const LrFindResult first = find_learning_rate(session, options);
  EXPECT_EQ(hash_of_variables(session.engine().store()), before);
  const LrFindResult second = find_learning_rate(session, options);
  ASSERT_EQ(first.points.size(), second.points.size());
  for (std::size_t i = 0; i < first.points.size(); ++i) {
    EXPECT_EQ(first.points[i].loss, second.points[i].loss) << i;
  }
  EXPECT_FALSE(std::ifstream(scratch.path("run/recipe.toml")).good());
}

// A fall from 4 to 1 between the rates 10 and 20 of 40, then a rise.
TEST(LrFind, SuggestsTheMiddleOfTheDescentItsSteepestPlaceAndATenthOfTheMinimum) {
  std::vector<LrFindPoint> points;
  for (int i = 0; i < 40; ++i) {
    const double loss = i < 10 ? 4 : i <= 20 ? 4 - 0.3 * (i - 10) : 1 + 0.1 * (i - 20);
    points.push_back({std::pow(10, -6 + 0.1 * i), loss, loss - (i == 16 ? 0.2 : 0)});
  }
  const auto suggestions = suggest_rates(points, 40, LrFindEnd::kFinished);
  ASSERT_EQ(suggestions.size(), 3u);
  // The descent is points 9 to 20 but one (16 and 17 cannot both be in it); fastai's rule gives
  // start 20 - 11 or 12, then a third and a sixth further.
  EXPECT_EQ(suggestions[0].name, "valley");
  EXPECT_NEAR(std::log10(suggestions[0].lr), -6 + 0.1 * 13, 0.11);
  EXPECT_EQ(suggestions[1].name, "steepest");
  EXPECT_NEAR(std::log10(suggestions[1].lr), -6 + 0.1 * 15, 1e-9);
  EXPECT_EQ(suggestions[2].name, "minimum/10");
  EXPECT_NEAR(std::log10(suggestions[2].lr), -6 + 0.1 * 20 - 1, 1e-9);
}

TEST(LrFind, SuggestsNoTenthOfAMinimumThatTheSweepDidNotReach) {
  std::vector<LrFindPoint> points;
  for (int i = 0; i < 40; ++i) {
    points.push_back({std::pow(10, -6 + 0.1 * i), 50.0 - i, 50.0 - i});
  }
  const auto falling = suggest_rates(points, 40, LrFindEnd::kFinished);
  ASSERT_EQ(falling.size(), 2u);
  EXPECT_EQ(falling[0].name, "valley");
  EXPECT_EQ(falling[1].name, "steepest");
  EXPECT_EQ(suggest_rates(points, 40, LrFindEnd::kDiverged).size(), 3u);
}

TEST(LrFind, SuggestsNothingWhereTheLossNeverFellAndRefusesSweepsThatAreNone) {
  std::vector<LrFindPoint> points;
  for (int i = 0; i < 40; ++i) {
    points.push_back({std::pow(10, -6 + 0.1 * i), 1.0 + i, 1.0 + i});
  }
  EXPECT_TRUE(suggest_rates(points, 40, LrFindEnd::kFinished).empty());
  const TempFolder scratch;
  Session session(quadratic(scratch.path("."), 1));
  LrFindOptions options;
  options.from = 1;
  options.to = 0.1;
  EXPECT_THROW(find_learning_rate(session, options), Error);
}

}  // namespace
}  // namespace temper::training
