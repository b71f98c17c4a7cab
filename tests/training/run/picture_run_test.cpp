// Whole runs on folders of pictures: classes and masks, resumed runs, prediction with what the
// model kept.
#include <gtest/gtest.h>

#include "tests/training/support/picture_models.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/prediction.h"

namespace temper::training {
namespace {

class PictureRun : public testing::Test {
 protected:
  PictureRun() {
    write_picture_classifier(folder_.path("classes.onnx"));
    write_picture_segmenter(folder_.path("masks.onnx"), 3);
    write_picture_segmenter(folder_.path("any.onnx"), 1);
  }

  Recipe classes(const std::string& out, std::vector<std::string> lines = {}) const {
    lines.insert(lines.begin(), {"data.scale=true", "data.mean=[0.5]", "data.std=[0.25]",
                                 "optimizer.lr=0.05", "train.epochs=20"});
    return tiny_recipe(folder_.path("classes.onnx"), fixture("classes"), folder_.path(out), lines);
  }

  Recipe masks(const std::string& model, std::vector<std::string> lines,
               const std::string& out = "out") const {
    lines.insert(lines.begin(), {"data.target_path=\"" + fixture("scenes/masks") + "\"",
                                 "data.val=\"" + fixture("scenes/images") + "\"", "data.scale=true",
                                 "optimizer.lr=0.3", "train.epochs=40"});
    return tiny_recipe(folder_.path(model), fixture("scenes/images"), folder_.path(out), lines);
  }

  TempFolder folder_;
};

TEST_F(PictureRun, LearnsTheClassesOfFoldersAndPredictsAFlatFolderAlike) {
  const RunRecord run = run_tiny(classes("out", {"data.val_split=0.34"}), false);
  EXPECT_EQ(run.result.final_evaluation.metric("accuracy").value(), 1);
  RecipeSources sources;  // nothing is said of the preparation: it was kept with the model
  sources.overrides = {"model.path=\"" + run.result.best_model + "\"",
                       "data.train=\"" + fixture("classes/red") + "\"", "train.threads=1"};
  const Prediction prediction = predict(read_recipe(sources));
  ASSERT_EQ(prediction.files.size(), 6u);
  EXPECT_EQ(prediction.files[2], fixture("classes/red/2.jpg"));
  const std::vector<float> scores = prediction.outputs.at(0).second.values<float>();
  ASSERT_EQ(scores.size(), 12u);
  for (std::size_t row = 0; row < 6; ++row) {
    EXPECT_GT(scores[2 * row + 1], scores[2 * row]) << row;
  }
}

TEST_F(PictureRun, ResumesWithTheSameBitsForAnyNumberOfWorkers) {
  const std::vector<std::string> changed = {"augment.resized_crop=true",
                                            "augment.horizontal_flip=0.5", "train.epochs=4",
                                            "data.batch_size=5"};
  const auto with = [&](const std::string& more) {
    std::vector<std::string> lines = changed;
    lines.push_back(more);
    return lines;
  };
  const RunRecord whole = run_tiny(classes("whole", with("data.workers=1")), false);
  const RunRecord many = run_tiny(classes("many", with("data.workers=4")), false);
  EXPECT_EQ(many.variables, whole.variables);
  const StopWhen stop = [](const StepView& view) { return view.progress.step == 5; };
  run_tiny(classes("cut", with("data.workers=3")), false, stop);
  const RunRecord resumed = run_tiny(classes("cut", with("data.workers=3")), true);
  EXPECT_EQ(resumed.variables, whole.variables);
}

TEST_F(PictureRun, LearnsMasksOfSeveralClassesByCrossEntropy) {
  const RunRecord run = run_tiny(
      masks("masks.onnx", {"metrics.names=[\"iou\", \"dice\"]", "augment.horizontal_flip=0.5"}),
      false);
  EXPECT_GT(run.result.final_evaluation.metric("iou").value(), 0.85);
  EXPECT_GT(run.result.final_evaluation.metric("dice").value(), 0.9);
}

TEST_F(PictureRun, LearnsWhetherThereIsAnythingByBinaryLosses) {
  for (const char* loss : {"bce_with_logits", "dice"}) {
    const RunRecord run =
        run_tiny(masks("any.onnx", {std::string("loss.name=\"") + loss + "\""}, loss), false);
    EXPECT_LT(run.losses.back(), 0.75 * run.losses.front()) << loss;
  }
}

TEST_F(PictureRun, AMaskWithAClassThatTheModelLacksStopsTheRunBeforeItBegins) {
  write_picture_segmenter(folder_.path("two.onnx"), 2);
  expect_error([&] { run_tiny(masks("two.onnx", {}), false); }, ErrorCode::kInvalidData,
               "masks/s0.png, row", "the label is 2; the model has 2 classes");
}

}  // namespace
}  // namespace temper::training
