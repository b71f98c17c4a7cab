// Functions of integers, computed in 64 bits and cut to the type.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

enum class IntegerPair {
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kShiftRight,
  kTruncatedMod,
  kFlooredMod,
  kPRelu,
};

void integer_pair(IntegerPair pair, DType dtype, const Places<2>& places, const void* a,
                  const void* b, void* y, StreamHandle stream);
void bitwise_not(DType dtype, const void* x, void* y, std::int64_t count, StreamHandle stream);
// Compared and moved as the real numbers they are, then cut.
void shrink_integers(DType dtype, double bound, double bias, const void* x, void* y,
                     std::int64_t count, StreamHandle stream);

}  // namespace temper::cuda
