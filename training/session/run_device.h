// Where the plans of a session run.
#pragma once

#include <memory>

#include "runtime/backend/backend.h"
#include "training/compile/plan_set.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct RunDevice {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Backend> reference;  // for what is computed when a graph is made
};

// The device that [train] names; its threads and its cache of plans go to `options`.
RunDevice open_device(const TrainSettings& train, EngineOptions& options);

}  // namespace temper::training
