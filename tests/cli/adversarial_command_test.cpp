// `temper train` of two models from outside: what it writes, says and returns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <filesystem>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const std::string kRecipe = std::string(TEMPER_SOURCE_DIR) + "/models/digits_gan/digits_gan.toml";

TEST(AdversarialCommand, WritesBothModelsPicturesChartsAndMetrics) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult result =
      run_temper({"train", kRecipe, "train.steps=6", "log.every=2", "adversarial.samples_every=3",
                  "train.out=" + run, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_EQ(line.at("outcome").as_string("outcome"), "finished");
  EXPECT_EQ(line.at("steps").as_int("steps"), 6);
  EXPECT_EQ(line.at("skipped").as_int("skipped"), 0);
  for (const char* name :
       {"generator.onnx", "discriminator.onnx", "recipe.toml", "metrics.jsonl",
        "samples/step-00000003.png", "samples/step-00000006.png", "charts/loss.png",
        "charts/scores.svg", "charts/learning_rate.png", "tensorboard", "checkpoints"}) {
    EXPECT_TRUE(fs::exists(fs::path(run) / name)) << name;
  }
  EXPECT_THAT(result.err, HasSubstr("step 6/6  d/loss"));
  // The generator is a model like any other.
  const CommandResult inspected = run_temper({"inspect", run + "/generator.onnx"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_THAT(inspected.out, HasSubstr("ConvTranspose x2"));
}

TEST(AdversarialCommand, PrintsTheSettingsOfARunOfTwoModelsAndNoOthers) {
  const CommandResult result = run_temper({"train", kRecipe, "--print-config"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("models.generator.path"));
  EXPECT_THAT(result.out, HasSubstr("adversarial.gradient_penalty = 10.0"));
  EXPECT_THAT(result.out, HasSubstr("optimizer.discriminator.betas = [0.5, 0.9]"));
  EXPECT_THAT(result.out, Not(HasSubstr("model.path")));
  EXPECT_THAT(result.out, Not(HasSubstr("loss.name")));
}

TEST(AdversarialCommand, SavesOnASignalAndGoesOnWithResume) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  CommandOptions options;
  // The line before the first step; those of 500 epochs do not fit into the pipe.
  options.terminate_after = "500 steps";
  const std::vector<std::string> arguments = {"train", kRecipe, "train.steps=500",
                                              "train.limit_batches=3", "train.out=" + run};
  const CommandResult first = run_temper(arguments, options);
  EXPECT_EQ(first.exit_code, 75) << first.err;
  EXPECT_THAT(first.err, HasSubstr("stopped by SIGTERM after step "));
  EXPECT_THAT(first.err, HasSubstr("temper train " + run + " --resume"));
  EXPECT_FALSE(fs::exists(run + "/generator.onnx"));
  const CommandResult resumed =
      run_temper({"train", run, "--resume", "train.max_time=0 s", "--json"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("\"outcome\": \"time is up\""));
  EXPECT_THAT(resumed.err, HasSubstr("train.max_time is over after step "));
  EXPECT_TRUE(fs::exists(run + "/generator.onnx"));
}

TEST(AdversarialCommand, SaysWhatIsWrong) {
  const CommandResult loss = run_temper({"train", kRecipe, "adversarial.loss=wasserstain"});
  EXPECT_EQ(loss.exit_code, 2);
  EXPECT_THAT(loss.err, HasSubstr("did you mean wasserstein?"));
  const CommandResult ratio = run_temper({"train", kRecipe, "adversarial.ratio=0"});
  EXPECT_EQ(ratio.exit_code, 2);
  EXPECT_THAT(ratio.err, HasSubstr("adversarial.ratio must be positive"));
  const CommandResult missing =
      run_temper({"train", kRecipe, "models.generator.path=nowhere.onnx"});
  EXPECT_NE(missing.exit_code, 0);
  EXPECT_THAT(missing.err, HasSubstr("nowhere.onnx"));
}

}  // namespace
}  // namespace temper::test
