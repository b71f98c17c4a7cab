#include "graph/passes/join_biases.h"

#include <vector>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/results.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

class BiasJoin {
 public:
  explicit BiasJoin(Graph& graph) : graph_(graph), users_(users(graph)) {}

  void try_join(NodeId product) {
    if (!is_matrix_product(product)) {
      return;
    }
    const ValueId made = graph_.node(product).outputs.front();
    NodeId add = only_reader(made), reshape;
    ValueId read = made;
    if (add.valid() && graph_.node(add).op->is_reshape()) {
      reshape = add;
      read = graph_.node(reshape).outputs.front();
      add = only_reader(read);
    }
    const ValueId bias = add.valid() ? bias_in(add, made, read) : ValueId{};
    if (!bias.valid()) {
      return;
    }
    join(product, add, bias);
    if (reshape.valid()) {
      graph_.remove_node(reshape);
    }
    graph_.remove_node(product);
  }

 private:
  // Rows of the left side by a matrix, to which nothing is added yet.
  bool is_matrix_product(NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.op->linear != Linear::kMatrix || (node.inputs.size() > 2 && node.inputs[2].valid()) ||
        !is_float(graph_.value(node.inputs[0]).dtype)) {
      return false;
    }
    const int rank = graph_.value(node.inputs[0]).shape.rank();
    return graph_.value(node.inputs[1]).shape.rank() == 2 &&
           (node.op->is_bare_product() ? rank >= 2 : node.attrs.get_double("beta", 1) == 1);
  }

  // An invalid node: there are several, or the value is a result too.
  NodeId only_reader(ValueId id) const {
    const std::vector<NodeId>& readers = users_[static_cast<std::size_t>(id.index)];
    return readers.size() == 1 && !is_result(graph_, id) ? readers.front() : NodeId{};
  }

  // What an Add adds to `read`, which is the product `made` or a reshape of it. That cannot depend
  // on the product, of which the Add is the only reader.
  ValueId bias_in(NodeId add, ValueId made, ValueId read) const {
    const Node& node = graph_.node(add);
    if (node.op->arithmetic != Arithmetic::kAdd || node.inputs.size() != 2) {
      return {};
    }
    const ValueId bias = node.inputs[node.inputs[0] == read ? 1 : 0];
    const Shape &shape = graph_.value(made).shape, &seen = graph_.value(read).shape;
    const std::int64_t n = shape[shape.rank() - 1];
    const bool fits = seen.rank() > 0 && seen[seen.rank() - 1] == n &&
                      graph_.value(bias).shape == Shape{n} &&
                      graph_.value(bias).dtype == graph_.value(read).dtype;
    return fits ? bias : ValueId{};
  }

  void join(NodeId product, NodeId add, ValueId bias) {
    const Node node = graph_.node(product);  // a copy: adding nodes moves them
    const ValueId outer = graph_.node(add).outputs.front();
    Builder b(graph_, concat(node.origin, " + ", graph_.node(add).origin));
    const Shape from = b.shape(node.inputs[0]);
    const int last = from.rank() - 1;
    const ValueId rows = from.rank() == 2
                             ? node.inputs[0]
                             : b.reshape(node.inputs[0], {from.count(0, last), from[last]});
    ValueId made = b.op("Gemm", {rows, node.inputs[1], bias},
                        node.op->is_bare_product() ? Attrs{} : node.attrs);
    if (b.shape(made) != b.shape(outer)) {
      made = b.reshape(made, b.shape(outer));
    }
    graph_.value(made).name.swap(graph_.value(outer).name);
    graph_.remove_node(add);
    graph_.replace_uses(outer, made);
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;
};

}  // namespace

void join_biases(Graph& graph) {
  const std::vector<NodeId> order = topological_order(graph);
  BiasJoin joining(graph);
  for (const NodeId id : order) {
    if (!graph.node(id).removed) {
      joining.try_join(id);
    }
  }
}

}  // namespace temper::graph
