// Loop: a body repeated M times, or as long as its condition holds, with values carried from step
// to step; further outputs of the body are stacked. Written out, a step after the other, where the
// number of steps is known when the graph is compiled and within compile.unroll; otherwise an
// Iterate takes its place.
#include <limits>
#include <optional>

#include "graph/ir/op_def.h"
#include "graph/ops/iterate_rules.h"
#include "graph/ops/loop_steps.h"
#include "graph/ops/resolved_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Values = std::vector<ValueId>;

// The number in a constant input, `fallback` where it is left out, nothing where it is computed.
std::optional<std::int64_t> known(const ResolveContext& c, std::size_t i, std::int64_t fallback) {
  if (!c.has_input(i)) {
    return fallback;
  }
  const Tensor* tensor = c.constant(c.input(i));
  if (tensor == nullptr) {
    return std::nullopt;
  }
  c.check(tensor->element_count() == 1, "input ", i, " has the shape ", tensor->shape(),
          ", expected one element");
  return tensor->values<std::int64_t>().front();
}

// Whether nothing but M ends the loop: the condition is passed on as it came, or always true.
bool runs_to_the_end(const Graph& body) {
  ValueId id = body.outputs[0].value;
  while (body.value(id).kind == ValueKind::kNode &&
         body.node(body.value(id).producer).op->movement == Movement::kSame) {
    id = body.node(body.value(id).producer).inputs[0];
  }
  return id == body.inputs[1] || body.value(id).kind == ValueKind::kConstant;
}

class Unrolling {
 public:
  explicit Unrolling(ResolveContext& c)
      : c_(c),
        body_(*c.node().bodies[0]),
        captures_(c.captures()),
        state_count_(c.input_count() - 2 - captures_.size()) {
    c.check(body_.graph.outputs.size() >= 1 + state_count_ &&
                c.node().outputs.size() <= body_.graph.outputs.size() - 1 &&
                body_.graph.inputs.size() == 2 + state_count_ + captures_.size(),
            "its body has ", body_.graph.inputs.size() - captures_.size(), " inputs and ",
            body_.graph.outputs.size(), " outputs, but it has ",
            c.node().inputs.size() - captures_.size(), " and ", c.node().outputs.size());
    stacked_.resize(body_.graph.outputs.size() - 1 - state_count_);
    for (std::size_t i = 0; i < state_count_; ++i) {
      states_.push_back(c.input(2 + i));
    }
  }

  // False where a condition is computed from data, or the steps are too many.
  bool run(std::int64_t most, bool holds) {
    for (std::int64_t step = 0; step < most && holds; ++step) {
      if (step >= c_.unroll()) {
        return false;
      }
      const Values outputs = body_at(step);
      const Tensor* next = c_.constant(outputs[0]);
      if (next == nullptr) {
        return false;
      }
      holds = next->values<std::int64_t>().front() != 0;
      for (std::size_t i = 0; i < state_count_; ++i) {
        states_[i] = outputs[1 + i];
      }
      for (std::size_t i = 0; i < stacked_.size(); ++i) {
        stacked_[i].push_back(outputs[1 + state_count_ + i]);
      }
    }
    return true;
  }

  void set_outputs() {
    for (std::size_t i = 0; i < c_.node().outputs.size(); ++i) {
      if (!c_.node().outputs[i].valid()) {
        continue;
      }
      if (i < state_count_) {
        c_.set_output(i, states_[i]);
      } else {
        const Values& values = stacked_[i - state_count_];
        c_.set_output(i, values.empty() ? none(i) : c_.stack(values, 0));
      }
    }
  }

 private:
  Values body_at(std::int64_t step) {
    Values inputs = {c_.integer(step), c_.add_constant(Tensor::scalar(DType::kBool, 1))};
    inputs.insert(inputs.end(), states_.begin(), states_.end());
    inputs.insert(inputs.end(), captures_.begin(), captures_.end());
    return c_.splice(body_, inputs, concat("step ", step, " of ", c_.node().origin));
  }

  // Output i of no steps, of the type and shape that one would give.
  ValueId none(std::size_t i) {
    Tensor empty;
    c_.attempt([&] {
      const Value& one = c_.value(body_at(0)[1 + i]);
      Shape shape = {0};
      for (const std::int64_t dim : one.shape) {
        shape.push_back(dim);
      }
      empty = Tensor(one.dtype, shape);
      return false;
    });
    return c_.add_constant(empty);
  }

  ResolveContext& c_;
  const Body& body_;
  const Values captures_;
  const std::size_t state_count_;
  Values states_;
  std::vector<Values> stacked_;
};

// The number of steps, or whether there is a first: one element.
ValueId control(const ResolveContext& c, std::size_t i, DType dtype) {
  if (!c.has_input(i)) {
    return {};
  }
  const Value& value = c.value(c.input(i));
  c.check(value.dtype == dtype && value.shape.element_count() == 1, "input ", i, " is ",
          value.dtype, value.shape, ", expected one ", dtype);
  return c.input(i);
}

