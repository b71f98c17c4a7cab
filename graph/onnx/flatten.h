// The file's main graph as one list of nodes: model-local functions inlined, names checked, sorted
// so that every value is produced before it is read. Points into the parsed file, which must
// outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace temper::wire {
class AttributeProto;
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
  bool inlined = false;  // from a function's body

  const wire::AttributeProto* find(const char* attribute) const;
  // "Conv 'conv1'", or "Conv (output 'y')" when it has no name.
  std::string label() const;
};

struct FlatGraph {
  std::vector<FlatNode> nodes;
  std::vector<std::pair<std::string, const wire::TensorProto*>>
      initializers;  // in the file's order
};

// "" for "" and "ai.onnx".
std::string normal_domain(const std::string& domain);

// `file_bytes` bounds what inlining may produce. THROWS: kInvalidModel: names produced twice or by
// nobody, a cycle (its nodes are named), functions that call themselves or grow without bound;
// kUnsupported: opset outside 7 to 28.
FlatGraph flatten(const wire::ModelProto& model, std::uint64_t file_bytes);

// Checks names and sorts (keeping the file's order where it can). Part of flatten(). `inputs` are
// the graph inputs that have no initializer; `outputs` the graph's outputs.
void check_and_sort(FlatGraph& graph, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs);

}  // namespace temper::graph
