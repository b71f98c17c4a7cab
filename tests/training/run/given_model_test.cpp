// The model as given is the first candidate for the best: fine-tuning that made it no better is
// seen.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/training/support/tiny_runs.h"
#include "training/analysis/compare.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class GivenModel : public TinyRuns {
 protected:
  double given_loss() const {
    Session session(recipe("unused"));
    SetMetrics set = make_set_metrics(session, wanted_metrics(session));
    return evaluate_validation_rows(session, set).loss;
  }

  // Of a model file, by name.
  static std::vector<float> values(const Recipe& trained, const std::string& model,
                                   const std::string& name) {
    Recipe recipe = trained;
    recipe.model.path = model;
    Session session(recipe);
    session.engine().prepare(session.requests());
    const VariableStore& store = session.engine().store();
    return store.get(store.find(name)).values<float>();
  }
};

TEST_F(GivenModel, IsEvaluatedAtStepZero) {
  const RunRecord run = run_tiny(recipe("out"), false);
  std::istringstream lines(run.log);
  std::string first;
  std::getline(lines, first);
  const JsonValue line = parse_json(first, "log");
  EXPECT_EQ(line.at("step").as_int("step"), 0);
  EXPECT_EQ(line.at("epoch").as_int("epoch"), 0);
  EXPECT_NEAR(line.at("val/loss").as_double("loss"), given_loss(), 1e-6);
  EXPECT_EQ(run.result.given_evaluation.samples, 10);
  EXPECT_EQ(run.result.given_evaluation.loss, line.at("val/loss").as_double("loss"));
  EXPECT_GT(run.result.best_step, 0);
  EXPECT_EQ(run.result.verdict, "");
}

TEST_F(GivenModel, IsTheBestWhereTrainingMadeItWorse) {
  const Recipe wild = recipe("out", {"optimizer.name=\"sgd\"", "optimizer.lr=30.0"});
  const RunRecord run = run_tiny(wild, false);
  EXPECT_EQ(run.result.best_step, 0);
  EXPECT_NEAR(run.result.best_metric, given_loss(), 1e-6);
  EXPECT_EQ(run.result.final_evaluation.loss, run.result.given_evaluation.loss);
  EXPECT_NE(run.result.verdict.find("training made the model no better: val/loss is"),
            std::string::npos)
      << run.result.verdict;
  EXPECT_NE(run.result.verdict.find("best.onnx is the model as given"), std::string::npos);
  for (const char* name : {"w1", "b2", "bn.mean"}) {
    EXPECT_EQ(values(wild, run.result.best_model, name), values(wild, wild.model.path, name));
  }
}

TEST_F(GivenModel, MakesNoDifferenceToTheStepsOrToPatience) {
  const RunRecord watched = run_tiny(recipe("watched"), false);
  Recipe alone = recipe("alone");
  alone.data.val.clear();
  EXPECT_EQ(run_tiny(alone, false).variables, watched.variables);
  const RunRecord patient =
      run_tiny(recipe("patient", {"optimizer.name=\"sgd\"", "optimizer.lr=30.0", "train.epochs=9",
                                  "checkpoint.patience=3"}),
               false);
  EXPECT_EQ(patient.result.outcome, RunOutcome::kStoppedEarly);
  EXPECT_EQ(patient.result.steps, 30);  // the third evaluation after training that is no better
}

TEST_F(GivenModel, StaysKnownWhenTheRunIsResumed) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  run_tiny(recipe("cut", {"train.max_time=\"0 s\""}), false);  // no step at all
  const RunRecord resumed = run_tiny(recipe("cut"), true);
  EXPECT_EQ(whole.log, resumed.log);
  EXPECT_EQ(whole.result.given_evaluation.loss, resumed.result.given_evaluation.loss);
}

TEST_F(GivenModel, IsOneOfTheBestThatStay) {
  run_tiny(recipe("out", {"checkpoint.top_k=9", "train.epochs=2"}), false);
  for (const char* step : {"step-0", "step-10", "step-20"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_.path(std::string("out/top/") + step))) << step;
  }
  run_tiny(recipe("out", {"checkpoint.top_k=2", "train.epochs=3"}), true);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path("out/top")), {}), 2);
}

// The training loss is of weights that move: there is no such number of the model as given.
TEST_F(GivenModel, IsNoCandidateByTheTrainingLossWhichSaysWhereItRose) {
  const auto without = [&](const char* out, const char* rate) {
    Recipe made = recipe(out, {"optimizer.name=\"sgd\"", rate, "log.every=10"});
    made.data.val.clear();
    return made;
  };
  const RunRecord wild = run_tiny(without("wild", "optimizer.lr=30.0"), false);
  EXPECT_TRUE(wild.log.starts_with("{\"step\": 10,"));
  EXPECT_EQ(wild.result.given_evaluation.samples, 0);
  EXPECT_GT(wild.result.best_step, 0);
  const RunRecord calm = run_tiny(without("calm", "optimizer.lr=0.05"), false);
  EXPECT_EQ(calm.result.verdict, "");
}

TEST_F(GivenModel, IsLeftOutOfAComparison) {
  RecipeSources base;
  const Recipe unused = recipe("unused");
  base.overrides = {"model.path=\"" + unused.model.path + "\"",
                    "data.train=\"" + unused.data.train + "\"",
                    "data.val=\"" + unused.data.val + "\"",
                    "train.epochs=1",
                    "train.threads=1",
                    "data.batch_size=4",
                    "log.tensorboard=false"};
  CompareOptions options;
  options.folder = folder_.path("compared");
  const Comparison comparison =
      compare_runs(base,
                   {{"wild", {"optimizer.name=\"sgd\"", "optimizer.lr=30.0"}},
                    {"calm", {"optimizer.name=\"sgd\"", "optimizer.lr=0.01"}}},
                   options);
  for (const ComparedRun& run : comparison.runs) {
    EXPECT_EQ(run.best_step, 10) << run.name;
  }
}

TEST(RunOutcome, HasAName) {
  EXPECT_EQ(to_string(RunOutcome::kFinished), "finished");
  EXPECT_EQ(to_string(RunOutcome::kStoppedEarly), "stopped early");
  EXPECT_EQ(to_string(RunOutcome::kInterrupted), "interrupted");
  EXPECT_EQ(to_string(RunOutcome::kTimeIsUp), "time is up");
  EXPECT_EQ(to_string(RunOutcome::kSaveFailed), "save failed");
}

}  // namespace
}  // namespace temper::training
