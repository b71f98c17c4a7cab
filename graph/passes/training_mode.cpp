#include "graph/passes/training_mode.h"

#include <algorithm>
#include <memory>

#include "graph/ir/body.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"

namespace temper::graph {
namespace {

// The first node that trains otherwise than it infers, or null.
const Node* find_trained(const Graph& graph) {
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (node.removed) {
      continue;
    }
    if (node.op->training_function != nullptr) {
      return &node;
    }
    for (const std::shared_ptr<const Body>& body : node.bodies) {
      if (const Node* found = find_trained(body->graph)) {
        return found;
      }
    }
  }
  return nullptr;
}

// Bodies compute as at inference: statistics and random numbers would differ from step to step.
void settle_bodies(Node& node, const TrainingModeOptions& options) {
  for (std::shared_ptr<const Body>& body : node.bodies) {
    const Node* trained = find_trained(body->graph);
    if (trained == nullptr) {
      continue;
    }
    TEMPER_CHECK(options.frozen_batchnorm && !options.dropout, ErrorCode::kUnsupported,
                 trained->origin, " cannot train inside ", node.origin,
                 ", which is not written out; write a larger compile.unroll");
    const auto settled = std::make_shared<Body>(*body);
    apply_training_mode(settled->graph, options);
    body = settled;
  }
}

}  // namespace

void apply_training_mode(Graph& graph, const TrainingModeOptions& options) {
  for (int i = 0; i < graph.node_count(); ++i) {
    settle_bodies(graph.node(NodeId{i}), options);
  }
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
