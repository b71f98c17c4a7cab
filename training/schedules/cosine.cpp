// Cosine annealing, once or with warm restarts: CosineAnnealingLR and CosineAnnealingWarmRestarts
// of torch.optim.lr_scheduler (Loshchilov and Hutter, "SGDR", 2017).
#include <cmath>
#include <numbers>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

// eta_min + (lr - eta_min) (1 + cos(pi t / period)) / 2
double anneal(double t, double period, double base, const Attrs& parameters) {
  const double floor = parameters.get_double("eta_min", 0);
  return floor + (base - floor) * (1 + std::cos(std::numbers::pi * t / period)) / 2;
}

// Past T_max the cosine goes up again, as PyTorch's does.
double cosine_rate(std::int64_t t, double base, const ScheduleSpan& span, const Attrs& parameters) {
  const std::int64_t period = length_or(parameters, "T_max", span.total);
  return anneal(static_cast<double>(t), static_cast<double>(period), base, parameters);
}

// The periods are T_0, T_0 T_mult, T_0 T_mult^2, ...
double restarts_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  const std::int64_t multiplier = parameters.get_int("T_mult", 1);
  std::int64_t period = parameters.get_int("T_0", 1);
  if (multiplier == 1) {
    t %= period;
  }
  while (t >= period) {
    t -= period;
    period *= multiplier;
  }
  return anneal(static_cast<double>(t), static_cast<double>(period), base, parameters);
}

std::string check_restarts(const Attrs& parameters) {
  return parameters.get_int("T_0", 0) > 0
             ? ""
             : "needs T_0, the time to the first restart (schedule.T_0 = 10)";
}

std::string at_least_one(const AttrValue& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number != nullptr && *number >= 1 ? "" : "must be at least 1";
}

}  // namespace

std::vector<Schedule> cosine_schedules() {
  const ParameterSpec floor = {"eta_min", 0.0, "the lowest rate", require_not_negative};
  return {
      {"cosine",
       "half a cosine down to eta_min (CosineAnnealingLR)",
       {{"T_max", std::int64_t{0}, "length in units of schedule.per; 0 is the run's length",
         require_not_negative},
        floor},
       cosine_rate,
       nullptr,
       nullptr,
       "T_max",
       "the rate rises again"},
      {"cosine_restarts",
       "cosines that begin anew after T_0, T_0 T_mult, ... units (CosineAnnealingWarmRestarts)",
       {{"T_0", std::int64_t{0}, "units of schedule.per to the first restart; required",
         require_not_negative},
        {"T_mult", std::int64_t{1}, "how much longer each period is than the one before",
         at_least_one},
        floor},
       restarts_rate,
       nullptr,
       check_restarts},
  };
}

}  // namespace temper::training
