// The file's graphs as one list of nodes: model-local functions inlined, the nodes of bodies (of
// If, Loop, Scan) in front of the node they belong to, names made unique and checked, sorted so
// that every value is produced before it is read. Points into the parsed file, which must outlive
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace temper::wire {
class AttributeProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
}  // namespace temper::wire

namespace temper::graph {

struct FlatAttribute {
  std::string name;
  const wire::AttributeProto* value = nullptr;
};

struct FlatNode {
  std::string op;
  std::string domain;  // "" for ONNX's own
  std::int64_t opset = 0;
  std::string name;
  std::string scope;                // module path of PyTorch's exporter
  std::vector<std::string> inputs;  // "" is left out
  std::vector<std::string> outputs;
  std::vector<FlatAttribute> attributes;
  const wire::NodeProto* source = nullptr;
  bool inlined = false;     // from a function's body
  int body = -1;            // where it stands; -1: in the main graph
  std::vector<int> bodies;  // its own

  const wire::AttributeProto* find(const char* attribute) const;
  // "Conv 'conv1'", or "Conv (output 'y')" when it has no name.
  std::string label() const;
};

// A graph attribute of a node.
struct FlatBody {
  std::string attribute;  // "then_branch"
  int outer = -1;         // the body its node stands in
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  const wire::GraphProto* source = nullptr;
};

struct FlatGraph {
  std::vector<FlatNode> nodes;
  // In the file's order, those of bodies behind.
  std::vector<std::pair<std::string, const wire::TensorProto*>> initializers;
  std::vector<FlatBody> bodies;
  // Where the inputs and initializers of bodies can be read.
  std::unordered_map<std::string, int> body_of_given;
  // Initializers of bodies inside functions: of several calls, perhaps.
  std::unordered_set<std::string> shared;

  // Calls f(name) for all that a node reads: its inputs, and what its bodies give it.
  template <class F>
  void for_each_read(const FlatNode& node, F f) const {
    for (const std::string& name : node.inputs) {
      f(name);
    }
    for (const int body : node.bodies) {
      for (const std::string& name : bodies[static_cast<std::size_t>(body)].outputs) {
        f(name);
      }
    }
  }
};

// "" for "" and "ai.onnx".
std::string normal_domain(const std::string& domain);

// The path of the node's module, from the metadata of PyTorch's exporter; "" without it.
std::string module_scope(const wire::NodeProto& node);

// `file_bytes` bounds what inlining may produce. THROWS: kInvalidModel: names produced twice or by
// nobody, a cycle (its nodes are named), functions that call themselves or grow without bound;
// kUnsupported: opset outside 7 to 28.
FlatGraph flatten(const wire::ModelProto& model, std::uint64_t file_bytes);

// Checks names and sorts (keeping the file's order where it can). Part of flatten(). `inputs` are
// the graph inputs that have no initializer; `outputs` the graph's outputs.
void check_and_sort(FlatGraph& graph, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs);

}  // namespace temper::graph
