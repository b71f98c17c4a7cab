// `--strip-activation`: the logits in place of a final Softmax, LogSoftmax or Sigmoid.
#pragma once

#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// The output (empty: the first) keeps its name and becomes what the activation was given. THROWS:
// kInvalidArgument when the output is no Softmax, LogSoftmax or Sigmoid.
void strip_activation(ModelEdit& edit, const std::string& output);

// Whether the output of this name is such an activation; its label, or "".
std::string final_activation(ModelEdit& edit, const std::string& output);

}  // namespace temper::graph
