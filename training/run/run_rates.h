// The rates of a model's steps: from its schedule into the table that the steps read.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "runtime/exec/variable_store.h"
#include "training/compile/training_graph.h"
#include "training/schedules/run_schedule.h"
#include "training/settings/component.h"

namespace temper::training {

class RunRates {
 public:
  // `table`: what the optimizer's table is called, "optimizer". THROWS: kInvalidArgument for a
  // schedule that does not suit the length, or moves a momentum that the optimizer has not.
  RunRates(const ScheduleSettings& settings, const RunLength& length,
           const ComponentSettings& optimizer, std::string_view table);

  // The optimizer's own rate.
  double base() const { return base_; }
  // The rate of an applied step of a group whose own rate is `base`; without one, of a group that
  // has none.
  double rate(std::int64_t applied, double base) const;
  double rate(std::int64_t applied) const { return rate(applied, base_); }

  // Before a step after `applied` ones: what the table does not hold yet goes into it.
  void refill(VariableStore& store, const CompileSettings& settings, std::int64_t applied);
  // Whether the table holds the rate of the step after `applied` ones.
  bool holds(std::int64_t applied) const { return applied < filled_until_; }
  // The table holds rates from before.
  void forget_table() { filled_until_ = 0; }

  // A factor on every rate from now on.
  void scale(double factor) {
    factor_ = factor;
    forget_table();
  }
  // Rates of groups without their own, in place of the schedule's; groups keep their proportion.
  void sweep(std::function<double(std::int64_t applied)> rate) { swept_ = std::move(rate); }

  // As RunSchedule::observe().
  bool observe(double value, bool maximize, std::int64_t applied);
  const PlateauState& plateau() const { return schedule_.plateau; }
  void resume(const PlateauState& plateau) { schedule_.plateau = plateau; }

 private:
  RunSchedule schedule_;
  std::function<double(std::int64_t)> swept_;
  double base_ = 0;
  double factor_ = 1;
  std::int64_t filled_until_ = 0;  // applied steps whose rates are in the table
};

}  // namespace temper::training
