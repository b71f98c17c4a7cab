// Outputs that are texts, such as the names of classes: a file has them for other programs.
#pragma once

#include <string>
#include <unordered_set>

#include "graph/onnx/flatten.h"

namespace temper::graph {

// Names of the outputs of strings of the main graph, and of all that leads to them alone. None
// where the model has no other output.
std::unordered_set<std::string> only_for_texts(const wire::ModelProto& model,
                                               const FlatGraph& flat);

}  // namespace temper::graph
