// `temper verify` as a user runs it: claims of a trained file, conditions, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(VerifyCommand, ChecksWhatTrainingWroteAndWhatIsAsked) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "train.epochs=1", "train.out=" + run, "--quiet"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const CommandResult shown = run_temper({"inspect", run + "/best.onnx"});
  EXPECT_THAT(shown.out, HasSubstr("metadata  temper.metric.accuracy = 0."));
  const CommandResult claims = run_temper(
      {"verify", run + "/best.onnx", digits("digits.npz"), "--tolerance", "0.1", "--json"});
  ASSERT_EQ(claims.exit_code, 0) << claims.out << claims.err;
  const training::JsonValue line = training::parse_json(claims.out, "stdout");
  EXPECT_TRUE(line.at("holds").as_bool("holds"));
  EXPECT_EQ(line.at("samples").as_int("samples"), 1797);
  EXPECT_THAT(claims.out, HasSubstr("and these data have 1797"));
  const CommandResult asked = run_temper({"verify", run + "/best.onnx", "--data",
                                          digits("digits.npz"), "--metric", "accuracy>=0.999999"});
  EXPECT_EQ(asked.exit_code, 1) << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("does NOT hold"));
  EXPECT_THAT(asked.out, HasSubstr("not verified"));
  EXPECT_EQ(run_temper({"verify", run + "/best.onnx", digits("digits.npz"), "--metric",
                        "accuracy>0.5,loss<5"})
                .exit_code,
            0);
}

TEST(VerifyCommand, SaysWhatToTypeForAFileThatClaimsNothing) {
  const CommandResult nothing = run_temper({"verify", digits("digits.onnx"), digits("digits.npz")});
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("--metric 'accuracy>=0.98'"));
  const CommandResult wrong =
      run_temper({"verify", digits("digits.onnx"), digits("digits.npz"), "--metric", "accuracy=1"});
  EXPECT_EQ(wrong.exit_code, 2);
}

}  // namespace
}  // namespace temper::test
