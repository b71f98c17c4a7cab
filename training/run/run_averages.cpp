#include "training/run/run_averages.h"

namespace temper::training {

void RunAverages::note_in(RunState& state, std::int64_t applied) const {
  state.average_updates = plan_.updates(applied);
  state.average_start = is_on_ ? plan_.start() : -1;
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
