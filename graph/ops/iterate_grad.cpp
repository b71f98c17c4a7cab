// IterateGrad: the gradient of a Loop or Scan that remains a step of the plan
// (runtime/base/iteration.h). Further derivatives are those of what it computes, written as loops:
// the states before each step, then the steps in reverse.
#include <utility>

#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/iterate_shapes.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/iteration.h"

namespace temper::graph {
namespace {

using Values = std::vector<ValueId>;

void infer_iterate_grad(InferContext& c) {
  const IterationGradient parts = IterationGradient::of(c.attrs());
  for (std::size_t i = 0; i < c.node().outputs.size(); ++i) {
    const Value& made = body_output(c.node(), i);
    const bool sliced = i >= parts.slice_output(0) && i < parts.capture_output(0);
    c.set_output(static_cast<int>(i), made.dtype,
                 sliced ? stacked_shape(parts.forward.steps, made.shape) : made.shape);
  }
}

ValueId step_input(Graph& graph) { return graph.add_input("step", DType::kInt64, Shape{}); }

// IterateGrad in terms of Iterate.
class GradientAsLoops {
 public:
  GradientAsLoops(Builder& builder, const Node& node, const Values& inputs)
      : b_(builder),
        parts_(IterationGradient::of(node.attrs)),
        forward_(parts_.forward),
        body_(*node.bodies.at(0)),
        inputs_(inputs),
        reverse_(std::make_shared<Body>(body_)) {
    const Graph& graph = body_.graph;
    const auto take = [&](Values& to, std::size_t count, std::size_t first) {
      for (std::size_t i = 0; i < count; ++i) {
        to.push_back(graph.inputs.at(first + i));
      }
    };
    take(states_, forward_.states, forward_.body_state(0));
    take(slices_, forward_.sliced, forward_.body_slice(0));
    take(captures_, forward_.captures, forward_.body_capture(0));
    take(state_gradients_, parts_.float_states.size(), parts_.body_state_gradient(0));
    take(stack_gradients_, parts_.given_stacks.size(), parts_.body_stack_gradient(0));
  }

  Values write() { return forward_.steps >= 0 ? over_recorded_states() : over_computed_states(); }

 private:
  // The number of steps is known: all states are kept, and sliced.
  Values over_recorded_states() {
    Iteration again = forward_;
    again.goes_on = false;
    again.stacked = forward_.states;
    again.backward_stacks = {};
    Values recorded = iterate(again, recording(), first_inputs({}, given_slices()));
    recorded.erase(recorded.begin(), recorded.begin() + static_cast<std::ptrdiff_t>(again.states));

    Graph& graph = reverse_->graph;
    Iteration made = reverse_parts();
    made.steps = forward_.steps;
    made.sliced = states_.size() + slices_.size() + stack_gradients_.size();
    made.stacked = parts_.asked_slices.size();
    const ValueId step = step_input(graph);
    put_step(
        step,
        Builder(graph, "gradient").scalar(DType::kInt64, static_cast<double>(forward_.steps - 1)));
    Values formals = {step};
    append_to(formals, state_gradients_);
    append_to(formals, sums_before());
    append_to(formals, states_);
    append_to(formals, slices_);
    append_to(formals, stack_gradients_);
    append_to(formals, captures_);
    graph.inputs = formals;
    // A step of the reverse takes the slices of the step it undoes.
    const auto turned = [](bool was_turned, Iteration::Ints& backward, std::size_t i) {
      if (!was_turned) {
        backward.push_back(static_cast<std::int64_t>(i));
      }
    };
    Values sliced = recorded;
    std::size_t number = 0;
    for (; number < states_.size(); ++number) {
      turned(false, made.backward_slices, number);
    }
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      sliced.push_back(inputs_.at(parts_.slice(i)));
      turned(Iteration::has(forward_.backward_slices, i), made.backward_slices, number++);
    }
    for (std::size_t i = 0; i < stack_gradients_.size(); ++i) {
      const auto stack = static_cast<std::size_t>(parts_.given_stacks[i]);
      sliced.push_back(inputs_.at(parts_.stack_gradient(i)));
      turned(Iteration::has(forward_.backward_stacks, stack), made.backward_slices, number++);
    }
    for (std::size_t i = 0; i < parts_.asked_slices.size(); ++i) {
      const auto slice = static_cast<std::size_t>(parts_.asked_slices[i]);
      turned(Iteration::has(forward_.backward_slices, slice), made.backward_stacks, i);
    }
    set_outputs(graph);
    Values given = {{}, {}};
    append_to(given, first_gradients());
    append_to(given, sliced);
    append_to(given, given_captures());
    return in_order(iterate(made, reverse_, given));
  }

