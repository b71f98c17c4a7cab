#include "graph/autodiff/gradient.h"

#include <algorithm>
#include <utility>

#include "graph/ir/builder.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

class ReversePass {
 public:
  ReversePass(Graph& graph, std::span<const ValueId> wrt) : graph_(graph) {
    resize();
    for (const ValueId id : wrt) {
      wanted_[index(id)] = true;
    }
  }

  // Where to start: a value and the gradient that flows into it.
  struct Seed {
    ValueId y, dy;
  };

  void run(const std::vector<Seed>& seeds) {
    const std::vector<NodeId> order = topological_order(graph_);
    mark_dependent(order);
    require_rules(order, seeds);
    for (const Seed& seed : seeds) {
      if (wanted_[index(seed.y)]) {
        grads_[index(seed.y)].push_back(seed.dy);
      }
    }
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      differentiate(*it);
    }
  }

  // See gradient.h.
  std::vector<ValueId> expanded(const Node& node, Builder& builder) {
    return expanded_gradient(node, builder, node.inputs);
  }

  // The sum of all contributions to a value's gradient, added in the order they arose.
  ValueId total(ValueId id, Builder& builder) {
    resize();
    auto& parts = grads_[index(id)];
    if (parts.empty()) {
      return {};
    }
    ValueId sum = parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i) {
      sum = builder.add(sum, parts[i]);
    }
    parts = {sum};
    return sum;
  }

 private:
  // A weight that each step of a loop reads has a part of its gradient from each: they are added as
  // they come, so that not all of them live at once.
  static constexpr std::size_t kMostParts = 8;

  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id.index); }

  void resize() {
    wanted_.resize(static_cast<std::size_t>(graph_.value_count()), false);
    grads_.resize(static_cast<std::size_t>(graph_.value_count()));
  }

  // wanted_ becomes true for every float value that depends on one of wrt through differentiable
  // ops.
  void mark_dependent(const std::vector<NodeId>& order) {
    for (const NodeId id : order) {
      const Node& node = graph_.node(id);
      if (!node.op->no_gradient_reason.empty()) {
        continue;
      }
      const bool depends = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
        return input.valid() && wanted_[index(input)];
      });
      for (const ValueId output : node.outputs) {
        if (depends && output.valid() && is_float(graph_.value(output).dtype)) {
          wanted_[index(output)] = true;
        }
      }
    }
  }

  // Names every node on the way from wrt to a seed whose op has no gradient rule. A node made by
  // another gradient (its origin is "gradient of Conv 'c1'") is named with its op.
  void require_rules(const std::vector<NodeId>& order, const std::vector<Seed>& seeds) {
    std::vector<bool> reaches(static_cast<std::size_t>(graph_.value_count()), false);
    for (const Seed& seed : seeds) {
      reaches[index(seed.y)] = true;
    }
    std::vector<std::string> missing;
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      const Node& node = graph_.node(*it);
      const bool on_the_way =
          std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
            return output.valid() && wanted_[index(output)] && reaches[index(output)];
          });
      if (!on_the_way) {
        continue;
      }
      if (!node.op->is_differentiable() && expanded_forward(*node.op) == nullptr) {
        missing.push_back(node.origin.empty() ? node.op->name()
                          : !node.op->is_internal
                              ? node.origin
                              : concat(node.op->name(), " (", node.origin, ")"));
      }
      for (const ValueId input : node.inputs) {
        if (input.valid()) {
          reaches[index(input)] = true;
        }
      }
    }
    TEMPER_CHECK(missing.empty(), ErrorCode::kUnsupported, "no gradient for: ", join(missing, ", "),
                 " (freeze what lies before, or train another part of the model)");
  }

  void differentiate(NodeId id) {
    const Node node = graph_.node(id);  // a copy: adding nodes below moves them
    Builder builder(graph_,
                    node.origin.empty() ? std::string{} : concat("gradient of ", node.origin));
    std::vector<ValueId> dy(node.outputs.size());
    bool any = false;
    for (std::size_t i = 0; i < dy.size(); ++i) {
      if (node.outputs[i].valid()) {
        dy[i] = total(node.outputs[i], builder);
        any = any || dy[i].valid();
      }
    }
    std::vector<bool> needed(node.inputs.size(), false);
    for (std::size_t i = 0; i < needed.size(); ++i) {
      needed[i] = node.inputs[i].valid() && wanted_[index(node.inputs[i])];
    }
    if (!any || std::find(needed.begin(), needed.end(), true) == needed.end()) {
      return;
    }
    const std::vector<ValueId>& inputs = node.inputs;
    const std::vector<ValueId> grads = node.op->grad_function != nullptr
                                           ? by_rule(id, builder, std::move(dy), needed)
                                           : by_expansion(node, builder, dy, needed);
    resize();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ValueId dx = grads[i];
      if (!needed[i] || !dx.valid()) {
        continue;
      }
      const Shape target = graph_.value(inputs[i]).shape;
      const ValueId reduced = builder.sum_to(dx, target);
      resize();
      TEMPER_ASSERT(graph_.value(reduced).shape == graph_.value(inputs[i]).shape &&
                        graph_.value(reduced).dtype == graph_.value(inputs[i]).dtype,
                    "the gradient of input ", i, " of ", graph_.node(id).origin, " is ",
                    graph_.value(reduced).dtype, graph_.value(reduced).shape, ", the input is ",
                    graph_.value(inputs[i]).dtype, graph_.value(inputs[i]).shape);
      std::vector<ValueId>& parts = grads_[index(inputs[i])];
      parts.push_back(reduced);
      if (parts.size() == kMostParts) {
        total(inputs[i], builder);
      }
    }
  }

  std::vector<ValueId> by_rule(NodeId id, Builder& builder, std::vector<ValueId> dy,
                               const std::vector<bool>& needed) {
    const GradFunction rule = graph_.node(id).op->grad_function;
    GradContext context(builder, id, std::move(dy), needed, gradient_of_body);
    rule(context);
    return context.dx();
  }

  // The gradients of an op without a rule: those of its expansion. Leaves stand for its inputs, so
  // that nothing before them is differentiated a second time.
  std::vector<ValueId> by_expansion(const Node& node, Builder& builder,
                                    const std::vector<ValueId>& dy,
                                    const std::vector<bool>& needed) {
    const int first_made = graph_.node_count();
    std::vector<ValueId> leaves = node.inputs;
    std::vector<ValueId> wrt;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (needed[i] && graph_.value(leaves[i]).dtype != DType::kOpaque) {
        leaves[i] = builder.op("Identity", {leaves[i]});
        wrt.push_back(leaves[i]);
      }
    }
    const std::vector<ValueId> outputs = node.op->expand_function != nullptr
                                             ? node.op->expand_function(builder, node, leaves)
                                             : expanded_gradient(node, builder, leaves);
    std::vector<Seed> seeds;
    for (std::size_t i = 0; i < dy.size(); ++i) {
      if (dy[i].valid()) {
        seeds.push_back({outputs[i], dy[i]});
      }
    }
    ReversePass inner(graph_, wrt);
    inner.run(seeds);
    std::vector<ValueId> grads(leaves.size());
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (needed[i]) {
        grads[i] = inner.total(leaves[i], builder);
      }
    }
    replace_leaves(first_made, leaves, node.inputs, grads);
    return grads;
  }

  // The inputs themselves in the places of their leaves, in the nodes from `first` on and in
  // `grads`: what was made of them here is the same as what the plan makes of the forward node.
  void replace_leaves(int first, const std::vector<ValueId>& leaves,
                      const std::vector<ValueId>& inputs, std::vector<ValueId>& grads) {
    const auto replace = [&](ValueId& id) {
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (id.valid() && id == leaves[i]) {
          id = inputs[i];
        }
      }
    };
    for (int i = first; i < graph_.node_count(); ++i) {
      for (ValueId& input : graph_.node(NodeId{i}).inputs) {
        replace(input);
      }
    }
    for (ValueId& grad : grads) {
      replace(grad);
    }
  }

  // The op with an expansion whose gradient `op` computes, or null.
  const OpDef* expanded_forward(const OpDef& op) const {
    const OpDef* forward = graph_.registry().find(op.forward_op_name);
    return forward != nullptr && forward->expand_function != nullptr ? forward : nullptr;
  }

  // What the gradient op `node` computes, as the gradient of its forward op's expansion.
  std::vector<ValueId> expanded_gradient(const Node& node, Builder& builder,
                                         const std::vector<ValueId>& leaves) {
    const OpDef* forward = expanded_forward(*node.op);
    const auto count = static_cast<std::size_t>(forward->max_inputs);
    std::vector<ValueId> inputs(leaves.begin(), leaves.begin() + forward->max_inputs);
    std::vector<ValueId> wrt;
    for (std::size_t i = 0; i < count && i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        inputs[i] = builder.op("Identity", {inputs[i]});
        wrt.push_back(inputs[i]);
      }
    }
    Node taken = node;
    taken.op = forward;
    const std::vector<ValueId> outputs = forward->expand_function(builder, taken, inputs);
    std::vector<Seed> seeds;
    for (std::size_t i = 0; i < outputs.size() && count + i < leaves.size(); ++i) {
      if (leaves[count + i].valid()) {
        seeds.push_back({outputs[i], leaves[count + i]});
      }
    }
    ReversePass inner(graph_, wrt);
    inner.run(seeds);
    std::vector<ValueId> grads(node.outputs.size());
    for (std::size_t i = 0; i < grads.size(); ++i) {
      if (node.outputs[i].valid()) {
        const ValueId grad = inner.total(inputs[i], builder);
        grads[i] = grad.valid() ? grad : builder.zeros_like(inputs[i]);
      }
    }
    return grads;
  }

  Graph& graph_;
  std::vector<bool> wanted_;
  std::vector<std::vector<ValueId>> grads_;
};

}  // namespace

