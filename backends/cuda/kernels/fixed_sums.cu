// The largest number's exponent is found by an integer maximum.
#include "backends/cuda/device/fixed_sums.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/fixed_sums.h"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock) clear_kernel(const FixedSums sums, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    sums.sums[i] = 0;
    sums.special[i] = 0;
  }
  if (i == 0) {
    *sums.top = FixedSums::kNothing;
  }
}

__global__ void __launch_bounds__(kBlock)
    top_kernel(const FixedSums sums, const float* given, std::int64_t count) {
  Scratch<int>& scratch = shared_as<Scratch<int>>();
  const std::int64_t i = thread_number();
  const float x = i < count ? given[i] : 0.0f;
  const bool counts = x != 0 && x - x == 0;
  const int top = block_reduce<Maximum>(counts ? std::ilogb(x) + 1 : FixedSums::kNothing, scratch,
                                        FixedSums::kNothing);
  if (threadIdx.x == 0) {
    atomicMax(sums.top, top);
  }
}

__global__ void __launch_bounds__(kBlock)
    finish_kernel(const FixedSums sums, std::int64_t count, float* y) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = static_cast<float>(value_of(sums, i));
  }
}

}  // namespace

void begin_sums(const FixedSums& sums, std::int64_t count, const float* given,
                std::int64_t given_count, StreamHandle stream) {
  launch_elements(clear_kernel, count < 1 ? 1 : count, stream, sums, count);
  launch(top_kernel, (given_count + kBlock - 1) / kBlock, kBlock, sizeof(Scratch<int>), stream,
         sums, given, given_count);
}

void finish_sums(const FixedSums& sums, std::int64_t count, float* y, StreamHandle stream) {
  launch_elements(finish_kernel, count, stream, sums, count, y);
}

}  // namespace temper::cuda
