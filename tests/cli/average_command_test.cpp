// `temper average` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(AverageCommand, WritesTheMeanAndSaysWhatEachFileCounts) {
  const ScratchFolder scratch;
  const std::string out = scratch / "mean.onnx";
  const CommandResult result =
      run_temper({"average", diff_fixture("base.onnx"), diff_fixture("changed.onnx"),
                  diff_fixture("third.onnx"), "--out", out, "--weights", "1,2,5"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("third.onnx  counts 0.625"));
  EXPECT_THAT(result.out, HasSubstr("8 tensors averaged, 2 equal in all"));
  EXPECT_EQ(run_temper({"diff", out, diff_fixture("mean.onnx"), "--strict", "--tolerance", "0"})
                .exit_code,
            0);
  const CommandResult json =
      run_temper({"average", diff_fixture("base.onnx"), diff_fixture("third.onnx"), "--out",
                  scratch / "b.onnx", "--json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(training::parse_json(json.out, "stdout").at("averaged").as_int("averaged"), 8);
}

TEST(AverageCommand, RefusesWeightsThatAreNoNumbers) {
  const ScratchFolder scratch;
  const CommandResult words =
      run_temper({"average", diff_fixture("base.onnx"), diff_fixture("third.onnx"), "--out",
                  scratch / "c.onnx", "--weights", "a,b"});
  EXPECT_EQ(words.exit_code, 2);
  EXPECT_THAT(words.err, HasSubstr("0.3,0.7"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "c.onnx"));
}

TEST(AverageCommand, NeedsASecondFile) {
  const CommandResult one = run_temper({"average", diff_fixture("base.onnx"), "--out", "c.onnx"});
  EXPECT_EQ(one.exit_code, 2);
  EXPECT_THAT(one.err, HasSubstr("temper average needs FILE: the others"));
}

}  // namespace
}  // namespace temper::test
