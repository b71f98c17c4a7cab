// Where the plans of a session run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/backend/backend.h"
#include "training/compile/plan_set.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct RunDevice {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Backend> reference;  // for what is computed when a graph is made
};

// The device that [train] names; its threads and its cache of plans go to `options`. "auto" becomes
// what was chosen, so that a resumed run has it too; `notes` says so.
RunDevice open_device(TrainSettings& train, EngineOptions& options,
                      std::vector<std::string>& notes);

}  // namespace temper::training
