// Rates that go up and down between two bounds: CyclicLR of torch.optim.lr_scheduler (Smith,
// "Cyclical Learning Rates", 2017).
#include <cmath>
#include <limits>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

// How far from the lower bound towards the upper one: the triangle's height at t, times 1
// (triangular), 1 / 2^(cycle - 1) (triangular2) or gamma^t (exp_range).
double height(std::int64_t t, const Attrs& parameters) {
  const auto up = static_cast<double>(parameters.get_int("step_size_up", 2000));
  const std::int64_t given = parameters.get_int("step_size_down", 0);
  const double total = up + (given == 0 ? up : static_cast<double>(given));
  const double ratio = up / total;
  const double now = static_cast<double>(t);
  const double cycle = std::floor(1 + now / total);
  const double x = 1.0 + now / total - cycle;
  const double triangle = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
  const std::string mode = parameters.get_string("mode", "triangular");
  if (mode == "triangular2") {
    return triangle / std::pow(2.0, cycle - 1);
  }
  return mode == "exp_range" ? triangle * std::pow(parameters.get_double("gamma", 1), now)
                             : triangle;
}

double cyclic_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  const double given = parameters.get_double("base_lr", -1);
  const double low = given < 0 ? base : given;
  return low + (parameters.get_double("max_lr", 0) - low) * height(t, parameters);
}

double cyclic_momentum(std::int64_t t, const ScheduleSpan&, const Attrs& parameters) {
  if (parameters.get_int("cycle_momentum", 1) == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double high = parameters.get_double("max_momentum", 0.9);
  return high - (high - parameters.get_double("base_momentum", 0.8)) * height(t, parameters);
}

std::string check_mode(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "triangular" || text == "triangular2" || text == "exp_range"
             ? ""
             : "must be \"triangular\", \"triangular2\" or \"exp_range\"";
}

std::string check_low(const AttrValue& value) {
  const double low = std::get<double>(value);
  return low == -1 || (std::isfinite(low) && low >= 0)
             ? ""
             : "must not be negative (-1: each group's lr)";
}

std::string check_cyclic(const Attrs& parameters) {
  return parameters.get_double("max_lr", 0) > 0
             ? ""
             : "needs max_lr, the upper bound of the rate (schedule.max_lr = 0.1)";
}

}  // namespace

std::vector<Schedule> cyclic_schedules() {
  return {
      {"cyclic",
       "up and down between base_lr and max_lr (CyclicLR)",
       {{"base_lr", -1.0, "the lower bound; -1 is each group's lr", check_low},
        {"max_lr", 0.0, "the upper bound; required", require_not_negative},
        {"step_size_up", std::int64_t{2000}, "units of schedule.per that rise", require_positive},
        {"step_size_down", std::int64_t{0}, "units that fall; 0 is step_size_up",
         require_not_negative},
        {"mode", std::string("triangular"),
         "\"triangular\", \"triangular2\" (half the height each cycle) or \"exp_range\" (height "
         "gamma^t)",
         check_mode},
        {"gamma", 1.0, "of exp_range", require_positive},
        {"cycle_momentum", std::int64_t{1}, "move momentum (or beta1) against the rate", nullptr,
         true},
        {"base_momentum", 0.8, "the lowest momentum", require_share},
        {"max_momentum", 0.9, "the highest momentum", require_share}},
       cyclic_rate,
       cyclic_momentum,
       check_cyclic},
  };
}

}  // namespace temper::training
