#include "graph/onnx/places.h"

#include "graph/ops/standard_ops.h"

namespace temper::graph {

const OpRegistry& ops_without_file() {
  static const OpRegistry registry = [] {
    OpRegistry ops;
    return ops;
  }();
  return registry;
}

const OpDef& facts_of(const FlatNode& node) {
  static const OpDef unknown("");
  if (!node.domain.empty()) {
    return unknown;
  }
  const OpDef* op = standard_ops().find_imported(node.op);
  op = op != nullptr ? op : ops_without_file().find(node.op);
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
         : op.keeps_elements() || op.movement == Movement::kPart ? 1
                                                                 : 0;
}

}  // namespace temper::graph
