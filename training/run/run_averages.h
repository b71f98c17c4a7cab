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
  void follow(const AveragePlan& plan) { plan_ = plan; }
  // Into the state: how often `applied` steps moved them, and when they begin.
  void note_in(RunState& state, std::int64_t applied) const;
  // Before the step that makes `applied` updates of the weights.
  void before_step(VariableStore& store, std::int64_t applied) const {
    set_average_weights(store, plan_, applied);
  }
  // Updates of the averages by so many steps.
  std::int64_t updates(std::int64_t applied) const { return plan_.updates(applied); }
  // Calls `act`, with the averages in the place of the weights where they are wanted and `applied`
  // steps have made some.
  void in_place(bool wanted, VariableStore& store, std::int64_t applied,
                const std::function<void()>& act) const;

 private:
  AveragePlan plan_;
  bool is_on_ = false;
};

}  // namespace temper::training
