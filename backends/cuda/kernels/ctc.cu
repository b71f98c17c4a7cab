// A block per sample walks the frames, its threads the states; sums over classes are made before,
// a warp per frame.
#include <cmath>

#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/ctc.h"

namespace temper::cuda {
namespace {

// log 0
__device__ double never() { return -static_cast<double>(INFINITY); }
__device__ double not_a_number() { return static_cast<double>(NAN); }

__device__ double log_add(double a, double b) {
  const double high = a < b ? b : a, low = a < b ? a : b;
  return low == never() ? high : high + std::log1p(std::exp(low - high));
}

__device__ std::int64_t read_label(bool narrow, const void* labels, std::int64_t i) {
  return narrow ? static_cast<const std::int32_t*>(labels)[i]
                : static_cast<const std::int64_t*>(labels)[i];
}

// log sum_c exp(score) of each frame, into the samples' workspaces, `each` doubles apart.
__global__ void __launch_bounds__(kBlock)
    log_sums_kernel(const CtcShape s, const float* __restrict__ scores, double* workspace,
                    std::int64_t each) {
  const std::int64_t row = thread_number() / 32, lane = threadIdx.x % 32;
  const bool works = row < s.batch * s.frames;
  const float* from = scores + (works ? row : 0) * s.classes;
  const std::int64_t count = works ? s.classes : 0;
  double largest = never();
  for (std::int64_t c = lane; c < count; c += 32) {
    largest = Maximum::join(largest, static_cast<double>(from[c]));
  }
  largest = warp_reduce<Maximum>(largest);
  double sum = 0;
  for (std::int64_t c = lane; c < count; c += 32) {
    sum += std::exp(static_cast<double>(from[c]) - largest);
  }
  sum = warp_reduce<Sum>(sum);
  if (works && lane == 0) {
    workspace[row / s.frames * each + row % s.frames] = largest + std::log(sum);
  }
}

struct CtcShared {
  Scratch<double> scratch;
  std::int64_t labels, frames;  // of this sample: up to the first below 0
  bool valid;
};

// One sample as the threads of its block see it.
struct Sample {
  const CtcShape& s;
  const CtcTensors& t;
  std::int64_t n, states, frames;

  __device__ std::int64_t label(std::int64_t i) const {
    return read_label(s.narrow, t.labels, n * s.labels + i);
  }
  __device__ std::int64_t class_of(std::int64_t state) const {
    return state % 2 == 0 ? s.blank : label(state / 2);
  }
  // Between equal labels there must be a blank.
  __device__ bool may_skip(std::int64_t state) const {
    return state % 2 == 1 && state >= 3 && label(state / 2) != label(state / 2 - 1);
  }
  __device__ double score(std::int64_t frame, std::int64_t c) const {
    return static_cast<double>(t.scores[(n * s.frames + frame) * s.classes + c]);
  }

  // The states' probabilities in a frame from those in the frame before (null: it is the first).
  __device__ void advance(std::int64_t frame, double log_sum, const double* before,
                          double* now) const {
    for (std::int64_t i = threadIdx.x; i < states; i += blockDim.x) {
      double reached = i < 2 ? 0 : never();
      if (before != nullptr) {
        reached = before[i];
        reached = i >= 1 ? log_add(reached, before[i - 1]) : reached;
        reached = may_skip(i) ? log_add(reached, before[i - 2]) : reached;
      }
      now[i] = reached + score(frame, class_of(i)) - log_sum;
    }
    __syncthreads();
  }

  // The probability of what follows each state, from that in the frame behind (null: the last).
  __device__ void retreat(std::int64_t frame, const double* log_sums, const double* behind,
                          double* now) const {
    const auto through = [&](std::int64_t i) {
      return behind[i] + score(frame + 1, class_of(i)) - log_sums[frame + 1];
    };
    for (std::int64_t i = threadIdx.x; i < states; i += blockDim.x) {
      double left = i + 2 >= states ? 0 : never();
      if (behind != nullptr) {
        left = through(i);
        left = i + 1 < states ? log_add(left, through(i + 1)) : left;
        left = i + 2 < states && may_skip(i + 2) ? log_add(left, through(i + 2)) : left;
      }
      now[i] = left;
    }
    __syncthreads();
  }

