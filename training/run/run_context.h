// What the loop and the parts of a run share.
#pragma once

#include <memory>

#include "runtime/backend/communicator.h"
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
  std::unique_ptr<RunRecords> records = nullptr;
  // Of a run of several, or null (EngineOptions::ranks).
  Communicator* ranks = nullptr;
};

}  // namespace temper::training
