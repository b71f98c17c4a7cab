// Shape rules of pooling over windows and over all of space.
#pragma once

#include <algorithm>
#include <vector>

#include "graph/ir/infer_context.h"
#include "runtime/base/window.h"

namespace temper::graph {

// Padding has no elements of its own: a window over an empty plane would have nothing to give.
inline void check_plane(InferContext& c, const Shape& x) {
  for (int i = 2; i < x.rank(); ++i) {
    c.check(x[i] > 0, "the input ", x, " has no elements to pool");
  }
}

// x [N, C, d...] -> y [N, C, o...]
inline Shape pool_output(InferContext& c, const Shape& x) {
  const Spatial input = spatial_dims(x);
  check_plane(c, x);
  Attrs& attrs = c.attrs();
  const std::vector<std::int64_t> kernel = attrs.get_ints("kernel_shape");
  c.check(static_cast<int>(kernel.size()) == x.rank() - 2, "kernel_shape is [", join(kernel, ","),
          "], but the input ", x, " has ", x.rank() - 2, " spatial dimensions");
  const bool ceil_mode = attrs.get_int("ceil_mode", 0) != 0;
  attrs.set("ceil_mode", std::int64_t{ceil_mode});
  const Window window = normalise_window(attrs, kernel, input);
  for (int i = 0; i < kMaxSpatialRank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    c.check(std::max(window.pad_begin[at], window.pad_end[at]) < window.extent(i), "pads are [",
            join(attrs.get_ints("pads"), ","), "], but kernel_shape is [", join(kernel, ","),
            "]: a window would lie in the padding altogether");
  }
  return shape_with_spatial(x[0], x[1], window_output(window, input, ceil_mode), window.rank);
}

// x [N, C, d...] -> y [N, C, 1...]
inline void infer_global_pool(InferContext& c) {
  Shape out = c.shape(0);
  c.check(out.rank() >= 3, "the input has the shape ", out,
          ", expected [N, C, ...] with at least one spatial dimension");
  check_plane(c, out);
  for (int i = 2; i < out.rank(); ++i) {
    out[i] = 1;
  }
  c.set_output(0, c.dtype(0), out);
}

}  // namespace temper::graph
