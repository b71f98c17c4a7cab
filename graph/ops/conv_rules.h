// What convolutions of any kind ask of their weights.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "graph/ir/infer_context.h"
#include "runtime/base/window.h"

namespace temper::graph {

// Of w [M, C / group, k...] over an input of these spatial dimensions; kernel_shape, where it is
// given, is theirs. The window's attributes are completed.
inline Window window_of_weights(InferContext& c, const Spatial& input, const Shape& w) {
  Attrs& attrs = c.attrs();
  const std::span<const std::int64_t> kernel = w.dims().subspan(2);
  const std::vector<std::int64_t> declared = attrs.get_ints("kernel_shape");
  c.check(declared.empty() ||
              std::equal(declared.begin(), declared.end(), kernel.begin(), kernel.end()),
          "kernel_shape is [", join(declared, ","), "], but the weights have the shape ", w);
  return normalise_window(attrs, kernel, input);
}

}  // namespace temper::graph
