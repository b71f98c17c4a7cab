// A node of a file on its way into the graph: what an op's file brings from older opsets (7 to 28)
// to the canonical form, opset 28's. Old attributes that later became inputs stay attributes under
// the canonical names: shape rules take either. Shapes are not known here, so a rule may add Shape
// nodes.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/base/error.h"

namespace temper::graph {

// A node on its way into the graph. Rules edit the fields; what remains is added as it stands.
struct NodeDraft {
  Graph& graph;
  std::int64_t opset;  // of the file
  std::string op;
  std::vector<ValueId> inputs;
  std::vector<std::string> outputs;  // "" is left out
  Attrs attrs;
  std::string origin;
  std::string scope;
  std::string name;
  const std::unordered_set<std::string>& read;  // the values that nodes or the graph's outputs read

  bool has_input(std::size_t i) const { return i < inputs.size() && inputs[i].valid(); }
  bool has_output(std::size_t i) const { return i < outputs.size() && !outputs[i].empty(); }

  bool is_read(std::size_t i) const { return has_output(i) && read.contains(outputs[i]); }

  // An extra node with one unnamed output, in front of this one.
  ValueId emit(std::string_view op_name, std::vector<ValueId> op_inputs, Attrs op_attrs = {});

  // A form that has no canonical counterpart: the importer collects these. THROWS: kUnsupported.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorCode::kUnsupported, parts...);
  }
};

}  // namespace temper::graph
