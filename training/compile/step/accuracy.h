// How many predictions of a step's batch are right, counted in its graph: the host reads two
// numbers with the loss in place of all the outputs.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::training {

struct AccuracySettings {
  enum class Kind {
    kNone,
    kClasses,  // the first largest score along the classes is the label
    kBinary,   // score > threshold where the target is > 0.5
  };
  Kind kind = Kind::kNone;
  int output = 0;  // of the model
  // The graph's input of labels, or of floats of the output's shape.
  Port target = {PortRole::kTarget, 0};
  bool classes_last = false;
  std::int64_t ignore_index = -100;  // labels that do not count
  double threshold = 0.5;
};

// Adds the output PortRole::kAccuracy, i64 [2]: predictions that are right, predictions that count.
// Nothing for kNone. `outputs`: the model's.
void add_accuracy(graph::Graph& graph, const AccuracySettings& settings,
                  const std::vector<graph::Graph::Output>& outputs);

}  // namespace temper::training
