// Schedules against torch.optim.lr_scheduler (2.15) and closed forms.
#include "training/schedules/schedule.h"

#include <gtest/gtest.h>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

ScheduleClock clock_of(const char* name, const Attrs& given, double lr, std::int64_t total) {
  ScheduleClock clock;
  clock.schedule = &find_schedule(name);
  clock.parameters = complete_parameters("schedule", name, clock.schedule->parameters, given);
  clock.lr = lr;
  clock.total_steps = total;
  return clock;
}

TEST(Cosine, EqualsPyTorchsCosineAnnealing) {
  const std::vector<double> rates = {0.1,
                                     0.09779754323328192,
                                     0.09140576474687263,
                                     0.08145033635316129,
                                     0.06890576474687264,
                                     0.05500000000000001,
                                     0.04109423525312737,
                                     0.028549663646838717,
                                     0.01859423525312737,
                                     0.012202456766718092,
                                     0.01};
  const ScheduleClock clock =
      clock_of("cosine", {{"T_max", std::int64_t{10}}, {"eta_min", 0.01}}, 0.1, 1000);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    EXPECT_NEAR(0.1 * clock.factor(static_cast<std::int64_t>(i)), rates[i], 1e-12) << "step " << i;
  }
}

TEST(Cosine, EndsWithTheRunWhenNoLengthIsGiven) {
  const ScheduleClock clock = clock_of("cosine", {}, 0.1, 50);
  EXPECT_DOUBLE_EQ(clock.factor(0), 1);
  EXPECT_NEAR(clock.factor(25), 0.5, 1e-12);
  EXPECT_NEAR(clock.factor(50), 0, 1e-12);
}

TEST(Cosine, StandsStillWithinAnEpochWhenItAdvancesByEpoch) {
  ScheduleClock clock = clock_of("cosine", {}, 0.1, 40);
  clock.per_epoch = true;
  clock.steps_per_epoch = 10;
  EXPECT_DOUBLE_EQ(clock.factor(10), clock.factor(19));
  EXPECT_LT(clock.factor(20), clock.factor(19));
}

TEST(WarmUp, RisesLinearlyToTheFirstValue) {
  ScheduleClock clock = clock_of("constant", {}, 0.1, 100);
  clock.warmup_steps = 4;
  const double expected[] = {0.2, 0.4, 0.6, 0.8, 1, 1};
  for (int i = 0; i < 6; ++i) {
    EXPECT_NEAR(clock.factor(i), expected[i], 1e-12) << "step " << i;
  }
}

TEST(WarmUp, IsGivenInStepsEpochsOrAsAShare) {
  EXPECT_EQ(parse_warmup("", 10, 100), 0);
  EXPECT_EQ(parse_warmup("500 steps", 10, 100), 500);
  EXPECT_EQ(parse_warmup("2 epochs", 10, 100), 20);
  EXPECT_EQ(parse_warmup("5%", 10, 100), 5);
  for (const char* bad : {"5", "x steps", "-1 epochs", "120%", "5 %%"}) {
    EXPECT_THROW(parse_warmup(bad, 10, 100), Error) << bad;
  }
}

}  // namespace
}  // namespace temper::training
