// Metrics of a run: which ones a loss and a target allow, over the whole validation set, in the log
// and in checkpoints, and as what decides the best model.
#include "training/session/run_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/training/support/tiny_runs.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"
#include "training/session/evaluation.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class RunMetrics : public TinyRuns {
 protected:
  // Rows with targets of the output's shape.
  std::string write_float_targets(const std::vector<float>& target) const {
    const std::int64_t rows = static_cast<std::int64_t>(target.size()) / kTinyClasses;
    const std::string path = folder_.path("floats.npz");
    write_npz(path,
              {
                  {"x", Tensor::from<float>(DType::kFloat32, {rows, kTinyInputs},
                                            tiny_values(rows * kTinyInputs, 8))},
                  {"target", Tensor::from<float>(DType::kFloat32, {rows, kTinyClasses}, target)},
              });
    return path;
  }

  MetricTask task_with(const std::string& data, const std::string& loss) const {
    return metric_task(Session(
        tiny_recipe(folder_.path("tiny.onnx"), data, folder_.path("none"), {"loss.name=" + loss})));
  }
};

// The last line of the log that has `key`.
double last_logged(const std::string& log, const std::string& key) {
  std::istringstream lines(log);
  double value = -1;
  for (std::string line; std::getline(lines, line);) {
    const JsonValue json = parse_json(line, "a line");
    if (json.find(key) != nullptr) {
      value = json.at(key).as_double(key);
    }
  }
  return value;
}

TEST_F(RunMetrics, FollowTheLossAndTheTarget) {
  const std::string floats = write_float_targets({1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1});
  EXPECT_EQ(task_with(folder_.path("train.npz"), "cross_entropy").task, Task::kClassification);
  EXPECT_EQ(task_with(folder_.path("train.npz"), "nll").scores, Scores::kLogProbabilities);
  EXPECT_EQ(task_with(folder_.path("train.npz"), "triplet_margin").task, Task::kNone);
  EXPECT_EQ(task_with(floats, "cross_entropy").task, Task::kClassification);
  EXPECT_EQ(task_with(floats, "focal").task, Task::kMultiLabel);
  EXPECT_EQ(task_with(floats, "dice").task, Task::kMultiLabel);
  EXPECT_EQ(task_with(floats, "bce_with_logits").task, Task::kMultiLabel);
  EXPECT_EQ(task_with(floats, "bce").scores, Scores::kProbabilities);
  EXPECT_EQ(task_with(floats, "mse").task, Task::kRegression);
  EXPECT_EQ(task_with(floats, "mse").classes, kTinyClasses);
  EXPECT_EQ(task_with(floats, "poisson_nll").scores, Scores::kLogProbabilities);
  EXPECT_EQ(task_with(floats, "kl_div").task, Task::kNone);
}

TEST_F(RunMetrics, AreOfTheWholeSetWhateverTheBatches) {
  std::vector<std::string> logged;
  for (const char* size : {"4", "10"}) {  // ten rows: 4 + 4 + 2, and 10
    Session session(recipe("none", {std::string("data.batch_size=") + size}));
    MetricSettings all;
    all.names = {"all"};
    SetMetrics set = make_set_metrics(session, all);
    const Evaluation evaluation = evaluate_validation_rows(session, set);
    EXPECT_EQ(evaluation.samples, 10);
    std::string text;
    for (const MetricValue& metric : evaluation.metrics) {
      text += concat(metric.name, " ", metric.value, "\n");
    }
    logged.push_back(text);
  }
  EXPECT_EQ(logged[0], logged[1]);
  EXPECT_NE(logged[0].find("pr_auc"), std::string::npos) << logged[0];
}

TEST_F(RunMetrics, AreLoggedAsNamedAndDecideTheBestModel) {
  const RunRecord run = run_tiny(
      recipe("out", {"metrics.names=[\"recall\"]", "checkpoint.monitor=\"val/f1\""}), false);
  EXPECT_EQ(run.result.monitor, "val/f1");
  EXPECT_GT(last_logged(run.log, "val/recall"), 0);
  EXPECT_EQ(last_logged(run.log, "val/accuracy"), -1) << "only what is named, and the monitor";
  double best = 0;
  std::istringstream lines(run.log);
  for (std::string line; std::getline(lines, line);) {
    const JsonValue json = parse_json(line, "a line");
    best = json.find("val/f1") == nullptr ? best
                                          : std::max(best, json.at("val/f1").as_double("val/f1"));
  }
  EXPECT_EQ(run.result.best_metric, best) << "more of it is better";
  EXPECT_EQ(run.result.final_evaluation.metric("f1"), best);
}

