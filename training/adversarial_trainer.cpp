#include "training/adversarial_trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"
#include "training/run_records.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// One of the two models: its step's plan and its learning rate. Outputs are looked up once.
class Side {
 public:
  Side(std::string name, std::string prefix, Executor& executor, RunSchedule schedule,
       double base_lr, VariableStore& store)
      : name_(std::move(name)),
        executor_(executor),
        schedule_(std::move(schedule)),
        base_lr_(base_lr),
        rates_(store.tensor(store.find(prefix + kRatesVariable))),
        applied_(store.tensor(store.find(prefix + kAppliedVariable))),
        norm_(executor.plan().find_output("grad_norm")),
        ok_(executor.plan().find_output("ok")) {
    for (const char* output : {"loss", "real", "fake", "penalty"}) {
      const int index = executor.plan().find_output(output);
      if (index >= 0) {
        logged_.push_back({concat(name_, "/", output), index});
      }
    }
  }

  const std::string& name() const { return name_; }
  Executor& executor() { return executor_; }
  double lr() const { return schedule_.rate(std::max<std::int64_t>(applied() - 1, 0), base_lr_); }
  double loss() const { return loss_; }  // of the last step

  // Runs the step. Its outputs go to `sums`, unless it was skipped: false.
  bool run(std::map<std::string, double>& sums) {
    fill_rates();
    executor_.run();
    loss_ = number(logged_.front().output);
    last_norm_ = number(norm_);
    if (!executor_.output(ok_).span<bool>()[0]) {
      return false;
    }
    for (const Logged& logged : logged_) {
      sums[logged.metric] += number(logged.output);
    }
    sums[name_ + "/steps"] += 1;
    return true;
  }

  // The means since the last line; leaves `sums` without them.
  void report(std::map<std::string, double>& sums, std::vector<Metric>& line) const {
    const double steps = sums[name_ + "/steps"];
    for (const auto& [metric, output] : logged_) {
      if (steps > 0) {
        line.push_back({metric, sums[metric] / steps});
      }
      sums[metric] = 0;
    }
    sums[name_ + "/steps"] = 0;
    line.push_back({name_ + "/lr", lr()});
    line.push_back({name_ + "/grad_norm", last_norm_});
  }

 private:
  struct Logged {
    std::string metric;
    int output;
  };

  std::int64_t applied() const { return applied_.span<std::int64_t>()[0]; }
  double number(int output) const {
    const Tensor& tensor = executor_.output(output);
    return visit_float(tensor.dtype(),
                       [&]<class T>() { return static_cast<double>(tensor.span<T>()[0]); });
  }

  // As the trainer's: whole blocks of the table, so that its content depends on the step alone.
  void fill_rates() {
    if (applied() < rates_until_) {
      return;
    }
    const auto rates = rates_.span<double>();
    const std::int64_t first = applied() - applied() % kRateSlots;
    for (std::int64_t slot = 0; slot < kRateSlots; ++slot) {
      rates[static_cast<std::size_t>(slot)] = schedule_.rate(first + slot, base_lr_);
    }
    // The second row: one group, its momentum the optimizer's own.
    std::fill(rates.begin() + kRateSlots, rates.end(), std::numeric_limits<double>::quiet_NaN());
    rates_until_ = first + kRateSlots;
  }

  std::string name_;
  Executor& executor_;
  RunSchedule schedule_;
  double base_lr_;
  Tensor rates_;
  Tensor applied_;
  int norm_;
  int ok_;
  std::vector<Logged> logged_;
  double loss_ = 0;
  double last_norm_ = 0;
  std::int64_t rates_until_ = 0;
};

}  // namespace

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
  std::unique_ptr<Side> discriminator;
  std::unique_ptr<Side> generator;
  double log_began = 0;
  std::int64_t log_first_step = 0;
  std::vector<Metric> line;

  RunSchedule schedule(std::int64_t steps_per_iteration) const {
    TEMPER_CHECK(recipe.schedule.schedule.name != kPlateauSchedule, ErrorCode::kInvalidArgument,
                 "schedule.name is \"plateau\", which follows a metric; the losses of two models "
                 "against each other do not say which is better, so choose another schedule");
    RunLength length;
    length.steps_per_epoch = std::max<std::int64_t>(
        session.batches_per_epoch() * steps_per_iteration / recipe.adversarial.ratio, 1);
    length.total_steps = total_steps * steps_per_iteration;
    RunSchedule made(recipe.schedule, length);
    TEMPER_CHECK(!made.moves_momentum(), ErrorCode::kUnsupported, "the schedule ",
                 recipe.schedule.schedule.name,
                 " moves the optimizer's momentum, which is not supported; set "
                 "schedule.cycle_momentum = false to move the learning rate alone");
    return made;
  }

  MemoryPlan prepare() {
    const MemoryPlan memory = session.prepare();
    const AdversarialRecipe& adversarial = recipe.adversarial;
    total_steps =
        recipe.train.steps > 0
            ? recipe.train.steps
            : std::max<std::int64_t>(
                  recipe.train.epochs * session.batches_per_epoch() / adversarial.ratio, 1);
    discriminator = std::make_unique<Side>(
        "d", kDiscriminatorPrefix, session.executor(AdversarialGraphKind::kDiscriminator),
        schedule(adversarial.ratio),
        adversarial.discriminator_optimizer.parameters.get_double("lr", 0), session.store());
    generator = std::make_unique<Side>(
        "g", kGeneratorPrefix, session.executor(AdversarialGraphKind::kGenerator), schedule(1),
        adversarial.generator_optimizer.parameters.get_double("lr", 0), session.store());
    return memory;
  }

  void open_run() {
    const RunIdentity identity =
        run_identity(recipe, session.data_fingerprint(), session.backend(), session.threads());
    records = std::make_unique<RunRecords>(
        recipe, resume, identity,
        [&](const RunState&) -> VariableStore& { return session.store(); }, state, observer);
    result.run_directory = records->directory();
    loader = session.make_loader(state.data);
  }

  // A step of one model on a batch; one that is not finite changes nothing.
  void step(Side& side, const Batch& batch) {
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
        session.executor(AdversarialGraphKind::kClipWeights).run();
      }
      state.data = batch->end;
    }
    step(*generator, *batch);  // on the last batch's conditions
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
    const double elapsed = std::max(seconds_now() - log_began, 1e-9);
    now.samples_per_second = static_cast<double>(samples_since_log()) / elapsed;
    observer.stepped(now);
  }

  std::int64_t samples_since_log() const {
    return (state.attempted - log_first_step) * recipe.adversarial.ratio * recipe.data.batch_size;
  }

  void restart_clock() {
    log_began = seconds_now();
    log_first_step = state.attempted;
  }

  void log_line() {
    const double elapsed = std::max(seconds_now() - log_began, 1e-9);
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

  void show_samples() {
    const DrawnPicture picture =
        observer.sampled(state.attempted, session.sample(), recipe.adversarial.sample_grid);
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
        std::tie(result.generator, result.discriminator) =
            session.export_models(result.run_directory);
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
