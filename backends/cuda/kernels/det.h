// Determinants of matrices.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

// x is [count, n, n]. `matrices`: doubles for all of them.
void determinants(std::int64_t count, std::int64_t n, const float* x, float* y, double* matrices,
                  StreamHandle stream);

}  // namespace temper::cuda
