// Runs over samples of different lengths: against PyTorch (tools/oracle/lengths.py), resumed within
// an epoch, with few plans, evaluated and predicted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/gradients.h"
#include "training/analysis/prediction.h"
#include "training/formats/npz.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

class Lengths : public testing::Test {
 protected:
  Recipe recipe(const std::string& model, const std::string& data,
                std::vector<std::string> lines) const {
    RecipeSources sources;
    sources.overrides = {"model.path=\"" + fixture("lengths/" + model) + "\"",
                         "data.train=\"" + fixture("lengths/" + data) + "\"",
                         "data.batch_size=3",
                         "data.buckets=[4, 8]",
                         "train.threads=1",
                         "log.every=1",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.out=\"" + folder_.path("run") + "\""};
    sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
    return read_recipe(sources);
  }

  Recipe tagger(std::vector<std::string> lines = {}) const {
    lines.insert(lines.begin(), {"data.shuffle=false", "optimizer.name=\"adamw\"",
                                 "optimizer.lr=0.01", "train.epochs=2"});
    return recipe("tagger.onnx", "tagger.jsonl", std::move(lines));
  }

  Recipe lstm(std::vector<std::string> lines = {}) const {
    lines.insert(lines.begin(), {"data.shuffle=false", "optimizer.name=\"sgd\"", "optimizer.lr=0.2",
                                 "optimizer.momentum=0.9", "train.epochs=3", "train.accumulate=3"});
    return recipe("lstm.onnx", "lstm.npz", std::move(lines));
  }

  static std::map<std::string, Tensor> expected(const std::string& name) {
    const NpzFile file(fixture("lengths/" + name));
    std::map<std::string, Tensor> arrays;
    for (const std::string& array : file.names()) {
      arrays.emplace(array, file.read(array));
    }
    return arrays;
  }

  static void expect_near(const std::vector<double>& made, const std::vector<double>& wanted,
                          double tolerance, const std::string& what) {
    ASSERT_EQ(made.size(), wanted.size()) << what;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_NEAR(made[i], wanted[i], tolerance) << what << ", element " << i;
    }
  }

  // Losses of the steps and the weights after them.
  static void expect_as_torch(const RunRecord& run, const std::string& trained) {
    const std::map<std::string, Tensor> wanted = expected(trained);
    expect_near(run.losses, wanted.at("losses").values<double>(), 2e-6, "loss");
    const graph::Graph made =
        graph::OnnxModel::load(run.result.last_model).build_graph(graph::standard_ops());
    int compared = 0;
    for (const auto& [name, tensor] : wanted) {
      constexpr std::string_view kWeight = "weight:";
      if (name.starts_with(kWeight)) {
        const graph::VariableId id = made.find_variable(name.substr(kWeight.size()));
        ASSERT_TRUE(id.valid()) << name;
        expect_near(made.variable(id).initial.values<double>(), tensor.values<double>(), 5e-6,
                    name);
        ++compared;
      }
    }
    EXPECT_GE(compared, 4);
  }

  // The loss of the set by the trained model, each sample alone and unpadded in PyTorch.
  static void expect_set_loss(Recipe settings, const RunRecord& run, const std::string& trained) {
    settings.model.path = run.result.last_model;
    for (const std::vector<std::int64_t>& buckets :
         {std::vector<std::int64_t>{4, 8}, {1, 2, 3, 4, 5, 6, 7, 8}, {16}}) {
      settings.data.buckets.lengths = buckets;
      Session session(settings);
      SetMetrics set = make_set_metrics(session, wanted_metrics(session));
      const Evaluation made = evaluate_training_rows(session, set);
      EXPECT_NEAR(made.loss, expected(trained).at("set_loss").values<double>()[0], 1e-6)
          << buckets.size() << " buckets";
      EXPECT_EQ(set.counted(), 51) << "the sum of the lengths";
    }
  }

  static void expect_predictions(Recipe settings, const RunRecord& run,
                                 const std::string& trained) {
    settings.model.path = run.result.last_model;
    const std::vector<NamedTensor> outputs = predict(settings).outputs;
    ASSERT_EQ(outputs.size(), 2u);
    EXPECT_EQ(outputs[1].first, outputs[0].first + ".lengths");
    EXPECT_EQ(outputs[1].second.values<std::int64_t>(),
              (std::vector<std::int64_t>{3, 8, 1, 4, 6, 2, 5, 4, 7, 3, 8}));
    EXPECT_EQ(outputs[0].second.shape(), (Shape{51, 5}));
    expect_near(outputs[0].second.values<double>(), expected(trained).at("logits").values<double>(),
                5e-6, "predictions");
  }

  TempFolder folder_;
};

TEST_F(Lengths, ATransformerWithAMaskTrainsAsInPyTorch) {
  const RunRecord run = run_tiny(tagger(), false);
  expect_as_torch(run, "tagger_trained.npz");
  expect_set_loss(tagger(), run, "tagger_trained.npz");
  expect_predictions(tagger(), run, "tagger_trained.npz");
}

TEST_F(Lengths, AnLstmWithSequenceLensTrainsAsInPyTorchOverGroupsOfDifferentLengths) {
  const RunRecord run = run_tiny(lstm(), false);
  expect_as_torch(run, "lstm_trained.npz");
  expect_set_loss(lstm(), run, "lstm_trained.npz");
  expect_predictions(lstm(), run, "lstm_trained.npz");
}

