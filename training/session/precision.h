// The arithmetic of a run: what train.precision and [scaler] mean for a model on a device.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/compile/training_graph.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// Fills settings.precision and settings.scaler. "auto" becomes what the device is best at and stays
// that in the recipe, so that a resumed run has it too; `notes` says so. THROWS: kUnsupported for
// 16 bits in a float64 model.
void settle_precision(Recipe& recipe, const graph::Graph& model, const Backend& backend,
                      CompileSettings& settings, std::vector<std::string>& notes);

}  // namespace temper::training
