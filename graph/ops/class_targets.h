// Class indices as a loss reads them, compared with the channels of its input [N, C, d...].
#pragma once

#include "graph/ir/builder.h"

namespace temper::graph {

// [N, d...] as [N, 1, d...], int64.
inline ValueId target_column(Builder& b, ValueId target, Shape input) {
  input[1] = 1;
  return b.reshape(b.cast(target, DType::kInt64), input);
}

inline ValueId class_number(Builder& b, std::int64_t n) {
  return b.scalar(DType::kInt64, static_cast<double>(n));
}

// Whether the target is the class of the channel, [N, C, d...]; never where it is ignored.
inline ValueId chosen_class(Builder& b, const Attrs& attrs, ValueId target, const Shape& input) {
  Shape row{input[1]};
  for (int axis = 2; axis < input.rank(); ++axis) {
    row.push_back(1);
  }
  ValueId wanted = target_column(b, target, input);
  if (attrs.has("ignore_index")) {
    const ValueId ignored = class_number(b, attrs.get_int("ignore_index", -1));
    wanted = b.op("Where", {b.op("Equal", {wanted, ignored}), class_number(b, -1), wanted});
  }
  // Computed in the step where it is long, rather than a constant.
  const ValueId classes =
      b.op("Range", {class_number(b, 0), class_number(b, input[1]), class_number(b, 1)});
  return b.op("Equal", {wanted, b.reshape(classes, row)});
}

// Whether the target is no class and is not ignored, [N, 1, d...].
inline ValueId no_class(Builder& b, const Attrs& attrs, ValueId target, const Shape& input) {
  const ValueId wanted = target_column(b, target, input);
  const ValueId below = b.op("Less", {wanted, class_number(b, 0)});
  const ValueId above = b.op("GreaterOrEqual", {wanted, class_number(b, input[1])});
  const ValueId outside = b.op("Or", {below, above});
  if (!attrs.has("ignore_index")) {
    return outside;
  }
  const ValueId ignored = class_number(b, attrs.get_int("ignore_index", -1));
  return b.op("And", {outside, b.op("Not", {b.op("Equal", {wanted, ignored})})});
}

}  // namespace temper::graph
