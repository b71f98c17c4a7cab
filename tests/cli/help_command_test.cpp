// `temper help` from outside: lists, one entry, what is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_THAT(result.err, HasSubstr("losses, optimizers, schedules"));
}

}  // namespace
}  // namespace temper::test
