// How long a run is, and what changes when it is resumed as a longer or shorter one: schedules and
// averages that go by the length are then those of the new length.
#pragma once

#include <string>
#include <vector>

#include "training/recipe/recipe.h"
#include "training/records/run_state.h"
#include "training/run/weight_averaging.h"

namespace temper::training {

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

// A typed train.epochs that something else makes void; empty: none.
std::string void_length_note(const Recipe& recipe);

}  // namespace temper::training
