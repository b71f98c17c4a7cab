// What a run writes of its model into the file, and a file held against it.
#include "training/analysis/verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "graph/onnx/export.h"
#include "runtime/platform/files.h"
#include "tests/training/support/tiny_runs.h"
#include "training/formats/sha256.h"
#include "training/session/data_options.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Entries = std::map<std::string, std::string>;

class Verified : public TinyRuns {
 protected:
  static Entries entries_of(const std::string& model) {
    const auto all = graph::OnnxModel::load(model).metadata();
    return {all.begin(), all.end()};
  }

  // A run whose data name the classes.
  RunRecord named_run(const std::string& out, std::vector<std::string> lines = {}) const {
    lines.emplace_back(R"(data.class_names=["ant", "bee \"x\"", "cat"])");
    return run_tiny(recipe(out, std::move(lines)), false);
  }

  Recipe on(const std::string& model, const std::string& data) const {
    Recipe recipe;
    recipe.model.path = model;
    recipe.data.train = folder_.path(data);
    recipe.data.shuffle = false;
    return recipe;
  }

  // The same model with other metadata.
  std::string with_metadata(const std::string& model, const MetadataEntries& entries) const {
    const std::string path = folder_.path("changed.onnx");
    graph::export_model(graph::OnnxModel::load(model), std::map<std::string, PlainValue>{}, path,
                        {kMetadataPrefix, entries});
    return path;
  }
};

TEST_F(Verified, ARunWritesWhatItKnowsOfTheModel) {
  const RunRecord run = named_run("run");
  const Entries last = entries_of(run.result.best_model);
  EXPECT_EQ(last.at("temper.parent.sha256"), sha256_of_file(folder_.path("tiny.onnx")));
  EXPECT_EQ(last.at("temper.classes"), R"(["ant", "bee \"x\"", "cat"])");
  EXPECT_EQ(last.at("temper.loss"), "cross_entropy");
  EXPECT_EQ(last.at("temper.train_samples"), "38");
  EXPECT_EQ(last.at("temper.metric_samples"), "10");
  EXPECT_FALSE(last.at("temper.version").empty());
  EXPECT_EQ(std::atof(last.at("temper.metric.accuracy").c_str()),
            *run.result.final_evaluation.metric("accuracy"));
  EXPECT_EQ(std::atof(last.at("temper.metric.loss").c_str()), run.result.final_evaluation.loss);
  const ModelClaims claims = model_claims(graph::OnnxModel::load(run.result.best_model));
  EXPECT_THAT(claims.classes, testing::ElementsAre("ant", "bee \"x\"", "cat"));
  EXPECT_EQ(claims.train_samples, 38);
}

TEST_F(Verified, EqualRunsGiveEqualFiles) {
  EXPECT_EQ(named_run("one").last_model, named_run("two").last_model);
}

TEST_F(Verified, TheFileIsHeldAgainstItsOwnClaims) {
  const RunRecord run = named_run("run");
  const Verification made = verify_model(on(run.result.last_model, "val.npz"), {});
  EXPECT_TRUE(made.holds());
  EXPECT_EQ(made.samples, 10);
  EXPECT_GE(made.metrics.size(), 2u);
  for (const VerifiedMetric& metric : made.metrics) {
    ASSERT_TRUE(metric.claimed);
    EXPECT_NEAR(metric.value, *metric.claimed, 1e-6) << metric.condition.metric;
  }
  const std::string boast = with_metadata(
      run.result.last_model, {{"temper.metric.accuracy", "1"}, {"temper.metric.loss", "0.0001"}});
  const Verification other = verify_model(on(boast, "val.npz"), {});
  EXPECT_FALSE(other.holds());
  VerifyOptions lenient;
  lenient.tolerance = 1e6;
  EXPECT_TRUE(verify_model(on(boast, "val.npz"), lenient).holds());
}

TEST_F(Verified, ConditionsTakeThePlaceOfClaims) {
  const RunRecord run = run_tiny(recipe("run"), false);
  const double accuracy = *run.result.final_evaluation.metric("accuracy");
  VerifyOptions options;
  options.conditions = {{"accuracy", ">=", accuracy}, {"top2", ">=", accuracy}};
  EXPECT_TRUE(verify_model(on(run.result.best_model, "val.npz"), options).holds());
  options.conditions = {{"accuracy", ">", accuracy}};
  EXPECT_FALSE(verify_model(on(run.result.best_model, "val.npz"), options).holds());
  options.conditions = {{"acuracy", ">", 0}};
  expect_error([&] { verify_model(on(run.result.best_model, "val.npz"), options); },
               ErrorCode::kInvalidArgument, "no metric 'acuracy'", "did you mean accuracy?");
  expect_error([&] { verify_model(on(folder_.path("tiny.onnx"), "val.npz"), {}); },
               ErrorCode::kInvalidArgument, "claims no metrics", "--metric");
}

TEST_F(Verified, ConditionsAreReadAsTheyAreWritten) {
  const MetricCondition condition = read_condition("accuracy>=0.98");
  EXPECT_EQ(condition.metric, "accuracy");
  EXPECT_EQ(condition.compare, ">=");
  EXPECT_EQ(condition.bound, 0.98);
  EXPECT_TRUE(condition.holds(0.98));
  EXPECT_FALSE(read_condition("loss<0.1").holds(0.1));
  for (const char* text : {"accuracy", ">=1", "accuracy>=", "accuracy>=high", "accuracy=1"}) {
    expect_error([&] { read_condition(text); }, ErrorCode::kInvalidArgument, text,
                 "accuracy>=0.98");
  }
}

TEST_F(Verified, ClassNamesComeFromTheFileWhereTheDataHaveNone) {
  const RunRecord run = named_run("run");
  const std::vector<std::string> names = {"ant", "bee \"x\"", "cat"};
  EXPECT_EQ(class_names(Session(on(run.result.last_model, "val.npz"))), names);
  Recipe own = on(run.result.last_model, "val.npz");
  own.data.class_names = {"a", "b", "c"};
  EXPECT_EQ(class_names(Session(own)), own.data.class_names);
  const std::string other = with_metadata(run.result.last_model, {});
  EXPECT_EQ(class_names(Session(on(other, "val.npz"))), (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(Verified, WhatIsMeasuredIsOfThatModelOnly) {
  // Steps after the last evaluation: best.onnx is measured, the next run forgets what the first
  // one claimed.
  const RunRecord run = named_run("run");
  Recipe again = recipe("again", {"train.epochs=1"});
  again.model.path = run.result.last_model;
  again.data.val.clear();
  const RunRecord second = run_tiny(again, false);
  const Entries entries = entries_of(second.result.last_model);
  EXPECT_FALSE(entries.contains("temper.metric.accuracy"));
  EXPECT_TRUE(entries.contains("temper.classes")) << "names stay";
  EXPECT_EQ(entries.at("temper.parent.sha256"), sha256_of_file(run.result.last_model));
}

TEST_F(Verified, DamagedMetadataNameTheirKey) {
  const std::string model = folder_.path("tiny.onnx");
  expect_error(
      [&] {
        model_claims(graph::OnnxModel::load(with_metadata(model, {{"temper.classes", "[1"}})));
      },
      ErrorCode::kInvalidModel, "temper.classes");
  expect_error(
      [&] {
        model_claims(
            graph::OnnxModel::load(with_metadata(model, {{"temper.metric.accuracy", "good"}})));
      },
      ErrorCode::kInvalidModel, "temper.metric.accuracy", "good");
}

}  // namespace
}  // namespace temper::training
