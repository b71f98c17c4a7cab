#include "training/adversarial/adversarial_trainer.h"

#include "training/adversarial/adversarial_steps.h"
#include "training/run/run_loop.h"

namespace temper::training {

struct AdversarialTrainer::Impl {
  Impl(AdversarialSession& session, RunObserver& observer, bool resume, std::int64_t late)
      : context{session.recipe(), observer, {}, nullptr},
        steps(session, context, report_lag(late, session.store().memory())),
        loop(context, steps, resume) {}

  RunContext context;
  AdversarialSteps steps;
  RunLoop loop;
};

AdversarialTrainer::AdversarialTrainer(AdversarialSession& session, RunObserver& observer,
                                       bool resume, std::int64_t late)
    : impl_(std::make_unique<Impl>(session, observer, resume, late)) {}

AdversarialTrainer::~AdversarialTrainer() = default;

MemoryPlan AdversarialTrainer::prepare() { return impl_->steps.prepare(); }

AdversarialResult AdversarialTrainer::run() {
  impl_->steps.prepare();
  AdversarialResult result;
  result.outcome = impl_->loop.run();
  result.run_directory = impl_->context.records->directory();
  result.generator = impl_->steps.generator_path();
  result.discriminator = impl_->steps.discriminator_path();
  result.steps = impl_->context.state.attempted;
  result.skipped = impl_->context.state.skipped;
  return result;
}

void AdversarialTrainer::request_stop() { impl_->loop.request_stop(); }

}  // namespace temper::training
