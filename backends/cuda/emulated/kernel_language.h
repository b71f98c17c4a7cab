// CUDA's kernel language for a plain C++ compiler: a .cu file that keeps the rules of
// backends/cuda/README.md compiles as C++20 and runs block by block on the host, each CUDA thread a
// fiber that gives way at synchronisation points only (thread_scheduler.h).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "backends/cuda/emulated/thread_scheduler.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

// The running thread: the scheduler sets them whenever a fiber goes on.
#define threadIdx (::temper::emulated::running().thread)
#define blockIdx (::temper::emulated::running().block)
#define blockDim (::temper::emulated::running().block_size)
#define gridDim (::temper::emulated::running().grid_size)

namespace temper::emulated {

template <class T>
T lane_value(const unsigned char* values, unsigned lane) {
  T value;
  std::memcpy(&value, values + 16 * lane, sizeof(T));
  return value;
}

}  // namespace temper::emulated

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  temper::emulated::block_barrier({"__syncthreads", file, line});
}

inline void __syncwarp(unsigned mask = 0xffffffffu, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  temper::emulated::warp_exchange({"__syncwarp", file, line}, mask, nullptr, 0);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  const unsigned char* values =
      temper::emulated::warp_exchange({"__shfl_xor_sync", file, line}, mask, &value, sizeof(T));
  const unsigned lane = temper::emulated::lane() ^ static_cast<unsigned>(lane_mask);
  return temper::emulated::lane_value<T>(values, lane & 31u);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
  const unsigned char* values =
      temper::emulated::warp_exchange({"__shfl_up_sync", file, line}, mask, &value, sizeof(T));
  const unsigned lane = temper::emulated::lane();
  return temper::emulated::lane_value<T>(values, lane >= delta ? lane - delta : lane);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  const unsigned char* values =
      temper::emulated::warp_exchange({"__shfl_down_sync", file, line}, mask, &value, sizeof(T));
  const unsigned lane = temper::emulated::lane();
  return temper::emulated::lane_value<T>(values, lane + delta < 32 ? lane + delta : lane);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  const unsigned char* values =
      temper::emulated::warp_exchange({"__shfl_sync", file, line}, mask, &value, sizeof(T));
  return temper::emulated::lane_value<T>(values, static_cast<unsigned>(source) & 31u);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  const unsigned char* values = temper::emulated::warp_exchange({"__ballot_sync", file, line}, mask,
                                                                &predicate, sizeof predicate);
  unsigned bits = 0;
  for (unsigned i = 0; i < 32; ++i) {
    bits |= static_cast<unsigned>(temper::emulated::lane_value<int>(values, i) != 0) << i;
  }
  return bits;
}

inline int __any_sync(unsigned mask, int predicate, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, file, line) != 0 ? 1 : 0;
}

// Integers only: a sum of floats in the order of arrival would be another one in each run.
template <class T>
  requires std::is_integral_v<T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}

template <class T>
  requires std::is_integral_v<T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}

template <class T>
  requires std::is_integral_v<T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  T old = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (old < value && !__atomic_compare_exchange_n(address, &old, value, true, __ATOMIC_RELAXED,
                                                     __ATOMIC_RELAXED)) {
  }
  return old;
}

inline int atomicCAS(int* address, int expected, int value) {
  __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