bool put_iteration(ResolveContext& c, const std::optional<std::int64_t>& most,
                   const std::optional<std::int64_t>& holds) {
  const Tensor always = Tensor::scalar(DType::kBool, 1);
  std::vector<ResolveContext::Formal> formals = {{DType::kInt64, {}, nullptr},
                                                 {DType::kBool, {}, &always}};
  Iteration parts;
  parts.states = c.input_count() - 2 - c.captures().size();
  Values states;
  for (std::size_t i = 0; i < parts.states; ++i) {
    states.push_back(c.input(2 + i));
    formals.push_back(c.formal(states.back(), false));
  }
  for (const ValueId id : c.captures()) {
    formals.push_back(c.formal(id, true));
  }
  const std::shared_ptr<Body> body = c.bind(*c.node().bodies[0], formals);
  Graph& graph = body->graph;
  c.check(graph.outputs.size() >= 1 + parts.states &&
              c.node().outputs.size() <= graph.outputs.size() - 1,
          "its body has ", graph.outputs.size(), " outputs, it has ", parts.states,
          " carried values and ", c.node().outputs.size(), " outputs");
  for (std::size_t i = 0; i < parts.states; ++i) {
    check_state(c, *body, 1 + i, states[i], i);
  }
  const Graph::Output go_on = graph.outputs[0];
  const Value& condition = graph.value(go_on.value);
  parts.goes_on = condition.kind != ValueKind::kConstant ||
                  condition.constant.values<std::int64_t>().front() == 0;
  std::optional<std::int64_t> steps;
  if (most && holds && !parts.goes_on) {
    steps = most;
  } else if (most && holds && condition.kind != ValueKind::kConstant) {
    steps = LoopCondition(*c.node().bodies[0], parts.states).count(c, states, *most);
  }
  const bool counted = steps.has_value();
  parts.goes_on = parts.goes_on && !counted;
  c.check(counted || c.has_input(0) || parts.goes_on, "nothing ends it");
  std::vector<Graph::Output> outputs(
      graph.outputs.begin() + 1,
      graph.outputs.begin() + 1 + static_cast<std::ptrdiff_t>(parts.states));
  std::vector<std::size_t> places;  // of the stacked outputs that are read
  for (std::size_t i = parts.states; i < c.node().outputs.size(); ++i) {
    if (c.node().outputs[i].valid()) {
      TEMPER_CHECK(counted, ErrorCode::kUnsupported, "its output ", i,
                   " has as many entries as it has steps, which are computed from data");
      places.push_back(i);
      outputs.push_back(graph.outputs[1 + i]);
    }
  }
  if (parts.goes_on) {
    outputs.push_back(go_on);
  }
  graph.outputs = std::move(outputs);
  number_ports(graph);
  parts.stacked = places.size();
  parts.steps = steps.value_or(-1);
  parts.limit = counted ? 0 : c.max_trip_count();
  Values inputs = {counted ? ValueId{} : control(c, 0, DType::kInt64),
                   counted ? ValueId{} : control(c, 1, DType::kBool)};
  inputs.insert(inputs.end(), states.begin(), states.end());
  const Values captures = open_captures(c);
  parts.captures = captures.size();
  inputs.insert(inputs.end(), captures.begin(), captures.end());
  const Values made = c.emit("Iterate", std::move(inputs),
                             static_cast<int>(parts.states + parts.stacked), parts.attrs(), {body});
  for (std::size_t i = 0; i < parts.states && i < c.node().outputs.size(); ++i) {
    c.set_output(i, made[i]);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    c.set_output(places[i], made[parts.stack(i)]);
  }
  return true;
}

bool resolve_loop(ResolveContext& c) {
  c.check(c.input_count() >= 2 + capture_count(c.node()), "it has ",
          c.input_count() - capture_count(c.node()), " inputs, expected 2 or more");
  const std::int64_t endless = std::numeric_limits<std::int64_t>::max();
  const std::optional<std::int64_t> most = known(c, 0, endless);
  const std::optional<std::int64_t> holds = known(c, 1, 1);
  const Graph& body = c.node().bodies[0]->graph;
  c.check(body.inputs.size() >= 2 && !body.outputs.empty(), "its body has ", body.inputs.size(),
          " inputs and ", body.outputs.size(), " outputs, expected 2 and 1, or more");
  const bool known_steps =
      most && holds && (*most <= c.unroll() || *holds == 0 || !runs_to_the_end(body));
  const bool written_out = known_steps && c.attempt([&] {
    Unrolling unrolling(c);
    if (!unrolling.run(*most, *holds != 0)) {
      return false;
    }
    unrolling.set_outputs();
    return true;
  });
  return written_out || put_iteration(c, most, holds);
}

}  // namespace

void register_loop(OpRegistry& ops) {
  ops.add("Loop")
      .inputs(0, -1)
      .outputs(1, -1)
      .has_bodies({"body"})
      .absorbs({0, 1})
      .infer(infer_resolved)
      .resolves(resolve_loop);
}

}  // namespace temper::graph
