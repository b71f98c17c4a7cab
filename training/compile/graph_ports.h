// Where a graph, and the plan made of it, has what its step gives: found once when it is made, so
// that a step looks nothing up.
#pragma once

#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/step/watch.h"

namespace temper::training {

// Something of one tensor of the model.
struct TensorPort {
  int number = 0;  // of the tensor in the model: VariableIdentity::slot
  int output = -1;
};

// Numbers of outputs; -1: there is none.
struct GraphPorts {
  int loss = -1;
  int norm = -1;
  int clipped = -1;  // the norm after clipping by value, unit or tensor
  int ok = -1;
  int spike = -1;
  int loss_scale = -1;  // that coming steps use; absent where it stays as it is
  int accuracy = -1;
  std::vector<int> loss_sums;         // of each part of the loss
  std::vector<int> model_outputs;     // as the model has them
  std::vector<TensorPort> gradients;  // of kGradient: `number` counts GraphRequest::wrt
  std::vector<TensorPort> statistics;
  std::vector<WatchedLayer> layers;  // with their outputs
};

struct MadeGraph {
  graph::Graph graph;
  GraphPorts ports;
};

// `layers`: the watched ones, in the order of their ports.
MadeGraph with_ports(graph::Graph graph, std::vector<WatchedLayer> layers);

}  // namespace temper::training
