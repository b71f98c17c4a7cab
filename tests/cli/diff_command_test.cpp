// `temper diff` as a user runs it: exit codes, text, the JSON line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(DiffCommand, EndsWithZeroForEqualModelsAndWithOneForOthers) {
  const CommandResult same =
      run_temper({"diff", diff_fixture("base.onnx"), diff_fixture("renamed.onnx")});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.out, HasSubstr("10 equal (10 of them renamed)"));
  EXPECT_THAT(same.out, HasSubstr("no layer differs"));
  const CommandResult other =
      run_temper({"diff", diff_fixture("base.onnx"), diff_fixture("changed.onnx")});
  EXPECT_EQ(other.exit_code, 1) << other.err;
  EXPECT_THAT(other.out, HasSubstr("first layer that differs: MatMul 'node_MatMul_20'"));
  EXPECT_THAT(other.out, HasSubstr("its tensors that differ: val_21"));
  EXPECT_EQ(other.err, "");
  EXPECT_EQ(run_temper({"diff", diff_fixture("base.onnx"), diff_fixture("changed.onnx"),
                        "--tolerance", "0.1"})
                .exit_code,
            0);
  EXPECT_EQ(
      run_temper({"diff", diff_fixture("base.onnx"), diff_fixture("renamed.onnx"), "--strict"})
          .exit_code,
      1);
}

TEST(DiffCommand, AnswersInOneJsonLine) {
  const CommandResult result =
      run_temper({"diff", diff_fixture("base.onnx"), diff_fixture("changed.onnx"), "--data",
                  diff_fixture("x.npz"), "--json"});
  ASSERT_EQ(result.exit_code, 1) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_FALSE(line.at("equal").as_bool("equal"));
  EXPECT_EQ(line.at("first_difference").at("layer").as_string("layer"),
            "MatMul 'node_MatMul_20' + Add 'node_linear'");
  EXPECT_EQ(line.at("weights").at("pairs").as_array("pairs").size(), 10u);
  EXPECT_GE(line.at("values").as_array("values").size(), 11u);
}

TEST(DiffCommand, SaysWhatToTypeWhereItCannotRun) {
  const CommandResult missing =
      run_temper({"diff", diff_fixture("base.onnx"), diff_fixture("nothing.onnx")});
  EXPECT_GT(missing.exit_code, 1);
  const CommandResult tolerance = run_temper(
      {"diff", diff_fixture("base.onnx"), diff_fixture("base.onnx"), "--tolerance", "small"});
  EXPECT_EQ(tolerance.exit_code, 2);
  EXPECT_THAT(tolerance.err, HasSubstr("1e-5"));
}

}  // namespace
}  // namespace temper::test
