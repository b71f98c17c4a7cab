// Row-major walks over a shape for kernels that move elements: f(position, offset) is called with
// position counting up from 0 and offset saying where the element lies in the other tensor. No
// allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/shape.h"

namespace temper::reference {

// f(position, index) for every index of the shape.
template <class F>
void walk_indices(const Shape& shape, F&& f) {
  std::array<std::int64_t, kMaxRank> index{};
  const std::int64_t count = shape.element_count();
  for (std::int64_t position = 0; position < count; ++position) {
    f(position, index.data());
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[static_cast<std::size_t>(axis)] < shape[axis]) {
        break;
      }
      index[static_cast<std::size_t>(axis)] = 0;
    }
  }
}

// offset = base + sum of index[axis] * strides[axis]; strides may be zero or negative.
template <class F>
void walk_strided(const Shape& shape, const Shape& strides, std::int64_t base, F&& f) {
  walk_indices(shape, [&](std::int64_t position, const std::int64_t* index) {
    std::int64_t offset = base;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      offset += index[axis] * strides[axis];
    }
    f(position, offset);
  });
}

// Per axis and coordinate, the offset it adds in the other tensor, or -1: outside.
using AxisOffsets = std::vector<std::vector<std::int64_t>>;

// offset = sum of offsets[axis][index[axis]], or -1 when one of them is.
template <class F>
void walk_mapped(const Shape& shape, const AxisOffsets& offsets, F&& f) {
  walk_indices(shape, [&](std::int64_t position, const std::int64_t* index) {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < offsets.size(); ++axis) {
      const std::int64_t part = offsets[axis][static_cast<std::size_t>(index[axis])];
      if (part < 0) {
        f(position, std::int64_t{-1});
        return;
      }
      offset += part;
    }
    f(position, offset);
  });
}

}  // namespace temper::reference
