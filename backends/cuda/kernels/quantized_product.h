// Products and convolutions of quantised tensors: differences from the zero points, multiplied and
// summed in 64 bits.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "backends/cuda/device/quantization.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// Whether a factor's scale or zero point is one number, one for each entry along its axis, or one
// for each of every matrix.
enum class Spread { kOne, kAlongAxis, kPerMatrix };

struct Factor {
  DType value, scale, zero;  // kUndefined: not there
  Spread scales, zeros;
  std::int64_t inner, length, matrix;  // behind the axis, of it, of a matrix
};
struct FactorTensors {
  const void* value;
  const void* scale;
  const void* zero;
};

// What becomes of a sum: itself, cut to 32 bits, or a quantised number.
struct ProductResult {
  bool quantises;
  DType type, scale, zero;
  IntegerRange range;
  const void* scale_tensor;
  const void* zero_tensor;
};

struct ProductTensors {
  FactorTensors a, b;
  const std::int32_t* bias;
  void* y;
};

struct MatrixSizes {
  std::int64_t count, rows, inner, columns;
  Places<2> matrices;  // of the product's batch: the first elements of both factors' matrices
};
void quantized_matrices(const MatrixSizes& sizes, const Factor& a, const Factor& b,
                        const ProductResult& result, const ProductTensors& tensors,
                        StreamHandle stream);

struct ConvSizes {
  std::int64_t count, kernel[3], stride[3], dilation[3], pad_begin[3], in[3], out[3];
  std::int64_t in_channels, out_channels, group_in, group_out;

  constexpr std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  constexpr std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
  constexpr std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};
void quantized_convolution(const ConvSizes& sizes, const Factor& x, const Factor& w,
                           const ProductResult& result, const ProductTensors& tensors,
                           StreamHandle stream);

}  // namespace temper::cuda
