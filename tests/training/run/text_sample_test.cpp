// The text sample: a language model over a token file, against PyTorch and through the commands'
// paths.
#include "tests/training/expected/text_sample.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cmath>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/prediction.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

const std::string kFolder = TEMPER_SOURCE_DIR "/models/text/";

Recipe text_recipe(const std::string& out, std::vector<std::string> lines) {
  lines.insert(lines.begin(), {"data.format=tokens", "data.val_split=0.1", "data.shuffle=false",
                               "data.batch_size=16", "optimizer.lr=0.003",
                               "optimizer.weight_decay=0.05", "log.charts=false"});
  return tiny_recipe(kFolder + "text.onnx", kFolder + "text.bin", out, lines);
}

TEST(TextSample, HasPyTorchsLossesAndPerplexity) {
  const TempFolder folder;
  const RunRecord run = run_tiny(text_recipe(folder.path("out"), {"train.steps=20"}), false);
  ASSERT_EQ(run.losses.size(), std::size(kTextLosses));
  for (std::size_t i = 0; i < run.losses.size(); ++i) {
    EXPECT_NEAR(run.losses[i], kTextLosses[i], 1e-5 * kTextLosses[i]) << "step " << i + 1;
  }
  EXPECT_NEAR(run.result.final_evaluation.loss, kTextValLoss, 1e-5 * kTextValLoss);
  EXPECT_NEAR(run.result.final_evaluation.metric("perplexity").value(), std::exp(kTextValLoss),
              1e-4 * std::exp(kTextValLoss));
}

TEST(TextSample, LearnsWithItsRecipe) {
  const TempFolder folder;
  RecipeSources sources;
  sources.file = kFolder + "text.toml";
  sources.overrides = {"train.out=\"" + folder.path("out") + "\"", "log.tensorboard=false",
                       "log.charts=false", "train.threads=1"};
  const RunRecord run = run_tiny(read_recipe(sources), false);
  // Of 76 characters; guessing by frequency alone reaches about 20.
  EXPECT_LT(run.result.final_evaluation.metric("perplexity").value(), 12);
  // The best model predicts for texts without a next token, and for any number of rows.
  RecipeSources predicting;
  predicting.overrides = {"model.path=\"" + run.result.best_model + "\"",
                          "data.train=\"" + kFolder + "text.bin\"", "data.format=tokens",
                          "data.batch_size=100"};
  const std::vector<NamedTensor> outputs = predict(read_recipe(predicting)).outputs;
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].second.shape(), (Shape{10390 / 32, 32, 76}));
}

TEST(TextSample, ResumesWithTheSameBits) {
  const TempFolder folder;
  const std::vector<std::string> lines = {"train.steps=6", "data.shuffle=true", "data.stride=5",
                                          "checkpoint.every=2"};
  const RunRecord whole = run_tiny(text_recipe(folder.path("whole"), lines), false);
  run_tiny(text_recipe(folder.path("cut"), lines), false,
           [](const StepView& view) { return view.progress.step == 3; });
  const RunRecord resumed = run_tiny(text_recipe(folder.path("cut"), lines), true);
  EXPECT_EQ(whole.variables, resumed.variables);
}

TEST(TextSample, NamesFileAndPlaceOfATokenTheModelDoesNotHave) {
  const TempFolder folder;
  std::string tokens = read_bytes(kFolder + "text.bin");
  tokens[2 * 5000] = 76;
  const std::string path = folder.write("worse.bin", tokens);
  expect_error([&] { Session(text_recipe(folder.path("out"), {"data.train=\"" + path + "\""})); },
               ErrorCode::kInvalidData, "worse.bin, token 5000", "the value is 76",
               "values go from 0 to 75");
  // With such targets ignored, the embedding still has no such row.
  expect_error(
      [&] {
        Session(text_recipe(folder.path("out"),
                            {"data.train=\"" + path + "\"", "loss.ignore_index=76"}));
      },
      ErrorCode::kInvalidData, "worse.bin, token 5000", "the value is 76",
      "'tokens' picks rows of 'embedding.weight', which has 76");
}

TEST(TextSample, RefusesWhatTokensCannotGive) {
  const TempFolder folder;
  const auto refuses = [&](const std::vector<std::string>& lines, ErrorCode code, const char* a,
                           const char* b) {
    expect_error([&] { Session(text_recipe(folder.path("out"), lines)); }, code, a, b);
  };
  refuses({"data.block=16"}, ErrorCode::kInvalidArgument, "data.block is 16", "takes 32 tokens");
  refuses({"loss.name=mse"}, ErrorCode::kInvalidArgument, "[N,32,76]", "the target [N,32]");
  refuses({"data.token_dtype=u32"}, ErrorCode::kInvalidData, "text.bin, token 0",
          "values go from 0 to 75");
  refuses({"loss.class_axis=1"}, ErrorCode::kInvalidArgument, "class indices, [N,76]",
          "loss.class_axis");
  refuses({"loss.class_axis=2"}, ErrorCode::kInvalidArgument, "class_axis", "must be 1, -1 or 0");
}

}  // namespace
}  // namespace temper::training
