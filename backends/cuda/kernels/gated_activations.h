// Activations that are a product with another one.
#pragma once

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// Of f32, f16 or bf16.

// y = a sigmoid(alpha a), times b where there is one: both as `places` walks them.
void swish(const Places<2>& places, float alpha, DType dtype, const void* a, const void* b, void* y,
           StreamHandle stream);
// y = x tanh(softplus(x))
void mish(DType dtype, const void* x, void* y, std::int64_t count, StreamHandle stream);

}  // namespace temper::cuda
