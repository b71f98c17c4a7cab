// `--lift-constants`: weights that a file has in Constant nodes become initializers.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// The Constant nodes of the main graph that hold weights, biases, scales or statistics.
std::vector<std::string> weights_in_constants(ModelEdit& edit);

// The same of initializers.
std::vector<std::string> weights_of_layers(ModelEdit& edit);

// They keep their names. A file without such nodes stays as it is.
void lift_constants(ModelEdit& edit);

}  // namespace temper::graph
