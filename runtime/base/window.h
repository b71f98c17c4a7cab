// The geometry of convolution and pooling windows over one to three spatial dimensions: shared by
// the shape rules and by every backend's kernels, so that all of them agree on padding and on which
// windows exist.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "runtime/base/attrs.h"
#include "runtime/base/shape.h"

namespace temper {

inline constexpr int kMaxSpatialRank = 3;

// Three numbers, one per spatial dimension, the real ones last: missing leading dimensions count as
// 1 (padding: 0).
using Spatial = std::array<std::int64_t, kMaxSpatialRank>;

struct Window {
  int rank = 0;  // spatial dimensions, 1 to 3
  Spatial kernel{1, 1, 1};
  Spatial stride{1, 1, 1};
  Spatial dilation{1, 1, 1};
  Spatial pad_begin{};
  Spatial pad_end{};

  // Input positions from the first to the last element of the window.
  std::int64_t extent(int i) const {
    const auto at = static_cast<std::size_t>(i);
    return (kernel[at] - 1) * dilation[at] + 1;
  }
  std::int64_t kernel_elements() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// The spatial dimensions of a tensor [N, C, d...]. THROWS: kInvalidModel for rank below 3,
// kUnsupported above 5.
Spatial spatial_dims(const Shape& shape);

// [first, second, spatial...] with `rank` spatial dimensions.
Shape shape_with_spatial(std::int64_t first, std::int64_t second, const Spatial& spatial, int rank);

// Fills in strides, dilations, pads and turns auto_pad into pads; writes all of them back as
// attributes. THROWS: kInvalidModel for lists of a wrong length and for values out of range.
Window normalise_window(Attrs& attrs, std::span<const std::int64_t> kernel, const Spatial& input);

// Reads attributes that normalise_window() wrote.
Window read_window(const Attrs& attrs);

// How many windows fit. With `ceil_mode` a last window may hang over the end, but one that would
// start in the padding behind the input is dropped. THROWS: kInvalidModel when the window is larger
// than the padded input.
Spatial window_output(const Window& window, const Spatial& input, bool ceil_mode);

// The elements [begin, end) of a window's kernel that lie inside the input, along one dimension.
struct Taps {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// `start` is the input position of element 0: output position * stride - pad_begin.
inline Taps taps_inside(std::int64_t start, std::int64_t dilation, std::int64_t kernel,
                        std::int64_t input) {
  const std::int64_t begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const std::int64_t end = start >= input ? 0 : (input - start + dilation - 1) / dilation;
  return {begin, std::max(begin, std::min(end, kernel))};
}

}  // namespace temper
