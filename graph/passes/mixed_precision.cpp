#include "graph/passes/mixed_precision.h"

#include <algorithm>
#include <map>
#include <utility>

#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

class MixedPrecision {
 public:
  MixedPrecision(Graph& graph, DType low) : graph_(graph), low_(low), users_(users(graph)) {}

  void run() {
    for (const NodeId id : topological_order(graph_)) {
      convert(id);
    }
    for (Graph::Output& output : graph_.outputs) {
      output.value = widened(output.value);
    }
    for (UpdateBinding& update : graph_.updates) {
      update.value = widened(update.value);
    }
  }

 private:
  bool takes_part(ValueId id) const {
    const DType dtype = id.valid() ? graph_.value(id).dtype : DType::kUndefined;
    return dtype == DType::kFloat32 || dtype == low_;
  }

  static bool stays_wide(const OpDef& op, std::size_t input) {
    return std::find(op.float32_inputs.begin(), op.float32_inputs.end(), static_cast<int>(input)) !=
           op.float32_inputs.end();
  }

  bool is_scalar_constant(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.kind == ValueKind::kConstant && value.shape.element_count() == 1;
  }

  // The bias of a linear layer that the exporter wrote as MatMul and Add: PyTorch's linear() casts
  // its bias with the weight.
  bool is_linear_bias(const Node& node, std::size_t input) const {
    if (node.op->arithmetic != Arithmetic::kAdd) {
      return false;
    }
    const Value& bias = graph_.value(node.inputs[input]);
    const Value& other = graph_.value(node.inputs[1 - input]);
    return bias.kind == ValueKind::kVariable && bias.shape.rank() == 1 &&
           other.kind == ValueKind::kNode && other.dtype == low_ &&
           graph_.node(other.producer).op->is_bare_product();
  }

  DType target_of(const Node& node) const {
    switch (node.op->precision_class) {
      case PrecisionClass::kLow:
        return low_;
      case PrecisionClass::kFloat32:
        return DType::kFloat32;
      case PrecisionClass::kFollowInputs:
        break;
    }
    bool any_low = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      if (!takes_part(input) || stays_wide(*node.op, i) || is_scalar_constant(input) ||
          is_linear_bias(node, i)) {
        continue;
      }
      if (graph_.value(input).dtype == DType::kFloat32) {
        return DType::kFloat32;
      }
      any_low = true;
    }
    return any_low ? low_ : DType::kFloat32;
  }

  void convert(NodeId id) {
    const Node node = graph_.node(id);  // a copy: casts added below move the nodes
    const DType target = target_of(node);
    bool any = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (takes_part(node.inputs[i])) {
        const DType wanted = stays_wide(*node.op, i) ? DType::kFloat32 : target;
        const ValueId cast = in_type(node.inputs[i], wanted);
        graph_.node(id).inputs[i] = cast;
        any = true;
      }
    }
    if (any) {
      infer_node(graph_, id);
    }
  }

  ValueId in_type(ValueId id, DType dtype) {
    if (graph_.value(id).dtype == dtype) {
      return id;
    }
    if (dtype == low_ && cast_before_move(id)) {
      return id;
    }
    const auto known = casts_.find({id, dtype});
    if (known != casts_.end()) {
      return known->second;
    }
    const Value& value = graph_.value(id);
    std::string origin = "precision";
    if (value.kind == ValueKind::kVariable) {
      origin = concat("precision of ", graph_.variable(value.variable).name);
    } else if (value.kind == ValueKind::kNode) {
      origin = concat("precision of ", graph_.node(value.producer).origin);
    }
    const ValueId made = Builder(graph_, origin).cast(id, dtype);
    casts_[{id, dtype}] = made;
    return made;
  }

  // A value that a node only moved, for one reader: that node moves 16 bits instead.
  bool cast_before_move(ValueId id) {
    const Value& value = graph_.value(id);
    const auto index = static_cast<std::size_t>(id.index);
    if (value.kind != ValueKind::kNode || index >= users_.size() || users_[index].size() != 1 ||
        is_bound(id)) {
      return false;
    }
    const NodeId producer = value.producer;
    const OpDef& op = *graph_.node(producer).op;
    if (!op.is_reshape() && op.movement != Movement::kPermute) {
      return false;
    }
    const ValueId moved = in_type(graph_.node(producer).inputs.front(), low_);
    graph_.node(producer).inputs.front() = moved;
    infer_node(graph_, producer);
    return true;
  }

  // Outputs and updates are readers too.
  bool is_bound(ValueId id) const {
    return std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                       [&](const auto& output) { return output.value == id; }) ||
           std::any_of(graph_.updates.begin(), graph_.updates.end(),
                       [&](const auto& update) { return update.value == id; });
  }

  ValueId widened(ValueId id) {
    return graph_.value(id).dtype == low_ ? in_type(id, DType::kFloat32) : id;
  }

  Graph& graph_;
  DType low_;
  std::vector<std::vector<NodeId>> users_;  // before any cast
  std::map<std::pair<ValueId, DType>, ValueId> casts_;
};

}  // namespace

void apply_mixed_precision(Graph& graph, DType low) {
  TEMPER_ASSERT(low == DType::kFloat16 || low == DType::kBFloat16, low);
  MixedPrecision(graph, low).run();
  verify(graph, "apply_mixed_precision");
}

}  // namespace temper::graph
