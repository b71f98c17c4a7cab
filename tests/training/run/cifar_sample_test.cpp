// The CIFAR sample trains by its recipe, resumes with the same bits, and keeps its preparation with
// the model.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/recipe/recipe.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

Recipe sample_recipe(const std::string& out, const std::vector<std::string>& lines) {
  RecipeSources sources;
  sources.file = TEMPER_SOURCE_DIR "/models/cifar/cifar.toml";
  sources.overrides = {"train.out=\"" + out + "\"", "log.tensorboard=false", "log.charts=false",
                       "train.threads=2"};
  sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
  return read_recipe(sources);
}

TEST(CifarSample, LearnsWithItsRecipeAndKeepsTheNormalisationWithTheModel) {
  const TempFolder folder;
  const RunRecord run = run_tiny(sample_recipe(folder.path("out"), {"train.epochs=6"}), false);
  // A tenth of the classes is chance; a hundred held-out images.
  EXPECT_GT(run.result.final_evaluation.metric("accuracy").value(), 0.4);
  RecipeSources sources;
  sources.overrides = {"model.path=\"" + run.result.best_model + "\"",
                       "data.train=\"" TEMPER_SOURCE_DIR "/models/cifar/test_batch.bin\""};
  SessionNeeds needs;
  needs.stored_preprocessing = true;
  Session session(read_recipe(sources), {}, needs);
  SetMetrics metrics = make_set_metrics(session, wanted_metrics(session));
  EXPECT_NEAR(evaluate_training_rows(session, metrics).loss, run.result.final_evaluation.loss,
              1e-5);
}

TEST(CifarSample, ResumesWithTheSameBitsUnderAugmentation) {
  const TempFolder folder;
  const std::vector<std::string> lines = {"train.steps=6", "data.batch_size=64",
                                          "checkpoint.every=2", "augment.erasing=0.5",
                                          "augment.noise=0.02"};
  const RunRecord whole = run_tiny(sample_recipe(folder.path("whole"), lines), false);
  run_tiny(sample_recipe(folder.path("cut"), lines), false,
           [](const StepView& view) { return view.progress.step == 3; });
  const RunRecord resumed = run_tiny(sample_recipe(folder.path("cut"), lines), true);
  EXPECT_EQ(whole.variables, resumed.variables);
}

TEST(CifarSample, LearnsFromMixedSamplesAndJudgesByWholeOnes) {
  const TempFolder folder;
  const RunRecord run =
      run_tiny(sample_recipe(folder.path("out"), {"train.epochs=4", "augment.mixup=0.2",
                                                  "augment.cutmix=1", "data.sampling=balanced"}),
               false);
  EXPECT_GT(run.result.final_evaluation.metric("accuracy").value(), 0.2);
}

TEST(CifarSample, RefusesToMixForALossThatTakesNoProbabilities) {
  const TempFolder folder;
  expect_error(
      [&] { Session(sample_recipe(folder.path("out"), {"loss.name=nll", "augment.mixup=0.2"})); },
      ErrorCode::kInvalidArgument, "cross_entropy", "the loss is nll");
}

}  // namespace
}  // namespace temper::training
