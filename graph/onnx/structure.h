// What stands in a file, as plain data for whoever compares two: nodes with their attributes as
// text, and stored tensors that are read when they are asked for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "runtime/memory/unread_tensor.h"

namespace temper::graph {

struct NodeFacts {
  std::string op;  // with its domain in front if it has one
  std::string name;
  std::string label;  // "Conv 'conv1'"
  std::string scope;  // module path of PyTorch's exporter
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, std::string> attributes;  // "[1,1]"; tensors and bodies by a fingerprint
};

// The nodes of the file in an order in which they can be computed, functions inlined, without those
// whose output is a stored tensor.
std::vector<NodeFacts> node_facts(const OnnxModel& model);

struct StoredWeight {
  UnreadTensor tensor;
  std::string type;  // as stored: "f16", also where the graph computes in f32
};

// Initializers and constants of the file in its order. Those of types that are not supported throw
// when they are read. The model outlives them.
std::vector<StoredWeight> stored_weights(const OnnxModel& model);

}  // namespace temper::graph
