// For ops that are no step of a plan: what they do is settled when shapes are bound
// (graph/ir/resolve_context.h).
#pragma once

#include "graph/ir/infer_context.h"
#include "graph/ir/resolve_context.h"

namespace temper::graph {

// The shape rule of such an op, which is never asked.
inline void infer_resolved(InferContext& c) {
  fail(ErrorCode::kInternal, c.node().op->name(), " was not resolved");
}

}  // namespace temper::graph
