// train.cache_features: what the frozen first part of a model gives is computed once for every
// sample, and the run trains the rest on that.
#pragma once

#include <string>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/compile/engine.h"
#include "training/recipe/recipe.h"
#include "training/session/run_data.h"

namespace temper::training {

// Runs the frozen part on all rows of `data` that are used, without the random changes of training;
// `data` then deliver its results in place of the model's inputs, and `imported` takes them.
// Returns a line for people. THROWS: as split_frozen_prefix(); kInvalidArgument for a recipe whose
// inputs change from epoch to epoch, kUnsupported for one that reads them otherwise.
std::string cache_features(graph::Graph& imported, RunData& data, const Recipe& recipe,
                           const CompileSettings& settings, const Backend& backend,
                           const Backend& reference, const EngineOptions& options);

}  // namespace temper::training
