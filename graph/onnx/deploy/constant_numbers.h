// Constant nodes that name their numbers in attributes of their own, as opset 12 brought it.
#pragma once

#include "graph/onnx/surgery/model_edit.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

// The numbers of a Constant node become its tensor, as every opset has it. Returns whether there
// were some; who holds the edit asks for its tensors anew then.
bool numbers_to_tensor(wire::NodeProto& node);

// Of all Constant nodes of the main graph, so that find_tensor() knows them.
void numbers_to_tensors(ModelEdit& edit);

}  // namespace temper::graph
