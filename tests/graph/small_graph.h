// A graph of a few nodes, built and looked at in one line each.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/backends.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"

namespace temper::test {

using graph::Graph;
using graph::NodeId;
using graph::ValueId;
using graph::VariableId;
using Doubles = std::vector<double>;

inline const Backend& reference() {
  static const std::unique_ptr<Backend> backend = make_backend("reference");
  return *backend;
}

struct SmallGraph {
  Graph graph{graph::standard_ops()};
  graph::Builder b{graph, "test"};

  ValueId input(const char* name, const Shape& shape, DType dtype = DType::kFloat32) {
    return graph.add_input(name, dtype, shape);
  }
  ValueId constant(const Shape& shape, const Doubles& values, DType dtype = DType::kFloat32) {
    return graph.add_constant("", Tensor::from<double>(dtype, shape, values));
  }
  VariableId variable(const char* name, const Shape& shape, DType dtype = DType::kFloat32) {
    graph::Variable variable;
    variable.name = name;
    variable.dtype = dtype;
    variable.shape = shape;
    variable.trainable = true;
    return graph.add_variable(variable);
  }
  ValueId weight(const char* name, const Shape& shape) {
    return graph.read_variable(variable(name, shape));
  }
  void output(const char* name, ValueId value) { graph.add_output(name, value); }

  // Nodes of this op that are not removed.
  std::vector<NodeId> nodes(std::string_view op) const {
    std::vector<NodeId> found;
    for (int i = 0; i < graph.node_count(); ++i) {
      const graph::Node& node = graph.node(NodeId{i});
      if (!node.removed && node.op->name() == op) {
        found.push_back(NodeId{i});
      }
    }
    return found;
  }
  std::size_t count(std::string_view op) const { return nodes(op).size(); }
  const graph::Node& producer(ValueId id) const { return graph.node(graph.value(id).producer); }

  // The values of `wanted`, given those of inputs.
  Doubles run(const std::vector<std::pair<ValueId, Doubles>>& given, ValueId wanted) const {
    std::map<ValueId, Tensor> known;
    for (const auto& [id, values] : given) {
      const graph::Value& value = graph.value(id);
      known.emplace(id, Tensor::from<double>(value.dtype, value.shape, values));
    }
    return graph::evaluate(graph, reference(), known, {wanted}).front().values<double>();
  }
};

}  // namespace temper::test
