// `temper convert --training` and `temper train` of what it wrote, as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/cli/run_command.h"

namespace temper::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

Words joined(Words first, const Words& then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

// The bytes of the weights and of the optimizer's state after `temper` with these words.
std::string trained_bytes(const Words& words, const std::string& out) {
  const CommandResult done = run_temper(joined(words, {"train.out=" + out}));
  EXPECT_EQ(done.exit_code, 0) << done.err;
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(out + "/checkpoints")) {
    if (entry.path().filename() == "weights.safetensors" ||
        entry.path().filename() == "optimizer.safetensors") {
      std::ifstream file(entry.path(), std::ios::binary);
      bytes.append(std::istreambuf_iterator<char>(file), {});
    }
  }
  EXPECT_FALSE(bytes.empty()) << out;
  return bytes;
}

const Words kTwentySteps = {"train.steps=20", "log.tensorboard=false", "log.charts=false",
                            "train.threads=1"};

TEST(TrainingStepCommand, WritesAStepThatTrainReadsBackWithTheSameBits) {
  std::set<std::string> results;
  const std::vector<Words> optimizers = {{"optimizer.name=sgd", "optimizer.lr=0.1"},
                                         {"optimizer.name=sgd", "optimizer.lr=0.05",
                                          "optimizer.momentum=0.9", "optimizer.weight_decay=1e-4"},
                                         {"optimizer.name=adam", "optimizer.lr=1e-3"},
                                         {"optimizer.name=adamw", "optimizer.lr=1e-3"},
                                         {"optimizer.name=muon", "optimizer.lr=0.02"}};
  for (const Words& optimizer : optimizers) {
    const ScratchFolder scratch;
    const std::string step = scratch / "step.onnx";
    const Words settings = joined(joined(optimizer, {"clip.norm=0.5"}), kTwentySteps);
    const CommandResult written =
        run_temper(joined({"convert", digits("digits.toml"), step, "--training"}, settings));
    ASSERT_EQ(written.exit_code, 0) << written.err;
    EXPECT_THAT(written.out, HasSubstr("a step of 32 rows"));
    const std::string by_recipe =
        trained_bytes(joined({"train", digits("digits.toml")}, settings), scratch / "by_recipe");
    // The file says all that the recipe does.
    const std::string by_step =
        trained_bytes({"train", step, digits("digits.npz")}, scratch / "by_step");
    EXPECT_EQ(by_recipe, by_step) << optimizer[0];
    results.insert(by_step);
  }
  EXPECT_EQ(results.size(), optimizers.size());
}

TEST(TrainingStepCommand, RefusesToTrainAStepByOtherSettings) {
  const ScratchFolder scratch;
  const std::string step = scratch / "step.onnx";
  const CommandResult written =
      run_temper(joined({"convert", digits("digits.toml"), step, "--training"}, kTwentySteps));
  ASSERT_EQ(written.exit_code, 0) << written.err;
  EXPECT_THAT(written.out, HasSubstr("has the rates of 20 steps"));
  const CommandResult other = run_temper(
      {"train", step, digits("digits.npz"), "optimizer.eps=1e-4", "train.out=" + (scratch / "no")});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("is not the one that its recipe makes"));
}

}  // namespace
}  // namespace temper::test
