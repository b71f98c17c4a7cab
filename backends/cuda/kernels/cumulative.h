// Sums and products of all elements of a row up to each.
#pragma once

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/rows.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

struct Accumulation {
  bool product = false, exclusive = false, reverse = false;
};

// f32, f64, i32, i64.
bool accumulates(DType dtype);
void accumulate(const Accumulation& kind, DType dtype, const AxisRows& rows, const void* x, void* y,
                StreamHandle stream);

}  // namespace temper::cuda
