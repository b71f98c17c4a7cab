// How a run ended.
#pragma once

#include <string_view>

namespace temper::training {

// to_string() gives "finished", "stopped early", ...
enum class RunOutcome {
  kFinished,
  kStoppedEarly,  // patience ran out
  kInterrupted,   // request_stop(): state saved, go on with resume
  kTimeIsUp,      // train.max_time: state saved and exported; a larger one and resume go on
  kSaveFailed,    // finished, but something could not be written (exit code 4)
};

std::string_view to_string(RunOutcome outcome);

}  // namespace temper::training
