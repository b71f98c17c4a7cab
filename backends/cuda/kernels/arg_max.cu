// A warp per row: each lane finds the best of its elements, then the lanes are joined.
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/arg_max.h"

namespace temper::cuda {
namespace {

template <class T>
struct Candidate {
  T value;
  std::int64_t index;  // -1: none yet
};

template <class T>
struct Rule {
  bool smallest, last_wins;

  __device__ Candidate<T> better(const Candidate<T>& a, const Candidate<T>& b) const {
    if (a.index < 0 || b.index < 0) {
      return a.index < 0 ? b : a;
    }
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan != b_nan) {
      return a_nan ? a : b;
    }
    if (a_nan || a.value == b.value) {
      return (a.index < b.index) != last_wins ? a : b;
    }
    return (a.value < b.value) == smallest ? a : b;
  }
};

template <class T>
__global__ void __launch_bounds__(kBlock)
    arg_kernel(const AxisRows rows, const Rule<T> rule, const T* __restrict__ x,
               std::int64_t* __restrict__ y) {
  const std::int64_t row = thread_number() / 32;
  const bool is_row = row < rows.count();
  const T* from = x + (is_row ? rows.first(row) : 0);
  Candidate<T> best{T(0), -1};
  for (std::int64_t i = threadIdx.x % 32; is_row && i < rows.length; i += 32) {
    best = rule.better(best, {from[i * rows.inner], i});
  }
  for (int i = 16; i > 0; i >>= 1) {
    const T value = __shfl_xor_sync(kAllLanes, best.value, i);
    const std::int64_t index = __shfl_xor_sync(kAllLanes, best.index, i);
    best = rule.better(best, {value, index});
  }
  if (is_row && threadIdx.x % 32 == 0) {
    y[row] = best.index < 0 ? 0 : best.index;
  }
}

template <class T>
void run(const AxisRows& rows, bool smallest, bool last_wins, const void* x, std::int64_t* y,
         StreamHandle stream) {
  launch_elements(arg_kernel<T>, rows.count() * 32, stream, rows, Rule<T>{smallest, last_wins},
                  static_cast<const T*>(x), y);
}

}  // namespace

void arg_extremum(DType dtype, const AxisRows& rows, bool smallest, bool last_wins, const void* x,
                  std::int64_t* y, StreamHandle stream) {
  switch (dtype) {
    case DType::kFloat64:
      return run<double>(rows, smallest, last_wins, x, y, stream);
    case DType::kInt32:
      return run<std::int32_t>(rows, smallest, last_wins, x, y, stream);
    case DType::kInt64:
      return run<std::int64_t>(rows, smallest, last_wins, x, y, stream);
    default:
      return run<float>(rows, smallest, last_wins, x, y, stream);
  }
}

}  // namespace temper::cuda
