// A program of functors (runtime/base/expression.h) as kernels take it.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"
#include "runtime/base/expression.h"

namespace temper::cuda {

inline constexpr int kMostExpressionInputs = 24;
inline constexpr int kMostExpressionOutputs = 16;
inline constexpr int kMostExpressionCode = 40;

struct DeviceExpression {
  struct Step {
    Functor functor;
    std::int16_t operands[3];
    float p, q;
  };
  std::int16_t inputs = 0, steps = 0, outputs = 0;
  DType input_types[kMostExpressionInputs] = {};  // f32, f16, bf16 or bool
  DType output_types[kMostExpressionOutputs] = {};
  std::int16_t results[kMostExpressionOutputs] = {};
  const void* x[kMostExpressionInputs] = {};
  void* y[kMostExpressionOutputs] = {};
  Step code[kMostExpressionCode] = {};
  Places<kMostExpressionInputs> places;  // of the inputs, over the outputs' elements
  bool flat = false;                     // all inputs lie as the outputs do
};

void run_expression(const DeviceExpression& expression, StreamHandle stream);

}  // namespace temper::cuda
