// Row-major walks over a shape for kernels that move elements: f(position, offset) is called with
// position counting up from 0 and offset saying where the element lies in the other tensor. No
// allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

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

// maps[axis](coordinate) is the offset that coordinate adds in the other tensor, or -1: outside.
// f(position, offset) gets their sum, or -1 when one of them is. What an axis maps is asked only
// when its coordinate moves.
template <class Map, class F>
void walk_mapped(const Shape& shape, const std::array<Map, kMaxRank>& maps, F&& f) {
  const std::int64_t count = shape.element_count();
  const int last = shape.rank() - 1;
  if (count == 0 || last < 0) {
    if (count != 0) {
      f(0, 0);
    }
    return;
  }
  std::array<std::int64_t, kMaxRank> index{}, part{};
  for (int axis = 0; axis < last; ++axis) {
    part[static_cast<std::size_t>(axis)] = maps[static_cast<std::size_t>(axis)](0);
  }
  const Map& inner = maps[static_cast<std::size_t>(last)];
  for (std::int64_t position = 0; position < count;) {
    std::int64_t outer = 0;
    bool outside = false;
    for (int axis = 0; axis < last; ++axis) {
      outside = outside || part[static_cast<std::size_t>(axis)] < 0;
      outer += part[static_cast<std::size_t>(axis)];
    }
    for (std::int64_t i = 0; i < shape[last]; ++i, ++position) {
      const std::int64_t offset = outside ? -1 : inner(i);
      f(position, offset < 0 ? std::int64_t{-1} : outer + offset);
    }
    for (int axis = last - 1; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      const bool carries = ++index[a] == shape[axis];
      index[a] = carries ? 0 : index[a];
      part[a] = maps[a](index[a]);
      if (!carries) {
        break;
      }
    }
  }
}

}  // namespace temper::reference
