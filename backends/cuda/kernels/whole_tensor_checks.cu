// A block per chunk of a tensor, then one block over what the chunks gave.
#include "backends/common/p_norms.h"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/whole_tensor_checks.h"

namespace temper::cuda {
namespace {

constexpr double kClipEpsilon = 1e-6;  // torch.nn.utils.clip_grad_norm_

// Joins the values of a block's threads as the norm joins parts.
template <class Norm>
__device__ double block_join(const Norm& norm, double x, Scratch<double>& scratch) {
  for (int i = 16; i > 0; i >>= 1) {
    norm.join(x, __shfl_xor_sync(kAllLanes, x, i));
  }
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) {
    scratch.of_warp[warp] = x;
  }
  __syncthreads();
  double total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) {
    norm.join(total, scratch.of_warp[w]);
  }
  return total;
}

template <class Norm>
__global__ void __launch_bounds__(kBlock)
    norm_kernel(const Norm norm, const TensorChunk* chunks, double* parts) {
  const TensorChunk chunk = chunks[blockIdx.x];
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < chunk.count; i += blockDim.x) {
    norm.add(sum, static_cast<double>(chunk.values[i]));
  }
  sum = block_join(norm, sum, shared_as<Scratch<double>>());
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = sum;
  }
}

template <class Norm>
__global__ void __launch_bounds__(kBlock)
    join_norm_kernel(const Norm norm, const double* parts, std::int64_t count, const float* factor,
                     float* y) {
  double total = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    norm.join(total, parts[i]);
  }
  total = block_join(norm, total, shared_as<Scratch<double>>());
  if (threadIdx.x == 0) {
    const double times = factor == nullptr ? 1.0 : static_cast<double>(*factor);
    *y = static_cast<float>(norm.finish(total) * times);
  }
}

__global__ void __launch_bounds__(kBlock)
    finite_kernel(const TensorChunk* chunks, std::int32_t* parts) {
  Scratch<int>& scratch = shared_as<Scratch<int>>();
  const TensorChunk chunk = chunks[blockIdx.x];
  int bad = 0;
  for (std::int64_t i = threadIdx.x; i < chunk.count; i += blockDim.x) {
    const float value = chunk.values[i];
    bad |= value - value == 0.0f ? 0 : 1;
  }
  bad = block_reduce<Maximum>(bad, scratch, 0);
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = bad;
  }
}

__global__ void __launch_bounds__(kBlock)
    join_finite_kernel(const std::int32_t* parts, std::int64_t count, bool* y) {
  Scratch<int>& scratch = shared_as<Scratch<int>>();
  int bad = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    bad |= parts[i];
  }
  bad = block_reduce<Maximum>(bad, scratch, 0);
  if (threadIdx.x == 0) {
    *y = bad == 0;
  }
}

__global__ void clip_factor_kernel(const float* norm, double max_norm, const float* factor,
                                   float* y) {
  if (threadIdx.x == 0) {
    const double room = max_norm / (static_cast<double>(*norm) + kClipEpsilon);
    const auto clip = static_cast<float>(room > 1 ? 1.0 : room);
    *y = factor == nullptr ? clip : clip * *factor;
  }
}

// Products in double, rounded once, as PyTorch's kernel.
__global__ void loss_scale_kernel(const LossScaleRule rule, const float* scale,
                                  const std::int64_t* tracker, const bool* finite, float* next,
                                  std::int64_t* clean) {
  if (threadIdx.x != 0) {
    return;
  }
  float made = *scale;
  std::int64_t steps = 0;
  if (!*finite) {
    const auto lower = static_cast<float>(static_cast<double>(made) * rule.backoff);
    made = lower < rule.least ? rule.least : lower;
  } else if (*tracker + 1 == rule.interval) {
    const auto grown = static_cast<float>(static_cast<double>(made) * rule.growth);
    made = grown - grown == 0.0f ? grown : made;
  } else {
    steps = *tracker + 1;
  }
  *next = made;
  *clean = steps;
}

}  // namespace

void global_norm(const TensorChunk* chunks, std::int64_t count, double p, const float* factor,
                 double* parts, float* y, StreamHandle stream) {
  visit_norm(p, [&]<class Norm>(Norm norm) {
    launch(norm_kernel<Norm>, count, kBlock, sizeof(Scratch<double>), stream, norm, chunks, parts);
    launch(join_norm_kernel<Norm>, 1, kBlock, sizeof(Scratch<double>), stream, norm, parts, count,
           factor, y);
  });
}

void all_finite(const TensorChunk* chunks, std::int64_t count, std::int32_t* parts, bool* y,
                StreamHandle stream) {
  launch(finite_kernel, count, kBlock, sizeof(Scratch<int>), stream, chunks, parts);
  launch(join_finite_kernel, 1, kBlock, sizeof(Scratch<int>), stream, parts, count, y);
}

void clip_factor(const float* norm, double max_norm, const float* factor, float* y,
                 StreamHandle stream) {
  launch(clip_factor_kernel, 1, 32, 0, stream, norm, max_norm, factor, y);
}

void update_loss_scale(const LossScaleRule& rule, const float* scale, const std::int64_t* tracker,
                       const bool* finite, float* next, std::int64_t* clean, StreamHandle stream) {
  launch(loss_scale_kernel, 1, 32, 0, stream, rule, scale, tracker, finite, next, clean);
}

}  // namespace temper::cuda
