// Iterate: a Loop or Scan that remains a step of the plan, because how many steps it
// has is computed from data, or because they are too many to be written out. Its parts:
// runtime/base/iteration.h.
#include "graph/ir/body.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/iterate_shapes.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/iteration.h"

namespace temper::graph {
namespace {

void infer_iterate(InferContext& c) {
  const Iteration parts = Iteration::of(c.attrs());
  for (std::size_t i = 0; i < parts.states; ++i) {
    const Value& state = body_output(c.node(), i);
    c.set_output(static_cast<int>(i), state.dtype, state.shape);
  }
  for (std::size_t i = 0; i < parts.stacked; ++i) {
    const Value& slice = body_output(c.node(), parts.stack(i));
    c.set_output(static_cast<int>(parts.stack(i)), slice.dtype,
                 stacked_shape(parts.steps, slice.shape));
  }
  c.set_output(static_cast<int>(parts.tape()), DType::kOpaque, Shape{});
}

// The steps in reverse: each computes its values again from the states on the tape, and from the
// gradients of its states those of the states before it; captures add up over the steps.
void iterate_gradient(GradContext& g) {
  IterationGradient parts;
  parts.forward = Iteration::of(g.attrs());
  const Iteration& forward = parts.forward;
  const std::shared_ptr<const Body> body = g.node().bodies.at(0);
  std::vector<std::size_t> outputs, inputs;
  std::vector<ValueId> state_gradients, stack_gradients;
  const auto number = [](std::size_t i) { return static_cast<std::int64_t>(i); };
  for (std::size_t i = 0; i < forward.states; ++i) {
    if (is_float(g.dtype(g.x(static_cast<int>(forward.state(i)))))) {
      parts.float_states.push_back(number(i));
      outputs.push_back(i);
      inputs.push_back(forward.body_state(i));
      const auto at = static_cast<int>(i);
      state_gradients.push_back(g.has_dy(at) ? g.dy(at) : ValueId{});
    }
  }
  for (std::size_t i = 0; i < forward.stacked; ++i) {
    const auto at = static_cast<int>(forward.stack(i));
    if (g.has_dy(at)) {
      parts.given_stacks.push_back(number(i));
      outputs.push_back(forward.stack(i));
      stack_gradients.push_back(g.dy(at));
    }
  }
  for (std::size_t i = 0; i < forward.sliced; ++i) {
    if (g.needs(static_cast<int>(forward.slice(i)))) {
      parts.asked_slices.push_back(number(i));
      inputs.push_back(forward.body_slice(i));
    }
  }
  for (std::size_t i = 0; i < forward.captures; ++i) {
    if (g.needs(static_cast<int>(forward.capture(i)))) {
      parts.asked_captures.push_back(number(i));
      inputs.push_back(forward.body_capture(i));
    }
  }
  std::vector<ValueId> given = {g.saved(static_cast<int>(forward.tape()))};
  for (std::size_t i = 0; i < forward.sliced + forward.captures; ++i) {
    given.push_back(g.x(static_cast<int>(forward.slice(i))));
  }
  given.insert(given.end(), state_gradients.begin(), state_gradients.end());
  given.insert(given.end(), stack_gradients.begin(), stack_gradients.end());
  for (std::size_t i = 0; i < forward.slice(0); ++i) {
    given.push_back(g.x(static_cast<int>(i)));
  }
  Graph& graph = g.builder().graph();
  const NodeId id =
      graph.add_node(graph.registry().get("IterateGrad"), given,
                     std::vector<std::string>(inputs.size()), parts.attrs(), g.builder().origin());
  graph.node(id).bodies = {g.body_gradient(*body, outputs, inputs)};
  infer_node(graph, id);
  const std::vector<ValueId> made = graph.node(id).outputs;
  for (std::size_t i = 0; i < parts.float_states.size(); ++i) {
    const std::size_t state = static_cast<std::size_t>(parts.float_states[i]);
    g.set(static_cast<int>(forward.state(state)), made[i]);
  }
  for (std::size_t i = 0; i < parts.asked_slices.size(); ++i) {
    const std::size_t slice = static_cast<std::size_t>(parts.asked_slices[i]);
    g.set(static_cast<int>(forward.slice(slice)), made[parts.slice_output(i)]);
  }
  for (std::size_t i = 0; i < parts.asked_captures.size(); ++i) {
    const std::size_t capture = static_cast<std::size_t>(parts.asked_captures[i]);
    g.set(static_cast<int>(forward.capture(capture)), made[parts.capture_output(i)]);
  }
}

}  // namespace

void register_iterate(OpRegistry& ops) {
  ops.add("Iterate")
      .inputs(2, -1)
      .outputs(0, -1)
      .precision(PrecisionClass::kFloat32)
      .infer(infer_iterate)
      .gradient(iterate_gradient)
      .internal();
}

}  // namespace temper::graph
