// A thread per element of the product.
#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/device/quantization.cuh"
#include "backends/cuda/kernels/quantized_product.h"

namespace temper::cuda {
namespace {

__device__ std::int64_t place_of(const Factor& f, Spread spread, std::int64_t i) {
  if (spread == Spread::kOne) {
    return 0;
  }
  const std::int64_t along = i / f.inner % f.length;
  return spread == Spread::kAlongAxis ? along : i / f.matrix * f.length + along;
}

__device__ std::int64_t difference(const Factor& f, const FactorTensors& t, std::int64_t i) {
  const double zero =
      f.zero == DType::kUndefined ? 0 : read_number(f.zero, t.zero, place_of(f, f.zeros, i));
  return static_cast<std::int64_t>(read_number(f.value, t.value, i) - zero);
}

// Of the row, column or channel that element i belongs to.
__device__ double scale_of(const Factor& f, const FactorTensors& t, std::int64_t i) {
  return f.scale == DType::kUndefined ? 1 : read_number(f.scale, t.scale, place_of(f, f.scales, i));
}

// `a` and `b`: the scales of the factors.
__device__ void write_sum(const ProductResult& r, void* y, std::int64_t at, std::int64_t sum,
                          double a, double b) {
  if (!r.quantises) {
    static_cast<std::int32_t*>(y)[at] = static_cast<std::int32_t>(sum);
    return;
  }
  const double of_y = read_number(r.scale, r.scale_tensor, 0);
  const double scale = rounded_to(r.scale, rounded_to(r.scale, a * b) / of_y);
  const double zero = read_number(r.zero, r.zero_tensor, 0);
  write_number(r.type, y, at, quantized(static_cast<double>(sum) * scale, zero, r.range));
}

__global__ void __launch_bounds__(kBlock, 2)
    matrices_kernel(const MatrixSizes s, const Factor a, const Factor b, const ProductResult result,
                    const ProductTensors t) {
  const std::int64_t i = thread_number();
  if (i >= s.count) {
    return;
  }
  const std::int64_t matrix = i / (s.rows * s.columns);
  const std::int64_t row = s.matrices.find(matrix, 0) + i / s.columns % s.rows * s.inner;
  const std::int64_t column = s.matrices.find(matrix, 1) + i % s.columns;
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < s.inner; ++k) {
    sum += difference(a, t.a, row + k) * difference(b, t.b, column + k * s.columns);
  }
  write_sum(result, t.y, i, sum, scale_of(a, t.a, row), scale_of(b, t.b, column));
}

// The sum over the window at position `o` of an output plane; padding counts as the zero point.
__device__ std::int64_t window_sum(const ConvSizes& s, const Factor& x, const Factor& w,
                                   const ProductTensors& t, std::int64_t n, std::int64_t m,
                                   std::int64_t o) {
  const std::int64_t at[3] = {o / (s.out[1] * s.out[2]), o / s.out[2] % s.out[1], o % s.out[2]};
  std::int64_t sum = 0;
  const std::int64_t taps = s.taps();
  for (std::int64_t k = 0; s.group_in > 0 && k < taps; ++k) {
    const std::int64_t tap[3] = {k / (s.kernel[1] * s.kernel[2]), k / s.kernel[2] % s.kernel[1],
                                 k % s.kernel[2]};
    std::int64_t from = 0;
    bool inside = true;
    for (int i = 0; i < 3; ++i) {
      const std::int64_t place = at[i] * s.stride[i] - s.pad_begin[i] + tap[i] * s.dilation[i];
      inside = inside && place >= 0 && place < s.in[i];
      from = from * s.in[i] + place;
    }
    for (std::int64_t c = 0; inside && c < s.group_in; ++c) {
      const std::int64_t channel = n * s.in_channels + m / s.group_out * s.group_in + c;
      sum += difference(x, t.a, channel * s.in_plane() + from) *
             difference(w, t.b, (m * s.group_in + c) * taps + k);
    }
  }
  return sum;
}

__global__ void __launch_bounds__(kBlock)
    convolution_kernel(const ConvSizes s, const Factor x, const Factor w,
                       const ProductResult result, const ProductTensors t) {
  const std::int64_t i = thread_number();
  if (i >= s.count) {
    return;
  }
  const std::int64_t plane = i / s.out_plane(), m = plane % s.out_channels;
  const std::int64_t first = t.bias != nullptr ? t.bias[m] : 0;
  const std::int64_t sum = window_sum(s, x, w, t, plane / s.out_channels, m, i % s.out_plane());
  write_sum(result, t.y, i, first + sum, scale_of(x, t.a, 0),
            scale_of(w, t.b, m * s.group_in * s.taps()));
}

}  // namespace

void quantized_matrices(const MatrixSizes& sizes, const Factor& a, const Factor& b,
                        const ProductResult& result, const ProductTensors& tensors,
                        StreamHandle stream) {
  launch_elements(matrices_kernel, sizes.count, stream, sizes, a, b, result, tensors);
}

void quantized_convolution(const ConvSizes& sizes, const Factor& x, const Factor& w,
                           const ProductResult& result, const ProductTensors& tensors,
                           StreamHandle stream) {
  launch_elements(convolution_kernel, sizes.count, stream, sizes, x, w, result, tensors);
}

}  // namespace temper::cuda
