// Values of a file's own size that meet one that has become dynamic: masks, positions, tables.
#pragma once

#include "graph/onnx/surgery/axis_editor.h"
#include "graph/onnx/surgery/axis_sizes.h"

namespace temper::graph {

enum class Widened {
  kNothing,   // the node has no such operand
  kChanged,   // the file is changed: sizes are to be found out anew
  kNotLonger  // a table ends at the file's size: only shorter ones will do
};

// Looks for operands of a node, which no shape rule accepts as it is, that have the file's size
// where another has one that varies, and makes them follow. THROWS: kUnsupported naming the node of
// one that cannot.
Widened widen_operands(AxisSizes& sizes, AxisEditor& editor, NodeId id);

}  // namespace temper::graph
