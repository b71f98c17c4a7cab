// Functions of one and two numbers of f32 and f64 that have no functor (runtime/base/expression.h).
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

enum class FloatFunction {
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kFloor,
  kCeil,
  kRound,
  kSoftsign,
  kThresholdedRelu,  // p: alpha
  kShrink,           // p: lambd, q: bias
};

enum class FloatTest { kIsNan, kIsPositiveInf, kIsNegativeInf, kIsInf, kNever };

enum class FloatPair { kPRelu, kTruncatedMod, kFlooredMod };

struct FunctionCall {
  FloatFunction function;
  double p, q;
};

void float_function(const FunctionCall& call, bool doubles, const void* x, void* y,
                    std::int64_t count, StreamHandle stream);
void float_test(FloatTest test, bool doubles, const void* x, bool* y, std::int64_t count,
                StreamHandle stream);
void float_pair(FloatPair pair, bool doubles, const Places<2>& places, const void* a, const void* b,
                void* y, StreamHandle stream);

}  // namespace temper::cuda
