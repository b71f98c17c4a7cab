// States that go on from batch to batch: losses are PyTorch's (tools/oracle/carried_states.py), a
// resumed run has the same bits, and what does not go with them is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/prediction.h"
#include "training/formats/npz.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Words = std::vector<std::string>;

std::string file(const std::string& name) { return fixture("carried/" + name); }

std::vector<double> expected(const std::string& name, const std::string& array) {
  return NpzFile(file(name + "_expected.npz")).read(array).values<double>();
}

Recipe recipe_of(const std::string& model, const std::string& data, const Words& lines) {
  RecipeSources sources;
  sources.overrides = {"model.path=\"" + file(model) + "\"",
                       "data.train=\"" + file(data) + "\"",
                       "train.threads=1",
                       "train.steps=20",
                       "optimizer.name=sgd",
                       "optimizer.lr=0.5",
                       "log.every=1",
                       "log.charts=false",
                       "log.tensorboard=false"};
  sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
  return read_recipe(sources);
}

Recipe language(const std::string& out, const Words& lines = {},
                const std::string& model = "language.onnx") {
  Words all = {"model.input.h0.carry=hn", "model.input.c0.carry=auto", "data.format=tokens",
               "data.batch_size=3",       "loss.name=cross_entropy",   "loss.output=scores",
               "loss.class_axis=-1",      "train.out=\"" + out + "\""};
  all.insert(all.end(), lines.begin(), lines.end());
  return recipe_of(model, "text.npy", all);
}

Recipe series(const std::string& out, const Words& lines = {}) {
  Words all = {"model.input.h0.carry=auto",
               "model.input.h0.value=0.25",
               "data.sequence=recording",
               "data.batch_size=2",
               "loss.name=mse",
               "loss.output=y",
               "train.out=\"" + out + "\""};
  all.insert(all.end(), lines.begin(), lines.end());
  return recipe_of("series.onnx", "series.npz", all);
}

void expect_near(const std::vector<double>& ours, const std::vector<double>& theirs,
                 double tolerance) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], theirs[i], tolerance * std::max(1.0, std::abs(theirs[i]))) << i;
  }
}

TEST(CarriedState, ALanguageModelsLossesArePyTorchsThroughTwentySteps) {
  const TempFolder folder;
  expect_near(run_tiny(language(folder.path("f64")), false).losses, expected("language", "losses"),
              1e-10);
  expect_near(run_tiny(language(folder.path("f32"), {}, "language_f32.onnx"), false).losses,
              expected("language", "losses_f32"), 1e-5);
}

TEST(CarriedState, GoesOnThroughTheMicroBatchesOfAStep) {
  const TempFolder folder;
  expect_near(run_tiny(language(folder.path("run"), {"train.accumulate=2"}), false).losses,
              expected("language", "losses_of_two"), 1e-10);
}

TEST(CarriedState, BeginsWithTheValueAndAnewWithEachSequence) {
  const TempFolder folder;
  expect_near(run_tiny(series(folder.path("run")), false).losses, expected("series", "losses"),
              1e-10);
}

TEST(CarriedState, WithoutItTheLossesAreOthers) {
  const TempFolder folder;
  Recipe recipe = language(folder.path("run"));
  recipe.model.inputs.clear();
  recipe.data.shuffle = false;
  const std::vector<double> with = expected("language", "losses");
  const std::vector<double> losses = run_tiny(recipe, false).losses;
  EXPECT_GT(std::abs(losses[1] - with[1]), 1e-6);
}

TEST(CarriedState, EvaluationGoesAlongWholeSequencesWhateverTheBatch) {
  const TempFolder folder;
  for (const char* size : {"1", "2", "3"}) {
    Recipe recipe = series(folder.path(concat("run", size)));
    recipe.data.val = recipe.data.train;
    recipe.train.steps = 20;
    run_tiny(recipe, false);
    recipe.model.path = folder.path(concat("run", size, "/last.onnx"));
    recipe.data.batch_size = size[0] - '0';
    SessionNeeds needs;
    needs.trains = false;
    Session session(recipe, {}, needs);
    SetMetrics metrics = make_set_metrics(session, session.recipe().metrics);
    EXPECT_NEAR(evaluate_training_rows(session, metrics).loss,
                expected("series", "loss_after").front(), 1e-10);
    const Prediction made = predict(recipe);
    expect_near(made.outputs[0].second.values<double>(), expected("series", "y"), 1e-10);
  }
}

TEST(CarriedState, EvaluationInBetweenChangesNothing) {
  const TempFolder folder;
  Recipe recipe = language(folder.path("run"), {"train.eval_every=1"});
  recipe.data.val = recipe.data.train;
  const RunRecord made = run_tiny(recipe, false);
  expect_near(made.losses, expected("language", "losses"), 1e-10);
  expect_near({logged(made.log, "val/loss").back()}, expected("language", "loss_after"), 1e-10);
}

TEST(CarriedState, AResumedRunHasTheSameBits) {
  const TempFolder folder;
  for (const char* accumulate : {"1", "2"}) {
    const Words lines = {concat("train.accumulate=", accumulate)};
    const auto out = [&](const char* name) { return folder.path(concat(name, accumulate)); };
    const RunRecord whole = run_tiny(language(out("whole"), lines), false);
    run_tiny(language(out("parts"), lines), false,
             [](const StepView& view) { return view.progress.step == 5; });
    const RunRecord rest = run_tiny(language(out("parts"), lines), true);
    EXPECT_EQ(whole.variables, rest.variables);
    EXPECT_EQ(rest.losses.back(), whole.losses.back());
  }
}

TEST(CarriedState, WhatDoesNotGoWithItIsRefused) {
  const TempFolder folder;
  const auto refused = [&](const Words& lines, const std::string& part) {
    expect_error([&] { Session(language(folder.path("run"), lines)); }, ErrorCode::kInvalidArgument,
                 part);
  };
  refused({"data.shuffle=true"}, "data.shuffle = true does not go with model.input.h0.carry");
  refused({"data.stride=2"}, "overlap");
  refused({"model.input.h0.carry=last"}, "the model has no such output (it has scores, hn, cn)");
  refused({"model.input.h0.carry=scores"}, "the output is f64[2,5,11] with the samples first");
  refused({"model.input.tokens.carry=hn"}, "a state that goes on to the next batch is of floats");
  refused({"train.overfit_batches=1"}, "train.overfit_batches does not go with");
}

}  // namespace
}  // namespace temper::training
