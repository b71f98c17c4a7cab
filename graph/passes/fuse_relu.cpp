#include "graph/passes/fuse_relu.h"

#include <algorithm>
#include <limits>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/memory/finite_values.h"

namespace temper::graph {

std::optional<Rectifier> rectifier_in(const Node& node) {
  if (node.op->activation == Activation::kRelu) {
    return Rectifier{true};
  }
  const Rectifier clip{true, node.attrs.get_double("max", std::numeric_limits<double>::infinity())};
  const bool from_zero = node.op->arithmetic == Arithmetic::kClip &&
                         std::count_if(node.inputs.begin(), node.inputs.end(),
                                       [](ValueId id) { return id.valid(); }) == 1 &&
                         node.attrs.get_double("min", -1) == 0;
  return from_zero && clip.has_ceiling() && clip.ceiling > 0 ? std::optional(clip) : std::nullopt;
}

namespace {

bool is_op(const Graph& graph, NodeId id, std::string_view op) {
  return !graph.node(id).removed && graph.node(id).op->name() == op;
}

bool is_graph_output(const Graph& graph, ValueId id) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const auto& output) { return output.value == id; });
}

bool holds_nan(const Tensor& tensor) {
  if (!tensor.defined()) {
    return false;
  }
  if (tensor.dtype() != DType::kFloat32 && tensor.dtype() != DType::kFloat64) {
    const std::vector<float> wide = tensor.values<float>();
    return any_nan(DType::kFloat32, wide.data(), static_cast<std::int64_t>(wide.size()));
  }
  return any_nan(tensor.dtype(), tensor.data(), storage_elements(tensor.shape(), tensor.layout()));
}

bool begins_with_nan(const Variable& variable) {
  return variable.initial.defined() || variable.stored == nullptr
             ? holds_nan(variable.initial)
             : variable.stored->holds_nan(variable.dtype, variable.shape.element_count());
}

// Whether what the graph computes with from the start holds NaN.
bool stores_nan(const Graph& graph, const std::vector<std::vector<NodeId>>& users) {
  for (int i = 0; i < graph.value_count(); ++i) {
    const Value& value = graph.value(ValueId{i});
    if (!is_float(value.dtype) || users[static_cast<std::size_t>(i)].empty()) {
      continue;
    }
    const bool found =
        value.kind == ValueKind::kConstant
            ? holds_nan(value.constant)
            : value.kind == ValueKind::kVariable && begins_with_nan(graph.variable(value.variable));
    if (found) {
      return true;
    }
  }
  return false;
}

class ReluFusion {
 public:
  explicit ReluFusion(Graph& graph) : graph_(graph), users_(users(graph)) {}

  void try_fuse(NodeId relu, const Rectifier& rectifier) {
    const ValueId input = graph_.node(relu).inputs.front();
    const Value& value = graph_.value(input);
    if (value.kind != ValueKind::kNode || is_graph_output(graph_, input) ||
        value.output_index != 0 || users_of(input).size() != 1) {
      return;
    }
    const NodeId host = value.producer;
    const OpDef& op = *graph_.node(host).op;
    if (!op.can_take_relu || (op.linear != Linear::kNone && stores_nan())) {
      return;
    }
    if (op.relu_mask_output < 0 ? is_float(value.dtype) : fuse_gradient(host, relu, rectifier)) {
      absorb(host, relu, rectifier);
    }
  }

 private:
  const std::vector<NodeId>& users_of(ValueId id) {
    return users_[static_cast<std::size_t>(id.index)];
  }

  void absorb(NodeId host, NodeId relu, const Rectifier& rectifier) {
    set_rectifier(graph_.node(host).attrs, rectifier);
    graph_.node(host).origin += concat(" + ", graph_.node(relu).origin);
    const ValueId inner = graph_.node(host).outputs.front();
    const ValueId outer = graph_.node(relu).outputs.front();
    graph_.value(inner).name.swap(graph_.value(outer).name);
    graph_.remove_node(relu);
    graph_.replace_uses(outer, inner);
  }

  // True when there is no gradient, or when it could be rewritten: the gradient of y from dy -> the
  // host's gradient becomes the latter with relu = 1 and the forward's saved mask.
  bool fuse_gradient(NodeId host, NodeId relu, const Rectifier& rectifier) {
    const OpDef& op = *graph_.node(host).op;
    NodeId grad;
    for (const ValueId output : graph_.node(host).outputs) {
      if (!output.valid()) {
        continue;
      }
      for (const NodeId user : users_of(output)) {
        if (is_op(graph_, user, op.gradient_op_name)) {
          grad = user;
        }
      }
    }
    if (!grad.valid()) {
      return true;
    }
    const ValueId dy = graph_.node(grad).inputs.front();
    const Value& dy_value = graph_.value(dy);
    if (dy_value.kind != ValueKind::kNode ||
        !is_op(graph_, dy_value.producer, graph_.node(relu).op->gradient_op_name) ||
        users_of(dy).size() != 1 ||
        graph_.node(dy_value.producer).inputs[1] != graph_.node(relu).outputs.front()) {
      return false;
    }
    const NodeId relu_grad = dy_value.producer;
    const ValueId saved = graph_.ensure_output(host, op.relu_mask_output);
    Node& node = graph_.node(grad);
    node.inputs.front() = graph_.node(relu_grad).inputs.front();
    const auto mask = static_cast<std::size_t>(op.relu_mask_input);
    node.inputs.resize(mask + 1);
    node.inputs[mask] = saved;
    set_rectifier(node.attrs, rectifier);
    set_rectifier(graph_.node(host).attrs, rectifier);
    graph_.remove_node(relu_grad);
    infer_node(graph_, host);
    return true;
  }

  bool stores_nan() {
    if (!stores_nan_) {
      stores_nan_ = graph::stores_nan(graph_, users_);
    }
    return *stores_nan_;
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;
  std::optional<bool> stores_nan_;  // found once, when something can fuse
};

}  // namespace

void fuse_relu(Graph& graph) {
  const std::vector<NodeId> order = topological_order(graph);
  ReluFusion fusion(graph);
  for (const NodeId id : order) {
    const Node& node = graph.node(id);
    if (const auto rectifier = node.removed ? std::nullopt : rectifier_in(node)) {
      fusion.try_fuse(id, *rectifier);
    }
  }
}

}  // namespace temper::graph
