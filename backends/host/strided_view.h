// What Transpose, Expand, Slice and DepthToSpace show: a tensor seen through a step per axis.
#pragma once

#include <algorithm>

#include "runtime/base/attrs.h"
#include "runtime/base/shape.h"

namespace temper {

struct StridedView {
  Shape shape;            // of the view
  Shape strides;          // in elements of the viewed tensor
  std::int64_t base = 0;  // element of the viewed tensor that index 0 names
};

// `from`: the steps of the input's axes.
inline StridedView transpose_steps(const Attrs& attrs, const Shape& from, const Shape& output) {
  StridedView view{output, {}, 0};
  for (const std::int64_t axis : attrs.get_ints("perm")) {
    view.strides.push_back(from[static_cast<int>(axis)]);
  }
  return view;
}
inline StridedView transpose_view(const Attrs& attrs, const Shape& input, const Shape& output) {
  return transpose_steps(attrs, row_major_strides(input), output);
}

inline StridedView expand_view(const Shape& input, const Shape& output) {
  const Shape from = row_major_strides(input);
  StridedView view{output, {}, 0};
  const int lead = output.rank() - input.rank();
  for (int axis = 0; axis < output.rank(); ++axis) {
    view.strides.push_back(axis < lead || input[axis - lead] == 1 ? 0 : from[axis - lead]);
  }
  return view;
}

// The slice the attributes name, of the shape `part`, seen in a tensor with these steps of axes.
inline StridedView slice_steps(const Attrs& attrs, const Shape& whole, const Shape& part) {
  const std::vector<std::int64_t> starts = attrs.get_ints("starts");
  const std::vector<std::int64_t> axes = attrs.get_ints("axes");
  const std::vector<std::int64_t> steps = attrs.get_ints("steps");
  StridedView view{part, whole, 0};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::int64_t& stride = view.strides[static_cast<int>(axes[i])];
    view.base += starts[i] * stride;
    stride *= steps[i];
  }
  return view;
}

inline StridedView slice_view(const Attrs& attrs, const Shape& whole, const Shape& part) {
  return slice_steps(attrs, row_major_strides(whole), part);
}

// The image [N, C, H, b, W, b] seen in the channels of `depth`.
inline StridedView depth_view(const Shape& depth, std::int64_t b, bool depth_first) {
  const std::int64_t channels = depth[1] / (b * b);
  const std::int64_t image = depth[2] * depth[3];
  const std::int64_t c = depth_first ? 1 : b * b;
  const std::int64_t j = depth_first ? channels : 1;
  return {{depth[0], channels, depth[2], b, depth[3], b},
          {depth[1] * image, c * image, depth[3], b * j * image, 1, j * image},
          0};
}

}  // namespace temper
