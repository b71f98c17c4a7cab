// Losses by name. A loss is a piece of graph from a model output and a target to a scalar.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/builder.h"
#include "training/settings/component.h"

namespace temper::training {

struct Loss {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;
  bool class_indices =
      false;  // the target is int64 class indices; otherwise floats of the output's shape
  // The target's shape for an output of this shape. THROWS: kInvalidArgument when the loss cannot
  // take such an output.
  graph::ValueId (*build)(graph::Builder& builder, graph::ValueId output, graph::ValueId target,
                          const Attrs& parameters);
};

const std::vector<Loss>& losses();

// THROWS: kInvalidArgument with the nearest name.
const Loss& find_loss(std::string_view name);

// The target a loss expects for a model output: dtype and shape.
struct TargetSpec {
  DType dtype = DType::kFloat32;
  Shape shape;
};
TargetSpec target_spec(const Loss& loss, DType output_dtype, const Shape& output);

}  // namespace temper::training
