// Runs a program of functors, one thread per element: the interpreter.
#include "backends/common/visit_functor.h"
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/expression.h"

namespace temper::cuda {
namespace {

__device__ float apply(const DeviceExpression::Step& step, float a, float b, float c) {
  const FunctorCall call{step.functor, step.p, step.q};
  float y = step.p;
  switch (operand_count(step.functor)) {
    case 1:
      functors::visit_unary<float, functors::StdMath>(
          call, [&](const auto& f) { y = static_cast<float>(f(a)); });
      break;
    case 2:
      functors::visit_binary<float, functors::StdMath>(
          call, [&](const auto& f) { y = static_cast<float>(f(a, b)); });
      break;
    case 3:
      functors::visit_ternary(call, [&](const auto& f) { y = f(a, b, c); });
      break;
    default:
      break;
  }
  return y;
}

// The type is the same for all threads.
__device__ float read(DType type, const void* x, std::int64_t at) {
  switch (type) {
    case DType::kBool:
      return static_cast<float>(static_cast<const bool*>(x)[at]);
    case DType::kFloat16:
      return static_cast<const Float16Bits*>(x)[at];
    case DType::kBFloat16:
      return static_cast<const BFloat16Bits*>(x)[at];
    default:
      return static_cast<const float*>(x)[at];
  }
}

__device__ void write(DType type, void* y, std::int64_t at, float value) {
  switch (type) {
    case DType::kBool:
      static_cast<bool*>(y)[at] = value != 0.0f;
      return;
    case DType::kFloat16:
      static_cast<Float16Bits*>(y)[at] = value;
      return;
    case DType::kBFloat16:
      static_cast<BFloat16Bits*>(y)[at] = value;
      return;
    default:
      static_cast<float*>(y)[at] = value;
  }
}

__global__ void __launch_bounds__(kBlock) expression_kernel(const DeviceExpression e) {
  const std::int64_t i = thread_number();
  if (i >= e.places.count) {
    return;
  }
  float values[kMostExpressionInputs + kMostExpressionCode];
  for (int n = 0; n < e.inputs; ++n) {
    const std::int64_t at = e.flat ? i : e.places.find(i, n);
    values[n] = read(e.input_types[n], e.x[n], at);
  }
  const auto operand = [&](int value) { return value < 0 ? 0.0f : values[value]; };
  for (int n = 0; n < e.steps; ++n) {
    const DeviceExpression::Step& step = e.code[n];
    values[e.inputs + n] = apply(step, operand(step.operands[0]), operand(step.operands[1]),
                                 operand(step.operands[2]));
  }
  for (int n = 0; n < e.outputs; ++n) {
    write(e.output_types[n], e.y[n], i, values[e.results[n]]);
  }
}

}  // namespace

void run_expression(const DeviceExpression& expression, StreamHandle stream) {
  launch_elements(expression_kernel, expression.places.count, stream, expression);
}

}  // namespace temper::cuda
