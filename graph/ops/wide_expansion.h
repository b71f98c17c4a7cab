// Expansions compute as a kernel would: wide inside, rounded once.
#pragma once

#include <vector>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "runtime/base/dtype.h"

namespace temper::graph {

// `kExpand` in float32 where the inputs are floats of 16 bits; its outputs in the node's types.
template <ExpandFunction kExpand>
std::vector<ValueId> expand_wide(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  std::vector<ValueId> wide = inputs;
  for (ValueId& input : wide) {
    if (input.valid() && is_float(b.dtype(input)) && size_of(b.dtype(input)) == 2) {
      input = b.cast(input, DType::kFloat32);
    }
  }
  std::vector<ValueId> made = kExpand(b, node, wide);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) {
      made[i] = b.cast(made[i], b.dtype(node.outputs[i]));
    }
  }
  return made;
}

}  // namespace temper::graph
