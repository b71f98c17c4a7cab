// What stands around products.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// y[i] = factor * c[places.find(i)], in f32
void scale_broadcast(const Places<1>& places, const float* c, float factor, float* y,
                     StreamHandle stream);

// y = max(y, 0) in f32, f16 or bf16; NaN stays.
void rectify(DType dtype, void* y, std::int64_t count, StreamHandle stream);

}  // namespace temper::cuda