  // Data count the steps, so that nothing can be kept of each: the states before a step are
  // computed again from the first. There are no slices then.
  Values over_computed_states() {
    TEMPER_ASSERT(slices_.empty() && stack_gradients_.empty() && parts_.asked_slices.empty(),
                  "slices of an unknown number of steps");
    Iteration counting = forward_;
    counting.states = forward_.states + 1;
    counting.stacked = 0;
    Values counted = first_inputs({b_.scalar(DType::kInt64, 0)}, {});
    counted[Iteration::kMost] = inputs_.at(parts_.again(Iteration::kMost));
    counted[Iteration::kGo] = inputs_.at(parts_.again(Iteration::kGo));
    const ValueId steps = iterate(counting, with_counter(), counted).at(forward_.states);

    Graph& graph = reverse_->graph;
    Builder inner(graph, "gradient");
    Iteration made = reverse_parts();
    made.captures = 1 + states_.size() + captures_.size();
    const ValueId count = graph.add_input("steps", DType::kInt64, Shape{});
    const ValueId step = step_input(graph);
    const ValueId undone = put_step(step, inner.sub(count, inner.scalar(DType::kInt64, 1)));
    Values first_states;
    for (const ValueId state : states_) {
      const Value was = graph.value(state);
      first_states.push_back(graph.add_input(concat("first ", was.name), was.dtype, was.shape));
    }
    Iteration before = forward_;
    before.goes_on = false;
    before.stacked = 0;
    before.limit = 0;
    Values taken = {undone, {}};
    append_to(taken, first_states);
    append_to(taken, captures_);
    const Values reached = add_iterate(inner, before, stepping(), taken);
    const int last_node = graph.node_count() - 1;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      graph.replace_uses(states_[i], reached[i]);
    }
    TEMPER_ASSERT(graph.node(NodeId{last_node}).inputs == taken, "the states replace themselves");
    Values formals = {step};
    append_to(formals, state_gradients_);
    append_to(formals, sums_before());
    formals.push_back(count);
    append_to(formals, first_states);
    append_to(formals, captures_);
    graph.inputs = formals;
    set_outputs(graph);
    Values given = {steps, {}};
    append_to(given, first_gradients());
    given.push_back(steps);
    append_to(given, first_states_given());
    append_to(given, given_captures());
    return in_order(iterate(made, reverse_, given));
  }

  static void append_to(Values& to, const Values& more) {
    to.insert(to.end(), more.begin(), more.end());
  }

  // --- forward bodies ---------------------------------------------------------
  // Gives the states after a step, and those before it to be stacked.
  std::shared_ptr<Body> recording() const {
    const std::shared_ptr<Body> made = stepping();
    Builder inner(made->graph, "gradient");
    for (std::size_t i = 0; i < forward_.states; ++i) {
      const ValueId state = made->graph.inputs.at(forward_.body_state(i));
      made->graph.add_output(concat("before ", i), inner.op("Identity", {state}));
    }
    return made;
  }

  // Gives the states alone.
  std::shared_ptr<Body> stepping() const {
    const auto made = std::make_shared<Body>(*body_.forward);
    made->graph.outputs.resize(forward_.states);
    return made;
  }

  // Carries the number of steps behind the states.
  std::shared_ptr<Body> with_counter() const {
    const std::shared_ptr<Body> made = stepping();
    Graph& graph = made->graph;
    Builder inner(graph, "gradient");
    const ValueId counter = graph.add_input("counter", DType::kInt64, Shape{});
    graph.inputs.pop_back();
    graph.inputs.insert(graph.inputs.begin() + static_cast<std::ptrdiff_t>(forward_.body_slice(0)),
                        counter);
    graph.add_output("count", inner.add(counter, inner.scalar(DType::kInt64, 1)));
    if (forward_.goes_on) {
      graph.outputs.push_back(body_.forward->graph.outputs.back());
    }
    return made;
  }

  // --- the reverse body ---------------------------------------------------------
  Iteration reverse_parts() const {
    Iteration made;
    made.states = state_gradients_.size() + parts_.asked_captures.size();
    made.captures = captures_.size();
    return made;
  }

  // In the place of the body's step: last - step.
  ValueId put_step(ValueId step, ValueId last) {
    Graph& graph = reverse_->graph;
    const ValueId undone = Builder(graph, "gradient").sub(last, step);
    graph.replace_uses(body_.graph.inputs.at(0), undone);
    return undone;
  }

