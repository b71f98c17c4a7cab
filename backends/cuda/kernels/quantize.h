// From real numbers to integers of a range and back, element by element, and the gradient that goes
// straight through.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/quantization.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

struct Quantization {
  DType x, scale, zero, y;
  DType division;  // x / scale is computed in it
  ScalePlaces places;
  IntegerRange range;
  std::int64_t count, scales;
};

struct QuantizedTensors {
  const void* x;
  const void* scale;
  const void* zero;  // null: all 0
};

void quantize(const Quantization& q, const QuantizedTensors& tensors, void* y, StreamHandle stream);
void dequantize(const Quantization& q, const QuantizedTensors& tensors, void* y,
                StreamHandle stream);
// One after the other.
void quantize_dequantize(const Quantization& q, const QuantizedTensors& tensors, void* y,
                         StreamHandle stream);
// dx and dscale may be null; dy and dx are of type q.y.
void quantize_dequantize_grad(const Quantization& q, const QuantizedTensors& tensors,
                              const void* dy, void* dx, void* dscale, StreamHandle stream);

// The range of x, which 0 is made part of, spread over 0..255. Outputs may be null. `extent`: two
// doubles.
void quantize_dynamically(DType type, std::int64_t count, const void* x, std::uint8_t* y,
                          void* scale, std::uint8_t* zero, double* extent, StreamHandle stream);

}  // namespace temper::cuda
