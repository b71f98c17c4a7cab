// Index arithmetic of broadcasting: which element of each input belongs to an element of the
// output. Neighbouring axes that all inputs walk in step are merged, so most plans have one or two
// axes.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/shape.h"

namespace temper {

template <int N>
struct BroadcastPlan {
  int rank = 0;
  std::int64_t count = 0;  // elements of the output
  std::int64_t dims[kMaxRank] = {};
  std::int64_t strides[N][kMaxRank] = {};  // in elements; 0 where the input is repeated

  // Every input is read in the output's order.
  bool is_flat() const {
    bool flat = rank <= 1;
    for (int n = 0; n < N && rank == 1; ++n) {
      flat = flat && (strides[n][0] == 1 || dims[0] == 1);
    }
    return flat;
  }
};

// `inputs` are plain and broadcast to `output`.
template <int N>
BroadcastPlan<N> plan_broadcast(const Shape& output, const std::array<Shape, N>& inputs) {
  std::array<Shape, N> steps;  // strides of the inputs over the output's axes
  for (int n = 0; n < N; ++n) {
    const Shape& input = inputs[static_cast<std::size_t>(n)];
    const Shape strides = row_major_strides(input);
    Shape& step = steps[static_cast<std::size_t>(n)];
    const int lead = output.rank() - input.rank();
    for (int axis = 0; axis < output.rank(); ++axis) {
      const bool walks = axis >= lead && input[axis - lead] != 1;
      step.push_back(walks ? strides[axis - lead] : 0);
    }
  }
  BroadcastPlan<N> plan;
  plan.count = output.element_count();
  for (int axis = 0; axis < output.rank(); ++axis) {
    if (output[axis] == 1) {
      continue;
    }
    bool merges = plan.rank > 0;
    for (int n = 0; n < N && merges; ++n) {
      merges =
          plan.strides[n][plan.rank - 1] == steps[static_cast<std::size_t>(n)][axis] * output[axis];
    }
    const int target = merges ? plan.rank - 1 : plan.rank++;
    plan.dims[target] = merges ? plan.dims[target] * output[axis] : output[axis];
    for (int n = 0; n < N; ++n) {
      plan.strides[n][target] = steps[static_cast<std::size_t>(n)][axis];
    }
  }
  if (plan.rank == 0) {
    plan.rank = 1;
    plan.dims[0] = 1;
  }
  return plan;
}

// Calls f(output offset, length, input offsets, input strides) for each run along the last axis.
template <int N, class F>
void for_each_run(const BroadcastPlan<N>& plan, const F& f) {
  if (plan.count == 0) {
    return;
  }
  const int last = plan.rank - 1;
  const std::int64_t length = plan.dims[last];
  std::int64_t inner[N];
  std::int64_t offsets[N] = {};
  std::int64_t index[kMaxRank] = {};
  for (int n = 0; n < N; ++n) {
    inner[n] = plan.strides[n][last];
  }
  for (std::int64_t out = 0; out < plan.count; out += length) {
    f(out, length, offsets, inner);
    for (int axis = last - 1; axis >= 0; --axis) {
      const bool carries = ++index[axis] == plan.dims[axis];
      for (int n = 0; n < N; ++n) {
        offsets[n] +=
            carries ? plan.strides[n][axis] * (1 - plan.dims[axis]) : plan.strides[n][axis];
      }
      if (!carries) {
        break;
      }
      index[axis] = 0;
    }
  }
}

}  // namespace temper
