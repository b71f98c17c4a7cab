// A step as messages: names that are unique, one result per output and binding, nodes in order.
// Private to graph/onnx.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::wire {
class GraphProto;
}

namespace temper::graph {

class StepGraph {
 public:
  // `taken`: names that stand for something else in the file.
  StepGraph(const Graph& step, std::set<std::string> taken);

  const Graph& graph() const { return graph_; }
  // Those that a node reads or an update writes.
  const std::vector<VariableId>& variables() const { return variables_; }
  struct Update {
    VariableId variable;
    std::string name;  // of its value after the step
  };
  const std::vector<Update>& updates() const { return updates_; }

  // The nodes, and the constants they read as initializers.
  void add_nodes(wire::GraphProto& out) const;
  void add_output(wire::GraphProto& out, const std::string& name, ValueId value) const;
  void add_outputs(wire::GraphProto& out) const;

 private:
  void give_results_values();
  void find_variables();
  void name_values();
  void add_constants(wire::GraphProto& out, std::vector<std::string>& names) const;
  std::string unique(const std::string& name);

  Graph graph_;
  std::set<std::string> taken_;
  std::vector<NodeId> order_;
  std::vector<VariableId> variables_;
  std::vector<Update> updates_;
  std::vector<std::string> names_;  // by value
};

}  // namespace temper::graph
