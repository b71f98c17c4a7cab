// Every schedule and option over 300 steps against torch.optim.lr_scheduler, warm-ups and
// inverse_sqrt against closed forms (tools/oracle/schedules.py), as a recipe gives them.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "runtime/base/error.h"
#include "tests/training/test_files.h"
#include "training/recipe/recipe.h"
#include "training/schedules/run_schedule.h"

namespace temper::training {
namespace {

constexpr std::int64_t kSteps = 300;
constexpr RunLength kRun{3, kSteps};
constexpr double kTolerance = 1e-12;

struct Expected {
  std::string name;
  std::string recipe;
  std::vector<double> rates, momenta;
};

std::string folder() {
  return std::string(TEMPER_SOURCE_DIR) + "/tests/training/schedules/expected/";
}

// "0.1" or "0.1 x 30"
void append_numbers(const std::string& line, std::vector<double>& to) {
  const std::size_t times = line.find(" x ");
  const std::size_t count = times == std::string::npos ? 1 : std::stoul(line.substr(times + 3));
  to.insert(to.end(), count, std::strtod(line.c_str(), nullptr));
}

std::vector<Expected> read_expected() {
  std::vector<Expected> all;
  std::ifstream file(folder() + "schedules.txt");
  std::vector<double>* numbers = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("case ")) {
      all.push_back({line.substr(5), "", {}, {}});
      numbers = nullptr;
    } else if (line == "rates:" || line == "momenta:") {
      numbers = line == "rates:" ? &all.back().rates : &all.back().momenta;
    } else if (numbers != nullptr && line != "end") {
      append_numbers(line, *numbers);
    } else if (!all.empty() && line != "end") {
      all.back().recipe += line + "\n";
    }
  }
  return all;
}

class ScheduleRecipe : public testing::Test {
 protected:
  ScheduleSettings settings(const std::string& text) const {
    const std::string path = folder_.path("recipe.toml");
    std::ofstream(path) << text;
    RecipeSources sources;
    sources.file = path;
    const Recipe recipe = read_recipe(sources);
    std::ofstream(path) << to_toml(recipe);  // what is written back says the same
    return read_recipe(sources).schedule;
  }

  TempFolder folder_;
};

std::vector<double> read_metrics() {
  std::vector<double> metrics;
  std::ifstream file(folder() + "metrics.txt");
  for (std::string line; std::getline(file, line);) {
    metrics.push_back(std::strtod(line.c_str(), nullptr));
  }
  return metrics;
}

using ScheduleEquality = ScheduleRecipe;

TEST_F(ScheduleEquality, EveryScheduleHasPyTorchsSequenceOf300Steps) {
  const std::vector<double> metrics = read_metrics();
  ASSERT_EQ(metrics.size(), static_cast<std::size_t>(kSteps));
  const std::vector<Expected> all = read_expected();
  ASSERT_GE(all.size(), 30U);
  for (const Expected& expected : all) {
    SCOPED_TRACE(expected.name);
    RunSchedule schedule(settings(expected.recipe), kRun);
    ASSERT_EQ(expected.rates.size(), static_cast<std::size_t>(kSteps));
    EXPECT_EQ(schedule.moves_momentum(), !expected.momenta.empty());
    const bool maximize = expected.recipe.find("\"max\"") != std::string::npos;
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const auto i = static_cast<std::size_t>(step);
      ASSERT_NEAR(schedule.rate(step, 0.1), expected.rates[i], kTolerance) << "step " << step;
      if (!expected.momenta.empty()) {
        ASSERT_NEAR(schedule.momentum(step), expected.momenta[i], kTolerance) << "step " << step;
      }
      schedule.observe(maximize ? -metrics[i] : metrics[i], maximize, step);
    }
  }
}

TEST_F(ScheduleEquality, CoversEverySchedule) {
  std::string recipes;
  for (const Expected& expected : read_expected()) {
    recipes += expected.recipe;
  }
  for (const Schedule& schedule : schedules()) {
    if (schedule.name != kSequenceSchedule) {
      EXPECT_NE(recipes.find("name = \"" + schedule.name + "\""), std::string::npos)
          << schedule.name;
    }
  }
}

TEST_F(ScheduleRecipe, AbsoluteRatesAreTheSameForGroupsWithOtherRates) {
  const RunSchedule cosine(settings("[schedule]\nname = \"cosine\"\neta_min = 0.01\n"), kRun);
  EXPECT_NEAR(cosine.rate(kSteps, 0.1), 0.01, kTolerance);
  EXPECT_NEAR(cosine.rate(kSteps, 0.5), 0.01, kTolerance);
  EXPECT_NEAR(cosine.rate(0, 0.5), 0.5, kTolerance);
}

