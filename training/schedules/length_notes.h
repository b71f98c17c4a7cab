// What a person should know where the lengths of a schedule are not the run's.
#pragma once

#include <string>
#include <vector>

#include "training/schedules/run_schedule.h"

namespace temper::training {

// A sentence for each schedule that ends before the run or is cut off by its end, for warm-ups and
// phases that the run does not get past, for drops and restarts that it does not reach.
// REQUIRES: RunSchedule(settings, run) can be made.
std::vector<std::string> length_notes(const ScheduleSettings& settings, const RunLength& run);

}  // namespace temper::training
