// Staged training: [[train.stage]] entries follow one another at epoch borders, each with its own
// trainable set and rate.
#include "training/run/trainer_impl.h"

namespace temper::training {

std::int64_t stage_end(const Recipe& recipe, int stage) {
  std::int64_t end = 0;
  const int last = stage < 0 ? static_cast<int>(recipe.stages.size()) - 1 : stage;
  for (int i = 0; i <= last; ++i) {
    end += recipe.stages[static_cast<std::size_t>(i)].epochs;
  }
  return end;
}

void Trainer::Impl::enter_stage(std::int64_t epoch) {
  if (recipe.stages.empty()) {
    return;
  }
  int wanted = 0;
  while (wanted + 1 < static_cast<int>(recipe.stages.size()) &&
         epoch >= stage_end(recipe, wanted)) {
    ++wanted;
  }
  if (wanted == stage) {
    return;
  }
  const StageSettings& settings = recipe.stages[static_cast<std::size_t>(wanted)];
  plans.clear();  // before the engine that has them
  session.enter_stage(static_cast<std::size_t>(wanted), state.applied);
  rates_until = 0;
  if (stage >= 0) {
    keep_snapshot();  // an earlier one has no moments of what was frozen
    observer.message(concat(
        "stage ", wanted + 1, " of ", recipe.stages.size(), ": ", settings.epochs, " epochs",
        settings.freeze.empty() ? std::string{} : concat(", frozen: ", join(settings.freeze, ", ")),
        settings.lr == 1 ? std::string{} : concat(", rates times ", settings.lr), "; ",
        session.what_trains()));
  }
  stage = wanted;
}

std::vector<MemoryPlan> Trainer::Impl::memory_of_stages() {
  std::vector<MemoryPlan> memory = {prepare()};
  for (int next = 1; next < static_cast<int>(recipe.stages.size()); ++next) {
    enter_stage(stage_end(recipe, next - 1));
    memory.push_back(session.engine().memory());
  }
  return memory;
}

double Trainer::Impl::stage_rate() const {
  return stage < 0 ? 1 : recipe.stages[static_cast<std::size_t>(stage)].lr;
}

}  // namespace temper::training
