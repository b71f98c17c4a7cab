// What the loop and the parts of a run share.
#pragma once

#include <memory>

#include "training/recipe/recipe.h"
#include "training/records/run_observer.h"
#include "training/records/run_records.h"
#include "training/records/run_state.h"

namespace temper::training {

struct RunContext {
  const Recipe& recipe;
  RunObserver& observer;
  RunState state;
  // Null before the run is opened, and in a rehearsal, which leaves nothing behind.
  std::unique_ptr<RunRecords> records;
};

}  // namespace temper::training
