#include "training/run/rehearsal.h"

#include <algorithm>
#include <cmath>

#include "training/run/run_context.h"
#include "training/run/train_steps.h"

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

void rehearse(TrainSteps& steps, const RunContext& context, std::int64_t count,
              const RateSweep* sweep, const StepWatcher& watcher) {
  steps.prepare();
  if (sweep != nullptr) {
    steps.rates().sweep(
        [count, rises = *sweep](std::int64_t t) { return rate_of(rises, t, count); });
  }
  steps.begin();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t applied = context.state.applied;
    const double lr = steps.rates().rate(applied);
    const IssuedStep issued = steps.issue();
    const double loss = steps.take_report(issued);
    const RehearsedStep seen{i,
                             lr,
                             loss,
                             context.state.last_norm,
                             context.state.applied > applied,
                             *steps.last_plan()->executor,
                             *steps.last_plan()->ports};
    if (!watcher(seen)) {
      return;
    }
  }
}

}  // namespace temper::training
