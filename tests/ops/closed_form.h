// Building blocks of closed forms: maps over broadcast tensors in double.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "graph/ir/broadcast.h"
#include "runtime/base/shape.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {

using ClosedForm = std::function<std::vector<HostTensor>(const std::vector<HostTensor>&)>;

// Coordinates of the element with this row-major position.
inline std::vector<std::int64_t> coordinates(const Shape& shape, std::int64_t position) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<std::size_t>(axis)] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

// The element of `tensor` that broadcasting pairs with `index` (of an equal or higher rank).
inline double at(const HostTensor& tensor, const std::vector<std::int64_t>& index) {
  const int lead = static_cast<int>(index.size()) - tensor.shape.rank();
  std::int64_t position = 0;
  for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
    const std::int64_t i = index[static_cast<std::size_t>(axis + lead)];
    position = position * tensor.shape[axis] + (tensor.shape[axis] == 1 ? 0 : i);
  }
  return tensor[position];
}

// A tensor of this shape whose elements are f(coordinates).
template <class F>
HostTensor generate(const Shape& shape, F f) {
  HostTensor out{shape, {}};
  const std::int64_t count = shape.element_count();
  for (std::int64_t i = 0; i < count; ++i) {
    out.values.push_back(static_cast<double>(f(coordinates(shape, i))));
  }
  return out;
}

// y = f(x)
inline ClosedForm map1(std::function<double(double)> f) {
  return [f = std::move(f)](const std::vector<HostTensor>& x) {
    return std::vector{generate(x[0].shape, [&](const auto& i) { return f(at(x[0], i)); })};
  };
}

// y = f(a, b), broadcast
inline ClosedForm map2(std::function<double(double, double)> f) {
  return [f = std::move(f)](const std::vector<HostTensor>& x) {
    return std::vector{generate(graph::broadcast(x[0].shape, x[1].shape),
                                [&](const auto& i) { return f(at(x[0], i), at(x[1], i)); })};
  };
}

// y = numbers, whatever the inputs: values computed elsewhere (ONNX, PyTorch).
inline ClosedForm given(const Shape& shape, std::vector<double> numbers) {
  return [=](const std::vector<HostTensor>&) { return std::vector{HostTensor{shape, numbers}}; };
}

}  // namespace temper::op_suite
