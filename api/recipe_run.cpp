#include "api/recipe_run.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "api/options.h"
#include "api/status.h"
#include "training/adversarial/adversarial_trainer.h"
#include "training/analysis/averaging.h"
#include "training/run/trainer.h"

namespace temper::api {
namespace {

// Tells the application of a run, and stops it when the application says so.
class CallbackObserver final : public training::RunObserver {
 public:
  explicit CallbackObserver(const temper_callbacks* callbacks)
      : callbacks_(callbacks == nullptr ? temper_callbacks{} : *callbacks) {}

  void stop_by(std::function<void()> stop) { stop_ = std::move(stop); }

  void stepped(const training::RunProgress& progress) override {
    if (callbacks_.progress == nullptr) {
      return;
    }
    const temper_progress told = {progress.step,  progress.total_steps,
                                  progress.epoch, progress.total_epochs,
                                  progress.loss,  progress.samples_per_second};
    if (callbacks_.progress(callbacks_.user, &told) != 0) {
      stop_();
    }
  }
  void logged(std::int64_t step, std::int64_t /*epoch*/,
              std::span<const training::Metric> metrics) override {
    for (const training::Metric& metric : metrics) {
      if (callbacks_.metric != nullptr) {
        callbacks_.metric(callbacks_.user, step, metric.name.c_str(), metric.value);
      }
    }
  }
  void message(std::string_view text) override {
    if (callbacks_.message != nullptr) {
      callbacks_.message(callbacks_.user, std::string(text).c_str());
    }
  }

 private:
  temper_callbacks callbacks_;
  std::function<void()> stop_ = [] {};
};

temper_outcome outcome_of(training::RunOutcome outcome) {
  switch (outcome) {
    case training::RunOutcome::kFinished:
      break;
    case training::RunOutcome::kStoppedEarly:
      return TEMPER_STOPPED_EARLY;
    case training::RunOutcome::kInterrupted:
      return TEMPER_INTERRUPTED;
    case training::RunOutcome::kTimeIsUp:
      return TEMPER_TIME_IS_UP;
    case training::RunOutcome::kSaveFailed:
      return TEMPER_SAVE_FAILED;
  }
  return TEMPER_FINISHED;
}

temper_run run_two_models(const training::Recipe& recipe, bool resume, CallbackObserver& observer) {
  training::AdversarialSession session(recipe);
  training::AdversarialTrainer trainer(session, observer, resume);
  observer.stop_by([&] { trainer.request_stop(); });
  const training::AdversarialResult result = trainer.run();
  return {outcome_of(result.outcome), result.steps, result.run_directory, result.generator,
          result.generator};
}

temper_run run_one_model(const training::Recipe& recipe, bool resume, CallbackObserver& observer) {
  training::Session session(recipe);
  for (const std::string& note : session.notes()) {
    observer.message(note);
  }
  training::Trainer trainer(session, observer, resume);
  observer.stop_by([&] { trainer.request_stop(); });
  const training::RunResult result = trainer.run();
  return {outcome_of(result.outcome), result.steps, result.run_directory, result.best_model,
          result.last_model};
}

}  // namespace

temper_status* average_models(const char* const* models, const double* weights, size_t count,
                              const char* path) {
  return guarded([&] {
    TEMPER_CHECK(models != nullptr && count > 0, ErrorCode::kInvalidArgument,
                 "no files were given to average");
    std::vector<std::string> paths;
    for (size_t i = 0; i < count; ++i) {
      paths.emplace_back(&required(models[i], "the path of a model"));
    }
    std::vector<double> shares;
    if (weights != nullptr) {
      shares.assign(weights, weights + count);
    }
    training::AverageOptions options;
    options.weights = std::move(shares);
    training::average_files(paths, &required(path, "path"), options);
  });
}

temper_status* run_recipe(const temper_options* options, int resume,
                          const temper_callbacks* callbacks, temper_run** run) {
  return guarded([&] {
    const training::Recipe& recipe = required(options, "options").recipe;
    CallbackObserver observer(callbacks);
    auto result = std::make_unique<temper_run>();
    *result = recipe.adversarial.is_on() ? run_two_models(recipe, resume != 0, observer)
                                         : run_one_model(recipe, resume != 0, observer);
    if (run != nullptr) {
      *run = result.release();
    }
  });
}

temper_outcome run_outcome(const temper_run* run) {
  return run == nullptr ? TEMPER_FINISHED : run->outcome;
}
int64_t run_steps(const temper_run* run) { return run == nullptr ? 0 : run->steps; }
const char* run_folder(const temper_run* run) { return run == nullptr ? "" : run->folder.c_str(); }
const char* run_best_model(const temper_run* run) {
  return run == nullptr ? "" : run->best_model.c_str();
}
const char* run_last_model(const temper_run* run) {
  return run == nullptr ? "" : run->last_model.c_str();
}
void run_free(temper_run* run) { delete run; }

}  // namespace temper::api
