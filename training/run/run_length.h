// How long a run is, and what changes when it is resumed as a longer or shorter one: schedules and
// averages that go by the length are then those of the new length.
#pragma once

#include <string>
#include <vector>

#include "training/recipe/recipe.h"
#include "training/records/run_state.h"
#include "training/run/weight_averaging.h"

namespace temper::training {

// A schedule of a run and the model whose steps it goes by.
struct ScheduledModel {
  std::string name;  // "generator"; empty where there is one model
  const ScheduleSettings* schedule = nullptr;
  std::int64_t steps_per_epoch = 1;  // of this model
  std::int64_t steps_per_step = 1;   // of this model in one of the run
  std::int64_t applied = 0;          // of this model, so far
  double base_rate = 0;

  // Of a run of so many steps, in steps of this model.
  RunLength length(std::int64_t total_steps) const {
    return {steps_per_epoch, total_steps * steps_per_step};
  }
};

// What a person should know where the lengths of the schedules are not the run's.
std::vector<std::string> notes_of_lengths(const std::vector<ScheduledModel>& models,
                                          std::int64_t total_steps);

// What a person should know of a run that was to have `before` steps and is resumed as one of
// `now`; nothing where these are equal or it is not known.
std::vector<std::string> notes_of_changed_length(const std::vector<ScheduledModel>& models,
                                                 std::int64_t before, std::int64_t now,
                                                 std::int64_t done);

// What a schedule whose rate depends on the length does from the coming step on; empty: nothing.
// `key` names it, "schedule".
std::string schedule_change(const std::string& key, const ScheduleSettings& settings,
                            const RunLength& before, const RunLength& now, std::int64_t applied,
                            double base_rate);

// The averages of a run of `now` steps that has the state's behind it: those that have begun and
// would not begin later now go on, others begin where they are to, or at once where that is past.
// `notes`: what a person should know.
AveragePlan resumed_average(const AverageSettings& settings, const RunLength& now,
                            const RunState& state, std::int64_t applied,
                            std::vector<std::string>& notes);

// That the run is longer or shorter than it was to be.
std::string length_change(std::int64_t before, std::int64_t now, std::int64_t done);

}  // namespace temper::training
