// A warp per row; each lane writes what it has read, so that tensors may lie in one place.
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/softmax.h"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock)
    softmax_kernel(const AxisRows rows, bool log_wanted, const float* x, float* y) {
  const std::int64_t row = thread_number() / 32;
  const std::int64_t length = row < rows.count() ? rows.length : 0;
  const std::int64_t first = length > 0 ? rows.first(row) : 0;
  const std::int64_t lane = threadIdx.x % 32;
  float largest = -INFINITY;
  for (std::int64_t i = lane; i < length; i += 32) {
    largest = Maximum::join(largest, x[first + i * rows.inner]);
  }
  largest = warp_reduce<Maximum>(largest);
  double sum = 0;
  for (std::int64_t i = lane; i < length; i += 32) {
    sum += static_cast<double>(expf(x[first + i * rows.inner] - largest));
  }
  sum = warp_reduce<Sum>(sum);
  const double log_sum = log(sum);
  for (std::int64_t i = lane; i < length; i += 32) {
    const std::int64_t at = first + i * rows.inner;
    const float shifted = x[at] - largest;
    y[at] = log_wanted ? static_cast<float>(static_cast<double>(shifted) - log_sum)
                       : static_cast<float>(static_cast<double>(expf(shifted)) / sum);
  }
}

__global__ void __launch_bounds__(kBlock)
    softmax_grad_kernel(const AxisRows rows, bool of_log, const float* dy, const float* y,
                        float* dx) {
  const std::int64_t row = thread_number() / 32;
  const std::int64_t length = row < rows.count() ? rows.length : 0;
  const std::int64_t first = length > 0 ? rows.first(row) : 0;
  const std::int64_t lane = threadIdx.x % 32;
  double sum = 0;
  for (std::int64_t i = lane; i < length; i += 32) {
    const std::int64_t at = first + i * rows.inner;
    const double part = of_log ? 1.0 : static_cast<double>(y[at]);
    sum += static_cast<double>(dy[at]) * part;
  }
  sum = warp_reduce<Sum>(sum);
  for (std::int64_t i = lane; i < length; i += 32) {
    const std::int64_t at = first + i * rows.inner;
    const double out = static_cast<double>(y[at]), dout = static_cast<double>(dy[at]);
    dx[at] = static_cast<float>(of_log ? dout - static_cast<double>(expf(y[at])) * sum
                                       : out * (dout - sum));
  }
}

}  // namespace

void softmax(const AxisRows& rows, bool log, const float* x, float* y, StreamHandle stream) {
  launch_elements(softmax_kernel, rows.count() * 32, stream, rows, log, x, y);
}

void softmax_grad(const AxisRows& rows, bool log, const float* dy, const float* y, float* dx,
                  StreamHandle stream) {
  launch_elements(softmax_grad_kernel, rows.count() * 32, stream, rows, log, dy, y, dx);
}

}  // namespace temper::cuda
