// Inner values of a step as outputs of its graph, for histograms and for a diagnosis: gradients,
// unscaled and before clipping, and what the layers of the forward part give. A graph that does not
// ask for them is as if this did not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::training {

inline constexpr std::string_view kGradientOutput = "grad:";  // "grad:name of the parameter"
inline constexpr std::string_view kActivationOutput = "activation:";

// A node with parameters, or an activation function.
struct WatchedLayer {
  std::string op;
  std::string name;   // of the node, else of its value; no two are equal
  int unit_axis = 1;  // along which channels or neurons lie; -1: there is none
  graph::ValueId value;
};

// Those whose output is of floats, producers first. REQUIRES: shapes are known.
std::vector<WatchedLayer> find_layers(const graph::Graph& graph);

// "activation:Relu:1:relu1"
std::string activation_output(const WatchedLayer& layer);
// The layer of such an output, without its value. REQUIRES: activation_output() made the name.
WatchedLayer layer_of_output(std::string_view output);

}  // namespace temper::training
