#include "training/run/run_rates.h"

#include "runtime/base/error.h"

namespace temper::training {

std::int64_t fill_rates(RateTable& table, std::int64_t applied, const RunSchedule& schedule,
                        const std::function<double(std::int64_t, double)>& rate) {
  const std::int64_t first = applied - applied % kRateSlots;
  for (std::int64_t slot = 0; slot < kRateSlots; ++slot) {
    for (std::int64_t group = 0; group < table.groups(); ++group) {
      table.set_rate(group, slot, rate(first + slot, table.lr(group)));
      table.set_momentum(group, slot, schedule.momentum(first + slot));
    }
  }
  table.write();
  return first + kRateSlots;
}

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

}  // namespace temper::training
