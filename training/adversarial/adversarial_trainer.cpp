#include "training/adversarial/adversarial_trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/platform/clock.h"
#include "training/adversarial/adversarial_side.h"
#include "training/records/run_records.h"
#include "training/run/run_length.h"
#include "training/run/weight_averaging.h"
#include "training/schedules/length_notes.h"

namespace temper::training {
struct AdversarialTrainer::Impl {
  Impl(AdversarialSession& session_, RunObserver& observer_, bool resume_)
      : session(session_), observer(observer_), recipe(session_.recipe()), resume(resume_) {}

  AdversarialSession& session;
  RunObserver& observer;
  const Recipe& recipe;
  const bool resume;
  RunState state;  // attempted: iterations
  AdversarialResult result;
  std::int64_t total_steps = 0;
  std::unique_ptr<RunRecords> records;
  std::unique_ptr<BatchLoader> loader;
  std::unique_ptr<AdversarialSideLoop> discriminator;
  std::unique_ptr<AdversarialSideLoop> generator;
  AveragePlan average;  // of the generator's weights
  double log_began = 0;
  std::int64_t log_first_step = 0;
  std::vector<Metric> line;

  // Of a run of so many iterations in steps of a model that makes so many in each.
  RunLength length_of(std::int64_t steps_per_iteration, std::int64_t iterations) const {
    RunLength length;
    length.steps_per_epoch = std::max<std::int64_t>(
        session.batches_per_epoch() * steps_per_iteration / recipe.adversarial.ratio, 1);
    length.total_steps = iterations * steps_per_iteration;
    return length;
  }

  MemoryPlan prepare() {
    const MemoryPlan memory = session.prepare();
    const AdversarialRecipe& adversarial = recipe.adversarial;
    total_steps =
        recipe.train.steps > 0
            ? recipe.train.steps
            : std::max<std::int64_t>(
                  recipe.train.epochs * session.batches_per_epoch() / adversarial.ratio, 1);
    discriminator =
        std::make_unique<AdversarialSideLoop>(session, AdversarialGraphKind::kDiscriminator, "d",
                                              length_of(adversarial.ratio, total_steps));
    generator = std::make_unique<AdversarialSideLoop>(session, AdversarialGraphKind::kGenerator,
                                                      "g", length_of(1, total_steps));
    tell_lengths("generator", adversarial.generator, length_of(1, total_steps));
    tell_lengths("discriminator", adversarial.discriminator,
                 length_of(adversarial.ratio, total_steps));
    return memory;
  }

  void tell_lengths(const char* model, const AdversarialSide& side, const RunLength& length) {
    for (const std::string& note : length_notes(schedule_of(side, recipe), length)) {
      observer.message(concat(model, ": ", note));
    }
  }

  void open_run() {
    records = std::make_unique<RunRecords>(
        recipe, resume, run_identity(session),
        [&](const RunState&) -> VariableStore& { return session.store(); }, state, observer);
    settle_changed_length();
    result.run_directory = records->directory();
    loader = session.make_loader(state.data);
  }

  // The parts of the run that go by its length, where it was another one when it was saved.
  void settle_changed_length() {
    std::vector<std::string> notes;
    const std::int64_t before = state.total_steps;
    if (records->resumed() && before > 0 && before != total_steps) {
      notes.push_back(length_change(before, total_steps, state.attempted));
      const AdversarialRecipe& two = recipe.adversarial;
      const auto say = [&](const char* key, const AdversarialSide& side, std::int64_t steps,
                           std::int64_t applied) {
        notes.push_back(schedule_change(key, schedule_of(side, recipe), length_of(steps, before),
                                        length_of(steps, total_steps), applied,
                                        side.optimizer.parameters.get_double("lr", 0)));
      };
      say("the generator's schedule", two.generator, 1, generator->applied());
      say("the discriminator's schedule", two.discriminator, two.ratio, discriminator->applied());
    }
    average = resumed_average(recipe.average, length_of(1, total_steps), state,
                              generator->applied(), notes);
    state.average_updates = average.updates(generator->applied());
    state.average_start = recipe.average.is_on() ? average.start() : -1;
    state.total_steps = total_steps;
    for (const std::string& note : notes) {
      if (!note.empty()) {
        observer.message(note);
      }
    }
  }

  // A step of one model on a batch; one that is not finite changes nothing.
  void step(AdversarialSideLoop& side, const Batch& batch) {
    session.bind(side.executor(), batch);
    if (side.run(state.sums)) {
      state.consecutive_skips = 0;
      return;
    }
    ++state.skipped;
    ++state.consecutive_skips;
    const char* model = &side == generator.get() ? "generator" : "discriminator";
    const char* part = std::isfinite(side.loss()) ? "gradient" : "loss";
    TEMPER_CHECK(recipe.train.on_nonfinite != "stop" &&
                     state.consecutive_skips < recipe.train.max_consecutive_skips,
                 ErrorCode::kDiverged, "iteration ", state.attempted + 1, " gave a non-finite ",
                 part, " of the ", model, " (", state.consecutive_skips,
                 " skipped in a row); try a lower optimizer.", model, ".lr or clip.norm = 1.0");
    observer.message(concat("a ", model, " step of iteration ", state.attempted + 1,
                            " was skipped: its ", part, " is not finite"));
  }

