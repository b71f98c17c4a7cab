// A thread per element; the gradient of a scale is a block's sum over the elements that have it.
#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/device/quantization.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/quantize.h"

namespace temper::cuda {
namespace {

// An element with its scale and zero point.
struct Element {
  double quotient, scale, zero;
};

__device__ Element element_at(const Quantization& q, const QuantizedTensors& t, std::int64_t i) {
  const std::int64_t at = q.places.at(i);
  const double scale = read_number(q.scale, t.scale, at);
  const double zero = t.zero == nullptr ? 0 : read_number(q.zero, t.zero, at);
  return {rounded_to(q.division, read_number(q.x, t.x, i) / scale), scale, zero};
}

__global__ void __launch_bounds__(kBlock)
    quantize_kernel(const Quantization q, const QuantizedTensors t, void* y) {
  const std::int64_t i = thread_number();
  if (i < q.count) {
    const Element e = element_at(q, t, i);
    write_number(q.y, y, i, quantized(e.quotient, e.zero, q.range));
  }
}

__global__ void __launch_bounds__(kBlock)
    dequantize_kernel(const Quantization q, const QuantizedTensors t, void* y) {
  const std::int64_t i = thread_number();
  if (i < q.count) {
    const std::int64_t at = q.places.at(i);
    const double zero = t.zero == nullptr ? 0 : read_number(q.zero, t.zero, at);
    const double steps = read_number(q.x, t.x, i) - zero;
    write_number(q.y, y, i, steps * read_number(q.scale, t.scale, at));
  }
}

__global__ void __launch_bounds__(kBlock)
    both_kernel(const Quantization q, const QuantizedTensors t, void* y) {
  const std::int64_t i = thread_number();
  if (i < q.count) {
    const Element e = element_at(q, t, i);
    write_number(q.y, y, i, (quantized(e.quotient, e.zero, q.range) - e.zero) * e.scale);
  }
}

// dy where nothing was cut off.
__global__ void __launch_bounds__(kBlock)
    dx_kernel(const Quantization q, const QuantizedTensors t, const void* dy, void* dx) {
  const std::int64_t i = thread_number();
  if (i < q.count) {
    const Element e = element_at(q, t, i);
    write_number(q.y, dx, i, is_inside(e.quotient, e.zero, q.range) ? read_number(q.y, dy, i) : 0);
  }
}

// dscale = sum of dy (steps - quotient), or of dy steps where x was cut off
__global__ void __launch_bounds__(kBlock, 2)
    dscale_kernel(const Quantization q, const QuantizedTensors t, const void* dy, void* dscale) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const std::int64_t scale = blockIdx.x;
  double sum = 0;
  const auto add = [&](std::int64_t i) {
    const Element e = element_at(q, t, i);
    const double steps = quantized(e.quotient, e.zero, q.range) - e.zero;
    const bool inside = is_inside(e.quotient, e.zero, q.range);
    sum += read_number(q.y, dy, i) * (inside ? steps - e.quotient : steps);
  };
  const ScalePlaces& p = q.places;
  if (p.single) {
    for (std::int64_t i = threadIdx.x; i < q.count; i += blockDim.x) {
      add(i);
    }
  } else if (p.blocked) {  // the entries of one block, `inner` apart
    const std::int64_t first = scale / p.inner % p.blocks * p.block;
    const std::int64_t base = scale / p.inner / p.blocks * p.dim;
    const std::int64_t end = first + p.block < p.dim ? first + p.block : p.dim;
    for (std::int64_t along = first + threadIdx.x; along < end; along += blockDim.x) {
      add((base + along) * p.inner + scale % p.inner);
    }
  } else {
    const std::int64_t of_scale = q.count / p.dim;
    for (std::int64_t i = threadIdx.x; i < of_scale; i += blockDim.x) {
      add((i / p.inner * p.dim + scale) * p.inner + i % p.inner);
    }
  }
  sum = block_reduce<Sum>(sum, scratch, 0.0);
  if (threadIdx.x == 0) {
    write_number(q.scale, dscale, scale, sum);
  }
}

// As std::min and std::max with 0 first: NaN is passed over.
struct Lower {
  static __device__ double join(double a, double b) { return b < a ? b : a; }
};
struct Higher {
  static __device__ double join(double a, double b) { return a < b ? b : a; }
};

struct ExtentScratch {
  Scratch<double> low, high;
};

__global__ void __launch_bounds__(kBlock)
    extent_kernel(DType type, std::int64_t count, const void* x, double* extent) {
  ExtentScratch& scratch = shared_as<ExtentScratch>();
  double low = 0, high = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const double value = read_number(type, x, i);
    low = Lower::join(low, value);
    high = Higher::join(high, value);
  }
  low = block_reduce<Lower>(low, scratch.low, 0.0);
  high = block_reduce<Higher>(high, scratch.high, 0.0);
  if (threadIdx.x == 0) {
    const double spread = rounded_to(type, high - low);
    const double scale = spread == 0 ? 1 : rounded_to(type, spread / 255);
    extent[0] = scale;
    extent[1] = quantized(rounded_to(type, -low / scale), 0, {});
  }
}

__global__ void __launch_bounds__(kBlock)
    spread_kernel(DType type, std::int64_t count, const void* x, const double* extent,
                  std::uint8_t* y, void* scale, std::uint8_t* zero) {
  const std::int64_t i = thread_number();
  if (i == 0 && scale != nullptr) {
    write_number(type, scale, 0, extent[0]);
  }
  if (i == 0 && zero != nullptr) {
    *zero = static_cast<std::uint8_t>(extent[1]);
  }
  if (i < count && y != nullptr) {
    const double quotient = rounded_to(type, read_number(type, x, i) / extent[0]);
    y[i] = static_cast<std::uint8_t>(quantized(quotient, extent[1], {}));
  }
}

}  // namespace

void quantize(const Quantization& q, const QuantizedTensors& tensors, void* y,
              StreamHandle stream) {
  launch_elements(quantize_kernel, q.count, stream, q, tensors, y);
}

void dequantize(const Quantization& q, const QuantizedTensors& tensors, void* y,
                StreamHandle stream) {
  launch_elements(dequantize_kernel, q.count, stream, q, tensors, y);
}

void quantize_dequantize(const Quantization& q, const QuantizedTensors& tensors, void* y,
                         StreamHandle stream) {
  launch_elements(both_kernel, q.count, stream, q, tensors, y);
}

void quantize_dequantize_grad(const Quantization& q, const QuantizedTensors& tensors,
                              const void* dy, void* dx, void* dscale, StreamHandle stream) {
  if (dx != nullptr) {
    launch_elements(dx_kernel, q.count, stream, q, tensors, dy, dx);
  }
  if (dscale != nullptr) {
    launch(dscale_kernel, q.scales, kBlock, sizeof(Scratch<double>), stream, q, tensors, dy,
           dscale);
  }
}

void quantize_dynamically(DType type, std::int64_t count, const void* x, std::uint8_t* y,
                          void* scale, std::uint8_t* zero, double* extent, StreamHandle stream) {
  launch(extent_kernel, 1, kBlock, sizeof(ExtentScratch), stream, type, count, x, extent);
  launch_elements(spread_kernel, count < 1 ? 1 : count, stream, type, count, x, extent, y, scale,
                  zero);
}

}  // namespace temper::cuda