  // The gradients of captures, added up over the steps, in float32 at least.
  Values sums_before() {
    Graph& graph = reverse_->graph;
    Builder inner(graph, "gradient");
    Values before;
    for (std::size_t i = 0; i < parts_.asked_captures.size(); ++i) {
      const ValueId part = graph.outputs.at(parts_.capture_output(i)).value;
      const DType wide = wide_type(inner.dtype(part));
      before.push_back(graph.add_input(concat("sum ", i), wide, inner.shape(part)));
      sums_.push_back(inner.add(before.back(), inner.cast(part, wide)));
    }
    return before;
  }

  static DType wide_type(DType dtype) { return size_of(dtype) == 2 ? DType::kFloat32 : dtype; }

  void set_outputs(Graph& graph) const {
    const std::vector<Graph::Output> were = std::exchange(graph.outputs, {});
    std::size_t i = 0;
    for (; i < state_gradients_.size(); ++i) {
      graph.add_output(were[i].name, were[i].value);
    }
    for (const ValueId sum : sums_) {
      graph.add_output("sum", sum);
    }
    for (; i < parts_.capture_output(0); ++i) {
      graph.add_output(were[i].name, were[i].value);
    }
  }

  // --- what is given -----------------------------------------------------------
  Values first_inputs(const Values& more_states, const Values& slices) const {
    Values made = {{}, {}};
    append_to(made, first_states_given());
    append_to(made, more_states);
    append_to(made, slices);
    append_to(made, given_captures());
    return made;
  }

  Values first_states_given() const { return given(parts_.again(Iteration::kFirst), states_); }
  Values given_slices() const { return given(parts_.slice(0), slices_); }
  Values given_captures() const { return given(parts_.capture(0), captures_); }

  Values given(std::size_t first, const Values& formals) const {
    Values made;
    for (std::size_t i = 0; i < formals.size(); ++i) {
      made.push_back(inputs_.at(first + i));
    }
    return made;
  }

  // Of the states, and zeros for the sums.
  Values first_gradients() {
    Values made;
    for (std::size_t i = 0; i < state_gradients_.size(); ++i) {
      const ValueId gradient = inputs_.at(parts_.state_gradient(i));
      const Value& like = body_.graph.value(state_gradients_[i]);
      made.push_back(gradient.valid() ? gradient : zeros(like.dtype, like.shape));
    }
    for (const ValueId sum : sums_) {
      const Value& like = reverse_->graph.value(sum);
      made.push_back(zeros(like.dtype, like.shape));
    }
    return made;
  }

  ValueId zeros(DType dtype, const Shape& shape) { return b_.expand(b_.scalar(dtype, 0), shape); }

  Values iterate(const Iteration& parts, const std::shared_ptr<Body>& body, const Values& inputs) {
    return add_iterate(b_, parts, body, inputs);
  }

  static Values add_iterate(Builder& builder, const Iteration& parts,
                            const std::shared_ptr<Body>& body, const Values& inputs) {
    number_ports(body->graph);
    Graph& graph = builder.graph();
    const NodeId id = graph.add_node(graph.registry().get("Iterate"), inputs,
                                     std::vector<std::string>(parts.states + parts.stacked),
                                     parts.attrs(), builder.origin());
    graph.node(id).bodies = {body};
    infer_node(graph, id);
    return graph.node(id).outputs;
  }

  // From the outputs of the reverse loop to those of IterateGrad.
  Values in_order(const Values& made) {
    const std::size_t gradients = state_gradients_.size(), sums = sums_.size();
    Values ordered(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(gradients));
    ordered.insert(ordered.end(), made.begin() + static_cast<std::ptrdiff_t>(gradients + sums),
                   made.end());
    for (std::size_t i = 0; i < sums; ++i) {
      const ValueId capture =
          inputs_.at(parts_.capture(static_cast<std::size_t>(parts_.asked_captures[i])));
      ordered.push_back(b_.cast(made[gradients + i], b_.dtype(capture)));
    }
    return ordered;
  }

  Builder& b_;
  const IterationGradient parts_;
  const Iteration& forward_;
  const Body& body_;
  const Values& inputs_;
  std::shared_ptr<Body> reverse_;
  Values states_, slices_, captures_, state_gradients_, stack_gradients_;  // of the gradient's body
  Values sums_;
};

Values expand_iterate_grad(Builder& builder, const Node& node, const Values& inputs) {
  return GradientAsLoops(builder, node, inputs).write();
}

}  // namespace

void register_iterate_grad(OpRegistry& ops) {
  ops.add("IterateGrad")
      .inputs(1, -1)
      .outputs(1, -1)
      .precision(PrecisionClass::kFloat32)
      .infer(infer_iterate_grad)
      .expands(expand_iterate_grad)
      .internal();
}

}  // namespace temper::graph
