// Counting steps that were skipped, and when they end a run.
#pragma once

#include <cmath>
#include <string_view>

#include "training/recipe/recipe.h"
#include "training/records/run_state.h"

namespace temper::training {

inline void count_skipped(RunState& state) {
  ++state.skipped;
  ++state.consecutive_skips;
}

// Whether a step that is not finite ends the run, once it is counted.
inline bool ends_the_run(const TrainSettings& settings, const RunState& state) {
  return settings.on_nonfinite == "stop" ||
         state.consecutive_skips >= settings.max_consecutive_skips;
}

// What of such a step is not finite, for people.
inline std::string_view what_is_not_finite(double loss) {
  return std::isfinite(loss) ? "gradient" : "loss";
}

}  // namespace temper::training
