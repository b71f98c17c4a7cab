// Steps of training that leave nothing behind: what the rate finder and the diagnosis run.
#include <algorithm>
#include <cmath>

#include "training/run/trainer_impl.h"

namespace temper::training {
namespace {

// r(t) = from (to / from)^(t / (n - 1)), or from + (to - from) t / (n - 1), for t in [0, n); the
// last step's rate after them.
double rate_of(const RateSweep& sweep, std::int64_t t, std::int64_t n) {
  const double part =
      n > 1 ? static_cast<double>(std::min(t, n - 1)) / static_cast<double>(n - 1) : 0;
  return sweep.linear ? sweep.from + (sweep.to - sweep.from) * part
                      : sweep.from * std::pow(sweep.to / sweep.from, part);
}

}  // namespace

void Trainer::Impl::rehearse(std::int64_t steps, const RateSweep* sweep,
                             const StepWatcher& watcher) {
  prepare();
  if (sweep != nullptr) {
    swept_rate = [steps, rises = *sweep](std::int64_t t) { return rate_of(rises, t, steps); };
  }
  loader = session.make_train_loader(state.data);
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t applied = state.applied;
    const double lr = rate(applied, base_lr());
    step();
    const RehearsedStep seen{i,
                             lr,
                             step_loss,
                             state.last_norm,
                             state.applied > applied,
                             *last_plan->executor,
                             *last_plan->ports};
    if (!watcher(seen)) {
      return;
    }
  }
}

void Trainer::rehearse(std::int64_t steps, const RateSweep* sweep, const StepWatcher& watcher) {
  impl_->rehearse(steps, sweep, watcher);
}

}  // namespace temper::training
