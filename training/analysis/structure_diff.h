// Two ONNX files as they are written: what they declare, and which nodes stand in one of them only,
// or otherwise in the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/onnx/structure.h"

namespace temper::training {

// A fact that differs; a value that is empty stands for "none".
struct FactDiff {
  std::string what;  // "opset", "input 'x'", "metadata author"
  std::string a;
  std::string b;
};

struct NodeDiff {
  graph::NodeFacts a;
  graph::NodeFacts b;
  std::vector<FactDiff> facts;  // attributes, and "inputs" where they come from elsewhere
};

struct StructureDiff {
  std::vector<FactDiff> facts;  // of the files
  std::vector<graph::NodeFacts> only_a;
  std::vector<graph::NodeFacts> only_b;
  std::vector<NodeDiff> changed;
  int nodes_a = 0;
  int nodes_b = 0;

  bool equal() const {
    return facts.empty() && only_a.empty() && only_b.empty() && changed.empty();
  }
};

// Nodes are the same one that give a value of the same name, or have the same name, by the same op;
// of the others those of equal op and attributes in their order, then those of equal op. `renamed`:
// tensors of b by their names in a.
StructureDiff diff_structure(const graph::OnnxModel& a, const graph::OnnxModel& b,
                             const std::map<std::string, std::string>& renamed);

}  // namespace temper::training
