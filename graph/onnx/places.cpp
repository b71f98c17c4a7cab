#include "graph/onnx/places.h"

#include "graph/ops/standard_ops.h"
#include "runtime/base/concat.h"

namespace temper::graph {

const OpRegistry& ops_without_file() {
  static const OpRegistry registry = [] {
    OpRegistry ops;
    return ops;
  }();
  return registry;
}

const OpDef* op_of(const OpRegistry& registry, const FlatNode& node) {
  const OpDef* op = registry.find_imported(node.op);
  if (op != nullptr && op->domain == node.domain) {
    return op;
  }
  return node.domain.empty() ? nullptr : registry.find_imported(concat(node.domain, "::", node.op));
}

const OpDef& facts_of(const FlatNode& node) {
  static const OpDef unknown("");
  const OpDef* op = op_of(standard_ops(), node);
  op = op != nullptr || !node.domain.empty() ? op : ops_without_file().find(node.op);
  return op != nullptr ? *op : unknown;
}

const PlaceOfInput* find_place(const FlatNode& node, int input) {
  for (const PlaceOfInput& place : facts_of(node).places) {
    if (place.input == input) {
      return &place;
    }
  }
  return nullptr;
}

int moved_inputs(const FlatNode& node) {
  const OpDef& op = facts_of(node);
  return op.movement == Movement::kJoin ? static_cast<int>(node.inputs.size())
         : op.keeps_elements() || rounds(op) || op.movement == Movement::kPart ||
                 op.movement == Movement::kBroadcast
             ? 1
             : 0;
}

}  // namespace temper::graph
