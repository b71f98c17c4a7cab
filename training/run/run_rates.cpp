#include "training/run/run_rates.h"

#include "runtime/base/error.h"
#include "training/compile/step/parameter_groups.h"

namespace temper::training {
namespace {

void check_moved_momentum(const RunSchedule& schedule, const ScheduleSettings& settings,
                          const ComponentSettings& optimizer, std::string_view table) {
  const Attrs& parameters = optimizer.parameters;
  TEMPER_CHECK(!schedule.moves_momentum() || parameters.get_double("momentum", 0) > 0 ||
                   parameters.has("betas"),
               ErrorCode::kInvalidArgument, "the schedule ", settings.schedule.name,
               " moves the momentum, but the optimizer ", optimizer.name, " has none here; set ",
               table,
               ".momentum, or schedule.cycle_momentum = false to move the learning rate alone");
}

}  // namespace

RunRates::RunRates(const ScheduleSettings& settings, const RunLength& length,
                   const ComponentSettings& optimizer, std::string_view table)
    : schedule_(settings, length), base_(optimizer.parameters.get_double("lr", 0)) {
  check_moved_momentum(schedule_, settings, optimizer, table);
}

double RunRates::rate(std::int64_t applied, double base) const {
  if (swept_) {
    return swept_(applied) * (base_ > 0 ? base / base_ : 1);
  }
  return factor_ * schedule_.rate(applied, base);
}

// The device reads the rate of applied step s at s % kRateSlots. The whole block that the step lies
// in is filled, so that the table depends on the step alone and a resumed run has the same.
void RunRates::refill(VariableStore& store, const CompileSettings& settings, std::int64_t applied) {
  if (holds(applied)) {
    return;
  }
  RateTable table(store, settings);
  const std::int64_t first = applied - applied % kRateSlots;
  for (std::int64_t slot = 0; slot < kRateSlots; ++slot) {
    for (std::int64_t group = 0; group < table.groups(); ++group) {
      table.set_rate(group, slot, rate(first + slot, table.lr(group)));
      table.set_momentum(group, slot, schedule_.momentum(first + slot));
    }
  }
  table.write();
  filled_until_ = first + kRateSlots;
}

bool RunRates::observe(double value, bool maximize, std::int64_t applied) {
  const bool falls = schedule_.observe(value, maximize, applied);
  if (falls) {
    forget_table();
  }
  return falls;
}

}  // namespace temper::training
