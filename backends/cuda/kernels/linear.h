// What stands around products.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

// y[i] = factor * c[places.find(i)]
void scale_broadcast(const Places<1>& places, const float* c, float factor, float* y,
                     StreamHandle stream);

// y = max(y, 0); NaN stays.
void rectify(float* y, std::int64_t count, StreamHandle stream);

}  // namespace temper::cuda
