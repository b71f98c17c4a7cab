// Activations that are a product with another one.
#pragma once

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

// y = a sigmoid(alpha a), times b where there is one: both as `places` walks them.
void swish(const Places<2>& places, float alpha, const float* a, const float* b, float* y,
           StreamHandle stream);
// y = x tanh(softplus(x))
void mish(const float* x, float* y, std::int64_t count, StreamHandle stream);

}  // namespace temper::cuda
