// Branch: an If whose condition is computed from data: one of its two bodies runs. Inputs: the
// condition (bool, one element), then what both bodies take; outputs: what either gives.
#include "graph/ir/body.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_branch(InferContext& c) {
  const Graph& body = c.node().bodies.at(0)->graph;
  for (std::size_t i = 0; i < c.node().outputs.size(); ++i) {
    const Value& made = body.value(body.outputs.at(i).value);
    c.set_output(static_cast<int>(i), made.dtype, made.shape);
  }
}

// dx = the gradient of the body that ran, which computes its values again
void branch_gradient(GradContext& g) {
  const std::vector<std::shared_ptr<const Body>> bodies = g.node().bodies;
  std::vector<std::size_t> outputs, inputs;
  std::vector<ValueId> given = g.node().inputs;
  for (std::size_t i = 0; i < g.node().outputs.size(); ++i) {
    if (g.has_dy(static_cast<int>(i))) {
      outputs.push_back(i);
      given.push_back(g.dy(static_cast<int>(i)));
    }
  }
  for (int i = 1; i < g.input_count(); ++i) {
    if (g.needs(i)) {
      inputs.push_back(static_cast<std::size_t>(i) - 1);
    }
  }
  Graph& graph = g.builder().graph();
  const NodeId id =
      graph.add_node(graph.registry().get("Branch"), given, std::vector<std::string>(inputs.size()),
                     {}, g.builder().origin());
  graph.node(id).bodies = {g.body_gradient(*bodies[0], outputs, inputs),
                           g.body_gradient(*bodies[1], outputs, inputs)};
  infer_node(graph, id);
  const std::vector<ValueId> made = graph.node(id).outputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    g.set(static_cast<int>(inputs[i]) + 1, made[i]);
  }
}

}  // namespace

void register_branch(OpRegistry& ops) {
  ops.add("Branch")
      .inputs(1, -1)
      .outputs(1, -1)
      .precision(PrecisionClass::kFloat32)
      .infer(infer_branch)
      .gradient(branch_gradient)
      .internal();
}

}  // namespace temper::graph
