// What the weight gradients of linear layers and convolutions have in common.
#pragma once

#include "graph/ir/infer_context.h"

namespace temper::graph {

// The type of dw and db: that of x and dy, or float32 with the attribute wide = 1 (16-bit inputs
// whose gradients accumulate in float32; set by passes/widen_weight_gradients).
inline DType weight_gradient_type(InferContext& c) {
  const DType type = c.dtype(0);
  const bool wide = c.attrs().get_int("wide", 0) != 0;
  return wide && size_of(type) == 2 ? DType::kFloat32 : type;
}

}  // namespace temper::graph
