// Rates that are multiplied by gamma again and again: StepLR, MultiStepLR, ExponentialLR of
// torch.optim.lr_scheduler.
#include <algorithm>
#include <cmath>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

// lr gamma^floor(t / step_size)
double step_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  const std::int64_t size = std::max<std::int64_t>(parameters.get_int("step_size", 1), 1);
  return base * std::pow(parameters.get_double("gamma", 0.1), static_cast<double>(t / size));
}

// lr gamma^(number of milestones <= t); a milestone written twice counts twice
double multistep_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  const std::vector<std::int64_t> milestones = parameters.get_ints("milestones");
  const auto passed =
      std::count_if(milestones.begin(), milestones.end(), [t](std::int64_t m) { return m <= t; });
  return base * std::pow(parameters.get_double("gamma", 0.1), static_cast<double>(passed));
}

// lr gamma^t
double exponential_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  return base * std::pow(parameters.get_double("gamma", 1), static_cast<double>(t));
}

std::string check_step(const Attrs& parameters) {
  return parameters.get_int("step_size", 0) > 0
             ? ""
             : "needs step_size, the time between two drops of the rate (schedule.step_size = 30)";
}

std::string check_multistep(const Attrs& parameters) {
  return !parameters.get_ints("milestones").empty()
             ? ""
             : "needs milestones, the times at which the rate drops (schedule.milestones = [30, "
               "80])";
}

std::string check_exponential(const Attrs& parameters) {
  return parameters.get_double("gamma", 0) > 0
             ? ""
             : "needs gamma, the factor per unit of schedule.per (schedule.gamma = 0.95)";
}

}  // namespace

std::vector<Schedule> decay_schedules() {
  const ParameterSpec gamma = {"gamma", 0.1, "factor of each drop", require_positive};
  return {
      {"step",
       "multiplied by gamma every step_size units (StepLR)",
       {{"step_size", std::int64_t{0}, "units of schedule.per between drops; required",
         require_not_negative},
        gamma},
       step_rate,
       nullptr,
       check_step},
      {"multistep",
       "multiplied by gamma at each milestone (MultiStepLR)",
       {{"milestones", std::vector<std::int64_t>{}, "times of the drops in schedule.per; required",
         require_not_negative},
        gamma},
       multistep_rate,
       nullptr,
       check_multistep},
      {"exponential",
       "multiplied by gamma each unit (ExponentialLR)",
       {{"gamma", 0.0, "factor per unit of schedule.per; required", require_not_negative}},
       exponential_rate,
       nullptr,
       check_exponential},
  };
}

}  // namespace temper::training
