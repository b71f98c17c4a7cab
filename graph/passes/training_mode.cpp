#include "graph/passes/training_mode.h"

#include <algorithm>

#include "graph/ir/op_registry.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"

namespace temper::graph {

void apply_training_mode(Graph& graph, const TrainingModeOptions& options) {
  TrainingContext context(graph, options);
  for (const NodeId id : topological_order(graph)) {
    const TrainingFunction train = graph.node(id).op->training_function;
    if (train != nullptr) {
      context.begin(id);
      train(context);
    }
  }
  context.bind_statistics();
  verify(graph, "apply_training_mode");
}

void apply_inference_mode(Graph& graph) {
  TrainingModeOptions identity;
  identity.dropout = false;
  identity.frozen_batchnorm = true;
  apply_training_mode(graph, identity);
}

bool TrainingForm::any() const {
  return std::any_of(counts.begin(), counts.end(), [](const auto& row) { return row.second > 0; });
}

TrainingForm training_form(const Graph& imported) {
  TrainingForm form;
  for (const OpDef* op : imported.registry().all()) {
    if (op->exported_for_training != nullptr) {
      form.counts[op->name()] = 0;
    }
  }
  for (int i = 0; i < imported.node_count(); ++i) {
    const Node& node = imported.node(NodeId{i});
    const NodeTest exported = node.op->exported_for_training;
    if (!node.removed && exported != nullptr && exported(imported, node)) {
      ++form.counts[node.op->name()];
    }
  }
  return form;
}

}  // namespace temper::graph
