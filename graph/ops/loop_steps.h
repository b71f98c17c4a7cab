// How many steps a Loop has whose own condition ends it, where nothing but numbers known when the
// graph is compiled go into that: TensorFlow's loops over the time of a sequence count like that.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "graph/ir/resolve_context.h"
#include "graph/ir/walk.h"

namespace temper::graph {

// What decides about the next step: the condition, and the carried values it follows from.
class LoopCondition {
 public:
  LoopCondition(const Body& body, std::size_t states)
      : body_(std::make_unique<Body>(body)), wanted_(states, false) {
    std::vector<Graph::Output> all = body_->graph.outputs;
    std::vector<std::size_t> needed = {0};
    for (std::size_t i = 0; i < needed.size(); ++i) {
      add_cone(all[needed[i]].value);
      for (std::size_t state = 0; state < states; ++state) {
        const ValueId input = body_->graph.inputs[2 + state];
        if (!wanted_[state] && seen_[static_cast<std::size_t>(input.index)]) {
          wanted_[state] = true;
          needed.push_back(1 + state);
        }
      }
    }
    body_->graph.outputs = {all[0]};
    for (std::size_t state = 0; state < states; ++state) {
      if (wanted_[state]) {
        body_->graph.outputs.push_back(all[1 + state]);
      }
    }
    const std::vector<bool> live = live_nodes(body_->graph);
    for (int i = 0; i < body_->graph.node_count(); ++i) {
      if (!live[static_cast<std::size_t>(i)]) {
        body_->graph.remove_node(NodeId{i});
      }
    }
  }

  // At most `most`. Nothing where data decide, or where no end is in sight.
  std::optional<std::int64_t> count(ResolveContext& c, std::vector<ValueId> states,
                                    std::int64_t most) {
    constexpr std::int64_t kInSight = 20'000;
    std::optional<std::int64_t> steps;
    c.attempt([&] {
      for (std::int64_t step = 0; step < kInSight; ++step) {
        if (step == most) {
          steps = most;
          return false;
        }
        std::vector<ValueId> inputs = {c.integer(step),
                                       c.add_constant(Tensor::scalar(DType::kBool, 1))};
        inputs.insert(inputs.end(), states.begin(), states.end());
        const std::vector<ValueId> captures = c.captures();
        inputs.insert(inputs.end(), captures.begin(), captures.end());
        const std::vector<ValueId> made = c.splice(*body_, inputs, {});
        if (!std::all_of(made.begin(), made.end(), [&](ValueId id) { return c.constant(id); })) {
          return false;
        }
        if (c.constant(made[0])->values<std::int64_t>().front() == 0) {
          steps = step + 1;
          return false;
        }
        std::size_t next = 1;
        for (std::size_t state = 0; state < states.size(); ++state) {
          states[state] = wanted_[state] ? made[next++] : states[state];
        }
      }
      return false;
    });
    return steps;
  }

 private:
  void add_cone(ValueId end) {
    seen_.resize(static_cast<std::size_t>(body_->graph.value_count()), false);
    std::vector<ValueId> stack = {end};
    while (!stack.empty()) {
      const ValueId id = stack.back();
      stack.pop_back();
      if (!id.valid() || seen_[static_cast<std::size_t>(id.index)]) {
        continue;
      }
      seen_[static_cast<std::size_t>(id.index)] = true;
      const Value& value = body_->graph.value(id);
      if (value.kind == ValueKind::kNode) {
        const std::vector<ValueId>& inputs = body_->graph.node(value.producer).inputs;
        stack.insert(stack.end(), inputs.begin(), inputs.end());
      }
    }
  }

  std::unique_ptr<Body> body_;
  std::vector<bool> wanted_;  // per carried value
  std::vector<bool> seen_;    // per value of the body
};

}  // namespace temper::graph
