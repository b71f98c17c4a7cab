// Rates that stand still or go from one value to another once: ConstantLR, LinearLR, PolynomialLR
// of torch.optim.lr_scheduler, and the inverse square root of the Transformer.
#include <algorithm>
#include <cmath>

#include "training/schedules/families.h"

namespace temper::training {
namespace {

double share_done(std::int64_t t, std::int64_t total) {
  return static_cast<double>(std::min(t, total)) / static_cast<double>(total);
}

// factor lr before total_iters, then lr
double constant_rate(std::int64_t t, double base, const ScheduleSpan&, const Attrs& parameters) {
  return t < parameters.get_int("total_iters", 5) ? base * parameters.get_double("factor", 1)
                                                  : base;
}

// lr (start_factor + (end_factor - start_factor) min(t, total_iters) / total_iters)
double linear_rate(std::int64_t t, double base, const ScheduleSpan& span, const Attrs& parameters) {
  const std::int64_t total = length_or(parameters, "total_iters", span.total);
  const double start = parameters.get_double("start_factor", 1);
  const double end = parameters.get_double("end_factor", 1);
  return base * (start + (end - start) * share_done(t, total));
}

// lr (1 - min(t, total_iters) / total_iters)^power
double polynomial_rate(std::int64_t t, double base, const ScheduleSpan& span,
                       const Attrs& parameters) {
  const std::int64_t total = length_or(parameters, "total_iters", span.total);
  return base * std::pow(1 - share_done(t, total), parameters.get_double("power", 1));
}

// lr sqrt(timescale / (t + timescale)), t from the end of the warm-up on. With timescale = warm-up
// it is lr sqrt(warmup / step) of "Attention Is All You Need" (Vaswani et al. 2017); the names are
// those of get_inverse_sqrt_schedule in Hugging Face's transformers.
double inverse_sqrt_rate(std::int64_t t, double base, const ScheduleSpan& span,
                         const Attrs& parameters) {
  constexpr std::int64_t kWithoutWarmup = 10000;
  const double timescale = static_cast<double>(
      length_or(parameters, "timescale", span.warmup > 0 ? span.warmup : kWithoutWarmup));
  return base * std::sqrt(timescale / (static_cast<double>(t) + timescale));
}

}  // namespace

std::vector<Schedule> ramp_schedules() {
  return {
      {"constant",
       "the optimizer's rate throughout; with factor, that share of it for total_iters units "
       "(ConstantLR)",
       {{"factor", 1.0, "share of the rate at first (ConstantLR's default is 1/3)",
         require_not_negative},
        {"total_iters", std::int64_t{5}, "units of schedule.per that factor lasts",
         require_not_negative}},
       constant_rate},
      {"linear",
       "a straight line from start_factor to end_factor of the rate (LinearLR)",
       {{"start_factor", 1.0 / 3, "share of the rate at the start", require_positive},
        {"end_factor", 1.0, "share of the rate at the end", require_not_negative},
        {"total_iters", std::int64_t{5}, "length in units of schedule.per; 0 is the run's length",
         require_not_negative}},
       linear_rate,
       nullptr,
       nullptr,
       "total_iters"},
      {"polynomial",
       "(1 - t / total_iters)^power, down to zero (PolynomialLR)",
       {{"total_iters", std::int64_t{0},
         "length in units of schedule.per; 0 is the run's length (PolynomialLR's default is 5)",
         require_not_negative},
        {"power", 1.0, "1 is a straight line", require_not_negative}},
       polynomial_rate,
       nullptr,
       nullptr,
       "total_iters",
       "the rate stays 0"},
      {"inverse_sqrt",
       "sqrt(timescale / (t + timescale)) after the warm-up, as for the Transformer",
       {{"timescale", std::int64_t{0},
         "in units of schedule.per; 0 is the warm-up's length, or 10000 without one",
         require_not_negative}},
       inverse_sqrt_rate},
  };
}

}  // namespace temper::training
