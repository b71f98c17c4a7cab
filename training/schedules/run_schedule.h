// The schedule of a run: warm-up, then one schedule or several in a row, ready to give the rate and
// the momentum of any optimizer step. A value: copies are independent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "training/schedules/plateau.h"
#include "training/schedules/schedule.h"
#include "training/settings/schedule_settings.h"

namespace temper::training {

struct RunLength {
  std::int64_t steps_per_epoch = 1;
  std::int64_t total_steps = 1;
};

// "500 steps", "2 epochs", "5%" or "" as a number of steps; a share is of `total_steps`. `key` is
// the setting's name for the message. THROWS: kInvalidArgument saying the three forms.
std::int64_t parse_length(std::string_view text, const RunLength& run, std::string_view key);

// Whether the rate of a step depends on how long the run is.
bool depends_on_length(const ScheduleSettings& settings);

class RunSchedule {
 public:
  RunSchedule() = default;
  // THROWS: kInvalidArgument when parameters or lengths do not go together.
  RunSchedule(const ScheduleSettings& settings, const RunLength& run);

  // The rate of applied step `step` (0-based) of a group whose own rate is `base`.
  double rate(std::int64_t step, double base) const;
  // The momentum (SGD) or beta1 (Adam) of the step; NaN: the optimizer's own.
  double momentum(std::int64_t step) const;
  bool moves_momentum() const;

  bool follows_metric() const;
  // An evaluation after `applied` steps; true when the rates of coming steps fall. Evaluations
  // before the plateau phase begins do not count.
  bool observe(double value, bool maximize, std::int64_t applied);
  PlateauState plateau;

 private:
  struct Part {
    const Schedule* schedule;
    Attrs parameters;
    ScheduleSpan span;
    std::int64_t begin;  // first step
  };
  const Part& part_at(std::int64_t step) const;
  std::int64_t time_of(const Part& part, std::int64_t step) const;
  double rate_of(const Part& part, std::int64_t t, double base) const;
  void add_part(const ComponentSettings& settings, std::int64_t begin, std::int64_t end);
  double warmup_factor(std::int64_t step) const;

  std::vector<Part> parts_;
  std::int64_t unit_ = 1;  // steps per unit of time
  std::int64_t warmup_ = 0;
  std::string warmup_mode_;
  double start_factor_ = 0;
};

}  // namespace temper::training
