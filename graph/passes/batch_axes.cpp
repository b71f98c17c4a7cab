#include "graph/passes/batch_axes.h"

#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

enum class Known { kShared, kAxis, kUnclear };

struct Batch {
  Known known = Known::kShared;
  int axis = 0;
  NodeId lost_at;  // of kUnclear
};

// What the node's rule says of its outputs.
std::vector<Batch> follow(const Graph& graph, NodeId id, std::int64_t batch,
                          const std::vector<Batch>& inputs) {
  const Node& node = graph.node(id);
  const auto is = [&](Known known) {
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const Batch& place) { return place.known == known; });
  };
  std::vector<Batch> outputs(node.outputs.size());
  if (!is(Known::kAxis) && !is(Known::kUnclear)) {
    return outputs;
  }
  const auto unclear = std::find_if(inputs.begin(), inputs.end(), [](const Batch& place) {
    return place.known == Known::kUnclear;
  });
  std::fill(outputs.begin(), outputs.end(),
            Batch{Known::kUnclear, 0, unclear == inputs.end() ? id : unclear->lost_at});
  if (is(Known::kUnclear) || node.op->batch_function == nullptr) {
    return outputs;
  }
  std::vector<BatchAxis> axes;
  for (const Batch& place : inputs) {
    axes.push_back(place.known == Known::kAxis ? BatchAxis(place.axis) : BatchAxis{});
  }
  try {
    const BatchContext context(graph, node, batch, axes);
    const int returned = node.op->batch_function(context);
    // A rule's answer is of the first output (statistics beside it hold no samples), of all parts,
    // or of those that it names.
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto number = static_cast<int>(i);
      if (i == 0 || node.op->movement == Movement::kPart ||
          context.axis_of_output(number, -1) >= 0) {
        outputs[i] = {Known::kAxis, context.axis_of_output(number, returned), {}};
      }
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
  }
  return outputs;
}

bool goes_along(const Node& node, const std::vector<Batch>& inputs) {
  const int of_steps = node.attrs.get_int("layout", 0) != 0 ? 1 : 0;
  return !node.op->state_inputs.empty() && inputs.front().known == Known::kAxis &&
         inputs.front().axis == of_steps;
}

}  // namespace

BatchFlow follow_batch(const Graph& graph, std::int64_t batch) {
  BatchFlow flow;
  std::vector<Batch> places(static_cast<std::size_t>(graph.value_count()));
  const auto at = [&](ValueId id) -> Batch& { return places[static_cast<std::size_t>(id.index)]; };
  for (const ValueId id : graph.inputs) {
    at(id).known = graph.value(id).shape.rank() > 0 ? Known::kAxis : Known::kShared;
  }
  for (const NodeId id : topological_order(graph)) {
    const Node& node = graph.node(id);
    std::vector<Batch> inputs;
    for (const ValueId input : node.inputs) {
      inputs.push_back(input.valid() ? at(input) : Batch{});
    }
    if (goes_along(node, inputs) && flow.along.empty()) {
      flow.along = node.origin;
    }
    const std::vector<Batch> outputs = follow(graph, id, batch, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        at(node.outputs[i]) = outputs[i];
      }
    }
  }
  for (const Graph::Output& output : graph.outputs) {
    const Batch& place = at(output.value);
    flow.outputs.push_back(place.known == Known::kAxis ? BatchAxis(place.axis) : BatchAxis{});
    if (place.known == Known::kUnclear && flow.mixing.empty()) {
      flow.mixing = graph.node(place.lost_at).origin;
    }
  }
  return flow;
}

}  // namespace temper::graph
