// The index of the largest or smallest element along an axis.
#pragma once

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/rows.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// f32, f64, i32, i64. NaN beats every number; of equal elements the first, or the last.
void arg_extremum(DType dtype, const AxisRows& rows, bool smallest, bool last_wins, const void* x,
                  std::int64_t* y, StreamHandle stream);

}  // namespace temper::cuda
