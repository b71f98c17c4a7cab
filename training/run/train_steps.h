// The steps of a run of one model, for the loop, and of a rehearsal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/run/micro_batches.h"
#include "training/run/run_context.h"
#include "training/run/run_model.h"
#include "training/run/run_rates.h"
#include "training/run/run_stages.h"
#include "training/run/run_steps.h"
#include "training/run/spike_watch.h"
#include "training/run/step_plans.h"
#include "training/run/train_figures.h"
#include "training/run/validation.h"

namespace temper::training {

class TrainSteps final : public RunSteps {
 public:
  // `late`: how many steps' reports may be on their way, where the recipe allows any.
  TrainSteps(Session& session, RunContext& context, std::int64_t late);

  // Compiles and allocates everything; called again, only says what it took.
  MemoryPlan prepare();
  // The same for each stage of the run, one after another. Afterwards nothing can be run.
  std::vector<MemoryPlan> memory_of_stages();
  // REQUIRES, of all below: prepare().
  RunRates& rates() { return *rates_; }
  Validation& validation() { return validation_; }
  RunModel& model() { return model_; }
  // begin() for steps on data that the session does not load: issue() of batches that `next` gives.
  void begin_given();
  // The same once store and state are those of a checkpoint.
  void resume_given();
  IssuedStep issue(const MicroBatches& group, const std::function<const Batch*()>& next);
  // Of the last step; null before the first.
  const StepPlan* last_plan() const { return last_plan_; }
  std::string last_model_path() const { return context_.records->path("last.onnx"); }
  const std::string& verdict() const { return verdict_; }

  std::int64_t total_steps() const override { return total_steps_; }
  std::int64_t total_epochs() const override {
    return (total_steps_ + steps_per_epoch_ - 1) / steps_per_epoch_;
  }
  RunIdentity identity() const override { return run_identity(session_); }
  std::vector<ScheduledModel> schedules() const override;
  VariableStore& store_of(const RunState& saved) override;
  RunAverages& averages() override { return model_.averages; }
  void begin() override;
  void begin_anew() override;
  std::int64_t report_lag() const override { return late_; }
  bool needs_reports() const override;
  void settle_ranks() override;
  IssuedStep issue() override;
  double take_report(const IssuedStep& step) override;
  LoaderTimes loading() const override {
    return loader_ == nullptr ? LoaderTimes{} : loader_->times();
  }
  bool logs_epochs() const override { return true; }
  void log(const IssuedStep& step, std::vector<Metric>& line) override;
  bool acts_after(const IssuedStep& step) const override;
  void act_after(const IssuedStep& step) override;
  bool wants_more() const override { return validation_.best().patient(); }
  VariableStore& store() override { return session_.engine().store(); }
  void export_models() override;
  void conclude(RunOutcome outcome) override;

 private:
  void enter_stage(std::int64_t epoch);
  void begin_counting();
  // Whether a step depends on what the one before it gave, in a way that the host decides.
  bool steps_wait() const;
  bool evaluates_after(const IssuedStep& step) const;
  bool writes_histograms_after(const IssuedStep& step) const;
  void write_histograms();
  // Whether a step that is not finite is one of the overflows by which a dynamic loss scale finds
  // its place.
  bool scale_still_falls() const;
  // Of the loss that is not finite; empty where it is not known.
  std::string why_not_finite() const;
  [[noreturn]] void fail_diverged(const IssuedStep& step, double loss, std::int64_t first_sample,
                                  const std::string& why);
  std::string first_bad_node(const IssuedStep& step, std::int64_t first_sample);

  Session& session_;
  RunContext& context_;
  const Recipe& recipe_;
  StepPlans plans_;
  RunStages stages_;
  SpikeWatch spikes_;
  TrainFigures figures_;
  RunModel model_;
  Validation validation_;
  std::optional<RunRates> rates_;
  std::unique_ptr<BatchLoader> loader_;
  std::int64_t steps_per_epoch_ = 1;
  std::int64_t total_steps_ = 0;
  // A step that was issued and has no report yet. Of its batches, so many came before the last.
  struct Unreported {
    const StepPlan* plan = nullptr;
    std::size_t micro = 0;
    std::int64_t first_sample = 0;  // counted over the run: where its Dropout masks begin
  };
  void take_skipped(const IssuedStep& step, const Unreported& run, const StepReading& reading);
  AccuracyCount take_right(const Unreported& run);

  std::int64_t late_;
  std::vector<Unreported> unreported_;   // the oldest first
  std::vector<const StepPlan*> micro_;   // what ran their batches before the last
  const StepPlan* last_plan_ = nullptr;  // of the step that was issued last
  double loss_scale_ = 0;                // after the last report; 0 without loss scaling
  std::int64_t samples_ = 0;             // of all steps so far, as the store counts them
  std::string verdict_;
};

}  // namespace temper::training
