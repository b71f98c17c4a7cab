#include "training/schedules/run_schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "training/schedules/families.h"

namespace temper::training {

std::int64_t parse_length(std::string_view text, const RunLength& run, std::string_view key) {
  if (text.empty()) {
    return 0;
  }
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') {
    unit.remove_prefix(1);
  }
  constexpr double kMost = 1e15;  // exact as a double, and no overflow on the way to steps
  const bool number = error == std::errc{} && std::isfinite(amount) && amount >= 0;
  double steps = -1;
  if (number && (unit == "steps" || unit == "step")) {
    steps = std::floor(amount);
  } else if (number && (unit == "epochs" || unit == "epoch")) {
    steps = std::round(amount * static_cast<double>(run.steps_per_epoch));
  } else if (number && unit == "%" && amount <= 100) {
    steps = std::round(amount / 100 * static_cast<double>(run.total_steps));
  }
  TEMPER_CHECK(steps >= 0 && steps <= kMost, ErrorCode::kInvalidArgument, key, " is \"", text,
               "\"; write \"500 steps\", \"2 epochs\" or \"5%\"");
  return static_cast<std::int64_t>(steps);
}

bool depends_on_length(const ScheduleSettings& settings) {
  const auto depends = [](const ComponentSettings& each) {
    const char* parameter = find_schedule(each.name).length_parameter;
    return parameter != nullptr && each.parameters.get_int(parameter, 0) == 0;
  };
  bool any = settings.warmup.ends_with("%") || depends(settings.schedule);
  for (const SchedulePhaseSettings& phase : settings.phases) {
    // A phase of a given length does not ask for the run's.
    any = any || phase.length.ends_with("%") || (phase.length.empty() && depends(phase.schedule));
  }
  return any;
}

RunSchedule::RunSchedule(const ScheduleSettings& settings, const RunLength& run)
    : unit_(settings.per == "epoch" ? run.steps_per_epoch : 1),
      warmup_(parse_length(settings.warmup, run, "schedule.warmup")),
      warmup_mode_(settings.warmup_mode),
      start_factor_(settings.warmup_start_factor) {
  if (start_factor_ == 0) {
    start_factor_ = warmup_mode_ == "constant" ? 1.0 / 3 : 1 / static_cast<double>(warmup_ + 1);
  }
  const std::int64_t run_end = std::max(run.total_steps, warmup_ + 1);
  if (settings.schedule.name != kSequenceSchedule) {
    add_part(settings.schedule, warmup_, run_end);
    return;
  }
  TEMPER_CHECK(!settings.phases.empty(), ErrorCode::kInvalidArgument,
               "schedule.name is \"sequence\", but there is no [[schedule.phase]]");
  std::int64_t begin = warmup_;
  for (std::size_t i = 0; i < settings.phases.size(); ++i) {
    const SchedulePhaseSettings& phase = settings.phases[i];
    const bool last = i + 1 == settings.phases.size();
    TEMPER_CHECK(last || !phase.length.empty(), ErrorCode::kInvalidArgument, "[[schedule.phase]] ",
                 i + 1, " (", phase.schedule.name,
                 ") needs a length (\"500 steps\", \"2 epochs\", \"30%\"); only the last may go on "
                 "to the end of the run");
    TEMPER_CHECK(last || phase.schedule.name != kPlateauSchedule, ErrorCode::kInvalidArgument,
                 "[[schedule.phase]] ", i + 1,
                 " is a plateau, which follows a metric; it can only be the last phase");
    TEMPER_CHECK(phase.schedule.name != kSequenceSchedule, ErrorCode::kInvalidArgument,
                 "[[schedule.phase]] ", i + 1, " is a sequence itself; list its phases instead");
    const std::int64_t length = parse_length(phase.length, run, "schedule.phase.length");
    TEMPER_CHECK(phase.length.empty() || length > 0, ErrorCode::kInvalidArgument,
                 "[[schedule.phase]] ", i + 1, " has the length \"", phase.length,
                 "\", which is less than a step");
    add_part(phase.schedule, begin, phase.length.empty() ? run_end : begin + length);
    begin += length;
  }
}

void RunSchedule::add_part(const ComponentSettings& settings, std::int64_t begin,
                           std::int64_t end) {
  Part part;
  part.schedule = &find_schedule(settings.name);
  part.parameters = settings.parameters;
  part.begin = begin;
  part.span.warmup = warmup_ / unit_;
  part.span.total =
      std::max<std::int64_t>((end + unit_ - 1) / unit_ - begin / unit_, std::int64_t{1});
  const std::string problem =
      part.schedule->check == nullptr ? "" : part.schedule->check(part.parameters);
  TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument, "the schedule ", settings.name, " ",
               problem);
  parts_.push_back(std::move(part));
}

const RunSchedule::Part& RunSchedule::part_at(std::int64_t step) const {
  TEMPER_ASSERT(!parts_.empty());
  std::size_t i = 0;
  while (i + 1 < parts_.size() && step >= parts_[i + 1].begin) {
    ++i;
  }
  return parts_[i];
}

// Per epoch, time advances where the run's epochs end, also where a phase does not begin there.
std::int64_t RunSchedule::time_of(const Part& part, std::int64_t step) const {
  return step < part.begin ? 0 : step / unit_ - part.begin / unit_;
}

double RunSchedule::rate_of(const Part& part, std::int64_t t, double base) const {
  return part.schedule->name == kPlateauSchedule
             ? plateau_rate(plateau.reductions, base, part.parameters)
             : part.schedule->rate(t, base, part.span, part.parameters);
}

// s + (1 - s) step / warmup (LinearLR), s^(1 - step / warmup), s (ConstantLR): s at step 0, 1 at
// the first step after the warm-up.
double RunSchedule::warmup_factor(std::int64_t step) const {
  const double done = static_cast<double>(step) / static_cast<double>(warmup_);
  return warmup_mode_ == "constant"      ? start_factor_
         : warmup_mode_ == "exponential" ? std::pow(start_factor_, 1 - done)
                                         : start_factor_ + (1 - start_factor_) * done;
}

double RunSchedule::rate(std::int64_t step, double base) const {
  const Part& part = part_at(step);
  const auto index = static_cast<std::size_t>(&part - parts_.data());
  std::size_t first = index;
  while (first > 0 && parts_[first].schedule->name == kSwaSchedule) {
    --first;
  }
  for (std::size_t i = first; i < index; ++i) {
    base = rate_of(parts_[i], time_of(parts_[i], parts_[i + 1].begin), base);
  }
  const double rate = rate_of(part, time_of(part, step), base);
  return step < warmup_ ? warmup_factor(step) * rate : rate;
}

double RunSchedule::momentum(std::int64_t step) const {
  const Part& part = part_at(step);
  return part.schedule->momentum == nullptr
             ? std::numeric_limits<double>::quiet_NaN()
             : part.schedule->momentum(time_of(part, step), part.span, part.parameters);
}

bool RunSchedule::moves_momentum() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    return part.schedule->momentum != nullptr &&
           !std::isnan(part.schedule->momentum(0, part.span, part.parameters));
  });
}

bool RunSchedule::follows_metric() const {
  return !parts_.empty() && parts_.back().schedule->name == kPlateauSchedule;
}

bool RunSchedule::observe(double value, bool maximize, std::int64_t applied) {
  return follows_metric() && applied >= parts_.back().begin &&
         observe_metric(plateau, value, maximize, parts_.back().parameters);
}

}  // namespace temper::training
