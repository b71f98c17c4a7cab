// Turns a graph imported for inference into the forward part of a training graph:
// BatchNormalization uses batch statistics and updates its running ones, Dropout drops.
#pragma once

#include <map>
#include <string>

#include "graph/ir/training_context.h"

namespace temper::graph {

// Nodes in inference form become BatchNormTrain with PyTorch's update (unbiased variance), nodes
// with training_mode = 1 with ONNX's. Several uses of the same statistics chain in topological
// order. Adds one apply binding per statistic, so graph.ok must be set before lowering. REQUIRES:
// shapes are known. THROWS: kInvalidArgument when a batch has one value per channel, naming
// data.drop_last.
void apply_training_mode(Graph& graph, const TrainingModeOptions& options);

// The counterpart for evaluation: nodes exported in training form (training_mode = 1) compute as at
// inference. Statistics that something reads are then the running ones.
void apply_inference_mode(Graph& graph);

// How many nodes of an imported graph its exporter left in training form, of each op that has one.
struct TrainingForm {
  std::map<std::string, int> counts;

  bool any() const;
};
TrainingForm training_form(const Graph& imported);

}  // namespace temper::graph
