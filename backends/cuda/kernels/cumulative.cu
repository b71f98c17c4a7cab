// A block per row goes over it in pieces of a block: the lanes of a warp are joined, then the
// warps, then what came before the piece. Floats in double, integers modulo 2^64.
#include <type_traits>

#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/cumulative.h"

namespace temper::cuda {
namespace {

template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

template <class T, class Join>
__global__ void __launch_bounds__(kBlock)
    accumulate_kernel(const AxisRows rows, bool exclusive, bool reverse, const T* __restrict__ x,
                      T* __restrict__ y) {
  using A = Accumulator<T>;
  constexpr A kNeutral = std::is_same_v<Join, Product> ? A(1) : A(0);
  Scratch<A>& scratch = shared_as<Scratch<A>>();
  const std::int64_t first = rows.first(blockIdx.x);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  A before = kNeutral;  // of the pieces behind us
  for (std::int64_t piece = 0; piece < rows.length; piece += blockDim.x) {
    const std::int64_t i = piece + threadIdx.x;
    const std::int64_t at = first + (reverse ? rows.length - 1 - i : i) * rows.inner;
    A total = i < rows.length ? static_cast<A>(x[at]) : kNeutral;
    for (unsigned step = 1; step < 32; step *= 2) {
      const A left = __shfl_up_sync(kAllLanes, total, step);
      total = lane >= step ? Join::join(left, total) : total;
    }
    const A left = __shfl_up_sync(kAllLanes, total, 1);
    __syncthreads();  // the scratch may still be read from the piece before
    if (lane == 31) {
      scratch.of_warp[warp] = total;
    }
    __syncthreads();
    A ahead = before;
    for (unsigned w = 0; w < warps; ++w) {
      ahead = w < warp ? Join::join(ahead, scratch.of_warp[w]) : ahead;
      before = Join::join(before, scratch.of_warp[w]);
    }
    if (i < rows.length) {
      const A earlier = lane == 0 ? ahead : Join::join(ahead, left);
      y[at] = static_cast<T>(exclusive ? earlier : Join::join(ahead, total));
    }
  }
}

template <class T, class Join>
void run(const Accumulation& kind, const AxisRows& rows, const void* x, void* y,
         StreamHandle stream) {
  launch(accumulate_kernel<T, Join>, rows.count(), rows.length <= 64 ? 32 : kBlock,
         sizeof(Scratch<Accumulator<T>>), stream, rows, kind.exclusive, kind.reverse,
         static_cast<const T*>(x), static_cast<T*>(y));
}

template <class T>
void run_typed(const Accumulation& kind, const AxisRows& rows, const void* x, void* y,
               StreamHandle stream) {
  if (kind.product) {
    run<T, Product>(kind, rows, x, y, stream);
  } else {
    run<T, Sum>(kind, rows, x, y, stream);
  }
}

}  // namespace

bool accumulates(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kInt32 ||
         dtype == DType::kInt64;
}

void accumulate(const Accumulation& kind, DType dtype, const AxisRows& rows, const void* x, void* y,
                StreamHandle stream) {
  switch (dtype) {
    case DType::kFloat64:
      return run_typed<double>(kind, rows, x, y, stream);
    case DType::kInt32:
      return run_typed<std::int32_t>(kind, rows, x, y, stream);
    case DType::kInt64:
      return run_typed<std::int64_t>(kind, rows, x, y, stream);
    default:
      return run_typed<float>(kind, rows, x, y, stream);
  }
}

}  // namespace temper::cuda
