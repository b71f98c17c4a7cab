// The body of an If, Loop or Scan: a graph of its own. What it reads of the graph around it comes
// through inputs: a node's last `captures` inputs (an attribute) are the last inputs of each of its
// bodies, so nothing refers across graphs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

struct Body {
  std::string attribute;  // "then_branch"
  // Without variables and updates. Shapes are not known before the node's are.
  Graph graph;
  // Inputs that became constants when the body was bound, and the values around it they are.
  struct Constant {
    ValueId inner, outer;
  };
  std::vector<Constant> constants = {};
  // Of the gradient of a body: that body.
  std::shared_ptr<const Body> forward = nullptr;
};

// Makes the numbers of a graph's input and output ports those of their places.
void number_ports(Graph& graph);

// How many of a node's inputs, the last ones, its bodies read of the graph around them.
inline std::size_t capture_count(const Node& node) {
  return static_cast<std::size_t>(node.attrs.get_int("captures", 0));
}

}  // namespace temper::graph
