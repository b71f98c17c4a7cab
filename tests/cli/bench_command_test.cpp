// `temper bench` from outside: what it says of a model without data, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(BenchCommand, NeedsNoDataButTheModel) {
  const ScratchFolder scratch;
  const std::string model = scratch / "net.onnx";
  ASSERT_EQ(run_temper({"new", "lenet", model}).exit_code, 0);
  const CommandResult timed =
      run_temper({"bench", model, "--batch", "4", "--seconds", "0.2", "--json"});
  ASSERT_EQ(timed.exit_code, 0) << timed.err;
  const training::JsonValue json = training::parse_json(timed.out, "bench");
  EXPECT_EQ(json.at("batch").as_int("batch"), 4);
  EXPECT_EQ(json.at("loss_name").as_string("loss_name"), "cross_entropy");
  const double steps = json.at("steps_per_s").as_double("steps_per_s");
  EXPECT_GT(steps, 0);
  EXPECT_DOUBLE_EQ(json.at("samples_per_s").as_double("samples_per_s"), 4 * steps);
  EXPECT_DOUBLE_EQ(json.at("median_ms").as_double("median_ms") * steps, 1e3);
  // The weights, their gradients and two moments are resident: 61,706 parameters.
  EXPECT_GT(json.at("peak_mib").as_double("peak_mib"), 4.0 * 4 * 61706 / (1 << 20));
}

TEST(BenchCommand, TakesSizesAndALossForWhatTheModelLeavesOpen) {
  const ScratchFolder scratch;
  const std::string model = scratch / "gpt.onnx";
  ASSERT_EQ(run_temper({"new", "gpt", model, "--layers", "1", "--width", "16", "--heads", "2",
                        "--vocabulary", "20"})
                .exit_code,
            0);
  const CommandResult timed =
      run_temper({"bench", model, "--batch", "2", "--sizes", "sequence=8", "--loss",
                  "cross_entropy", "class_axis=-1", "--threads", "1", "--seconds", "0.1"});
  ASSERT_EQ(timed.exit_code, 0) << timed.err;
  EXPECT_THAT(timed.out, HasSubstr("batches of 2: "));
  EXPECT_THAT(timed.out, HasSubstr(" samples/s; peak memory "));
}

TEST(BenchCommand, WhatIsOfMadeUpBatchesIsRefusedBesideData) {
  const CommandResult batch =
      run_temper({"bench", digits("digits.onnx"), digits("digits.npz"), "--batch", "4"});
  EXPECT_EQ(batch.exit_code, 2);
  EXPECT_THAT(batch.err, HasSubstr("--batch and --sizes are for one that is made up"));
  EXPECT_THAT(run_temper({"bench", digits("digits.onnx"), "--seconds", "-1"}).err,
              HasSubstr("'-1' is not a number of seconds"));
  const CommandResult sizes =
      run_temper({"bench", digits("digits.onnx"), "--sizes", "sequence=none"});
  EXPECT_EQ(sizes.exit_code, 2);
  EXPECT_THAT(sizes.err, HasSubstr("--sizes has 'sequence=none', expected NAME=SIZE"));
}

}  // namespace
}  // namespace temper::test
