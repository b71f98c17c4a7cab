// What a run is told about schedules whose lengths are not its own.
#include "training/schedules/length_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/concat.h"
#include "training/recipe/recipe.h"

namespace temper::training {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> notes(std::vector<std::string> settings, const RunLength& run) {
  RecipeSources sources;
  sources.overrides = std::move(settings);
  return length_notes(read_recipe(sources).schedule, run);
}

constexpr RunLength kRun{10, 200};  // 20 epochs

TEST(LengthNotes, SayNothingWhereTheLengthIsTheRuns) {
  for (const char* name : {"constant", "cosine", "one_cycle", "polynomial", "linear"}) {
    EXPECT_THAT(notes({concat("schedule.name=", name)}, kRun), IsEmpty()) << name;
  }
  EXPECT_THAT(notes({"schedule.name=one_cycle", "schedule.total_steps=200"}, kRun), IsEmpty());
  EXPECT_THAT(notes({"schedule.name=cosine", "schedule.T_max=20", "schedule.per=epoch"}, kRun),
              IsEmpty());
  EXPECT_THAT(
      notes({"schedule.name=cosine", "schedule.T_max=180", "schedule.warmup=20 steps"}, kRun),
      IsEmpty());
  EXPECT_THAT(notes({"schedule.name=step", "schedule.step_size=199"}, kRun), IsEmpty());
}

TEST(LengthNotes, NameAScheduleThatEndsBeforeTheRun) {
  EXPECT_THAT(notes({"schedule.name=one_cycle", "schedule.total_steps=50"}, kRun),
              ElementsAre("the schedule one_cycle has total_steps = 50, but the run has 200 steps "
                          "for it: after it the rate stays at its lowest (total_steps = 0 is the "
                          "run's length)"));
  EXPECT_THAT(
      notes({"schedule.name=cosine", "schedule.T_max=5", "schedule.per=epoch"}, kRun),
      ElementsAre(HasSubstr("T_max = 5, but the run has 20 epochs for it: after it the rate "
                            "rises again")));
  EXPECT_THAT(notes({"schedule.name=polynomial", "schedule.total_iters=5"}, kRun),
              ElementsAre(HasSubstr("the rate stays 0")));
}

TEST(LengthNotes, NameWhatTheRunsEndCutsOff) {
  EXPECT_THAT(notes({"schedule.name=one_cycle", "schedule.total_steps=500"}, kRun),
              ElementsAre(HasSubstr("it is cut off before its end")));
  EXPECT_THAT(notes({"schedule.warmup=500 steps"}, kRun),
              ElementsAre("schedule.warmup = \"500 steps\" is not over when the run ends after 200 "
                          "steps"));
  EXPECT_THAT(
      notes({"schedule.name=step", "schedule.step_size=30"}, {10, 20}),
      ElementsAre(HasSubstr("step_size = 30, but the run has 20 steps for it: the rate never "
                            "drops")));
  EXPECT_THAT(notes({"schedule.name=multistep", "schedule.milestones=[300, 400]"}, kRun),
              ElementsAre(HasSubstr("milestones = [300, 400]")));
  EXPECT_THAT(notes({"schedule.name=cosine_restarts", "schedule.T_0=300"}, kRun),
              ElementsAre(HasSubstr("it never begins anew")));
}

TEST(LengthNotes, FollowThePhases) {
  ScheduleSettings settings;
  settings.schedule.name = kSequenceSchedule;
  const auto phase = [](const char* name, const char* length) {
    return SchedulePhaseSettings{
        {name, complete_parameters("schedule", name, find_schedule(name).parameters, {})}, length};
  };
  settings.phases = {phase("constant", "50 steps"), phase("cosine", "")};
  EXPECT_THAT(length_notes(settings, kRun), IsEmpty());
  settings.phases = {phase("constant", "250 steps"), phase("cosine", "")};
  EXPECT_THAT(length_notes(settings, kRun),
              ElementsAre("[[schedule.phase]] 2 (cosine) would begin at step 250, but the run ends "
                          "after 200"));
  settings.phases = {phase("constant", "50 steps"), phase("cosine", "50 steps")};
  EXPECT_THAT(length_notes(settings, kRun),
              ElementsAre(HasSubstr("ends at step 100, but the run goes on to 200")));
}

}  // namespace
}  // namespace temper::training
