// Tensors that come from few numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/rows.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// f32, f64, i16, i32, i64: y[i] = start + i * delta; floats in double, integers modulo 2^bits.
bool counts(DType dtype);
void count_up(DType dtype, const void* start, const void* delta, void* y, std::int64_t count,
              StreamHandle stream);

// y = x where the column minus the row is at least k (upper) or at most k, else 0; elements of 1 to
// 8 bytes. May be in place.
struct Triangle {
  std::int64_t rows = 1, columns = 1, k = 0;
  bool upper = true;
};
void keep_triangle(const Triangle& triangle, std::size_t element_bytes, const void* x, void* y,
                   std::int64_t count, StreamHandle stream);

// y[i, j] = the bits `one` where j - i = k, else 0.
void fill_diagonal(const Triangle& triangle, std::size_t element_bytes, std::uint64_t one, void* y,
                   StreamHandle stream);

// y [outer, length, inner] = values[1] where the index [outer, inner] names the place, values[0]
// elsewhere; negative indices count from the end. Indices are f32, i32 or i64.
bool names_places(DType dtype);
void one_hot(const AxisRows& rows, DType index_type, std::size_t element_bytes, const void* indices,
             const void* values, void* y, StreamHandle stream);

// y = 1 at the place of each row, else 0.
void hard_max(const AxisRows& rows, const std::int64_t* places, float* y, StreamHandle stream);

}  // namespace temper::cuda
