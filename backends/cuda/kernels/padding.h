// Padded tensors through a table per axis, made by the host.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

// Of the tensor that is walked; `tables` holds the tables of all axes one behind the other.
struct TabledAxes {
  int rank = 0;
  std::int64_t count = 1;
  std::int64_t sizes[kMaxAxes] = {};
  std::int64_t tables[kMaxAxes] = {};  // where an axis's table begins
};

// y[i] = x[sum of the tables at the coordinates of i], or `fill` where one of them is -1. Elements
// of 1 to 8 bytes.
void copy_tabled(const TabledAxes& axes, const std::int64_t* tables, std::size_t element_bytes,
                 std::uint64_t fill, const void* x, void* y, StreamHandle stream);

// dx[i] = the sum of dy at all sums of one offset of each axis's list, in row-major order. A table:
// for each coordinate the place of its list among the tables, and where the last one ends.
void sum_tabled(const TabledAxes& axes, const std::int64_t* tables, bool wide, const void* dy,
                void* dx, StreamHandle stream);

}  // namespace temper::cuda
