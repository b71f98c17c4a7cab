// The spike guard of the training loop: the limit a step must keep, and what happens when it does
// not. A step over it is not applied by the graph itself (SpikeGate), as one that is not finite.
#include <limits>

#include "runtime/base/error.h"
#include "training/compile/step/snapshot.h"
#include "training/run/spike_guard.h"
#include "training/run/trainer_impl.h"

namespace temper::training {

void Trainer::Impl::set_spike_limit() {
  const SpikeSettings& settings = recipe.train.spike;
  const bool watches = settings.action != "off" && records != nullptr;  // not in a rehearsal
  spike_limit_now =
      watches ? spike_limit(settings, state.spike_window) : std::numeric_limits<double>::infinity();
  VariableStore& store = session.engine().store();
  const int limit = store.find(ScalarRole::kSpikeLimit);
  if (limit >= 0) {
    store.set_scalar(limit, spike_limit_now);
  }
}

std::string Trainer::Impl::spike_text(double value) const {
  const SpikeSettings& settings = recipe.train.spike;
  return concat("its ", settings.of == "loss" ? "loss " : "gradient norm ", value, " is over ",
                settings.factor, " times ", median(state.spike_window), ", the median of ",
                settings.window, " steps");
}

void Trainer::Impl::watch_applied_step(double value) {
  const SpikeSettings& settings = recipe.train.spike;
  if (settings.action == "off" || records == nullptr) {
    return;
  }
  if (value > spike_limit_now) {  // "warn"
    ++state.spikes;
    observer.message(concat("step ", state.attempted, ": ", spike_text(value)));
  }
  remember_good(settings, state.spike_window, value);
}

void Trainer::Impl::after_spike(double value) {
  ++state.spikes;
  const std::string what = spike_text(value);
  TEMPER_CHECK(state.consecutive_skips < recipe.train.max_consecutive_skips, ErrorCode::kDiverged,
               "step ", state.attempted, ": ", what, ", and so were the ",
               state.consecutive_skips - 1,
               " before it: this is no spike that passes; try a lower optimizer.lr or clip.norm = "
               "1.0, or a larger train.spike_factor");
  if (recipe.train.spike.action != "rollback") {
    observer.message(concat("step ", state.attempted, " was skipped: ", what));
    return;
  }
  restore_snapshot(session.engine().store());
  state.applied = state.snapshot_applied;
  state.average_updates = average.updates(state.applied);
  rates_until = 0;
  ++state.rollbacks;
  observer.message(concat("step ", state.attempted, " was skipped: ", what,
                          "; the weights are again those of step ", state.snapshot_step));
}

void Trainer::Impl::keep_snapshot() {
  if (recipe.train.spike.action == "rollback") {
    take_snapshot(session.engine().store());
    state.snapshot_applied = state.applied;
    state.snapshot_step = state.attempted;
  }
}

}  // namespace temper::training
