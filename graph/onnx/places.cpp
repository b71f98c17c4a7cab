#include "graph/onnx/places.h"

#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void register_norms(OpRegistry& ops) {
  for (const char* name : {"LayerNormalization", "GroupNormalization"}) {
    ops.add(name).weight(1, "scale").weight(2, "bias");
  }
  ops.add("RMSNormalization").weight(1, "scale");
  ops.add("InstanceNormalization")
      .weight(1, "scale")
      .weight(2, "bias")
      .computes(Arithmetic::kNormalise);
  ops.add("MeanVarianceNormalization").computes(Arithmetic::kNormalise);
  ops.add("LpNormalization").computes(Arithmetic::kNormalise);
  ops.add("ReduceSumSquare").computes(Arithmetic::kMean);
  ops.add("ReduceL2").computes(Arithmetic::kLength);
}

}  // namespace

const OpRegistry& ops_without_file() {
  static const OpRegistry registry = [] {
    OpRegistry ops;
    register_norms(ops);
    ops.add("PRelu").weight(1, "slope");
    for (const char* name : {"LSTM", "GRU", "RNN"}) {
      ops.add(name).weight(1, "weight").weight(2, "recurrent weight").weight(3, "bias");
    }
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
