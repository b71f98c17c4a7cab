// Cuts a model where what trains begins: the part before it gives the same for a sample in every
// epoch, so it can be run once.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/settings/model_settings.h"

namespace temper::training {

struct FrozenPrefix {
  struct Feature {
    std::string name;  // of the input of `rest`
    DType dtype = DType::kFloat32;
    Shape row_shape;  // of one sample
  };
  graph::Graph prefix;  // from the model's inputs to the features, in their order
  graph::Graph rest;    // from the features on: the same variables under the same ids
  std::vector<Feature> features;
};

// `imported`: inputs with the samples first, their sizes settled. A feature is the last value
// before anything that trains in which the samples lie along the first axis. THROWS:
// kInvalidArgument when nothing before what trains is computed, or naming the nodes of the prefix
// that training changes (BatchNormalization that is not frozen, Dropout) or that draw random
// numbers.
FrozenPrefix split_frozen_prefix(const graph::Graph& imported, const ModelSettings& settings,
                                 const Backend& reference);

}  // namespace temper::training
