// Facts of a file's nodes that learned places are told by.
#pragma once

#include "graph/onnx/places.h"

namespace temper::graph {

template <class... Kinds>
bool computes(const FlatNode& node, Kinds... kinds) {
  const Arithmetic arithmetic = facts_of(node).arithmetic;
  return ((arithmetic == kinds) || ...);
}

inline bool is_product(const FlatNode& node) {
  return computes(node, Arithmetic::kMultiply, Arithmetic::kDivide);
}

// Elements keep their order or are only dropped in training.
inline bool passes_on(const FlatNode& node) {
  const OpDef& op = facts_of(node);
  return op.keeps_elements() || rounds(op) || op.movement == Movement::kDrop ||
         op.movement == Movement::kBroadcast;
}

}  // namespace temper::graph
