// Pooling over all of space: x as [planes, count].
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// Of floats.
void global_pool(bool maximum, DType dtype, std::int64_t planes, std::int64_t count, const void* x,
                 void* y, StreamHandle stream);

}  // namespace temper::cuda
