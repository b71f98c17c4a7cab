#include "runtime/base/channels_last.h"

#include <algorithm>

namespace temper {

Shape channels_last_steps(const Shape& shape) {
  Shape steps = shape;
  std::int64_t step = 1;
  const auto place = [&](int axis) {
    steps[axis] = step;
    step *= shape[axis];
  };
  place(1);
  for (int axis = shape.rank() - 1; axis >= 2; --axis) {
    place(axis);
  }
  place(0);
  return steps;
}

Layout channels_last(const Shape& shape) {
  Layout layout;
  const int rank = shape.rank();
  if (rank < 3 || shape[1] == 1 || shape.count(2, rank) == 1 || shape.element_count() == 0) {
    return layout;
  }
  layout.plain = false;
  layout.rank = rank;
  std::copy(shape.begin(), shape.end(), layout.padded.begin());
  const Shape steps = channels_last_steps(shape);
  std::copy(steps.begin(), steps.end(), layout.strides.begin());
  return layout;
}

}  // namespace temper
