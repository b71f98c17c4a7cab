#include "training/run/spike_watch.h"

#include "runtime/base/error.h"
#include "training/compile/step/snapshot.h"
#include "training/compile/training_graph.h"
#include "training/run/spike_guard.h"

namespace temper::training {

void SpikeWatch::before_step(VariableStore& store) {
  limit_ = is_on() ? spike_limit(settings_, context_.state.spike_window)
                   : std::numeric_limits<double>::infinity();
  const int limit = store.find(ScalarRole::kSpikeLimit);
  if (limit >= 0) {
    store.set_scalar(limit, limit_);
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
  if (value > limit_) {  // "warn"
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
