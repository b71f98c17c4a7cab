// The common part of the normalisations over axes, as nodes.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/builder.h"

namespace temper::graph {

inline ValueId mean_over(Builder& b, ValueId x, const std::vector<std::int64_t>& axes) {
  return b.op(
      "ReduceMean", {x},
      {{"axes", axes}, {"keepdims", std::int64_t{1}}, {"noop_with_empty_axes", std::int64_t{1}}});
}

// 1 / sqrt(mean(x^2) + epsilon)
inline ValueId inverse_root_mean_square(Builder& b, ValueId x,
                                        const std::vector<std::int64_t>& axes, double epsilon) {
  const ValueId variance = mean_over(b, b.mul(x, x), axes);
  const ValueId raised = b.add(variance, b.scalar(b.dtype(x), epsilon));
  return b.op("Reciprocal", {b.op("Sqrt", {raised})});
}

struct Normalised {
  ValueId y;        // (x - mean) * inverse
  ValueId mean;     // over the axes, which stay with size 1
  ValueId inverse;  // 1 / sqrt(variance + epsilon)
};

inline Normalised normalise(Builder& b, ValueId x, const std::vector<std::int64_t>& axes,
                            double epsilon) {
  const ValueId mean = mean_over(b, x, axes);
  const ValueId centred = b.sub(x, mean);
  const ValueId inverse = inverse_root_mean_square(b, centred, axes, epsilon);
  return {b.mul(centred, inverse), mean, inverse};
}

// begin, begin + 1, .., end - 1
inline std::vector<std::int64_t> axes_between(int begin, int end) {
  std::vector<std::int64_t> axes;
  for (int axis = begin; axis < end; ++axis) {
    axes.push_back(axis);
  }
  return axes;
}

// The axes from `axis` on.
inline Shape row_shape(const Shape& x, std::int64_t axis) {
  Shape row;
  for (int i = static_cast<int>(axis); i < x.rank(); ++i) {
    row.push_back(x[i]);
  }
  return row;
}

// A vector with one number per channel as [C, 1, ..], which broadcasts to x [N, C, ..].
inline ValueId per_channel(Builder& b, ValueId vector, int rank) {
  Shape shape{b.shape(vector)[0]};
  for (int axis = 2; axis < rank; ++axis) {
    shape.push_back(1);
  }
  return b.reshape(vector, shape);
}

}  // namespace temper::graph
