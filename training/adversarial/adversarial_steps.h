// The steps of a run of two models, for the loop: a step is `ratio` discriminator steps and one
// generator step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/adversarial/adversarial_side.h"
#include "training/run/run_context.h"
#include "training/run/run_steps.h"
#include "training/session/adversarial_session.h"

namespace temper::training {

class AdversarialSteps final : public RunSteps {
 public:
  // `late`: how many steps' reports may be on their way, where the recipe allows any.
  AdversarialSteps(AdversarialSession& session, RunContext& context, std::int64_t late);

  // Compiles and allocates everything; called again, only says what it took.
  MemoryPlan prepare();
  // Paths of what export_models() wrote; empty without it.
  const std::string& generator_path() const { return generator_path_; }
  const std::string& discriminator_path() const { return discriminator_path_; }

  std::int64_t total_steps() const override { return total_steps_; }
  std::int64_t total_epochs() const override;
  RunIdentity identity() const override { return run_identity(session_); }
  std::vector<ScheduledModel> schedules() const override;
  VariableStore& store_of(const RunState&) override { return session_.store(); }
  RunAverages& averages() override { return averages_; }
  void begin() override;
  std::int64_t report_lag() const override { return late_; }
  IssuedStep issue() override;
  double take_report(const IssuedStep& step) override;
  LoaderTimes loading() const override {
    return loader_ == nullptr ? LoaderTimes{} : loader_->times();
  }
  bool logs_epochs() const override { return false; }
  void log(const IssuedStep& step, std::vector<Metric>& line) override;
  bool acts_after(const IssuedStep& step) const override;
  void act_after(const IssuedStep& step) override;  // shows samples
  VariableStore& store() override { return session_.store(); }
  void export_models() override;

 private:
  // Of a model that makes so many steps in each of the run's.
  ScheduledModel scheduled(AdversarialGraphKind kind, std::int64_t steps_per_step) const;
  void step(AdversarialSideLoop& side, const Batch& batch);
  void take_report(const IssuedStep& step, AdversarialSideLoop& side);

  AdversarialSession& session_;
  RunContext& context_;
  const Recipe& recipe_;
  std::optional<AdversarialSideLoop> discriminator_;
  std::optional<AdversarialSideLoop> generator_;
  RunAverages averages_;  // of the generator's weights
  std::unique_ptr<BatchLoader> loader_;
  std::int64_t total_steps_ = 0;
  std::int64_t late_;
  std::string generator_path_, discriminator_path_;
};

}  // namespace temper::training