  void iterate() {
    const Batch* batch = nullptr;
    for (std::int64_t i = 0; i < recipe.adversarial.ratio; ++i) {
      batch = loader->next();
      step(*discriminator, *batch);
      if (session.clips_weights()) {
        session.executor(AdversarialGraphKind::kClipWeights)->run();
      }
      state.data = batch->end;
    }
    set_average_weights(session.store(), average, generator->applied() + 1);
    step(*generator, *batch);  // on the last batch's conditions
    state.average_updates = average.updates(generator->applied());
    ++state.attempted;
    report_progress();
  }

  RunProgress progress() const {
    RunProgress made;
    made.step = state.attempted;
    made.total_steps = total_steps;
    made.epoch = state.data.epoch;
    made.total_epochs = (total_steps * recipe.adversarial.ratio + session.batches_per_epoch() - 1) /
                        session.batches_per_epoch();
    return made;
  }

  void report_progress() {
    RunProgress now = progress();
    now.loss = generator->loss();
    const double elapsed = std::max(steady_seconds() - log_began, 1e-9);
    now.samples_per_second = static_cast<double>(samples_since_log()) / elapsed;
    observer.stepped(now);
  }

  std::int64_t samples_since_log() const {
    return (state.attempted - log_first_step) * recipe.adversarial.ratio * recipe.data.batch_size;
  }

  void restart_clock() {
    log_began = steady_seconds();
    log_first_step = state.attempted;
  }

  void log_line() {
    const double elapsed = std::max(steady_seconds() - log_began, 1e-9);
    line.clear();
    discriminator->report(state.sums, line);
    generator->report(state.sums, line);
    if (state.skipped > 0) {
      line.push_back({"opt/skipped", static_cast<double>(state.skipped)});
    }
    const std::int64_t steps = std::max<std::int64_t>(state.attempted - log_first_step, 1);
    line.push_back({"perf/samples_per_s", static_cast<double>(samples_since_log()) / elapsed});
    line.push_back({"perf/step_ms", elapsed * 1e3 / static_cast<double>(steps)});
    records->write(state, line);
    restart_clock();
  }

  // Samples come from the averaged generator where there is one, as they do from what is exported.
  template <class Act>
  void with_exported_weights(Act&& act) {
    std::optional<AveragesInPlace> in_place;
    if (state.average_updates > 0 && recipe.average.exported == "average") {
      in_place.emplace(session.store());
    }
    act();
  }

  void show_samples() {
    Tensor samples;
    with_exported_weights([&] { samples = session.sample(); });
    const DrawnPicture picture =
        observer.sampled(state.attempted, samples, recipe.adversarial.sample_grid);
    TensorBoardLog* board = records->tensorboard();
    if (board != nullptr && !picture.png.empty()) {
      records->guarded([&] {
        board->train().image(state.attempted, "samples", picture.png, picture.width,
                             picture.height);
      });
    }
  }

  static bool is_due(std::int64_t step, std::int64_t every) {
    return every > 0 && step % every == 0;
  }

  AdversarialResult run(const std::atomic<bool>& stop) {
    prepare();
    open_run();
    observer.started(result.run_directory, progress());
    restart_clock();
    while (state.attempted < total_steps && !stop.load(std::memory_order_relaxed)) {
      const std::int64_t epoch = state.data.epoch;
      iterate();
      const bool last = state.attempted >= total_steps;
      if (last || is_due(state.attempted, recipe.log.every)) {
        log_line();
      }
      if (last || is_due(state.attempted, recipe.adversarial.samples_every)) {
        show_samples();
      }
      const bool epoch_end = recipe.checkpoint.every == 0 && state.data.epoch != epoch;
      if (last || epoch_end || is_due(state.attempted, recipe.checkpoint.every)) {
        records->checkpoint(session.store(), state);
      }
    }
    return finish();
  }

  AdversarialResult finish() {
    result.steps = state.attempted;
    result.skipped = state.skipped;
    if (state.attempted < total_steps) {
      records->checkpoint(session.store(), state);
      result.outcome = RunOutcome::kInterrupted;
    } else {
      records->guarded([&] {
        with_exported_weights([&] {
          std::tie(result.generator, result.discriminator) =
              session.export_models(result.run_directory);
        });
      });
    }
    if (records->save_failed()) {
      result.outcome = RunOutcome::kSaveFailed;
    }
    records->show(state, observer.finished(result.run_directory));
    return result;
  }
};

AdversarialTrainer::AdversarialTrainer(AdversarialSession& session, RunObserver& observer,
                                       bool resume)
    : impl_(std::make_unique<Impl>(session, observer, resume)) {}

AdversarialTrainer::~AdversarialTrainer() = default;

MemoryPlan AdversarialTrainer::prepare() { return impl_->prepare(); }

AdversarialResult AdversarialTrainer::run() { return impl_->run(stop_); }

}  // namespace temper::training
