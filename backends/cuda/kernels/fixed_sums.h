// What comes before and after sums in fixed point.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/fixed_sums.h"

namespace temper::cuda {

// Empties `count` sums, to which parts of `given` will be added.
void begin_sums(const FixedSums& sums, std::int64_t count, const float* given,
                std::int64_t given_count, StreamHandle stream);
void finish_sums(const FixedSums& sums, std::int64_t count, float* y, StreamHandle stream);

}  // namespace temper::cuda
