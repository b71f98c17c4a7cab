// Nodes of a file that hold sizes as numbers: targets of Reshape and Expand, sizes of Resize, ends
// of Slice.
#pragma once

#include <functional>
#include <string>

#include "graph/onnx/surgery/axis_editor.h"
#include "graph/onnx/surgery/axis_sizes.h"

namespace temper::graph {

// Makes the numbers of a node whose inputs' sizes are known follow those, in the file and in the
// graphs of `sizes`. Does nothing to other nodes. THROWS: kUnsupported naming the node where it
// cannot be seen what is meant.
void follow_sizes(AxisSizes& sizes, AxisEditor& editor, NodeId id);

}  // namespace temper::graph
