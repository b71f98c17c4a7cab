// The schedules of each file, for the list in schedule.cpp. Private to training/schedules.
#pragma once

#include <vector>

#include "training/schedules/schedule.h"

namespace temper::training {

std::vector<Schedule> decay_schedules();      // step, multistep, exponential
std::vector<Schedule> ramp_schedules();       // constant, linear, polynomial, inverse_sqrt
std::vector<Schedule> cosine_schedules();     // cosine, cosine_restarts
std::vector<Schedule> one_cycle_schedules();  // one_cycle
std::vector<Schedule> cyclic_schedules();     // cyclic
std::vector<Schedule> plateau_schedules();    // plateau
std::vector<Schedule> swa_schedules();        // swa
inline constexpr auto kScheduleFamilies = {ramp_schedules,      decay_schedules,  cosine_schedules,
                                           one_cycle_schedules, cyclic_schedules, swa_schedules,
                                           plateau_schedules};

// It begins with the rate of the schedule before it, which its `base` is.
inline constexpr const char* kSwaSchedule = "swa";

// The value of a length parameter, or `total` where it is 0; at least 1.
std::int64_t length_or(const Attrs& parameters, std::string_view name, std::int64_t total);
// Of anneal_strategy: "cos" or "linear".
std::string check_strategy(const AttrValue& value);

}  // namespace temper::training
