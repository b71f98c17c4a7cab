// Putting an Iterate node in the place of a Loop or Scan.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/resolve_context.h"
#include "runtime/base/iteration.h"

namespace temper::graph {

// A state must be after a step what it was before.
inline void check_state(const ResolveContext& c, const Body& body, std::size_t output,
                        ValueId before, std::size_t number) {
  const Value& was = c.value(before);
  const Value& is = body.graph.value(body.graph.outputs.at(output).value);
  TEMPER_CHECK(was.dtype == is.dtype && was.shape == is.shape, ErrorCode::kUnsupported,
               "carried value ", number, " is ", was.dtype, was.shape,
               " before its first step and ", is.dtype, is.shape,
               " after it; only loops that are written out (compile.unroll) may change shapes");
}

// The captures that are no constants, which the bound body still takes.
inline std::vector<ValueId> open_captures(const ResolveContext& c) {
  std::vector<ValueId> left;
  for (const ValueId id : c.captures()) {
    if (c.constant(id) == nullptr) {
      left.push_back(id);
    }
  }
  return left;
}

}  // namespace temper::graph
