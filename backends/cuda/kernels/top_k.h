// The largest or smallest elements of rows, in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/rows.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// f32, f64, i32, i64.
bool sorts(DType dtype);
std::size_t top_k_bytes(DType dtype, const AxisRows& rows);

// values and indices [outer, picks, inner], either may be null; NaN is larger than every number; of
// equal elements those that come first. Rows shorter than 2^32.
void top_k(DType dtype, const AxisRows& rows, std::int64_t picks, bool largest, const void* x,
           void* values, std::int64_t* indices, void* workspace, StreamHandle stream);

}  // namespace temper::cuda
