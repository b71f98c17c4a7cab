// The bodies of If, Loop, Scan and the like, which are not flattened: what is inside them, for
// people who ask what a model holds and why it is not supported.
#pragma once

#include <set>
#include <string>

#include "graph/onnx/flatten.h"

namespace temper::graph {

// The names of the surrounding graph that the node's bodies read.
std::set<std::string> read_in_subgraphs(const FlatNode& node);

}  // namespace temper::graph
