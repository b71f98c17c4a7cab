// A block per plane, in a fixed order.
#include <limits>
#include <type_traits>

#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/global_pool.h"

namespace temper::cuda {
namespace {

// In which an element is compared or rounded: its type, or float.
template <class T>
using Value = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
__global__ void __launch_bounds__(kBlock)
    average_kernel(std::int64_t count, const T* __restrict__ x, T* __restrict__ y) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const T* plane = x + blockIdx.x * count;
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    sum += static_cast<double>(plane[i]);
  }
  sum = block_reduce<Sum>(sum, scratch, 0.0);
  if (threadIdx.x == 0) {
    y[blockIdx.x] = static_cast<Value<T>>(sum / static_cast<double>(count < 1 ? 1 : count));
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    maximum_kernel(std::int64_t count, const T* __restrict__ x, T* __restrict__ y) {
  using V = Value<T>;
  Scratch<V>& scratch = shared_as<Scratch<V>>();
  const T* plane = x + blockIdx.x * count;
  const V lowest = -std::numeric_limits<V>::infinity();
  V best = lowest;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    best = Maximum::join(best, static_cast<V>(plane[i]));
  }
  best = block_reduce<Maximum>(best, scratch, lowest);
  if (threadIdx.x == 0) {
    y[blockIdx.x] = count > 0 ? best : V(0);
  }
}

}  // namespace

void global_pool(bool maximum, DType dtype, std::int64_t planes, std::int64_t count, const void* x,
                 void* y, StreamHandle stream) {
  const int threads = count <= 64 ? 32 : count <= 512 ? 128 : kBlock;
  const auto run = [&]<class T>(T) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (maximum) {
      launch(maximum_kernel<T>, planes, threads, sizeof(Scratch<Value<T>>), stream, count, from,
             to);
    } else {
      launch(average_kernel<T>, planes, threads, sizeof(Scratch<double>), stream, count, from, to);
    }
  };
  if (dtype == DType::kFloat64) {
    run(double{});
  } else {
    visit_stored(dtype, run);
  }
}

}  // namespace temper::cuda
