#include "training/run/run_stages.h"

#include "runtime/base/concat.h"

namespace temper::training {

std::int64_t stage_end(const Recipe& recipe, int stage) {
  std::int64_t end = 0;
  const int last = stage < 0 ? static_cast<int>(recipe.stages.size()) - 1 : stage;
  for (int i = 0; i <= last; ++i) {
    end += recipe.stages[static_cast<std::size_t>(i)].epochs;
  }
  return end;
}

int RunStages::of(std::int64_t epoch) const {
  int stage = 0;
  while (stage + 1 < static_cast<int>(recipe_.stages.size()) &&
         epoch >= stage_end(recipe_, stage)) {
    ++stage;
  }
  return stage;
}

void RunStages::enter(std::int64_t epoch, std::int64_t applied) {
  stage_ = of(epoch);
  session_.enter_stage(static_cast<std::size_t>(stage_), applied);
}

std::string RunStages::text() const {
  const StageSettings& settings = recipe_.stages[static_cast<std::size_t>(stage_)];
  return concat(
      "stage ", stage_ + 1, " of ", recipe_.stages.size(), ": ", settings.epochs, " epochs",
      settings.freeze.empty() ? std::string{} : concat(", frozen: ", join(settings.freeze, ", ")),
      settings.lr == 1 ? std::string{} : concat(", rates times ", settings.lr), "; ",
      session_.what_trains());
}

double RunStages::rate() const {
  return stage_ < 0 ? 1 : recipe_.stages[static_cast<std::size_t>(stage_)].lr;
}

}  // namespace temper::training
