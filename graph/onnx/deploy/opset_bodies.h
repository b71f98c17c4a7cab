// The nodes of a file with those inside of bodies, and the stored tensors of bodies.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct PlacedNode {
  wire::NodeProto* node = nullptr;
  std::string where;  // "in a body of If 'a', "; "": in the main graph
};

// Of ONNX's own domain; those of bodies in front of the node that they belong to.
std::vector<PlacedNode> all_nodes(ModelEdit& edit);

// Initializers and Constant nodes of bodies become initializers of the main graph, where bodies
// read them as well, but for those that a body gives.
void lift_body_tensors(ModelEdit& edit);

}  // namespace temper::graph
