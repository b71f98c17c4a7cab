// The table of rates that a step reads, filled from a run's schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "training/compile/step/parameter_groups.h"
#include "training/schedules/run_schedule.h"
#include "training/settings/component.h"

namespace temper::training {

// The device reads the rate of applied step s at s % kRateSlots. Fills the whole block that step
// `applied` lies in, so that the table depends on the step alone and a resumed run has the same.
// `rate(step, lr)`: of a group whose own rate is lr. Returns the first step after the block.
std::int64_t fill_rates(RateTable& table, std::int64_t applied, const RunSchedule& schedule,
                        const std::function<double(std::int64_t, double)>& rate);

// THROWS: kInvalidArgument when the schedule moves a momentum that the optimizer has not. `table`:
// "optimizer", for the message.
void check_moved_momentum(const RunSchedule& schedule, const ScheduleSettings& settings,
                          const ComponentSettings& optimizer, std::string_view table);

}  // namespace temper::training
