// `temper prune`: a model with fewer weights, tried before it is written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/onnx/deploy/prune.h"
#include "training/analysis/trial.h"

namespace temper::training {

struct PruningOptions {
  graph::PruneOptions prune;
  std::map<std::string, std::int64_t> symbols;  // sizes for the trial run; others are chosen
  int threads = 1;
};

struct Pruning {
  std::vector<graph::PrunedLayer> layers;
  std::vector<TrialOutput> trial;
};

// Writes `out` when the new model runs and gives finite values of the shapes it gave. What was
// measured of the model is no longer in its metadata. THROWS: as graph::prune(); kUnsupported when
// the trial fails, and nothing is written.
Pruning prune_model(const std::string& model, const std::string& out,
                    const PruningOptions& options);

}  // namespace temper::training