TEST_F(RunMetrics, OfALineHoldTheLargestGradientNormSinceTheLineBefore) {
  const Lines length = {"train.steps=6", "clip.norm=1"};
  Lines each = length, third = length;
  each.emplace_back("log.every=1");
  third.emplace_back("log.every=3");
  const std::vector<double> norms =
      logged(run_tiny(recipe("each", each), false).log, "opt/grad_norm");
  ASSERT_EQ(norms.size(), 6u);
  const std::vector<double> largest = {*std::max_element(norms.begin(), norms.begin() + 3),
                                       *std::max_element(norms.begin() + 3, norms.end())};
  EXPECT_EQ(logged(run_tiny(recipe("third", third), false).log, "opt/grad_norm_max"), largest);
}

TEST_F(RunMetrics, OfTheBestModelStayInTheCheckpoint) {
  const Lines lines = {"metrics.names=[\"all\"]", "checkpoint.monitor=\"val/auc\"",
                       "optimizer.lr=0.3"};
  const RunRecord whole = run_tiny(recipe("whole", lines), false);
  run_tiny(recipe("cut", lines), false,
           [](const StepView& view) { return view.progress.step == 13; });
  const RunRecord resumed = run_tiny(recipe("cut", lines), true);
  EXPECT_EQ(whole.log, resumed.log);
  EXPECT_EQ(whole.variables, resumed.variables);
  EXPECT_EQ(whole.result.best_step, resumed.result.best_step);
  const std::vector<MetricValue>& then = whole.result.final_evaluation.metrics;
  const std::vector<MetricValue>& now = resumed.result.final_evaluation.metrics;
  ASSERT_EQ(then.size(), now.size());
  for (std::size_t i = 0; i < then.size(); ++i) {
    EXPECT_EQ(then[i].name, now[i].name);
    EXPECT_EQ(then[i].value, now[i].value) << then[i].name;
  }
}

TEST_F(RunMetrics, CountTheLikeliestClassOfProbabilityTargets) {
  const std::string data =
      write_float_targets({0.8f, 0.1f, 0.1f, 0.2f, 0.2f, 0.6f, 0, 1, 0, 0.5f, 0.3f, 0.2f});
  const RunRecord run = run_tiny(tiny_recipe(folder_.path("tiny.onnx"), data, folder_.path("out"),
                                             {"train.epochs=60", "optimizer.lr=0.05"}),
                                 false);
  EXPECT_EQ(last_logged(run.log, "train/accuracy"), 1) << "four rows are learned by heart";
}

TEST_F(RunMetrics, RefuseAnUnknownMonitorAndAMetricThatDoesNotApply) {
  expect_error([&] { run_tiny(recipe("a", {"checkpoint.monitor=\"val/f2\""}), false); },
               ErrorCode::kInvalidArgument, "val/f2", "val/accuracy", "val/pr_auc",
               "did you mean val/f1?");
  expect_error([&] { run_tiny(recipe("b", {"metrics.names=[\"rmse\"]"}), false); },
               ErrorCode::kInvalidArgument, "does not apply", "precision");
  expect_error([&] { recipe("c", {"metrics.names=[\"acuracy\"]"}); }, ErrorCode::kInvalidArgument,
               "did you mean accuracy?");
  expect_error([&] { recipe("c", {"metrics.threshold=1.5"}); }, ErrorCode::kInvalidArgument,
               "between 0 and 1");
}

TEST_F(RunMetrics, NameClassesAsTheRecipeOrTheDataSay) {
  EXPECT_EQ(class_names(Session(recipe("a"))), (Lines{"0", "1", "2"}));
  const Lines names = {"ant", "bee", "cat"};
  EXPECT_EQ(class_names(Session(recipe("a", {"data.class_names=[\"ant\", \"bee\", \"cat\"]"}))),
            names);
  const std::string file = folder_.write("names.txt", "ant\r\nbee\ncat\n\n");
  EXPECT_EQ(class_names(Session(recipe("a", {"data.class_names=\"" + file + "\""}))), names);
  expect_error([&] { class_names(Session(recipe("a", {"data.class_names=[\"ant\", \"bee\"]"}))); },
               ErrorCode::kInvalidArgument, "2 names", "3 classes");
}

}  // namespace
}  // namespace temper::training
