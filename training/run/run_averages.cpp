#include "training/run/run_averages.h"

#include "training/compile/training_graph.h"

namespace temper::training {

void RunAverages::note_in(RunState& state, std::int64_t applied) const {
  state.average_updates = plan_.updates(applied);
  state.average_start = is_on_ ? plan_.start() : -1;
}

std::int64_t RunAverages::block_of(std::int64_t applied) { return applied / kRateSlots; }

void RunAverages::before_step(VariableStore& store, std::int64_t applied) {
  if (!hold(applied)) {
    block_ = block_of(applied);
    set_average_weights(store, plan_, block_ * kRateSlots);
  }
}

void RunAverages::in_place(bool wanted, VariableStore& store, std::int64_t applied,
                           const std::function<void()>& act) const {
  if (!wanted || plan_.updates(applied) == 0) {
    act();
    return;
  }
  const AveragesInPlace averages(store);
  act();
}

}  // namespace temper::training
