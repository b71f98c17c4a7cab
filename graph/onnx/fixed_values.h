// The values of a file that do not depend on its inputs: stored tensors, and what is made of them.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "graph/onnx/flatten.h"

namespace temper::graph {

struct FixedValues {
  enum class Flow {
    kNone,
    kMoves,    // the outputs are elements of stored tensors
    kComputes  // the outputs are computed from stored tensors, with a gradient
  };

  // Stored tensors, and what is moved or computed from them alone.
  std::unordered_set<std::string> stored;
  // e^x of a stored tensor, perhaps bounded: what a learned temperature or variance goes through.
  std::unordered_set<std::string> exponentials;
  // Computed from the root of a stored tensor and a small number: what a normalisation with stored
  // statistics scales and shifts by.
  std::unordered_set<std::string> frozen_norms;
  std::vector<Flow> flows;  // per node
};

// COST: linear in the graph.
FixedValues find_fixed_values(const FlatGraph& graph);

}  // namespace temper::graph
