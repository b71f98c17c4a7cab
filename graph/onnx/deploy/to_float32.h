// `--precision fp32`: a model of 16-bit floats computes in float32.
#pragma once

#include <functional>

#include "graph/onnx/deploy/opset.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct Float32Options {
  bool convert_io = false;  // inputs and outputs of the model too
  // Runs the model as it stands.
  std::function<KnownValues(const OnnxModel&)> observe;
};

// Tensors, nodes, bodies and what the file says of types become float32, each number as it was; a
// Cast between floats of 16 and 32 bits is left out. Inputs and outputs keep their types, with a
// Cast at the edge, unless `convert_io`.
void to_float32(ModelEdit& edit, const Float32Options& options);

}  // namespace temper::graph