std::vector<ValueId> gradient(Graph& graph, ValueId y, std::span<const ValueId> wrt, ValueId dy) {
  Builder builder(graph, "gradient");
  if (!dy.valid()) {
    TEMPER_CHECK(graph.value(y).shape.element_count() == 1, ErrorCode::kInvalidArgument,
                 "the gradient of a value of shape ", graph.value(y).shape,
                 " was asked for; a loss must be a scalar");
    const ValueId one = builder.scalar(graph.value(y).dtype, 1);
    dy = builder.expand(one, graph.value(y).shape);
  }
  ReversePass pass(graph, wrt);
  pass.run({{y, dy}});
  std::vector<ValueId> grads;
  for (const ValueId id : wrt) {
    ValueId grad = pass.total(id, builder);
    if (!grad.valid()) {
      grad = builder.zeros_like(id);
    }
    grads.push_back(grad);
  }
  verify(graph, "gradient");
  return grads;
}

std::vector<ValueId> expanded_gradient(Graph& graph, NodeId id) {
  const Node node = graph.node(id);  // a copy: adding nodes moves them
  Builder builder(graph, node.origin);
  return ReversePass(graph, {}).expanded(node, builder);
}

std::shared_ptr<Body> gradient_of_body(const Body& body, const std::vector<std::size_t>& outputs,
                                       const std::vector<std::size_t>& inputs) {
  const auto made = std::make_shared<Body>(body);
  made->forward = std::make_shared<Body>(body);
  Graph& graph = made->graph;
  Builder builder(graph, "gradient");
  std::vector<ValueId> wrt;
  for (const std::size_t input : inputs) {
    wrt.push_back(graph.inputs.at(input));
  }
  std::vector<ReversePass::Seed> seeds;
  for (const std::size_t output : outputs) {
    const Graph::Output& of = body.graph.outputs.at(output);
    const Value y = graph.value(of.value);  // a copy: adding an input moves it
    seeds.push_back({of.value, graph.add_input(concat("gradient of ", of.name), y.dtype, y.shape)});
  }
  ReversePass pass(graph, wrt);
  pass.run(seeds);
  graph.outputs.clear();
  for (const ValueId id : wrt) {
    ValueId grad = pass.total(id, builder);
    if (!grad.valid()) {
      grad = builder.zeros_like(id);
    }
    graph.add_output(concat("gradient of ", graph.value(id).name), grad);
  }
  number_ports(graph);
  verify(graph, "gradient_of_body");
  return made;
}

}  // namespace temper::graph
