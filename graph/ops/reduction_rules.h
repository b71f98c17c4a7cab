// Rules shared by the reductions over `axes`. After infer, axes lists every reduced axis.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/elementwise_rules.h"

namespace temper::graph {

inline void infer_reduce(InferContext& c) {
  const Shape input = c.shape(0);
  std::vector<std::int64_t> axes =
      c.normalise_axes(c.take_ints("axes", 1).value_or(std::vector<std::int64_t>{}), input.rank());
  if (axes.empty() && c.attrs().get_int("noop_with_empty_axes", 0) == 0) {
    for (int axis = 0; axis < input.rank(); ++axis) {
      axes.push_back(axis);
    }
  }
  const bool keep = c.attrs().get_int("keepdims", 1) != 0;
  Shape output;
  for (int axis = 0; axis < input.rank(); ++axis) {
    if (!std::binary_search(axes.begin(), axes.end(), axis)) {
      output.push_back(input[axis]);
    } else if (keep) {
      output.push_back(1);
    }
  }
  // Explicit from here on, so that inferring again changes nothing.
  c.attrs().set("axes", std::move(axes));
  c.attrs().set("keepdims", std::int64_t{keep});
  c.attrs().set("noop_with_empty_axes", std::int64_t{1});
  c.set_output(0, c.dtype(0), output);
}

inline void infer_reduce_number(InferContext& c) {
  require_number(c);
  infer_reduce(c);
}

// The input's shape with every reduced axis 1.
inline Shape kept_shape(const GradContext& g) {
  Shape shape = g.shape(g.x(0));
  for (const std::int64_t axis : g.attrs().get_ints("axes")) {
    shape[static_cast<int>(axis)] = 1;
  }
  return shape;
}

// dy, repeated over the reduced axes
inline ValueId spread(GradContext& g, ValueId value) {
  const Shape input = g.shape(g.x(0));
  const Shape kept = kept_shape(g);
  return g.builder().expand(g.builder().reshape(value, kept), input);
}

inline int batch_of_reduction(const BatchContext& c) { return c.without(c.ints("axes")); }

// The axes are an input from opset `kInputSince` on; an attribute of that name means nothing
// afterwards.
template <std::int64_t kInputSince>
void upgrade_reduce(NodeDraft& d) {
  if (d.opset >= kInputSince) {
    d.attrs.erase("axes");
  } else {
    d.attrs.erase("noop_with_empty_axes");
  }
}

}  // namespace temper::graph
