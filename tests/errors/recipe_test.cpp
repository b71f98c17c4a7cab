// Settings that are wrong and places that cannot be written, given to the command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/errors/bad_input.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

class BadRecipe : public BadInput {
 protected:
  void expect_setting_refused(const std::string& setting, const Words& parts) const {
    Words line = good_;
    line.push_back(setting);
    expect_refused(line, 2, parts);
  }

  void write_recipe(const std::string& lines) const {
    write("recipe.toml", "[model]\npath = \"good.onnx\"\n[data]\ntrain = \"good.npz\"\n" + lines);
  }
};

TEST_F(BadRecipe, ALearningRateIsANumberThatIsNotNegative) {
  expect_setting_refused("optimizer.lr=-0.1", {"optimizer.lr", "not be negative", "but is -0.1"});
  expect_setting_refused("optimizer.lr=fast", {"optimizer.lr", "a number", "but is \"fast\""});
  expect_setting_refused("optimizer.lr=0,1", {"optimizer.lr", "a number", "but is \"0,1\""});
  expect_setting_refused("optimizer.lr=1e", {"optimizer.lr", "a number", "but is \"1e\""});
  expect_setting_refused("optimizer.lr=", {"optimizer.lr", "a number", "but is \"\""});
  expect_setting_refused("optimizer.lr=nan", {"optimizer.lr", "finite", "but is nan"});
  expect_setting_refused("optimizer.lr=inf", {"optimizer.lr", "finite", "but is inf"});
}

TEST_F(BadRecipe, InAFileTheLineIsNamed) {
  write_recipe("[optimizer]\nname = \"sgd\"\nlr = -1\n");
  expect_refused({"train", "recipe.toml"}, 2, {"recipe.toml:7", "optimizer.lr", "but is -1"});
  write_recipe("[optimizer]\nname = \"sgd\"\nlr = fast\n");
  expect_refused({"train", "recipe.toml"}, 2, {"recipe.toml:7"});
}

TEST_F(BadRecipe, AMisspeltKeyGetsASuggestion) {
  expect_setting_refused("optimizer.learning=1", {"optimizer.learning", "adamw"});
  expect_setting_refused("optimizer.weight_decy=1", {"did you mean optimizer.weight_decay?"});
  expect_setting_refused("train.epoch=1", {"train.epoch", "did you mean train.epochs?"});
  write_recipe("[train]\nepoch = 3\n");
  expect_refused({"train", "recipe.toml"}, 2, {"recipe.toml:6", "did you mean train.epochs?"});
}

TEST_F(BadRecipe, AMisspeltComponentGetsASuggestion) {
  expect_setting_refused("optimizer.name=adamww", {"'adamww'", "did you mean adamw?"});
  expect_setting_refused("loss.name=cross_entrop", {"'cross_entrop'", "mean cross_entropy?"});
  expect_setting_refused("schedule.name=cosin", {"'cosin'", "did you mean cosine?"});
  write_recipe("[optimizer]\nname = \"sdg\"\n");
  expect_refused({"train", "recipe.toml"}, 2, {"recipe.toml:6", "'sdg'", "did you mean sgd?"});
}

TEST_F(BadRecipe, ABatchLargerThanTheSetIsRefusedWhenItWasWritten) {
  // A fifth of the 10 samples is held out.
  expect_setting_refused("data.batch_size=9", {"data.batch_size is 9", "8 training samples",
                                               "good.npz", "write 8 or less"});
  expect_setting_refused("data.batch_size=0", {"data.batch_size", "positive", "but is 0"});
}

TEST_F(BadRecipe, ABatchLargerThanTheSetIsClampedAndSaidWhenItWasNot) {
  Words line = good_;
  line.push_back("train.out=run");
  const CommandResult result = temper(line);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("data.batch_size = 8 (the training set has no more samples)"));
  EXPECT_THAT(file_text(at("run/recipe.toml")), HasSubstr("batch_size = 8\n"));
}

class BadOutput : public BadInput {};

TEST_F(BadOutput, AFolderThatCannotBeMadeIsAnIoErrorBeforeTheFirstStep) {
  write("file", "in the way");
  for (const std::string out : {"file", "file/run", "/proc/run", "/dev/null"}) {
    Words line = good_;
    line.push_back("train.out=" + out);
    const std::string made = out == "file/run" ? "file" : out;
    expect_refused(line, 4, {"cannot make the folder '" + made + "'"});
  }
  Words line = good_;
  line.push_back("train.out=file");
  expect_refused(line, 4, {"Not a directory"});
}

TEST_F(BadOutput, AFileThatCannotBeWrittenIsAnIoError) {
  write("file", "in the way");
  for (const std::string out : {"file/p.npz", "/proc/p.npz", "none/p.npz"}) {
    expect_refused({"predict", "good.onnx", "--data", "good.npz", "--out", out}, 4, {out});
    expect_refused(
        {"grad", "good.onnx", "--data", "good.npz", "--loss", "cross_entropy", "--out", out}, 4,
        {out});
  }
}

}  // namespace
}  // namespace temper::test
