#include "graph/passes/standard_form.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/cleanup.h"
#include "graph/passes/results.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

class Standardiser {
 public:
  Standardiser(Graph& graph, std::int64_t opset) : graph_(graph), opset_(opset) {}

  void run() {
    // New nodes stand behind, and are looked at in turn.
    for (int i = 0; i < graph_.node_count(); ++i) {
      if (!graph_.node(NodeId{i}).removed) {
        visit(NodeId{i});
      }
    }
    TEMPER_CHECK(missing_.empty(), ErrorCode::kUnsupported,
                 "no form in operators of the standard for: ", join(missing_, ", "));
  }

 private:
  bool stays(const OpDef& op) const {
    return !op.is_internal && op.standard_function == nullptr && op.first_opset <= opset_ &&
           op.domain.empty();
  }

  void visit(NodeId id) {
    const Node node = graph_.node(id);  // a copy: adding nodes moves them
    // An op of which files give what the shape rule absorbed, and nobody said how to write it.
    if (!node.bodies.empty() || (!node.op->is_internal && node.op->standard_function == nullptr &&
                                 !node.op->absorbed_inputs.empty() &&
                                 node.op->written_inputs.empty() && lacks_input(node))) {
      return refuse(node);
    }
    if (stays(*node.op)) {
      return;
    }
    std::vector<ValueId> made;
    try {
      if (!make(id, node, made)) {
        return;
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) {
        throw;
      }
      return note(concat(node.origin, ": ", error.message()));
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!node.outputs[i].valid()) {
        continue;
      }
      if (i < made.size() && made[i].valid()) {
        graph_.replace_uses(node.outputs[i], made[i]);
      } else if (graph_.value(node.outputs[i]).dtype == DType::kOpaque) {
        // What a kernel keeps for its gradient, which is written from the inputs.
        graph_.replace_uses(node.outputs[i], {});
      }
    }
    graph_.remove_node(id);
  }

  static bool lacks_input(const Node& node) {
    return std::any_of(node.op->absorbed_inputs.begin(), node.op->absorbed_inputs.end(),
                       [&](int i) {
                         return i >= static_cast<int>(node.inputs.size()) ||
                                !node.inputs[static_cast<std::size_t>(i)].valid();
                       });
  }

  // False: the node stays, or is refused.
  bool make(NodeId id, const Node& node, std::vector<ValueId>& made) {
    Builder builder(graph_, node.origin);
    const OpDef& op = *node.op;
    if (op.standard_function != nullptr) {
      made = op.standard_function(builder, node, node.inputs);
      return !made.empty();
    }
    if (op.expand_function != nullptr) {
      made = op.expand_function(builder, node, node.inputs);
      return true;
    }
    const OpDef* forward = graph_.registry().find(op.forward_op_name);
    if (forward != nullptr && forward->expand_function != nullptr) {
      made = expanded_gradient(graph_, id);
      return true;
    }
    refuse(node);
    return false;
  }

  void refuse(const Node& node) {
    note(node.origin.empty()    ? node.op->name()
         : node.op->is_internal ? concat(node.op->name(), " (", node.origin, ")")
                                : node.origin);
  }

  void note(std::string text) {
    if (noted_.insert(text).second) {
      missing_.push_back(std::move(text));
    }
  }

  Graph& graph_;
  std::int64_t opset_;
  std::vector<std::string> missing_;
  std::set<std::string> noted_;
};

// Identity of a value is that value. What kernels save for gradients has no reader left.
void tidy(Graph& graph) {
  for (int i = 0; i < graph.node_count(); ++i) {
    const NodeId id{i};
    if (graph.node(id).removed) {
      continue;
    }
    const OpDef& op = *graph.node(id).op;
    const ValueId input = graph.node(id).inputs.empty() ? ValueId{} : graph.node(id).inputs[0];
    if (op.movement == Movement::kSame && input.valid() &&
        !is_result(graph, graph.node(id).outputs[0])) {
      graph.replace_uses(graph.node(id).outputs[0], input);
      graph.remove_node(id);
      continue;
    }
    for (ValueId& output : graph.node(id).outputs) {
      if (output.valid() && graph.value(output).dtype == DType::kOpaque) {
        output = {};
      }
    }
  }
}

}  // namespace

void guard_updates(Graph& graph) {
  if (!graph.ok.valid()) {
    return;
  }
  Builder builder(graph, "step");
  for (UpdateBinding& update : graph.updates) {
    if (update.kind == UpdateBinding::Kind::kApply) {
      const ValueId before = graph.read_variable(update.variable);
      update.value = builder.op("Where", {graph.ok, update.value, before});
      update.kind = UpdateBinding::Kind::kAttempt;
    }
  }
  graph.ok = {};
}

void to_standard_ops(Graph& graph, std::int64_t opset) {
  remove_dead_nodes(graph);
  Standardiser(graph, opset).run();
  tidy(graph);
  merge_common_nodes(graph);
  remove_dead_nodes(graph);
  verify(graph, "to_standard_ops");
}

void fold_small_constants(Graph& graph, const Backend& reference) {
  constexpr std::int64_t kSmall = 64;
  ConstantFolder folder(graph, reference);
  for (const NodeId id : topological_order(graph)) {
    const std::vector<ValueId>& outputs = graph.node(id).outputs;
    const bool is_small = std::all_of(outputs.begin(), outputs.end(), [&](ValueId output) {
      return !output.valid() ||
             (graph.value(output).shape.element_count() <= kSmall && !is_result(graph, output));
    });
    if (is_small) {
      folder.fold_if_constant(graph, id);
    }
  }
  merge_common_nodes(graph);
  remove_dead_nodes(graph);
}

}  // namespace temper::graph
