#include "graph/passes/picks_in_sample.h"

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"

namespace temper::graph {
namespace {

// The node computes what that of `value`, which is made for it, would.
void take_over(Graph& graph, NodeId id, ValueId value) {
  const NodeId made = graph.value(value).producer;
  graph.node(id).op = graph.node(made).op;
  graph.node(id).inputs = graph.node(made).inputs;
  graph.node(id).attrs = graph.node(made).attrs;
  graph.remove_node(made);
}

// [1, ...] indices along axis 0 of [elements of the sample, ...]: those of [batch, elements, ...],
// by the same indices in each sample, or by its own where they are computed from it.
bool pick_elements(Graph& graph, NodeId id, const Shape& data, const Shape& indices,
                   std::int64_t to, bool computed) {
  if (data[0] <= 1 || indices.rank() == 0 || indices[0] != 1) {
    return false;
  }
  Shape rows{to};
  for (const std::int64_t dim : data) {
    rows.push_back(dim);
  }
  const std::vector<ValueId> inputs = graph.node(id).inputs;
  Builder b(graph, graph.node(id).origin);
  const ValueId samples = b.reshape(inputs[0], rows);
  if (computed) {
    Shape own = indices;
    own[0] = to;
    own.push_back(1);
    take_over(
        graph, id,
        b.op("GatherND", {samples, b.reshape(inputs[1], own)}, {{"batch_dims", std::int64_t{1}}}));
    return true;
  }
  graph.node(id).inputs = {
      samples, b.reshape(inputs[1],
                         Shape(indices.dims().last(static_cast<std::size_t>(indices.rank() - 1))))};
  graph.node(id).attrs.set("axis", std::int64_t{1});
  return true;
}

// Places [1, ..., k], the first number of which is that of the sample, in [1, ...]: the other
// numbers, for each sample. They are numbers of the file, or computed from the sample (`computed`),
// as the place of a text's last token is.
bool pick_places(Graph& graph, NodeId id, const Shape& data, const Shape& places, std::int64_t to,
                 bool computed) {
  const int last = places.rank() - 1;
  if (data[0] != 1 || last < 1 || places[0] != 1 || places[last] < 2) {
    return false;
  }
  const std::vector<ValueId> inputs = graph.node(id).inputs;
  Builder b(graph, graph.node(id).origin);
  Shape own = places;
  own[0] = to;
  own[last] -= 1;
  const ValueId rest = b.slice(inputs[1], last, 1, places[last]);
  graph.node(id).inputs = {inputs[0], computed ? rest : b.expand(rest, own)};
  graph.node(id).attrs.set("batch_dims", std::int64_t{1});
  return true;
}

}  // namespace

bool pick_in_sample(Graph& graph, const Graph& old, NodeId id, std::int64_t to,
                    const std::vector<BatchAxis>& axes) {
  const Node& was = old.node(id);
  // A shape rule has perhaps left input 1 out.
  if (was.inputs.size() != 2 || !was.inputs[1].valid() || axes[0] != 0 ||
      (axes[1] && axes[1] != 0)) {
    return false;
  }
  const Shape data = old.value(was.inputs[0]).shape;
  const Shape places = old.value(was.inputs[1]).shape;
  if (was.op->picking_input == 1) {
    return was.attrs.get_int("axis", 0) == 0 &&
           pick_elements(graph, id, data, places, to, axes[1].has_value());
  }
  return was.attrs.has("batch_dims") && was.attrs.get_int("batch_dims", 0) == 0 &&
         pick_places(graph, id, data, places, to, axes[1].has_value());
}

}  // namespace temper::graph
