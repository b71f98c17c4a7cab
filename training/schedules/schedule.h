// Learning-rate schedules: the rate of a parameter group, and for some the momentum, at a given
// time. Pure functions of the settings, with the sequences of torch.optim.lr_scheduler.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "training/settings/component.h"

namespace temper::training {

// Where a schedule stands in a run, in units of schedule.per (steps or epochs).
struct ScheduleSpan {
  std::int64_t total = 1;   // units it lasts: the run or its phase, without the warm-up
  std::int64_t warmup = 0;  // units of warm-up before it
};

struct Schedule {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;
  // The rate at time t = 0, 1, 2, ... of a group whose own rate is `base`.
  double (*rate)(std::int64_t t, double base, const ScheduleSpan& span, const Attrs& parameters);
  // The momentum (SGD) or beta1 (Adam) at time t; NaN where it is left alone. Null: it never moves.
  double (*momentum)(std::int64_t t, const ScheduleSpan& span, const Attrs& parameters) = nullptr;
  // What is wrong with the parameters together ("needs step_size, ..."), or empty. May be null.
  std::string (*check)(const Attrs& parameters) = nullptr;
  // The parameter whose value 0 stands for the run's length; null: the length does not matter.
  const char* length_parameter = nullptr;
  // What the rate does when a run goes on past that length, where a person would not expect it.
  const char* beyond = nullptr;
};

// The names with a meaning of their own: rates that follow a metric, and a sequence of phases.
inline constexpr const char* kPlateauSchedule = "plateau";
inline constexpr const char* kSequenceSchedule = "sequence";

const std::vector<Schedule>& schedules();

// THROWS: kInvalidArgument with the nearest name.
const Schedule& find_schedule(std::string_view name);

}  // namespace temper::training
