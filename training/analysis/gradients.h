// Loss and gradients of one batch: to check Temper against anything else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/plan_set.h"
#include "training/formats/npz.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct GradientOptions {
  std::vector<std::string>
      wrt;              // patterns over all float tensors of the model; empty: the trainable ones
  bool inputs = false;  // also of the model's float inputs, as "input:NAME"
};

struct Gradients {
  double loss = 0;
  std::vector<NamedTensor> tensors;  // by the tensor's name in the file, in the file's order
  std::vector<std::string> notes;
};

// The whole data of `recipe.data.train` as one batch, in training mode with Dropout off.
// THROWS: as Session does; kInvalidArgument when nothing is left to differentiate.
Gradients compute_gradients(const Recipe& recipe, const GradientOptions& options,
                            EngineOptions engine_options = {});

// What compute_gradients() runs, for a batch of `rows` samples: outputs "loss", those of the model
// and "gradient.NAME" for each tensor. `notes`: for people.
graph::Graph make_gradient_graph(const Recipe& recipe, const GradientOptions& options,
                                 std::int64_t rows, std::vector<std::string>& notes);

}  // namespace temper::training
