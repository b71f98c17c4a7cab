// Scan: a body over the slices of its inputs along an axis each, with values carried from step to
// step; further outputs of the body are stacked. Written out, a step after the other, where the
// steps are within compile.unroll; otherwise an Iterate takes its place.
#include <algorithm>
#include <numeric>

#include "graph/ir/node_draft.h"
#include "graph/ir/op_def.h"
#include "graph/ops/iterate_rules.h"
#include "graph/ops/resolved_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Values = std::vector<ValueId>;
using Ints = std::vector<std::int64_t>;

std::int64_t at_or_zero(const Ints& list, std::size_t i) { return i < list.size() ? list[i] : 0; }

class Steps {
 public:
  explicit Steps(ResolveContext& c)
      : c_(c),
        body_(*c.node().bodies[0]),
        captures_(c.captures()),
        sliced_count_(static_cast<std::size_t>(c.attrs().get_int("num_scan_inputs", 0))) {
    const std::size_t given = c.input_count() - captures_.size();
    c.check(sliced_count_ >= 1 && sliced_count_ <= given, "num_scan_inputs is ",
            c.attrs().get_int("num_scan_inputs", 0), ", it has ", given, " inputs");
    state_count_ = given - sliced_count_;
    c.check(body_.graph.outputs.size() == c.node().outputs.size() &&
                body_.graph.outputs.size() >= state_count_,
            "its body has ", body_.graph.outputs.size(), " outputs, it has ",
            c.node().outputs.size(), ", of them ", state_count_, " carried");
  }

  std::int64_t steps(const Values& sliced) const {
    std::int64_t count = -1;
    for (std::size_t i = 0; i < sliced.size(); ++i) {
      const Shape& shape = c_.shape(sliced[i]);
      const std::int64_t axis = axis_of(i, shape.rank());
      const std::int64_t dim = shape[static_cast<int>(axis)];
      c_.check(count < 0 || dim == count, "its inputs have ", count, " and ", dim, " slices");
      count = dim;
    }
    return count;
  }

  // The outputs for these states and inputs.
  Values run(Values states, const Values& sliced, std::int64_t count) {
    std::vector<Values> slices;
    for (std::size_t i = 0; i < sliced.size(); ++i) {
      slices.push_back(c_.unstack(sliced[i], axis_of(i, c_.shape(sliced[i]).rank())));
      if (at_or_zero(c_.attrs().get_ints("scan_input_directions"), i) != 0) {
        std::reverse(slices.back().begin(), slices.back().end());
      }
    }
    std::vector<Values> stacked(body_.graph.outputs.size() - state_count_);
    for (std::int64_t step = 0; step < count; ++step) {
      Values inputs = states;
      for (const Values& parts : slices) {
        inputs.push_back(parts[static_cast<std::size_t>(step)]);
      }
      inputs.insert(inputs.end(), captures_.begin(), captures_.end());
      const Values outputs =
          c_.splice(body_, inputs, concat("step ", step, " of ", c_.node().origin));
      std::copy_n(outputs.begin(), state_count_, states.begin());
      for (std::size_t i = 0; i < stacked.size(); ++i) {
        stacked[i].push_back(outputs[state_count_ + i]);
      }
    }
    Values outputs = states;
    for (std::size_t i = 0; i < stacked.size(); ++i) {
      if (at_or_zero(c_.attrs().get_ints("scan_output_directions"), i) != 0) {
        std::reverse(stacked[i].begin(), stacked[i].end());
      }
      outputs.push_back(
          c_.stack(stacked[i], at_or_zero(c_.attrs().get_ints("scan_output_axes"), i)));
    }
    return outputs;
  }

  // Over slices of axis 0, with results of axis 0.
  Values iterate(const Values& states, const Values& sliced, std::int64_t count) {
    Iteration parts;
    parts.states = states.size();
    parts.sliced = sliced.size();
    parts.stacked = body_.graph.outputs.size() - parts.states;
    parts.steps = count;
    std::vector<ResolveContext::Formal> formals;
    for (const ValueId id : states) {
      formals.push_back(c_.formal(id, false));
    }
    Values inputs = {{}, {}};
    inputs.insert(inputs.end(), states.begin(), states.end());
    for (std::size_t i = 0; i < sliced.size(); ++i) {
      const int rank = c_.shape(sliced[i]).rank();
      inputs.push_back(moved(sliced[i], axis_of(i, rank), 0));
      ResolveContext::Formal slice = c_.formal(inputs.back(), false);
      Shape one;
      for (int axis = 1; axis < rank; ++axis) {
        one.push_back(slice.shape[axis]);
      }
      slice.shape = one;
      formals.push_back(slice);
    }
    for (const ValueId id : captures_) {
      formals.push_back(c_.formal(id, true));
    }
    const Values open = open_captures(c_);
    parts.captures = open.size();
    inputs.insert(inputs.end(), open.begin(), open.end());
    parts.backward_slices = backward("scan_input_directions", parts.sliced);
    parts.backward_stacks = backward("scan_output_directions", parts.stacked);
    const std::shared_ptr<Body> body = c_.bind(body_, formals);
    for (std::size_t i = 0; i < states.size(); ++i) {
      check_state(c_, *body, i, states[i], i);
    }
    Graph& graph = body->graph;
    graph.add_input("step", DType::kInt64, Shape{});
    std::rotate(graph.inputs.begin(), graph.inputs.end() - 1, graph.inputs.end());
    number_ports(graph);
    Values outputs = c_.emit("Iterate", std::move(inputs),
                             static_cast<int>(parts.states + parts.stacked), parts.attrs(), {body});
    for (std::size_t i = 0; i < parts.stacked; ++i) {
      ValueId& output = outputs[parts.stack(i)];
      const int rank = c_.shape(output).rank();
      const std::int64_t axis = at_or_zero(c_.attrs().get_ints("scan_output_axes"), i);
      c_.check(axis >= -rank && axis < rank, "axis ", axis, " is out of range for rank ", rank);
      output = moved(output, 0, axis < 0 ? axis + rank : axis);
    }
    return outputs;
  }

