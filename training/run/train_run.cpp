// A run of one model around its steps: what is prepared before, done between and left after them.
#include <utility>

#include "runtime/base/error.h"
#include "training/compile/step/watch.h"
#include "training/records/checkpoint.h"
#include "training/records/history.h"
#include "training/run/computed_twice.h"
#include "training/run/slow_kernels.h"
#include "training/run/train_steps.h"

namespace temper::training {

MemoryPlan TrainSteps::prepare() {
  if (!rates_) {
    const std::int64_t batches = session_.batches_per_epoch();
    steps_per_epoch_ = (batches + recipe_.train.accumulate - 1) / recipe_.train.accumulate;
    const std::int64_t epochs =
        recipe_.stages.empty() ? recipe_.train.epochs : stage_end(recipe_, -1);
    total_steps_ = recipe_.train.steps > 0 ? recipe_.train.steps : epochs * steps_per_epoch_;
    const RunLength length{steps_per_epoch_, total_steps_};
    RunRates rates(recipe_.schedule, length, recipe_.optimizer, "optimizer");
    for (const std::string& note : notes_of_lengths(schedules(), total_steps_)) {
      context_.observer.message(note);
    }
    model_.averages = RunAverages(recipe_.average, length);
    validation_.settle();
    rates_ = std::move(rates);
    enter_stage(0);
    session_.observe_until(total_steps_);
    const std::vector<GraphRequest> requests = session_.requests();
    session_.engine().prepare(requests);
    plans_.prepare(requests);
    tell_computed_twice(session_.engine().recomputed(requests.front()), "a step",
                        context_.observer);
    SlowKernels slow;
    for (const GraphRequest& request : requests) {
      slow.add(session_.engine().plan(request));
    }
    slow.tell(context_.observer);
    late_ = steps_wait() ? 0 : late_;
  }
  return session_.engine().memory();
}

std::vector<MemoryPlan> TrainSteps::memory_of_stages() {
  std::vector<MemoryPlan> memory = {prepare()};
  for (int next = 1; next < static_cast<int>(recipe_.stages.size()); ++next) {
    enter_stage(stage_end(recipe_, next - 1));
    memory.push_back(session_.engine().memory());
  }
  return memory;
}

std::vector<ScheduledModel> TrainSteps::schedules() const {
  return {{"", &recipe_.schedule, steps_per_epoch_, 1, context_.state.applied,
           recipe_.optimizer.parameters.get_double("lr", 0)}};
}

void TrainSteps::enter_stage(std::int64_t epoch) {
  if (!stages_.changes_at(epoch)) {
    return;
  }
  const bool another = stages_.current() >= 0;
  TEMPER_ASSERT(unreported_.empty(), "a stage begins before the steps of the last are done");
  plans_.forget();  // before the engine that has them
  last_plan_ = nullptr;
  stages_.enter(epoch, context_.state.applied);
  rates_->scale(stages_.rate());
  if (another) {
    spikes_.keep_snapshot(store());  // an earlier one has no moments of what was frozen
    context_.observer.message(stages_.text());
  }
}

VariableStore& TrainSteps::store_of(const RunState& saved) {
  enter_stage(saved.data.epoch);
  return store();
}

void TrainSteps::begin() {
  if (context_.records != nullptr && context_.records->resumed()) {
    validation_.resume();
    rates_->resume(context_.state.plateau);
  }
  begin_counting();
  loader_ = session_.make_train_loader(context_.state.data);
}

void TrainSteps::begin_given() {
  plans_.expect_any_size();
  begin_counting();
}

void TrainSteps::resume_given() {
  rates_->resume(context_.state.plateau);
  rates_->forget_table();
  averages() = RunAverages(recipe_.average, RunLength{steps_per_epoch_, total_steps_});
  begin_counting();
}

void TrainSteps::begin_counting() {
  plans_.reserve();
  samples_ = store().get_scalar<std::int64_t>(store().find(ScalarRole::kPosition));
  const int scale = store().find(ScalarRole::kLossScale);
  loss_scale_ = scale < 0 ? 0 : store().get_scalar<double>(scale);
}

void TrainSteps::begin_anew() {
  context_.state.given_not_finite = not_finite_elements(store());
  spikes_.keep_snapshot(store());
  validation_.evaluate_given();
}

void TrainSteps::log(const IssuedStep& step, std::vector<Metric>& line) {
  figures_.log_losses(step.ends_epoch, line);
  line.push_back({"opt/lr", rates_->rate(std::max<std::int64_t>(context_.state.applied - 1, 0))});
  figures_.log_gradients(line);
  if (loss_scale_ > 0) {
    line.push_back({"opt/loss_scale", loss_scale_});
  }
}

bool TrainSteps::evaluates_after(const IssuedStep& step) const {
  const std::int64_t every = recipe_.train.eval_every;
  return step.last || (every > 0 ? step.number % every == 0 : step.ends_epoch);
}

bool TrainSteps::writes_histograms_after(const IssuedStep& step) const {
  return recipe_.log.histograms > 0 && step.number % recipe_.log.histograms == 0;
}

bool TrainSteps::acts_after(const IssuedStep& step) const {
  return writes_histograms_after(step) || evaluates_after(step) ||
         spikes_.keeps_snapshot(step.number) || (step.ends_epoch && stages_.any());
}

void TrainSteps::act_after(const IssuedStep& step) {
  if (writes_histograms_after(step)) {
    write_histograms();
  }
  if (evaluates_after(step)) {
    validation_.evaluate_now(*rates_);
  }
  if (spikes_.keeps_snapshot(step.number) && context_.state.consecutive_skips == 0) {
    spikes_.keep_snapshot(store());
  }
  if (step.ends_epoch && !step.last) {  // before it is saved: a checkpoint is of its epoch's stage
    enter_stage(step.end.epoch);
  }
}

// For TensorBoard: gradients of the last step, before clipping, and weights after it.
void TrainSteps::write_histograms() {
  TensorBoardLog* board = context_.records->tensorboard();
  if (board == nullptr) {
    return;
  }
  context_.records->guarded([&] {
    const std::int64_t step = context_.state.attempted;
    for (const TensorPort& gradient : last_plan_->ports->gradients) {
      const int id =
          store().find(VariableIdentity::of_tensor(VariableKind::kParameter, gradient.number));
      const std::string& name = store().variable(id).name;
      const Tensor& dweight = last_plan_->executor->read_output(gradient.output);
      board->train().histogram(step, "gradients/" + name, dweight.to_plain().values<float>());
      board->train().histogram(step, "weights/" + name, store().get(id).values<float>());
    }
  });
}

void TrainSteps::export_models() {
  model_.export_to(last_model_path());
  context_.records->guarded([&] { write_history(context_.records->directory()); });
}

void TrainSteps::conclude(RunOutcome outcome) {
  verdict_ = validation_.best().verdict(validation_.monitored());
  if (outcome != RunOutcome::kInterrupted) {
    validation_.judge_best();
  }
}

}  // namespace temper::training
