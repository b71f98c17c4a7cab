// A model whose values can all be looked at.
#pragma once

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// What nodes of the main graph give becomes an output of the model; sequences and optional values
// do not.
void make_values_outputs(ModelEdit& edit);

}  // namespace temper::graph
