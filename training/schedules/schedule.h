// Learning-rate schedules: the factor on every group's rate at a given time. Pure functions of the
// settings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "training/settings/component.h"

namespace temper::training {

struct Schedule {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;
  // Factor at time t = 0, 1, 2, ... of a run of `total` units, for a base rate `lr`.
  double (*factor)(std::int64_t t, std::int64_t total, double lr, const Attrs& parameters);
};

const std::vector<Schedule>& schedules();

// THROWS: kInvalidArgument with the nearest name.
const Schedule& find_schedule(std::string_view name);

// A schedule with its warm-up, ready to give the factor of any optimizer step.
struct ScheduleClock {
  const Schedule* schedule = nullptr;
  Attrs parameters;
  bool per_epoch = false;
  std::int64_t steps_per_epoch = 1;
  std::int64_t total_steps = 1;
  std::int64_t warmup_steps = 0;
  double lr = 1;

  // Factor of optimizer step `step` (0-based). During warm-up it rises linearly: (step + 1) /
  // (warmup_steps + 1) of the schedule's first value; the schedule itself starts after it and ends
  // with the run.
  double factor(std::int64_t step) const;
};

// "500 steps", "2 epochs", "5%" or "" as a number of steps. THROWS: kInvalidArgument saying the
// three forms.
std::int64_t parse_warmup(std::string_view text, std::int64_t steps_per_epoch,
                          std::int64_t total_steps);

}  // namespace temper::training
