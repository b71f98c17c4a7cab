// Makes the walks that kernels take (device/places.h): axes that all tensors walk in step become
// one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/shape.h"

namespace temper::cuda {

struct WalkAxis {
  std::int64_t size = 1;
  std::vector<std::int64_t> steps;  // one per tensor
};

// Without axes of size 1, neighbours joined where possible, outermost first.
inline std::vector<WalkAxis> joined_axes(const std::vector<WalkAxis>& axes) {
  std::vector<WalkAxis> joined;
  for (const WalkAxis& axis : axes) {
    if (axis.size == 1) {
      continue;
    }
    bool joins = !joined.empty();
    for (std::size_t n = 0; joins && n < axis.steps.size(); ++n) {
      joins = joined.back().steps[n] == axis.steps[n] * axis.size;
    }
    if (joins) {
      joined.back() = {joined.back().size * axis.size, axis.steps};
    } else {
      joined.push_back(axis);
    }
  }
  return joined;
}

// Fills P, a Places<N>; false where more axes are left than it has room for.
template <class P>
bool set_axes(P& places, const std::vector<WalkAxis>& axes) {
  const std::vector<WalkAxis> joined = joined_axes(axes);
  constexpr std::size_t kRoom = sizeof(places.sizes) / sizeof(places.sizes[0]);
  places.count = 1;
  for (const WalkAxis& axis : axes) {
    places.count *= axis.size;
  }
  if (joined.size() > kRoom) {
    return false;
  }
  places.rank = static_cast<int>(joined.size());
  for (std::size_t a = 0; a < joined.size(); ++a) {
    places.sizes[a] = joined[a].size;
    for (std::size_t n = 0; n < joined[a].steps.size(); ++n) {
      places.steps[n][a] = joined[a].steps[n];
    }
  }
  return true;
}

// The steps of a plain tensor of the shape `input` that is broadcast to `output`.
inline std::vector<std::int64_t> broadcast_steps(const Shape& input, const Shape& output) {
  const Shape strides = row_major_strides(input);
  const int lead = output.rank() - input.rank();
  std::vector<std::int64_t> steps;
  for (int axis = 0; axis < output.rank(); ++axis) {
    const bool walks = axis >= lead && input[axis - lead] != 1;
    steps.push_back(walks ? strides[axis - lead] : 0);
  }
  return steps;
}

// Inputs broadcast to `output`, tensor by tensor.
inline std::vector<WalkAxis> broadcast_axes(const Shape& output, const std::vector<Shape>& inputs) {
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < output.rank(); ++axis) {
    axes.push_back({output[axis], {}});
  }
  for (const Shape& input : inputs) {
    const std::vector<std::int64_t> steps = broadcast_steps(input, output);
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      axes[axis].steps.push_back(steps[axis]);
    }
  }
  return axes;
}

}  // namespace temper::cuda
