// `temper convert` as a user runs it: the table, the JSON line, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

std::string form(const std::string& name) {
  return (std::filesystem::path(digits("")) / "../../tests/training/fixtures/checkpoints" / name)
      .lexically_normal()
      .string();
}

TEST(ConvertCommand, SaysWhereEachTensorComesFrom) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult result =
      run_temper({"convert", form("net.pt"), out, "--into", form("net.onnx")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("conv1.weight + bn1"));
  EXPECT_THAT(result.out, HasSubstr("module, transposed"));
  EXPECT_THAT(result.out, HasSubstr("0 keep the model's values"));
  EXPECT_THAT(result.out, HasSubstr("trial: output 'y'"));
  EXPECT_TRUE(std::filesystem::exists(out));
}

TEST(ConvertCommand, AnswersInOneJsonLine) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper(
      {"convert", form("net.pt"), scratch / "out.onnx", "--into", form("net.onnx"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_EQ(line.at("format").as_string("format"), "PyTorch checkpoint");
  EXPECT_TRUE(line.at("left_in_model").is_null() ||
              line.at("left_in_model").as_array("left_in_model").empty());
  EXPECT_EQ(line.at("loaded").as_array("loaded").size(), 11u);
}

TEST(ConvertCommand, WritesAModelInAnotherForm) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult result =
      run_temper({"convert", form("net.onnx"), out, "--external-data", "w.safetensors"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("trial: output 'y' [2,4]"));
  EXPECT_THAT(result.out, HasSubstr("differs by 0 at most"));
  EXPECT_TRUE(std::filesystem::exists(scratch / "w.safetensors"));
  const CommandResult again = run_temper({"convert", out, scratch / "w.npz", "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const training::JsonValue line = training::parse_json(again.out, "stdout");
  EXPECT_EQ(line.at("files").as_array("files").size(), 1u);
}

TEST(ConvertCommand, ChangesPrecisionAndOpsetTogether) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult result = run_temper(
      {"convert", form("net.onnx"), out, "--precision", "bf16", "--opset", "22", "--keep", "Gemm"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--opset: from"));
  EXPECT_THAT(result.err, HasSubstr("--precision bf16: "));
  EXPECT_THAT(result.err, HasSubstr("in float32 by --keep: "));
  const auto error_of = [&](const char* option, const char* value) {
    return run_temper({"convert", form("net.onnx"), out, option, value}).err;
  };
  EXPECT_THAT(error_of("--precision", "int4"), HasSubstr("expected fp16 or bf16"));
  EXPECT_THAT(error_of("--keep", "a"), HasSubstr("--precision, which is not given"));
  EXPECT_THAT(error_of("--fix-dims", "batch"), HasSubstr("expected NAME=SIZE"));
  EXPECT_THAT(error_of("--fix-dims", "nothing=1"), HasSubstr("--fix-dims names 'nothing'"));
}

TEST(ConvertCommand, SaysWhichOptionBelongsToWhat) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const auto error_of = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"convert", form("net.onnx"), out};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = run_temper(words);
    EXPECT_NE(result.exit_code, 0);
    return result.err;
  };
  EXPECT_THAT(error_of({}), HasSubstr("no conversion is asked for"));
  EXPECT_THAT(error_of({"--inline", "--map", "names"}), HasSubstr("--map is of checkpoints"));
  EXPECT_THAT(error_of({"--inline", "--external-data", "w"}), HasSubstr("rule each other out"));
  EXPECT_THAT(error_of({"--into", form("net.onnx"), "--inline"}), HasSubstr("--inline converts"));
  EXPECT_THAT(run_temper({"convert", form("net.pt"), out, "--inline"}).err, HasSubstr("--into"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(ConvertCommand, WritesNothingWhenItRefuses) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult harmful =
      run_temper({"convert", form("harmful.pt"), out, "--into", form("net.onnx")});
  EXPECT_NE(harmful.exit_code, 0);
  EXPECT_THAT(harmful.err, HasSubstr("system"));
  const CommandResult other =
      run_temper({"convert", form("small.gguf"), out, "--into", form("net.onnx")});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("--map"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

std::string digits_recipe() { return digits("digits.toml"); }

TEST(ConvertCommand, WritesAStepThatTrainReadsBackWithTheSameBits) {
  const ScratchFolder scratch;
  const std::string step = scratch / "step.onnx";
  const std::vector<std::string> settings = {"train.steps=20", "log.tensorboard=false",
                                             "log.charts=false", "train.threads=1"};
  std::vector<std::string> words = {"convert", digits_recipe(), step, "--training"};
  words.insert(words.end(), settings.begin(), settings.end());
  const CommandResult written = run_temper(words);
  ASSERT_EQ(written.exit_code, 0) << written.err;
  EXPECT_THAT(written.out, HasSubstr("a step of 32 rows"));
  EXPECT_THAT(written.out, HasSubstr("has the rates of 20 steps"));
  const auto train = [&](std::vector<std::string> first, const std::string& out) {
    first.insert(first.end(), settings.begin(), settings.end());
    first.push_back("train.out=" + out);
    const CommandResult done = run_temper(first);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    std::string bytes;  // of what the last checkpoint holds
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out + "/checkpoints")) {
      if (entry.path().filename() == "weights.safetensors" ||
          entry.path().filename() == "optimizer.safetensors") {
        std::ifstream file(entry.path(), std::ios::binary);
        bytes.append(std::istreambuf_iterator<char>(file), {});
      }
    }
    EXPECT_FALSE(bytes.empty()) << out;
    return bytes;
  };
  const std::string by_recipe = train({"train", digits_recipe()}, scratch / "by_recipe");
  const std::string by_step = train({"train", step, digits("digits.npz")}, scratch / "by_step");
  EXPECT_EQ(by_recipe, by_step);
  const CommandResult other = run_temper(
      {"train", step, digits("digits.npz"), "optimizer.eps=1e-4", "train.out=" + (scratch / "no")});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("is not the one that its recipe makes"));
}

TEST(ConvertCommand, WritesAModelWithItsGradients) {
  const ScratchFolder scratch;
  const std::string out = scratch / "gradient.onnx";
  const CommandResult product =
      run_temper({"convert", digits("digits.onnx"), out, "--gradient", "--batch", "4", "--inputs"});
  ASSERT_EQ(product.exit_code, 0) << product.err;
  EXPECT_THAT(product.out, HasSubstr("cotangent."));
  EXPECT_THAT(product.out, HasSubstr("gradient.input:"));
  const CommandResult loss = run_temper({"convert", digits("digits.onnx"), out, "--gradient",
                                         "--batch", "4", "--data", digits("digits.npz")});
  ASSERT_EQ(loss.exit_code, 0) << loss.err;
  EXPECT_THAT(loss.out, HasSubstr("gives loss"));
  const CommandResult without =
      run_temper({"convert", digits("digits.onnx"), out, "--gradient", "--loss", "mse"});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.err, HasSubstr("--loss needs --data"));
}

}  // namespace
}  // namespace temper::test
