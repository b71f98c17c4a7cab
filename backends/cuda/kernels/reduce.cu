// A block per output adds up, or compares, in a fixed order.
#include <limits>
#include <type_traits>

#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/reduce.h"

namespace temper::cuda {
namespace {

// Sums and products of floats are kept in double, of integers in 64 bits; extrema in their type.
template <class T, class Join>
using Accumulator =
    std::conditional_t<std::is_same_v<Join, Maximum> || std::is_same_v<Join, Minimum>, T,
                       std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>>;

template <class A, class Join>
__device__ constexpr A neutral() {
  using Limits = std::numeric_limits<A>;
  if constexpr (std::is_same_v<Join, Sum>) {
    return A(0);
  } else if constexpr (std::is_same_v<Join, Product>) {
    return A(1);
  } else if constexpr (std::is_same_v<Join, Maximum>) {
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  } else {
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
}

template <class T, class Join>
__global__ void __launch_bounds__(kBlock)
    reduce_kernel(const Places<1> kept, const Places<1> reduced, const T* __restrict__ x,
                  T* __restrict__ y, std::int64_t divisor) {
  using A = Accumulator<T, Join>;
  Scratch<A>& scratch = shared_as<Scratch<A>>();
  const std::int64_t i = blockIdx.x;
  const T* from = x + kept.find(i, 0);
  A total = neutral<A, Join>();
  for (std::int64_t j = threadIdx.x; j < reduced.count; j += blockDim.x) {
    total = Join::join(total, static_cast<A>(from[reduced.find(j, 0)]));
  }
  total = block_reduce<Join>(total, scratch, neutral<A, Join>());
  if (threadIdx.x == 0) {
    if constexpr (std::is_same_v<Join, Sum>) {
      if (divisor == 0) {  // the mean of nothing
        total = std::is_floating_point_v<A> ? std::numeric_limits<A>::quiet_NaN() : A(0);
      } else {
        total = total / static_cast<A>(divisor);
      }
    }
    y[i] = static_cast<T>(total);
  }
}

template <class T, class Join>
void run(const Places<1>& kept, const Places<1>& reduced, std::int64_t divisor, const void* x,
         void* y, StreamHandle stream) {
  const int threads = reduced.count <= 64 ? 32 : reduced.count <= 512 ? 128 : kBlock;
  launch(reduce_kernel<T, Join>, kept.count, threads, sizeof(Scratch<Accumulator<T, Join>>), stream,
         kept, reduced, static_cast<const T*>(x), static_cast<T*>(y), divisor);
}

template <class T>
void run_typed(Reduction reduction, const Places<1>& kept, const Places<1>& reduced, const void* x,
               void* y, StreamHandle stream) {
  switch (reduction) {
    case Reduction::kSum:
      return run<T, Sum>(kept, reduced, 1, x, y, stream);
    case Reduction::kMean:
      return run<T, Sum>(kept, reduced, reduced.count, x, y, stream);
    case Reduction::kProduct:
      return run<T, Product>(kept, reduced, 1, x, y, stream);
    case Reduction::kMax:
      return run<T, Maximum>(kept, reduced, 1, x, y, stream);
    case Reduction::kMin:
      return run<T, Minimum>(kept, reduced, 1, x, y, stream);
  }
}

}  // namespace

bool reduces(Reduction reduction, DType dtype) {
  const bool extremum = reduction == Reduction::kMax || reduction == Reduction::kMin;
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kInt32 ||
         dtype == DType::kInt64 || (extremum && dtype == DType::kBool);
}

void reduce(Reduction reduction, DType dtype, const Places<1>& kept, const Places<1>& reduced,
            const void* x, void* y, StreamHandle stream) {
  switch (dtype) {
    case DType::kFloat64:
      return run_typed<double>(reduction, kept, reduced, x, y, stream);
    case DType::kInt32:
      return run_typed<std::int32_t>(reduction, kept, reduced, x, y, stream);
    case DType::kInt64:
      return run_typed<std::int64_t>(reduction, kept, reduced, x, y, stream);
    case DType::kBool:
      return reduction == Reduction::kMax ? run<bool, Maximum>(kept, reduced, 1, x, y, stream)
                                          : run<bool, Minimum>(kept, reduced, 1, x, y, stream);
    default:
      return run_typed<float>(reduction, kept, reduced, x, y, stream);
  }
}

}  // namespace temper::cuda