TEST_F(Lengths, ARegressionOfEachStepLeavesOutWhatWasFilledUp) {
  const std::map<std::string, Tensor> wanted = expected("steps_expected.npz");
  for (const char* buckets :
       {"data.buckets=[4, 8]", "data.buckets=[12]", "data.buckets=\"auto\""}) {
    const Recipe settings = recipe("steps.onnx", "steps.jsonl", {buckets});
    const Gradients made = compute_gradients(settings, {});
    EXPECT_NEAR(made.loss, wanted.at("loss").values<double>()[0], 1e-6) << buckets;
    expect_near(made.tensors.at(0).second.values<double>(), wanted.at("gradient").values<double>(),
                1e-6, "gradient");
    Session session(settings);
    SetMetrics set = make_set_metrics(session, wanted_metrics(session));
    const Evaluation evaluation = evaluate_training_rows(session, set);
    EXPECT_NEAR(evaluation.loss, wanted.at("loss").values<double>()[0], 1e-6) << buckets;
    EXPECT_NEAR(evaluation.metric("mae").value(), wanted.at("mae").values<double>()[0], 1e-6);
    EXPECT_EQ(set.counted(), 51);
  }
}

TEST_F(Lengths, LabelSequencesAreAlignedWithTheFramesOfTheirSample) {
  const std::map<std::string, Tensor> wanted = expected("frames_expected.npz");
  for (const char* buckets : {"data.buckets=[4, 8]", "data.buckets=[12]", "data.buckets=3"}) {
    const Recipe settings = recipe("frames.onnx", "frames.jsonl", {buckets, "loss.name=\"ctc\""});
    const Gradients made = compute_gradients(settings, {});
    EXPECT_NEAR(made.loss, wanted.at("loss").values<double>()[0], 2e-6) << buckets;
    expect_near(made.tensors.at(0).second.values<double>(), wanted.at("gradient").values<double>(),
                5e-6, "gradient");
    Session session(settings);
    SetMetrics set = make_set_metrics(session, wanted_metrics(session));
    EXPECT_NEAR(evaluate_training_rows(session, set).loss, wanted.at("loss").values<double>()[0],
                2e-6)
        << buckets;
  }
}

TEST_F(Lengths, SamplesThatAreTooLongAreCutOnlyWhenAsked) {
  expect_error([&] { Session session(tagger({"data.buckets=[2, 4]"})); },
               ErrorCode::kInvalidArgument, "the longest sample has 8", "data.max_length = 4");
  Session session(tagger({"data.buckets=[2, 4]", "data.max_length=4"}));
  const auto notes = session.notes();
  EXPECT_TRUE(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note == "5 samples were longer than data.max_length = 4 and cut";
  }));
  SetMetrics set = make_set_metrics(session, wanted_metrics(session));
  evaluate_training_rows(session, set);
  EXPECT_EQ(set.counted(), 3 + 4 + 1 + 4 + 4 + 2 + 4 + 4 + 4 + 3 + 4);
}

TEST_F(Lengths, WhatCannotBeDoneIsRefused) {
  expect_error([&] { Session session(tagger({"data.sampling=\"balanced\""})); },
               ErrorCode::kUnsupported, "data.sampling = \"balanced\"", "bucket by bucket");
  expect_error(
      [&] {
        Session session(tagger({"loss.teacher.model=\"" + fixture("lengths/tagger.onnx") + "\""}));
      },
      ErrorCode::kUnsupported, "loss.teacher.model needs samples of one length");
}

TEST_F(Lengths, AResumedRunGivesTheSameBitsWithinAnEpoch) {
  for (const char* accumulate : {"train.accumulate=1", "train.accumulate=2"}) {
    const std::vector<std::string> lines = {"data.shuffle=true", "train.epochs=3",
                                            "checkpoint.every=1", accumulate};
    std::vector<std::string> own = lines;
    own.push_back("train.out=\"" + folder_.path(concat("whole ", accumulate)) + "\"");
    const RunRecord whole = run_tiny(tagger(own), false);
    own.back() = "train.out=\"" + folder_.path(concat("parts ", accumulate)) + "\"";
    std::int64_t steps = 0;
    for (bool resume = false; steps < whole.result.steps; resume = true) {
      const RunRecord part = run_tiny(tagger(own), resume, [](const StepView&) { return true; });
      ASSERT_GT(part.result.steps, steps);
      steps = part.result.steps;
      if (steps == whole.result.steps) {
        EXPECT_EQ(part.variables, whole.variables) << accumulate;
        EXPECT_EQ(part.log, whole.log) << accumulate;
      }
    }
  }
}

TEST_F(Lengths, FewPlansGiveTheSameBitsAsMany) {
  std::vector<std::string> lines = {"data.shuffle=true", "train.epochs=3", "data.val_split=0.3",
                                    "data.buckets=[2, 4, 6, 8]", "train.plan_cache=32"};
  const RunRecord many = run_tiny(tagger(lines), false);
  lines.back() = "train.plan_cache=2";
  lines.push_back("train.out=\"" + folder_.path("few") + "\"");
  int most = 0;
  const RunRecord few = run_tiny(tagger(lines), false, [&](const StepView& view) {
    most = std::max(most, view.session.engine().plan_count());
    return false;
  });
  EXPECT_LE(most, 4) << "two of training, and those made for the run";
  EXPECT_EQ(few.variables, many.variables);
  EXPECT_EQ(few.log, many.log);
}

}  // namespace
}  // namespace temper::training
