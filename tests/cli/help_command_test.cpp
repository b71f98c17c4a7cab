// `temper help` from outside: lists, one entry, what is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/cli/run_command.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(HelpCommand, ListsTheLossesByTaskInLinesThatFit) {
  const CommandResult result = run_temper({"help", "losses"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\nregression\n  mse"));
  EXPECT_THAT(result.out, HasSubstr("mind: few positives: pos_weight"));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100u) << line;
  }
}

TEST(HelpCommand, ShowsOneLossWithItsParametersAndTheFormulasSource) {
  const CommandResult result = run_temper({"help", "losses", "focal"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Lin et al. 2017"));
  EXPECT_THAT(result.out, HasSubstr("gamma = 2"));
  EXPECT_THAT(run_temper({"help", "losses", "focall"}).err, HasSubstr("did you mean focal?"));
}

TEST(HelpCommand, KnowsOptimizersAndSchedules) {
  EXPECT_THAT(run_temper({"help", "optimizers", "sgd"}).out, HasSubstr("nesterov = false"));
  EXPECT_THAT(run_temper({"help", "schedules"}).out, HasSubstr("cosine_restarts"));
  const CommandResult result = run_temper({"help", "loss"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("keys, losses, optimizers, schedules, metrics"));
}

TEST(HelpCommand, TrainsHelpIsUsageOptionsAndALinePerTable) {
  const CommandResult result = run_temper({"train", "--help"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(std::count(result.out.begin(), result.out.end(), '\n'), 60);
  EXPECT_THAT(result.out, HasSubstr("--dry-run"));
  EXPECT_THAT(result.out, HasSubstr("[optimizer]                 which optimizer"));
  EXPECT_THAT(result.out, HasSubstr("[[optimizer.group]]"));
  EXPECT_THAT(result.out, HasSubstr("temper help keys"));
}

TEST(HelpCommand, ListsTheKeysOfOneTableOrOfAllWithTypesAndDefaults) {
  const CommandResult train = run_temper({"help", "keys", "train"});
  ASSERT_EQ(train.exit_code, 0) << train.err;
  EXPECT_THAT(train.out,
              HasSubstr("  train.epochs = 10  (an integer)\n      passes over the data"));
  EXPECT_THAT(train.out, testing::Not(HasSubstr("data.batch_size")));
  const CommandResult all = run_temper({"help", "keys"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  for (const char* key : {"data.batch_size = 32", "schedule.warmup = \"\"", "[[loss.term]]",
                          "match  (a string, required)", "temper help optimizers NAME"}) {
    EXPECT_THAT(all.out, HasSubstr(key));
  }
  EXPECT_EQ(run_temper({"help", "keys", "train.epochs"}).out, train.out) << "a key shows its table";
  EXPECT_THAT(run_temper({"help", "keys", "optimiser"}).err, HasSubstr("did you mean optimizer?"));
}

TEST(HelpCommand, SaysWhichMetricFitsWhichTaskAndWhatToWrite) {
  const CommandResult all = run_temper({"help", "metrics"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("metrics.names = [\"NAME\"]"));
  EXPECT_THAT(all.out, HasSubstr("\nranking\n  auc"));
  EXPECT_THAT(all.out, HasSubstr("range: 0 to 1, chance 0.5; more is better"));
  EXPECT_THAT(all.out, HasSubstr("tasks: classification*, segmentation*"));
  std::istringstream lines(all.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100u) << line;
  }
  const CommandResult one = run_temper({"help", "metrics", "top_k"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("metrics.names = [\"top_k\"]"));
  EXPECT_THAT(one.out, HasSubstr("checkpoint.monitor = \"val/top5\""));
  EXPECT_THAT(one.out, HasSubstr("metrics.top_k"));
  EXPECT_THAT(one.out, testing::Not(HasSubstr("parameters")));
  EXPECT_THAT(run_temper({"help", "metrics", "rmse"}).out, HasSubstr("less is better"));
  EXPECT_THAT(run_temper({"help", "metrics", "f2"}).err, HasSubstr("did you mean f1?"));
}

}  // namespace
}  // namespace temper::test
