// Pooling over all of space: x as [planes, count].
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

void global_pool(bool maximum, bool doubles, std::int64_t planes, std::int64_t count, const void* x,
                 void* y, StreamHandle stream);

}  // namespace temper::cuda
