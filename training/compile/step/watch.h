// Inner values of a step as outputs of its graph, for histograms and for a diagnosis: gradients,
// unscaled and before clipping, and what the layers of the forward part give. A graph that does not
// ask for them is as if this did not exist.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ir/op_facts.h"

namespace temper::training {

// A node with parameters, or an activation function.
struct WatchedLayer {
  std::string op;
  std::string name;   // of the node, else of its value; no two are equal
  int unit_axis = 1;  // along which channels or neurons lie; -1: there is none
  graph::ValueId value;
  int output = -1;  // of the plan: see GraphPorts
  graph::Activation activation = graph::Activation::kNone;
};

// Those whose output is of floats, producers first. REQUIRES: shapes are known.
std::vector<WatchedLayer> find_layers(const graph::Graph& graph);

}  // namespace temper::training
