#include "training/run/run_outcome.h"

namespace temper::training {

std::string_view to_string(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kFinished:
      return "finished";
    case RunOutcome::kStoppedEarly:
      return "stopped early";
    case RunOutcome::kInterrupted:
      return "interrupted";
    case RunOutcome::kTimeIsUp:
      return "time is up";
    case RunOutcome::kSaveFailed:
      return "save failed";
  }
  return "";
}

}  // namespace temper::training
