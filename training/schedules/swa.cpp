// The rate under averages of the weights: SWALR of torch.optim.swa_utils (Izmailov et al. 2018).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

// a swa_lr + (1 - a) base with s = min(t / anneal_epochs, 1), a = (1 - cos(pi s)) / 2 or s. `base`
// is the rate that the schedule before has where this one begins.
double swa_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  const auto length = static_cast<double>(parameters.get_int("anneal_epochs", 10));
  const double share = length > 0 ? std::min(static_cast<double>(t) / length, 1.0) : 1.0;
  const double alpha = parameters.get_string("anneal_strategy", "cos") == "cos"
                           ? (1 - std::cos(std::numbers::pi * share)) / 2
                           : share;
  return parameters.get_double("swa_lr", 0) * alpha + base * (1 - alpha);
}

std::string check_swa(const Attrs& parameters) {
  return parameters.get_double("swa_lr", 0) > 0
             ? ""
             : "needs swa_lr, the rate while the weights are averaged (schedule.swa_lr = 0.05)";
}

}  // namespace

std::vector<Schedule> swa_schedules() {
  return {
      {kSwaSchedule,
       "from the rate that the phase before ends with to swa_lr, which stays: for the end of a "
       "run with average.kind = \"swa\" (SWALR)",
       {{"swa_lr", 0.0, "the rate while the weights are averaged; required", require_not_negative},
        {"anneal_epochs", std::int64_t{10}, "units of schedule.per to get there",
         require_not_negative},
        {"anneal_strategy", std::string("cos"), "\"cos\" or \"linear\"", check_strategy}},
       swa_rate,
       nullptr,
       check_swa}};
}

}  // namespace temper::training
