#include "training/adversarial/adversarial_steps.h"

#include <algorithm>
#include <tuple>

#include "runtime/base/error.h"
#include "training/run/computed_twice.h"
#include "training/run/skipped_steps.h"
#include "training/run/slow_kernels.h"

namespace temper::training {

AdversarialSteps::AdversarialSteps(AdversarialSession& session, RunContext& context,
                                   std::int64_t late)
    : session_(session), context_(context), recipe_(session.recipe()), late_(late) {}

MemoryPlan AdversarialSteps::prepare() {
  const MemoryPlan memory = session_.prepare();
  if (!generator_) {
    const std::int64_t ratio = recipe_.adversarial.ratio;
    total_steps_ = recipe_.train.steps > 0
                       ? recipe_.train.steps
                       : std::max<std::int64_t>(
                             recipe_.train.epochs * session_.batches_per_epoch() / ratio, 1);
    const ScheduledModel of_discriminator = scheduled(AdversarialGraphKind::kDiscriminator, ratio);
    const ScheduledModel of_generator = scheduled(AdversarialGraphKind::kGenerator, 1);
    discriminator_.emplace(session_, AdversarialGraphKind::kDiscriminator, "d",
                           of_discriminator.length(total_steps_),
                           static_cast<int>((late_ + 1) * ratio));
    generator_.emplace(session_, AdversarialGraphKind::kGenerator, "g",
                       of_generator.length(total_steps_), static_cast<int>(late_ + 1));
    averages_ = RunAverages(recipe_.average, of_generator.length(total_steps_));
    SlowKernels slow;
    for (const auto kind :
         {AdversarialGraphKind::kDiscriminator, AdversarialGraphKind::kGenerator}) {
      slow.add(session_.executor(kind)->plan());
      tell_computed_twice(session_.recomputed(kind),
                          kind == AdversarialGraphKind::kGenerator ? "the generator's step"
                                                                   : "the discriminator's step",
                          context_.observer);
    }
    slow.tell(context_.observer);
    for (const std::string& note :
         notes_of_lengths({of_generator, of_discriminator}, total_steps_)) {
      context_.observer.message(note);
    }
  }
  return memory;
}

ScheduledModel AdversarialSteps::scheduled(AdversarialGraphKind kind,
                                           std::int64_t steps_per_step) const {
  const AdversarialSide& side = session_.side(kind);
  ScheduledModel made;
  made.name = to_string(kind);
  made.schedule = &schedule_of(side, recipe_);
  made.steps_per_epoch = std::max<std::int64_t>(
      session_.batches_per_epoch() * steps_per_step / recipe_.adversarial.ratio, 1);
  made.steps_per_step = steps_per_step;
  made.base_rate = side.optimizer.parameters.get_double("lr", 0);
  return made;
}

std::int64_t AdversarialSteps::total_epochs() const {
  const std::int64_t batches = session_.batches_per_epoch();
  return (total_steps_ * recipe_.adversarial.ratio + batches - 1) / batches;
}

std::vector<ScheduledModel> AdversarialSteps::schedules() const {
  ScheduledModel generator = scheduled(AdversarialGraphKind::kGenerator, 1);
  ScheduledModel discriminator =
      scheduled(AdversarialGraphKind::kDiscriminator, recipe_.adversarial.ratio);
  generator.applied = generator_->applied_in_store();
  discriminator.applied = discriminator_->applied_in_store();
  return {generator, discriminator};
}

void AdversarialSteps::begin() {
  discriminator_->begin();
  generator_->begin();
  loader_ = session_.make_train_loader(context_.state.data);
}

void AdversarialSteps::step(AdversarialSideLoop& side, const Batch& batch) {
  session_.bind(side.executor(), batch);
  side.run();
}

IssuedStep AdversarialSteps::issue() {
  RunState& state = context_.state;
  IssuedStep issued;
  issued.begin = state.data;
  const Batch* batch = nullptr;
  for (std::int64_t i = 0; i < recipe_.adversarial.ratio; ++i) {
    batch = loader_->next();
    step(*discriminator_, *batch);
    if (session_.clips_weights()) {
      session_.executor(AdversarialGraphKind::kClipWeights)->run();
    }
    issued.samples += batch->rows;
    state.data = batch->end;
  }
  if (!averages_.hold(generator_->most_applied())) {
    averages_.before_step(session_.store(), generator_->applied_in_store());
  }
  step(*generator_, *batch);  // on the last batch's conditions
  issued.number = ++state.attempted;
  issued.end = state.data;
  issued.ends_epoch = issued.end.epoch != issued.begin.epoch;
  return issued;
}

double AdversarialSteps::take_report(const IssuedStep& step) {
  for (std::int64_t i = 0; i < recipe_.adversarial.ratio; ++i) {
    take_report(step, *discriminator_);
  }
  take_report(step, *generator_);
  context_.state.average_updates = averages_.updates(generator_->applied());
  return generator_->loss();
}

// A step of one model that is not finite changes nothing.
void AdversarialSteps::take_report(const IssuedStep& step, AdversarialSideLoop& side) {
  RunState& state = context_.state;
  if (side.take_report(state.sums)) {
    state.consecutive_skips = 0;
    return;
  }
  count_skipped(state);
  const std::string_view part = what_is_not_finite(side.loss());
  TEMPER_CHECK(!ends_the_run(recipe_.train, state), ErrorCode::kDiverged, "iteration ", step.number,
               " gave a non-finite ", part, " of the ", side.model(), " (", state.consecutive_skips,
               " skipped in a row); try a lower optimizer.", side.model(),
               ".lr or clip.norm = 1.0");
  context_.observer.message(concat("a ", side.model(), " step of iteration ", step.number,
                                   " was skipped: its ", part, " is not finite"));
}

void AdversarialSteps::log(const IssuedStep&, std::vector<Metric>& line) {
  discriminator_->log(context_.state.sums, line);
  generator_->log(context_.state.sums, line);
}

bool AdversarialSteps::acts_after(const IssuedStep& step) const {
  const std::int64_t every = recipe_.adversarial.samples_every;
  return step.last || (every > 0 && step.number % every == 0);
}

// Samples come from the averaged generator where there is one, as they do from what is exported.
void AdversarialSteps::act_after(const IssuedStep& step) {
  Tensor samples;
  averages_.in_place(recipe_.average.exported == "average", session_.store(), generator_->applied(),
                     [&] { samples = session_.sample(); });
  const DrawnPicture picture =
      context_.observer.sampled(step.number, samples, recipe_.adversarial.sample_grid);
  TensorBoardLog* board = context_.records->tensorboard();
  if (board != nullptr && !picture.png.empty()) {
    context_.records->guarded([&] {
      board->train().image(step.number, "samples", picture.png, picture.width, picture.height);
    });
  }
}

void AdversarialSteps::export_models() {
  context_.records->guarded([&] {
    averages_.in_place(recipe_.average.exported == "average", session_.store(),
                       generator_->applied(), [&] {
                         std::tie(generator_path_, discriminator_path_) =
                             session_.export_models(context_.records->directory());
                       });
  });
}

}  // namespace temper::training
