#include "training/run/trainer.h"

#include "training/run/rehearsal.h"
#include "training/run/run_loop.h"
#include "training/run/train_steps.h"

namespace temper::training {

struct Trainer::Impl {
  Impl(Session& session, RunObserver& observer, bool resume, std::int64_t late)
      : context{session.recipe(), observer, {}, nullptr, session.ranks()},
        steps(session, context, report_lag(late, session.engine().store().memory())),
        loop(context, steps, resume) {}

  RunContext context;
  TrainSteps steps;
  RunLoop loop;
};

Trainer::Trainer(Session& session, RunObserver& observer, bool resume, std::int64_t late)
    : impl_(std::make_unique<Impl>(session, observer, resume, late)) {}

Trainer::~Trainer() = default;

MemoryPlan Trainer::prepare() { return impl_->steps.prepare(); }

std::vector<MemoryPlan> Trainer::memory_of_stages() { return impl_->steps.memory_of_stages(); }

RunResult Trainer::run() {
  TrainSteps& steps = impl_->steps;
  const RunState& state = impl_->context.state;
  steps.prepare();
  RunResult result;
  result.outcome = impl_->loop.run();
  result.run_directory = impl_->context.records->directory();
  result.best_model = steps.validation().best().best_path();
  result.last_model = steps.last_model_path();
  result.best_metric = state.best_metric;
  result.best_step = state.best_step;
  result.monitor = steps.validation().best().monitor();
  result.final_evaluation =
      state.best_evaluation.samples > 0 ? state.best_evaluation : steps.validation().last();
  result.has_evaluation = steps.validation().any();
  result.given_evaluation = state.given_evaluation;
  result.verdict = steps.verdict();
  result.loading = impl_->loop.loading();
  result.steps = state.attempted;
  result.skipped = state.skipped;
  return result;
}

void Trainer::rehearse(std::int64_t steps, const RateSweep* sweep, const StepWatcher& watcher) {
  training::rehearse(impl_->steps, impl_->context, steps, sweep, watcher);
}

void Trainer::request_stop() { impl_->loop.request_stop(); }

}  // namespace temper::training
