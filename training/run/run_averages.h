// The averages of a run's weights: how far each step moves them, and measuring and saving them in
// the place of the weights.
#pragma once

#include <cstdint>
#include <functional>

#include "runtime/exec/variable_store.h"
#include "training/recipe/recipe.h"
#include "training/records/run_state.h"
#include "training/run/weight_averaging.h"

namespace temper::training {

class RunAverages {
 public:
  RunAverages() = default;
  // THROWS: kInvalidArgument for a start that is no length.
  RunAverages(const AverageSettings& settings, const RunLength& length)
      : plan_(settings, length), is_on_(settings.is_on()) {}

  // Goes by another plan: that of a resumed run.
  void follow(const AveragePlan& plan) {
    plan_ = plan;
    block_ = -1;
  }
  // Into the state: how often `applied` steps moved them, and when they begin.
  void note_in(RunState& state, std::int64_t applied) const;
  // Before the step after `applied` ones: what the tables do not hold yet goes into them. As those
  // of the rates (RunRates::refill) they depend on the step alone.
  void before_step(VariableStore& store, std::int64_t applied);
  // Whether they hold what the step after `applied` ones needs.
  bool hold(std::int64_t applied) const { return !is_on_ || block_of(applied) == block_; }
  // Updates of the averages by so many steps.
  std::int64_t updates(std::int64_t applied) const { return plan_.updates(applied); }
  // Calls `act`, with the averages in the place of the weights where they are wanted and `applied`
  // steps have made some.
  void in_place(bool wanted, VariableStore& store, std::int64_t applied,
                const std::function<void()>& act) const;

 private:
  static std::int64_t block_of(std::int64_t applied);

  AveragePlan plan_;
  bool is_on_ = false;
  std::int64_t block_ = -1;  // which of the run's blocks of kRateSlots steps the tables hold
};

}  // namespace temper::training
