// `temper convert` as a user runs it: the table, the JSON line, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"

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
  EXPECT_THAT(error_of("--precision", "int4"), HasSubstr("expected fp16, bf16 or fp32"));
  EXPECT_THAT(error_of("--keep", "a"), HasSubstr("--precision, which is not given"));
  EXPECT_THAT(error_of("--fix-dims", "batch"), HasSubstr("expected NAME=SIZE"));
  EXPECT_THAT(error_of("--fix-dims", "nothing=1"), HasSubstr("--fix-dims names 'nothing'"));
}

TEST(ConvertCommand, FoldsAndGoesBackToFloat32) {
  const ScratchFolder scratch;
  const std::string narrow = scratch / "narrow.onnx", wide = scratch / "wide.onnx";
  const CommandResult first =
      run_temper({"convert", form("net.onnx"), narrow, "--fold", "--precision", "fp16"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("--fold: "));
  const CommandResult back = run_temper({"convert", narrow, wide, "--precision", "fp32"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_THAT(back.err, HasSubstr("tensors are in float32"));
  EXPECT_THAT(back.out, HasSubstr("differs by 0 at most"));
  EXPECT_THAT(run_temper({"convert", wide, wide, "--precision", "fp32"}).err,
              HasSubstr("no floats of 16 bits"));
  EXPECT_THAT(run_temper({"convert", narrow, wide, "--precision", "fp32", "--strict"}).err,
              HasSubstr("--strict is of --precision fp16 and bf16"));
}

// Of the data's size 16 bits hold nothing, of made-up inputs they do.
TEST(ConvertCommand, LooksAtValuesOnTheGivenDataToo) {
  const ScratchFolder scratch;
  const std::string large = scratch / "large.npz", out = scratch / "out.onnx";
  const training::NpzFile known(form("net_outputs.npz"));
  const Tensor x = known.read("x");
  std::vector<float> numbers = x.values<float>();
  for (float& number : numbers) {
    number *= 1e6f;
  }
  training::write_npz(large, {{"x", Tensor::from<float>(DType::kFloat32, x.shape(), numbers)}});
  const std::vector<std::string> plain = {"convert", form("net.onnx"), out, "--precision", "fp16"};
  EXPECT_THAT(run_temper(plain).err, Not(HasSubstr("16 bits do not hold")));
  std::vector<std::string> checked = plain;
  checked.insert(checked.end(), {"--check", large});
  const CommandResult result = run_temper(checked);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("16 bits do not hold their values: Conv"));
  checked.push_back("--strict");
  EXPECT_THAT(run_temper(checked).err, HasSubstr("without --strict they stay in float32"));
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

TEST(ConvertCommand, RunsBothModelsOnGivenData) {
  const ScratchFolder scratch;
  const CommandResult result =
      run_temper({"convert", form("net.pt"), scratch / "out.onnx", "--into", form("net.onnx"),
                  "--check", form("net_outputs.npz"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  const training::JsonValue& row = line.at("check").as_array("check").at(0);
  EXPECT_EQ(row.at("output").as_string("output"), "y");
  // What PyTorch gives on them.
  const Tensor y = training::NpzFile(form("net_outputs.npz")).read("y");
  double most = 0;
  for (const double value : y.values<double>()) {
    most = std::max(most, std::abs(value));
  }
  EXPECT_NEAR(row.at("largest_after").as_double("after"), most, 1e-5);
  EXPECT_GT(row.at("largest_difference").as_double("difference"), 1e-2);
}

TEST(ConvertCommand, TakesTheWeightsOfARun) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run", out = scratch / "out.onnx";
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "train.epochs=1", "average.kind=ema",
                  "average.decay=0.9", "train.out=" + run, "--quiet"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto loss_of = [&](const std::string& model) {
    const CommandResult result = run_temper(
        {"eval", model, "--data", digits("digits.npz"), "--loss", "cross_entropy", "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return training::parse_json(result.out, "eval").at("loss").as_double("loss");
  };
  const CommandResult converted =
      run_temper({"convert", run, out, "--into", digits("digits.onnx"), "--json"});
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_EQ(training::parse_json(converted.out, "convert").at("format").as_string("format"),
            "Temper run");
  const double raw = loss_of(out);
  const CommandResult averaged = run_temper(
      {"convert", run, out, "--into", digits("digits.onnx"), "--prefix", "average", "--json"});
  ASSERT_EQ(averaged.exit_code, 0) << averaged.err;
  // What a run exports are its averages.
  EXPECT_EQ(loss_of(out), loss_of(run + "/last.onnx"));
  EXPECT_NE(raw, loss_of(out));
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
