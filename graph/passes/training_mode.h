// Turns a graph imported for inference into the forward part of a training graph:
// BatchNormalization uses batch statistics and updates its running ones, Dropout drops.
#pragma once

#include <cstdint>

#include "graph/ir/graph.h"

namespace temper::graph {

struct TrainingModeOptions {
  bool frozen_batchnorm = false;  // keep running statistics: BatchNormalization stays as it is
  bool dropout = true;            // false: Dropout is the identity (gradient checks)
  std::uint64_t seed = 0;
  // i64 scalar: samples consumed before this batch. Needed when a Dropout is there.
  VariableId position;
};

// Nodes in inference form become BatchNormTrain with PyTorch's update (unbiased variance), nodes
// with training_mode = 1 with ONNX's. Several uses of the same statistics chain in topological
// order. Adds one apply binding per statistic, so graph.ok must be set before lowering. REQUIRES:
// shapes are known. THROWS: kInvalidArgument when a batch has one value per channel, naming
// data.drop_last.
void apply_training_mode(Graph& graph, const TrainingModeOptions& options);

// The counterpart for evaluation: nodes exported in training form (training_mode = 1) compute as at
// inference. Statistics that something reads are then the running ones.
void apply_inference_mode(Graph& graph);

// How many nodes of an imported graph its exporter left in training form.
struct TrainingForm {
  int batch_normalizations = 0;
  int dropouts = 0;

  bool any() const { return batch_normalizations + dropouts > 0; }
};
TrainingForm training_form(const Graph& imported);

}  // namespace temper::graph
