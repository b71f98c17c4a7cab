#include "training/schedules/schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

double constant_factor(std::int64_t, std::int64_t, double, const Attrs&) { return 1; }

// eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2 (torch.optim.lr_scheduler.CosineAnnealingLR,
// closed form)
double cosine_factor(std::int64_t t, std::int64_t total, double lr, const Attrs& parameters) {
  std::int64_t period = parameters.get_int("T_max", 0);
  if (period == 0) {
    period = std::max<std::int64_t>(total, 1);
  }
  const double floor = lr == 0 ? 0 : parameters.get_double("eta_min", 0) / lr;
  const double phase = std::numbers::pi * static_cast<double>(t) / static_cast<double>(period);
  return floor + (1 - floor) * (1 + std::cos(phase)) / 2;
}

}  // namespace

const std::vector<Schedule>& schedules() {
  static const std::vector<Schedule> kSchedules = {
      {"constant", "the optimizer's rate throughout", {}, constant_factor},
      {"cosine",
       "half a cosine down to eta_min (CosineAnnealingLR)",
       {{"T_max", std::int64_t{0}, "length in units of schedule.per; 0 is the run's length",
         require_not_negative},
        {"eta_min", 0.0, "the rate at the end", require_not_negative}},
       cosine_factor},
  };
  return kSchedules;
}

const Schedule& find_schedule(std::string_view name) {
  std::vector<std::string> names;
  for (const Schedule& schedule : schedules()) {
    if (schedule.name == name) {
      return schedule;
    }
    names.push_back(schedule.name);
  }
  const std::string hint = nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "unknown schedule '", name, "'",
       hint.empty() ? concat(" (there are ", join(names, ", "), ")")
                    : concat("; did you mean ", hint, "?"));
}

double ScheduleClock::factor(std::int64_t step) const {
  const std::int64_t unit = per_epoch ? steps_per_epoch : 1;
  const std::int64_t total = std::max<std::int64_t>((total_steps - warmup_steps) / unit, 1);
  if (step < warmup_steps) {
    const double share = static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
    return share * schedule->factor(0, total, lr, parameters);
  }
  return schedule->factor((step - warmup_steps) / unit, total, lr, parameters);
}

std::int64_t parse_warmup(std::string_view text, std::int64_t steps_per_epoch,
                          std::int64_t total_steps) {
  if (text.empty()) {
    return 0;
  }
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') {
    unit.remove_prefix(1);
  }
  const bool number = error == std::errc{} && std::isfinite(amount) && amount >= 0;
  if (number && (unit == "steps" || unit == "step")) {
    return static_cast<std::int64_t>(amount);
  }
  if (number && (unit == "epochs" || unit == "epoch")) {
    return static_cast<std::int64_t>(std::llround(amount * static_cast<double>(steps_per_epoch)));
  }
  if (number && unit == "%" && amount <= 100) {
    return static_cast<std::int64_t>(std::llround(amount / 100 * static_cast<double>(total_steps)));
  }
  fail(ErrorCode::kInvalidArgument, "schedule.warmup is \"", text,
       "\"; write \"500 steps\", \"2 epochs\" or \"5%\"");
}

}  // namespace temper::training