  // The probability of an end in the last label or the blank behind it.
  __device__ double ended(const double* last) const {
    if (frames == 0) {
      return states == 1 ? 0 : never();
    }
    return states == 1 ? last[0] : log_add(last[states - 1], last[states - 2]);
  }
};

// Invalid: a label that is no class, the blank or behind the padding, or a length out of range.
__device__ void read_sample(const CtcShape& s, const CtcTensors& t, std::int64_t n,
                            CtcShared& shared) {
  if (threadIdx.x == 0) {
    std::int64_t count = 0;
    bool valid = true, padding = false;
    for (std::int64_t i = 0; i < s.labels; ++i) {
      const std::int64_t label = read_label(s.narrow, t.labels, n * s.labels + i);
      padding = padding || label < 0;
      valid = valid && (padding ? label < 0 : label < s.classes && label != s.blank);
      count += padding ? 0 : 1;
    }
    const std::int64_t frames =
        t.lengths == nullptr ? s.frames : read_label(s.narrow, t.lengths, n);
    shared.labels = count;
    shared.frames = frames;
    shared.valid = valid && frames >= 0 && frames <= s.frames;
  }
  __syncthreads();
}

__global__ void __launch_bounds__(kBlock)
    loss_kernel(const CtcShape s, const CtcTensors t, float* loss, double* workspace) {
  CtcShared& shared = shared_as<CtcShared>();
  const std::int64_t n = blockIdx.x;
  read_sample(s, t, n, shared);
  if (!shared.valid) {
    if (threadIdx.x == 0) {
      loss[n] = static_cast<float>(not_a_number());
    }
    return;
  }
  const Sample sample{s, t, n, 2 * shared.labels + 1, shared.frames};
  const double* log_sums = workspace + n * s.loss_doubles();
  double* rows = workspace + n * s.loss_doubles() + s.frames;
  const double* before = nullptr;
  for (std::int64_t frame = 0; frame < sample.frames; ++frame) {
    double* now = rows + frame % 2 * s.states();
    sample.advance(frame, log_sums[frame], before, now);
    before = now;
  }
  if (threadIdx.x == 0) {
    const double value = -sample.ended(before);
    loss[n] = static_cast<float>(s.zero_infinity && value == -never() ? 0 : value);
  }
}

// What each class has of a frame: those of labels by the first of equal ones, that of the blank by
// all threads.
__device__ void share_out(const Sample& sample, const double* forward, const double* backward,
                          double total, double* shares, CtcShared& shared) {
  const CtcShape& s = sample.s;
  const auto part = [&](std::int64_t i) { return std::exp(forward[i] + backward[i] - total); };
  for (std::int64_t c = threadIdx.x; c < s.classes; c += blockDim.x) {
    shares[c] = 0;
  }
  double of_blank = 0;
  for (std::int64_t i = threadIdx.x; 2 * i < sample.states; i += blockDim.x) {
    of_blank += part(2 * i);
  }
  of_blank = block_reduce<Sum>(of_blank, shared.scratch, 0.0);
  for (std::int64_t i = threadIdx.x; i < shared.labels; i += blockDim.x) {
    const std::int64_t label = sample.label(i);
    bool is_first = true;
    for (std::int64_t k = 0; k < i && is_first; ++k) {
      is_first = sample.label(k) != label;
    }
    double sum = 0;
    for (std::int64_t k = i; k < shared.labels && is_first; ++k) {
      sum += sample.label(k) == label ? part(2 * k + 1) : 0;
    }
    if (is_first) {
      shares[label] = sum;
    }
  }
  if (threadIdx.x == 0) {
    shares[s.blank] = of_blank;
  }
  __syncthreads();
}

__device__ void fill(float* to, std::int64_t count, double value) {
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    to[i] = static_cast<float>(value);
  }
}

__global__ void __launch_bounds__(kBlock, 2)
    grad_kernel(const CtcShape s, const CtcTensors t, const float* dloss, float* dscores,
                double* workspace) {
  CtcShared& shared = shared_as<CtcShared>();
  const std::int64_t n = blockIdx.x;
  float* out = dscores + n * s.frames * s.classes;
  read_sample(s, t, n, shared);
  if (!shared.valid) {
    fill(out, s.frames * s.classes, not_a_number());
    return;
  }
  const Sample sample{s, t, n, 2 * shared.labels + 1, shared.frames};
  const double* log_sums = workspace + n * s.grad_doubles();
  double* forward = workspace + n * s.grad_doubles() + s.frames;
  double* backward = forward + s.frames * s.states();
  double* shares = backward + 2 * s.states();
  const double* before = nullptr;
  for (std::int64_t frame = 0; frame < sample.frames; ++frame) {
    double* now = forward + frame * s.states();
    sample.advance(frame, log_sums[frame], before, now);
    before = now;
  }
  const double total = sample.ended(before);
  const std::int64_t used = sample.frames * s.classes;
  fill(out + used, s.frames * s.classes - used, 0);
  if (total == never()) {  // no alignment
    fill(out, used, s.zero_infinity ? 0 : not_a_number());
    return;
  }
  const double* behind = nullptr;
  for (std::int64_t frame = sample.frames - 1; frame >= 0; --frame) {
    double* now = backward + frame % 2 * s.states();
    sample.retreat(frame, log_sums, behind, now);
    share_out(sample, forward + frame * s.states(), now, total, shares, shared);
    for (std::int64_t c = threadIdx.x; c < s.classes; c += blockDim.x) {
      const double probability = std::exp(sample.score(frame, c) - log_sums[frame]);
      out[frame * s.classes + c] =
          static_cast<float>(static_cast<double>(dloss[n]) * (probability - shares[c]));
    }
    __syncthreads();  // the shares are read
    behind = now;
  }
}

void launch_log_sums(const CtcShape& s, const CtcTensors& t, double* workspace, std::int64_t each,
                     StreamHandle stream) {
  launch_elements(log_sums_kernel, s.batch * s.frames * 32, stream, s, t.scores, workspace, each);
}

int threads_for(const CtcShape& s, std::int64_t items) {
  const std::int64_t most = s.states() > items ? s.states() : items;
  return most <= 32 ? 32 : most <= 64 ? 64 : most <= 128 ? 128 : kBlock;
}

}  // namespace

void ctc_loss(const CtcShape& shape, const CtcTensors& tensors, float* loss, double* workspace,
              StreamHandle stream) {
  launch_log_sums(shape, tensors, workspace, shape.loss_doubles(), stream);
  launch(loss_kernel, shape.batch, threads_for(shape, 1), sizeof(CtcShared), stream, shape, tensors,
         loss, workspace);
}

void ctc_loss_grad(const CtcShape& shape, const CtcTensors& tensors, const float* dloss,
                   float* dscores, double* workspace, StreamHandle stream) {
  launch_log_sums(shape, tensors, workspace, shape.grad_doubles(), stream);
  launch(grad_kernel, shape.batch, threads_for(shape, shape.classes), sizeof(CtcShared), stream,
         shape, tensors, dloss, dscores, workspace);
}

}  // namespace temper::cuda