TEST_F(ScheduleRecipe, LengthsThatAreLeftOutAreTheRunsLengthAfterTheWarmUp) {
  const RunSchedule cosine(settings("[schedule]\nname = \"cosine\"\nwarmup = \"20 epochs\"\n"),
                           kRun);
  EXPECT_NEAR(cosine.rate(60, 0.1), 0.1, kTolerance);
  EXPECT_NEAR(cosine.rate(180, 0.1), 0.05, kTolerance);
  EXPECT_NEAR(cosine.rate(300, 0.1), 0, kTolerance);
}

TEST_F(ScheduleRecipe, PerEpochTimeAdvancesWhereEpochsEndAlsoAfterAnUnevenWarmUp) {
  const RunSchedule schedule(
      settings("[schedule]\nname = \"exponential\"\ngamma = 0.5\nper = \"epoch\"\n"
               "warmup = \"4 steps\"\n"),
      kRun);
  EXPECT_DOUBLE_EQ(schedule.rate(5, 1), 1);
  EXPECT_DOUBLE_EQ(schedule.rate(6, 1), 0.5);
  EXPECT_DOUBLE_EQ(schedule.rate(8, 1), 0.5);
  EXPECT_DOUBLE_EQ(schedule.rate(9, 1), 0.25);
}

TEST_F(ScheduleRecipe, APlateauThatIsTheLastPhaseCountsEvaluationsFromItsBeginningOn) {
  RunSchedule schedule(settings("[[schedule.phase]]\nname = \"constant\"\nlength = \"10 steps\"\n"
                                "[[schedule.phase]]\nname = \"plateau\"\npatience = 0\n"),
                       kRun);
  EXPECT_TRUE(schedule.follows_metric());
  EXPECT_FALSE(schedule.observe(1, false, 9));
  EXPECT_FALSE(schedule.observe(1, false, 10));  // the first one is the best so far
  EXPECT_TRUE(schedule.observe(1, false, 11));
  EXPECT_NEAR(schedule.rate(12, 0.1), 0.01, kTolerance);
}

TEST_F(ScheduleRecipe, RefusesWhatDoesNotGoTogetherAndSaysWhatToType) {
  const auto refuses = [&](const std::string& text, const char* part) {
    expect_error([&] { RunSchedule(settings(text), kRun); }, ErrorCode::kInvalidArgument, part);
  };
  refuses("[schedule]\nname = \"step\"\n", "schedule.step_size = 30");
  refuses("[schedule]\nname = \"multistep\"\n", "schedule.milestones = [30, 80]");
  refuses("[schedule]\nname = \"exponential\"\n", "schedule.gamma = 0.95");
  refuses("[schedule]\nname = \"cosine_restarts\"\n", "schedule.T_0 = 10");
  refuses("[schedule]\nname = \"cyclic\"\n", "schedule.max_lr = 0.1");
  refuses("[schedule]\nname = \"cosinus\"\n", "did you mean cosine");
  refuses("[schedule]\nname = \"cosine\"\nwarmup_mode = \"liner\"\n", "did you mean linear");
  refuses("[schedule]\nname = \"sequence\"\n", "[[schedule.phase]]");
  refuses("[schedule]\nname = \"cosine\"\n[[schedule.phase]]\nname = \"cosine\"\n",
          "leave one out");
  refuses("[[schedule.phase]]\nname = \"cosine\"\n[[schedule.phase]]\nname = \"constant\"\n",
          "needs a length");
  refuses("[[schedule.phase]]\nname = \"cosine\"\nT_mx = 3\n", "did you mean schedule.phase.T_max");
  refuses(
      "[[schedule.phase]]\nname = \"plateau\"\nlength = \"3 steps\"\n"
      "[[schedule.phase]]\nname = \"constant\"\n",
      "only be the last phase");
}

TEST(WarmUp, IsGivenInStepsEpochsOrAsAShare) {
  const RunLength run{10, 100};
  EXPECT_EQ(parse_length("", run, "schedule.warmup"), 0);
  EXPECT_EQ(parse_length("500 steps", run, "schedule.warmup"), 500);
  EXPECT_EQ(parse_length("2 epochs", run, "schedule.warmup"), 20);
  EXPECT_EQ(parse_length("5%", run, "schedule.warmup"), 5);
  for (const char* bad : {"5", "x steps", "-1 epochs", "120%", "5 %%", "1e300 steps"}) {
    EXPECT_THROW(parse_length(bad, run, "schedule.warmup"), Error) << bad;
  }
}

}  // namespace
}  // namespace temper::training
