// `temper convert --int8` as a user runs it: the sample of digits in 8 bits, and refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "graph/onnx/surgery/model_edit.h"
#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(QuantizeCommand, DigitsKeepTheirAccuracyInStaticIntegers) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult result =
      run_temper({"convert", digits("digits.onnx"), out, "--int8", "static", "--calibrate",
                  digits("digits.npz"), "--calibration-samples", "64", "--sensitivity", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  const double before = line.at("accuracy_before").as_double("accuracy_before");
  const double after = line.at("accuracy_after").as_double("accuracy_after");
  EXPECT_GT(before, 0.45);  // it knows five of the ten
  EXPECT_LT(std::abs(before - after), 0.01);
  EXPECT_EQ(line.at("sensitivity").as_array("sensitivity").size(), 4u);
  const training::JsonValue& quality = line.at("calibration").as_array("calibration").at(0);
  EXPECT_GT(quality.at("signal_to_noise_db").as_double("signal_to_noise_db"), 20);
  EXPECT_TRUE(std::filesystem::exists(out));
  // onnxruntime on x86 has no products of an int8 value that several nodes read.
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  EXPECT_EQ(graph::ModelEdit(model).header("input_zero_point").dtype, DType::kUInt8);
  const CommandResult inspected = run_temper({"eval", out, digits("digits.npz")});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.err;
}

// The convolutions stay in the file beside the model.
TEST(QuantizeCommand, FourBitsLeaveNoBytesOfTheFloatsBehind) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper({"convert", digits("digits.onnx"), scratch / "out.onnx",
                                           "--opset", "21", "--int4", "block=32", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::uintmax_t bytes = 0;
  for (const std::string& file : graph::OnnxModel::load(scratch / "out.onnx").files()) {
    bytes += std::filesystem::file_size(std::filesystem::path(scratch / "out.onnx").parent_path() /
                                        std::filesystem::path(file).filename());
  }
  EXPECT_LT(bytes, 70000u);  // of 164,752
}

TEST(QuantizeCommand, DynamicIntegersNeedNoData) {
  const ScratchFolder scratch;
  const CommandResult result =
      run_temper({"convert", digits("digits.onnx"), scratch / "out.onnx", "--int8", "dynamic"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--int8 dynamic: 4 products of integers"));
}

TEST(QuantizeCommand, ARecipeThatRoundsWritesIntegersAndExportsThemAgain) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "train.epochs=3", "quantize.bits=8",
                  "log.charts=false", "train.out=" + run});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_THAT(trained.err + trained.out, HasSubstr("4 products whose weights are rounded"));
  const CommandResult exported = run_temper({"export", run, scratch / "again.onnx"});
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  for (const std::string& path : {run + "/last.onnx", scratch / "again.onnx"}) {
    const CommandResult result = run_temper({"eval", path, digits("digits.npz"), "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const training::JsonValue line = training::parse_json(result.out, "stdout");
    EXPECT_GT(line.at("accuracy").as_double("accuracy"), 0.9) << path;
    EXPECT_LT(std::filesystem::file_size(path), 60000u) << path;
  }
}

TEST(QuantizeCommand, AModelThatTrainedRoundedIsPackedAndKeepsWhatItLearnt) {
  const ScratchFolder scratch;
  const auto run = [](const std::vector<std::string>& words) {
    const CommandResult result = run_temper(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result;
  };
  const std::string data = digits("digits.npz"), rounded = scratch / "rounded.onnx";
  run({"convert", digits("digits.onnx"), rounded, "--int8", "training", "--calibrate", data});
  const auto accuracy_of = [&](const std::string& model) {
    const CommandResult result = run({"eval", model, data, "--json"});
    const training::JsonValue line = training::parse_json(result.out, "stdout");
    return line.at("accuracy").as_double("accuracy");
  };
  const double before = accuracy_of(rounded);
  run({"train", rounded, data, "train.epochs=3", "optimizer.lr=0.002", "log.charts=false",
       "train.out=" + (scratch / "run")});
  run({"convert", scratch / "run/best.onnx", scratch / "packed.onnx", "--int8", "pack"});
  const double trained = accuracy_of(scratch / "run/best.onnx");
  EXPECT_GT(trained, before + 0.3);  // from five classes to ten
  EXPECT_NEAR(accuracy_of(scratch / "packed.onnx"), trained, 0.005);
}

TEST(QuantizeCommand, SaysWhatIsMissing) {
  const ScratchFolder scratch;
  const auto error_of = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"convert", digits("digits.onnx"), scratch / "out.onnx"});
    const CommandResult result = run_temper(words);
    EXPECT_NE(result.exit_code, 0);
    return result.err;
  };
  EXPECT_THAT(error_of({"--int8", "static"}),
              HasSubstr("--int8 static and training need --calibrate DATA"));
  EXPECT_THAT(error_of({"--int8", "fast"}), HasSubstr("expected dynamic, static"));
  EXPECT_THAT(error_of({"--int8", "dynamic", "--sensitivity"}),
              HasSubstr("--sensitivity says more about --int8 static, which is not given"));
  EXPECT_THAT(error_of({"--int8", "dynamic", "--skip", "**"}),
              HasSubstr("no layer of the model can be quantised"));
  EXPECT_THAT(error_of({"--int4", "32"}), HasSubstr("expected block=N, such as block=32"));
  EXPECT_THAT(error_of({"--int4", "block=32"}), HasSubstr("add --opset 21"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "out.onnx"));
}

}  // namespace
}  // namespace temper::test
