// A graph's nodes in the form of a file: what shape rules took from inputs into attributes is
// inputs again. Private to graph/onnx.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Attributes become constants at their inputs (OpDef::writes) and names of types ONNX's numbers.
// REQUIRES: to_standard_ops(). Nothing is
// inferred from such a graph any more.
void to_node_form(Graph& graph);

}  // namespace temper::graph
