// The 1cycle policy: up to max_lr, then far down, with momentum the other way round. OneCycleLR of
// torch.optim.lr_scheduler (Smith and Topin, "Super-Convergence", 2018).
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

struct Phase {
  int from, to;  // 0 the first rate, 1 the highest, 2 the lowest
  double share;  // of the way from one to the other; may pass 1 by rounding only
};

// Phases end at pct_start total - 1, with three_phase 2 pct_start total - 2, and total - 1. The
// last value stays when a run goes on past them.
Phase phase_at(std::int64_t t, const ScheduleSpan& span, const Attrs& parameters) {
  const auto total = static_cast<double>(length_or(parameters, "total_steps", span.total));
  const double rise = parameters.get_double("pct_start", 0.3) * total;
  const bool three = parameters.get_int("three_phase", 0) != 0;
  const std::vector<double> ends = three ? std::vector<double>{rise - 1, 2 * rise - 2, total - 1}
                                         : std::vector<double>{rise - 1, total - 1};
  const double now = std::min(static_cast<double>(t), total - 1);
  double begin = 0;
  std::size_t i = 0;
  while (i + 1 < ends.size() && now > ends[i]) {
    begin = ends[i++];
  }
  // A phase of no length (pct_start * total = 1) is at its end at once.
  const double share = ends[i] == begin ? 1 : (now - begin) / (ends[i] - begin);
  const int from = i == 0 ? 0 : i == 1 ? 1 : 0;
  const int to = i == 0 ? 1 : three && i == 1 ? 0 : 2;
  return {from, to, share};
}

double anneal(double start, double end, double share, const Attrs& parameters) {
  if (parameters.get_string("anneal_strategy", "cos") == "linear") {
    return (end - start) * share + start;
  }
  return end + (start - end) / 2 * (std::cos(std::numbers::pi * share) + 1);
}

double one_cycle_rate(std::int64_t t, double base, const ScheduleSpan& span,
                      const Attrs& parameters) {
  const double given = parameters.get_double("max_lr", 0);
  const double highest = given > 0 ? given : base;
  const double first = highest / parameters.get_double("div_factor", 25);
  const double rates[] = {first, highest, first / parameters.get_double("final_div_factor", 1e4)};
  const Phase phase = phase_at(t, span, parameters);
  return anneal(rates[phase.from], rates[phase.to], phase.share, parameters);
}

double one_cycle_momentum(std::int64_t t, const ScheduleSpan& span, const Attrs& parameters) {
  if (parameters.get_int("cycle_momentum", 1) == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double highest = parameters.get_double("max_momentum", 0.95);
  const double momenta[] = {highest, parameters.get_double("base_momentum", 0.85), highest};
  const Phase phase = phase_at(t, span, parameters);
  return anneal(momenta[phase.from], momenta[phase.to], phase.share, parameters);
}

std::string check_rise(const AttrValue& value) {
  const double share = std::get<double>(value);
  return share >= 0 && share <= 1 ? "" : "must be from 0 to 1";
}

std::string check_one_cycle(const Attrs& parameters) {
  const bool three = parameters.get_int("three_phase", 0) != 0;
  return three && parameters.get_double("pct_start", 0.3) > 0.5
             ? "with three_phase rises and falls for pct_start each, so pct_start may be 0.5 at "
               "most"
             : "";
}

}  // namespace

std::vector<Schedule> one_cycle_schedules() {
  return {
      {"one_cycle",
       "up to max_lr and far down again, momentum the other way (OneCycleLR)",
       {{"max_lr", 0.0, "the highest rate; 0 is each group's lr", require_not_negative},
        {"total_steps", std::int64_t{0}, "length in units of schedule.per; 0 is the run's length",
         require_not_negative},
        {"pct_start", 0.3, "share of the length that rises", check_rise},
        {"anneal_strategy", std::string("cos"), "\"cos\" or \"linear\"", check_strategy},
        {"cycle_momentum", std::int64_t{1}, "move momentum (or beta1) against the rate", nullptr,
         true},
        {"base_momentum", 0.85, "the lowest momentum", require_share},
        {"max_momentum", 0.95, "the highest momentum", require_share},
        {"div_factor", 25.0, "max_lr over the first rate", require_positive},
        {"final_div_factor", 1e4, "the first rate over the last", require_positive},
        {"three_phase", std::int64_t{0}, "fall to the first rate, then to the last", nullptr,
         true}},
       one_cycle_rate,
       one_cycle_momentum,
       check_one_cycle,
       "total_steps",
       "the rate stays at its lowest"},
  };
}

}  // namespace temper::training