  Values states() const { return part(0, state_count_); }
  Values sliced() const { return part(state_count_, sliced_count_); }

 private:
  Values part(std::size_t first, std::size_t count) const {
    Values made;
    for (std::size_t i = 0; i < count; ++i) {
      made.push_back(c_.input(first + i));
    }
    return made;
  }

  // With one axis taken to another place.
  ValueId moved(ValueId id, std::int64_t from, std::int64_t to) {
    if (from == to) {
      return id;
    }
    Ints perm(static_cast<std::size_t>(c_.shape(id).rank()));
    std::iota(perm.begin(), perm.end(), 0);
    perm.erase(perm.begin() + static_cast<std::ptrdiff_t>(from));
    perm.insert(perm.begin() + static_cast<std::ptrdiff_t>(to), from);
    return c_.emit_one("Transpose", {id}, {{"perm", perm}});
  }

  Ints backward(std::string_view directions, std::size_t count) const {
    Ints turned;
    for (std::size_t i = 0; i < count; ++i) {
      if (at_or_zero(c_.attrs().get_ints(directions), i) != 0) {
        turned.push_back(static_cast<std::int64_t>(i));
      }
    }
    return turned;
  }

  std::int64_t axis_of(std::size_t i, int rank) const {
    const std::int64_t axis = at_or_zero(c_.attrs().get_ints("scan_input_axes"), i);
    c_.check(axis >= -rank && axis < rank, "axis ", axis, " is out of range for rank ", rank);
    return axis < 0 ? axis + rank : axis;
  }

  ResolveContext& c_;
  const Body& body_;
  const Values captures_;
  const std::size_t sliced_count_;
  std::size_t state_count_ = 0;
};

// Opset 8: axis 0 of everything is the batch, axis 1 of the sliced inputs the steps; each sample
// goes by itself.
void run_samples(ResolveContext& c, Steps& steps) {
  std::vector<Values> states, sliced, made;
  for (const ValueId id : steps.states()) {
    states.push_back(c.unstack(id, 0));
  }
  for (const ValueId id : steps.sliced()) {
    sliced.push_back(c.unstack(id, 0));
  }
  for (std::size_t sample = 0; sample < sliced[0].size(); ++sample) {
    Values from, over;
    for (const Values& one : states) {
      c.check(sample < one.size(), "its inputs differ in the size of the batch");
      from.push_back(one[sample]);
    }
    for (const Values& one : sliced) {
      c.check(sample < one.size(), "its inputs differ in the size of the batch");
      over.push_back(one[sample]);
    }
    made.push_back(steps.run(from, over, steps.steps(over)));
  }
  for (std::size_t i = 0; i < c.node().outputs.size(); ++i) {
    Values samples;
    for (const Values& outputs : made) {
      samples.push_back(outputs[i]);
    }
    c.set_output(i, c.stack(samples, 0));
  }
}

bool resolve_scan(ResolveContext& c) {
  Steps steps(c);
  if (c.attrs().get_int("batched", 0) != 0) {
    const Shape shape = c.shape(steps.sliced()[0]);
    c.check(shape.rank() >= 2, "its input has the shape ", shape, ", expected a batch and steps");
    TEMPER_CHECK(
        shape[0] > 0 && shape[1] > 0 && shape[0] <= c.unroll() && shape[0] * shape[1] <= c.unroll(),
        ErrorCode::kUnsupported, "Scan, as opset 8 has it, of ", shape[0], " samples and ",
        shape[1], " steps: those within compile.unroll (", c.unroll(), ") are supported");
    run_samples(c, steps);
    return true;
  }
  const std::int64_t count = steps.steps(steps.sliced());
  const bool written_out = count > 0 && count <= c.unroll();
  const Values outputs = written_out ? steps.run(steps.states(), steps.sliced(), count)
                                     : steps.iterate(steps.states(), steps.sliced(), count);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    c.set_output(i, outputs[i]);
  }
  return true;
}

void upgrade_scan(NodeDraft& d) {
  if (d.opset >= 9) {
    return;
  }
  if (d.has_input(0)) {
    d.refuse("sequence_lens of Scan, as opset 8 has it, are not supported");
  }
  if (!d.inputs.empty()) {
    d.inputs.erase(d.inputs.begin());
  }
  if (d.attrs.has("directions")) {
    d.attrs.set("scan_input_directions", d.attrs.get_ints("directions"));
    d.attrs.erase("directions");
  }
  d.attrs.set("batched", std::int64_t{1});
}

}  // namespace

void register_scan(OpRegistry& ops) {
  ops.add("Scan")
      .inputs(1, -1)
      .outputs(1, -1)
      .has_bodies({"body"})
      .upgrade(upgrade_scan)
      .infer(infer_resolved)
      .resolves(resolve_scan);
}

}  // namespace temper::graph
