// Sums and maxima over a warp and a block, in an order that does not depend on the run.
#pragma once

#include "backends/common/functors.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

// Of integers both wrap, as the host's do.
struct Sum {
  template <class T>
  static __device__ __forceinline__ T join(T a, T b) {
    return functors::Add{}(a, b);
  }
};

// NaN wins.
struct Maximum {
  template <class T>
  static __device__ __forceinline__ T join(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

struct Minimum {
  template <class T>
  static __device__ __forceinline__ T join(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

struct Product {
  template <class T>
  static __device__ __forceinline__ T join(T a, T b) {
    return functors::Mul{}(a, b);
  }
};

// The same in all lanes.
template <class Join, class T>
__device__ __forceinline__ T warp_reduce(T x) {
  for (int i = 16; i > 0; i >>= 1) {
    // A bool comes back as an int.
    x = Join::join(x, static_cast<T>(__shfl_xor_sync(kAllLanes, x, i)));
  }
  return x;
}

// Room for one value of each warp of a block.
template <class T>
struct Scratch {
  T of_warp[32];
};

// The same in all threads. All threads of the block take part; `neutral` stands for warps that are
// not there.
template <class Join, class T>
__device__ __forceinline__ T block_reduce(T x, Scratch<T>& scratch, T neutral) {
  x = warp_reduce<Join>(x);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  __syncthreads();  // the scratch may still be read from the reduction before
  if (lane == 0) {
    scratch.of_warp[warp] = x;
  }
  __syncthreads();
  x = lane < warps ? scratch.of_warp[lane] : neutral;
  return warp_reduce<Join>(x);
}

}  // namespace temper::cuda
