// A block per matrix: elimination in double with the largest pivot of each column, a thread per
// row.
#include <cmath>

#include "backends/cuda/kernels/det.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

struct DetShared {
  std::int64_t pivot;
};

__global__ void __launch_bounds__(kBlock, 2)
    det_kernel(std::int64_t n, const float* x, float* y, double* matrices) {
  DetShared& shared = shared_as<DetShared>();
  double* a = matrices + blockIdx.x * n * n;
  for (std::int64_t i = threadIdx.x; i < n * n; i += blockDim.x) {
    a[i] = static_cast<double>(x[blockIdx.x * n * n + i]);
  }
  __syncthreads();
  double det = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    if (threadIdx.x == 0) {
      std::int64_t pivot = k;
      for (std::int64_t i = k + 1; i < n; ++i) {
        if (!(std::abs(a[i * n + k]) <= std::abs(a[pivot * n + k]))) {  // also NaN
          pivot = i;
        }
      }
      shared.pivot = pivot;
    }
    __syncthreads();
    const std::int64_t pivot = shared.pivot;
    for (std::int64_t j = k + threadIdx.x; j < n && pivot != k; j += blockDim.x) {
      const double upper = a[k * n + j];
      a[k * n + j] = a[pivot * n + j];
      a[pivot * n + j] = upper;
    }
    __syncthreads();
    const double head = a[k * n + k];
    det = (pivot != k ? -det : det) * head;
    for (std::int64_t i = k + 1 + threadIdx.x; i < n && head != 0; i += blockDim.x) {
      const double factor = a[i * n + k] / head;
      for (std::int64_t j = k; j < n; ++j) {
        a[i * n + j] -= factor * a[k * n + j];
      }
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    y[blockIdx.x] = static_cast<float>(det);
  }
}

}  // namespace

void determinants(std::int64_t count, std::int64_t n, const float* x, float* y, double* matrices,
                  StreamHandle stream) {
  const int threads = n <= 32 ? 32 : n <= 128 ? 128 : kBlock;
  launch(det_kernel, count, threads, sizeof(DetShared), stream, n, x, y, matrices);
}

}  // namespace temper::cuda
