#include "graph/passes/gradient_requests.h"

#include <map>
#include <span>
#include <vector>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::graph {
namespace {

// The inputs of a request: `fed` values for xs and zs, y, and the tensors that those stand for.
struct Request {
  std::vector<ValueId> fed, own;
  ValueId y;
  std::size_t wanted = 0;
};

Request read_request(const Node& node) {
  Request request;
  const auto fed = static_cast<std::ptrdiff_t>((node.inputs.size() - 1) / 2);
  request.fed.assign(node.inputs.begin(), node.inputs.begin() + fed);
  request.y = node.inputs[static_cast<std::size_t>(fed)];
  request.own.assign(node.inputs.begin() + fed + 1, node.inputs.end());
  request.wanted = static_cast<std::size_t>(node.attrs.get_int("xs", 0));
  return request;
}

// Per node index: whether y depends on it.
std::vector<bool> in_front_of(const Graph& graph, ValueId y) {
  std::vector<bool> reached(static_cast<std::size_t>(graph.node_count()), false);
  std::vector<ValueId> stack{y};
  while (!stack.empty()) {
    const ValueId id = stack.back();
    stack.pop_back();
    if (!id.valid() || graph.value(id).kind != ValueKind::kNode) {
      continue;
    }
    const NodeId producer = graph.value(id).producer;
    if (!reached[static_cast<std::size_t>(producer.index)]) {
      reached[static_cast<std::size_t>(producer.index)] = true;
      const std::vector<ValueId>& inputs = graph.node(producer).inputs;
      stack.insert(stack.end(), inputs.begin(), inputs.end());
    }
  }
  return reached;
}

// y as computed from `fed` in place of `own`.
ValueId recompute(Graph& graph, const Request& request) {
  std::map<ValueId, ValueId> replaced;
  for (std::size_t i = 0; i < request.own.size(); ++i) {
    replaced[request.own[i]] = request.fed[i];
  }
  const std::vector<bool> wanted = in_front_of(graph, request.y);
  for (const NodeId id : topological_order(graph)) {
    const Node node = graph.node(id);
    bool depends = false;
    std::vector<ValueId> inputs = node.inputs;
    for (ValueId& input : inputs) {
      const auto found = replaced.find(input);
      depends = depends || found != replaced.end();
      input = found != replaced.end() ? found->second : input;
    }
    bool is_given = false;
    for (const ValueId output : node.outputs) {
      is_given = is_given || replaced.contains(output);
    }
    if (!depends || is_given || !wanted[static_cast<std::size_t>(id.index)]) {
      continue;
    }
    const NodeId copy =
        graph.add_node(*node.op, std::move(inputs), std::vector<std::string>(node.outputs.size()),
                       node.attrs, node.origin);
    graph.node(copy).bodies = node.bodies;
    infer_node(graph, copy);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        replaced[node.outputs[i]] = graph.node(copy).outputs[i];
      }
    }
  }
  const auto y = replaced.find(request.y);
  return y == replaced.end() ? request.y : y->second;
}

void answer(Graph& graph, NodeId id) {
  const Node node = graph.node(id);  // a copy: adding nodes moves them
  const Request request = read_request(node);
  const ValueId y = request.fed == request.own ? request.y : recompute(graph, request);
  Builder builder(graph, node.origin);
  const Shape shape = builder.shape(y);
  const ValueId ones = builder.expand(builder.scalar(builder.dtype(y), 1), shape);
  const std::span<const ValueId> xs(request.fed.data(), request.wanted);
  const std::vector<ValueId> made = gradient(graph, y, xs, ones);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) {
      graph.replace_uses(node.outputs[i], made[i]);
    }
  }
  graph.remove_node(id);
}

}  // namespace

void answer_gradient_requests(Graph& graph) {
  for (const NodeId id : topological_order(graph)) {
    if (graph.node(id).op->is_gradient_request) {
      answer(graph, id);
    }
  }
}

}  // namespace temper::graph
