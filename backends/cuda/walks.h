// Makes the walks that kernels take (device/places.h): axes that all tensors walk in step become
// one.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "backends/cuda/layouts.h"

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

// Axes in the order of tensor n's memory, so that it is walked from its first element to its last.
inline std::vector<WalkAxis> in_order_of(const TensorSpec& tensor, std::vector<WalkAxis> axes) {
  std::vector<WalkAxis> ordered;
  for (const int axis : memory_order(tensor.shape, tensor.layout)) {
    ordered.push_back(std::move(axes[static_cast<std::size_t>(axis)]));
  }
  return ordered;
}

// The layout of elementwise work: that of the first input of the output's shape that is not plain.
// Inputs of the shape are asked for in it, repeated ones are walked as they come.
inline Layout elementwise_layout(const Shape& output, const std::vector<TensorSpec>& inputs) {
  for (const TensorSpec& input : inputs) {
    if (input.present() && input.shape == output && !as_it_comes(input).plain) {
      return input.layout;
    }
  }
  return {};
}

// Asks for that, and gives the query's tensors the layouts they will have.
inline void take_elementwise_layouts(OpQuery& query) {
  const Shape shape = query.outputs[0].shape;
  const Layout layout = elementwise_layout(shape, query.inputs);
  for (TensorSpec& input : query.inputs) {
    input.layout = input.shape == shape ? layout : as_it_comes(input);
  }
  for (TensorSpec& output : query.outputs) {
    output.layout = layout;
  }
}

// The steps of a tensor that is broadcast to the shape `output`.
inline std::vector<std::int64_t> broadcast_steps(const TensorSpec& input, const Shape& output) {
  const Shape strides = steps_of(input.shape, input.layout);
  const int lead = output.rank() - input.shape.rank();
  std::vector<std::int64_t> steps;
  for (int axis = 0; axis < output.rank(); ++axis) {
    const bool walks = axis >= lead && input.shape[axis - lead] != 1;
    steps.push_back(walks ? strides[axis - lead] : 0);
  }
  return steps;
}

inline std::vector<std::int64_t> broadcast_steps(const Shape& input, const Shape& output) {
  return broadcast_steps(TensorSpec{DType::kUndefined, input, {}, false}, output);
}

// Inputs broadcast to `output`, tensor by tensor, in the order of its memory.
inline std::vector<WalkAxis> broadcast_axes(const TensorSpec& output,
                                            const std::vector<TensorSpec>& inputs) {
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < output.shape.rank(); ++axis) {
    axes.push_back({output.shape[axis], {}});
  }
  for (const TensorSpec& input : inputs) {
    const std::vector<std::int64_t> steps = broadcast_steps(input, output.shape);
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      axes[axis].steps.push_back(steps[axis]);
    }
  }
  return in_order_of(output, std::move(axes));
}

inline std::vector<WalkAxis> broadcast_axes(const Shape& output, const std::vector<Shape>& inputs) {
  std::vector<TensorSpec> specs;
  for (const Shape& input : inputs) {
    specs.push_back({DType::kUndefined, input, {}, false});
  }
  return broadcast_axes(TensorSpec{DType::kUndefined, output, {}, false}, specs);
}

}  // namespace temper::cuda
