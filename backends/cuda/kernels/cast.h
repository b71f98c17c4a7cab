// Elements of one type from another.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// Any two of bool, integers and floats, as backends/reference/cast_element.h converts them.
void cast_elements(DType from, const void* x, DType to, void* y, std::int64_t count,
                   StreamHandle stream);

}  // namespace temper::cuda
