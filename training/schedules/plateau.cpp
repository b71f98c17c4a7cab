#include "training/schedules/plateau.h"

#include <algorithm>
#include <cmath>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

bool is_better(double value, double best, bool maximize, const Attrs& parameters) {
  const double threshold = parameters.get_double("threshold", 1e-4);
  const bool relative = parameters.get_string("threshold_mode", "rel") == "rel";
  if (maximize) {
    return relative ? value > best * (threshold + 1.0) : value > best + threshold;
  }
  return relative ? value < best * (1.0 - threshold) : value < best - threshold;
}

// What charts of other schedules call; the reductions come from RunSchedule.
double rate_before_reductions(std::int64_t, double base, const ScheduleSpan&, const Attrs&) {
  return base;
}

std::string check_factor(const AttrValue& value) {
  const double factor = std::get<double>(value);
  return factor > 0 && factor < 1 ? "" : "must be above 0 and below 1";
}

std::string check_mode(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "min" || text == "max" || text == "auto" ? ""
                                                          : "must be \"min\", \"max\" or \"auto\"";
}

std::string check_threshold_mode(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "rel" || text == "abs" ? "" : "must be \"rel\" or \"abs\"";
}

}  // namespace

bool observe_metric(PlateauState& state, double value, bool maximize, const Attrs& parameters) {
  const std::string mode = parameters.get_string("mode", "auto");
  maximize = mode == "auto" ? maximize : mode == "max";
  // PyTorch starts from an infinite best: any number is better than none. An infinite value is not
  // better than it.
  const double infinity = HUGE_VAL;
  const double best = state.has_best ? state.best : maximize ? -infinity : infinity;
  if (is_better(value, best, maximize, parameters)) {
    state.has_best = true;
    state.best = value;
    state.bad = 0;
  } else {
    ++state.bad;
  }
  if (state.cooldown > 0) {
    --state.cooldown;
    state.bad = 0;
  }
  if (state.bad <= parameters.get_int("patience", 10)) {
    return false;
  }
  ++state.reductions;
  state.cooldown = parameters.get_int("cooldown", 0);
  state.bad = 0;
  return true;
}

double plateau_rate(std::int64_t reductions, double base, const Attrs& parameters) {
  const double factor = parameters.get_double("factor", 0.1);
  const double floor = parameters.get_double("min_lr", 0);
  const double least = parameters.get_double("eps", 1e-8);
  double rate = base;
  for (std::int64_t i = 0; i < reductions; ++i) {
    const double lower = std::max(rate * factor, floor);
    if (rate - lower <= least) {
      break;  // nor would any later reduction lower it
    }
    rate = lower;
  }
  return rate;
}

std::vector<Schedule> plateau_schedules() {
  return {
      {kPlateauSchedule,
       "multiplied by factor when the monitored metric stops improving (ReduceLROnPlateau); acts "
       "at evaluations on checkpoint.monitor",
       {{"mode", std::string("auto"),
         "whether less (\"min\", PyTorch's default) or more (\"max\") is better; \"auto\" is as "
         "checkpoint.mode",
         check_mode},
        {"factor", 0.1, "of each reduction", check_factor},
        {"patience", std::int64_t{10}, "evaluations without improvement that are put up with",
         require_not_negative},
        {"threshold", 1e-4, "how much better counts as better", require_not_negative},
        {"threshold_mode", std::string("rel"),
         "threshold as a share (\"rel\") or as such (\"abs\")", check_threshold_mode},
        {"cooldown", std::int64_t{0}, "evaluations after a reduction that do not count",
         require_not_negative},
        {"min_lr", 0.0, "the lowest rate", require_not_negative},
        {"eps", 1e-8, "a reduction by less is left out", require_not_negative}},
       rate_before_reductions},
  };
}

}  // namespace temper::training
