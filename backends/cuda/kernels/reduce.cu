// A block per output, or, where neighbours in memory belong to neighbouring outputs, a block for
// some of those, adds up or compares in a fixed order.
#include <limits>
#include <type_traits>

#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/reduce.h"

namespace temper::cuda {
namespace {

template <class T>
inline constexpr bool kIs16Bit = std::is_same_v<T, Float16Bits> || std::is_same_v<T, BFloat16Bits>;

// Sums and products of floats are kept in double, of integers in 64 bits; extrema in their type.
template <class T, class Join>
using Accumulator =
    std::conditional_t<std::is_same_v<Join, Maximum> || std::is_same_v<Join, Minimum>,
                       std::conditional_t<kIs16Bit<T>, float, T>,
                       std::conditional_t<std::is_integral_v<T>, std::int64_t, double>>;

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

template <class To, class Join, class A>
__device__ void finish(A total, std::int64_t divisor, To& y) {
  if constexpr (std::is_same_v<Join, Sum>) {
    if (divisor == 0) {  // the mean of nothing
      total = std::is_floating_point_v<A> ? std::numeric_limits<A>::quiet_NaN() : A(0);
    } else {
      total = total / static_cast<A>(divisor);
    }
  }
  if constexpr (kIs16Bit<To>) {
    y = static_cast<float>(total);
  } else {
    y = static_cast<To>(total);
  }
}

template <class T, class To, class Join>
__global__ void __launch_bounds__(kBlock)
    reduce_kernel(const Places<1> kept, const Places<1> reduced, const T* __restrict__ x,
                  To* __restrict__ y, std::int64_t divisor) {
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
    finish<To, Join>(total, divisor, y[i]);
  }
}

template <class A>
struct ColumnScratch {
  A of[kBlock];
};

constexpr int kColumns = 32;  // of a block

// Outputs along the last axis of `kept`, whose step is 1: a column each.
template <class T, class To, class Join>
__global__ void __launch_bounds__(kBlock)
    reduce_columns_kernel(const Places<1> kept, const Places<1> reduced, const T* __restrict__ x,
                          To* __restrict__ y, std::int64_t divisor) {
  using A = Accumulator<T, Join>;
  ColumnScratch<A>& scratch = shared_as<ColumnScratch<A>>();
  const std::int64_t length = kept.sizes[kept.rank - 1];
  const std::int64_t groups = (length + kColumns - 1) / kColumns;
  const int me = static_cast<int>(threadIdx.x), first = me / kColumns;
  const std::int64_t at = blockIdx.x % groups * kColumns + me % kColumns;
  const std::int64_t i = blockIdx.x / groups * length + at;
  A total = neutral<A, Join>();
  if (at < length) {
    const T* from = x + kept.find(i, 0);
    for (std::int64_t j = first; j < reduced.count; j += blockDim.x / kColumns) {
      total = Join::join(total, static_cast<A>(from[reduced.find(j, 0)]));
    }
  }
  scratch.of[me] = total;
  for (int step = static_cast<int>(blockDim.x) / kColumns / 2; step > 0; step /= 2) {
    __syncthreads();
    if (first < step) {
      scratch.of[me] = Join::join(scratch.of[me], scratch.of[me + step * kColumns]);
    }
  }
  if (first == 0 && at < length) {
    finish<To, Join>(scratch.of[me], divisor, y[i]);
  }
}

bool has_columns(const Places<1>& kept, const Places<1>& reduced) {
  return kept.rank > 0 && kept.steps[0][kept.rank - 1] == 1 &&
         kept.sizes[kept.rank - 1] >= kColumns / 4 && reduced.count > 1;
}

template <class T, class Join, class To = T>
void run(const Places<1>& kept, const Places<1>& reduced, std::int64_t divisor, const void* x,
         void* y, StreamHandle stream) {
  if (has_columns(kept, reduced)) {
    const std::int64_t length = kept.sizes[kept.rank - 1];
    const std::int64_t blocks = kept.count / length * ((length + kColumns - 1) / kColumns);
    launch(reduce_columns_kernel<T, To, Join>, blocks, kBlock,
           sizeof(ColumnScratch<Accumulator<T, Join>>), stream, kept, reduced,
           static_cast<const T*>(x), static_cast<To*>(y), divisor);
    return;
  }
  const int threads = reduced.count <= 64 ? 32 : reduced.count <= 512 ? 128 : kBlock;
  launch(reduce_kernel<T, To, Join>, kept.count, threads, sizeof(Scratch<Accumulator<T, Join>>),
         stream, kept, reduced, static_cast<const T*>(x), static_cast<To*>(y), divisor);
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
  return is_float(dtype) || dtype == DType::kInt32 || dtype == DType::kInt64 ||
         (extremum && dtype == DType::kBool);
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
      return visit_stored(
          dtype, [&]<class T>(T) { run_typed<T>(reduction, kept, reduced, x, y, stream); });
  }
}

void reduce_sum(DType from, DType to, const Places<1>& kept, const Places<1>& reduced,
                const void* x, void* y, StreamHandle stream) {
  if (to == DType::kFloat32) {
    visit_stored(from, [&]<class T>(T) { run<T, Sum, float>(kept, reduced, 1, x, y, stream); });
  } else {
    visit_stored(to, [&]<class T>(T) { run<float, Sum, T>(kept, reduced, 1, x, y, stream); });
  }
}

}  // namespace temper::cuda
