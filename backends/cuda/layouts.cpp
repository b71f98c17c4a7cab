#include "backends/cuda/layouts.h"

#include <algorithm>
#include <numeric>

namespace temper::cuda {

bool is_channels_last(const TensorSpec& tensor) {
  return !tensor.layout.plain && tensor.layout == channels_last(tensor.shape);
}

bool goes_on_last(const TensorSpec& tensor) {
  const bool orders_are_one = tensor.layout.plain && channels_last(tensor.shape).plain;
  return is_channels_last(tensor) || (orders_are_one && tensor.shape.rank() > 3);
}

Layout as_it_comes(const TensorSpec& tensor) {
  const bool is_order = tensor.layout.inner_count == 0 && !has_padding(tensor.shape, tensor.layout);
  return is_order ? tensor.layout : Layout{};
}

void set_layouts(Kernel& kernel, const OpQuery& query) {
  for (const TensorSpec& input : query.inputs) {
    kernel.input_layouts.push_back(input.layout);
  }
  for (const TensorSpec& output : query.outputs) {
    kernel.output_layouts.push_back(output.layout);
  }
}

Shape steps_of(const Shape& shape, const Layout& layout) {
  if (layout.plain) {
    return row_major_strides(shape);
  }
  Shape steps;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    steps.push_back(layout.strides[static_cast<std::size_t>(axis)]);
  }
  return steps;
}

std::vector<int> memory_order(const Shape& shape, const Layout& layout) {
  std::vector<int> order(static_cast<std::size_t>(shape.rank()));
  std::iota(order.begin(), order.end(), 0);
  if (!layout.plain) {
    const Shape steps = steps_of(shape, layout);
    // An axis of size 1 may have the step of a longer one: the longer one is the outer.
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return steps[a] != steps[b] ? steps[a] > steps[b] : shape[a] > shape[b];
    });
  }
  return order;
}

Shape memory_shape(const Shape& shape, const Layout& layout) {
  Shape sizes;
  for (const int axis : memory_order(shape, layout)) {
    sizes.push_back(shape[axis]);
  }
  return sizes;
}

}  // namespace temper::cuda
