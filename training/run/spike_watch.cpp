#include "training/run/spike_watch.h"

#include <algorithm>
#include <limits>

#include "runtime/base/error.h"
#include "training/compile/step/snapshot.h"
#include "training/compile/training_graph.h"
#include "training/run/spike_guard.h"

namespace temper::training {

void SpikeWatch::before_step(VariableStore& store) const {
  const int window = store.find(ScalarRole::kSpikeWindow);
  if (window >= 0 && context_.records == nullptr) {
    const StoreVariable& variable = store.variable(window);
    Tensor empty(DType::kFloat64, variable.shape);
    std::ranges::fill(empty.span<double>(), std::numeric_limits<double>::infinity());
    store.set(window, empty);
  }
}

std::string SpikeWatch::text(double value) const {
  return concat("its ", settings_.of == "loss" ? "loss " : "gradient norm ", value, " is over ",
                settings_.factor, " times ", median(context_.state.spike_window),
                ", the median of ", settings_.window, " steps");
}

void SpikeWatch::after_applied(std::int64_t step, double value) {
  if (!is_on()) {
    return;
  }
  // With "warn"; the step itself has seen to the others.
  if (value > spike_limit(settings_, context_.state.spike_window)) {
    ++context_.state.spikes;
    context_.observer.message(concat("step ", step, ": ", text(value)));
  }
  remember_good(settings_, context_.state.spike_window, value);
}

bool SpikeWatch::after_spike(VariableStore& store, std::int64_t step, double value) {
  RunState& state = context_.state;
  ++state.spikes;
  const std::string what = text(value);
  TEMPER_CHECK(state.consecutive_skips < context_.recipe.train.max_consecutive_skips,
               ErrorCode::kDiverged, "step ", step, ": ", what, ", and so were the ",
               state.consecutive_skips - 1,
               " before it: this is no spike that passes; try a lower optimizer.lr or clip.norm = "
               "1.0, or a larger train.spike_factor");
  if (settings_.action != "rollback") {
    context_.observer.message(concat("step ", step, " was skipped: ", what));
    return false;
  }
  restore_snapshot(store);
  state.applied = state.snapshot_applied;
  ++state.rollbacks;
  context_.observer.message(concat("step ", step, " was skipped: ", what,
                                   "; the weights are again those of step ", state.snapshot_step));
  return true;
}

void SpikeWatch::keep_snapshot(VariableStore& store) {
  if (settings_.action == "rollback") {
    take_snapshot(store);
    context_.state.snapshot_applied = context_.state.applied;
    context_.state.snapshot_step = context_.state.attempted;
  }
}

}  // namespace temper::training
