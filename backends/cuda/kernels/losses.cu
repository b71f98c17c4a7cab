// A warp per row of logits; one block adds up what the rows gave, in their order.
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/losses.h"

namespace temper::cuda {
namespace {

constexpr int kWarps = 4;  // rows of a block

__device__ std::int64_t label_of(const LossShape& p, const LossTensors& t, std::int64_t row) {
  return p.narrow_labels ? static_cast<const std::int32_t*>(t.labels)[row]
                         : static_cast<const std::int64_t*>(t.labels)[row];
}

__device__ double weight_of(const LossTensors& t, std::int64_t c) {
  return t.weights == nullptr ? 1.0 : static_cast<double>(t.weights[c]);
}

__device__ bool is_class(const LossShape& p, std::int64_t label) {
  return label >= 0 && label < p.classes;
}

// sums[row]: the row's loss; sums[rows + row]: what it counts for in the mean.
__global__ void __launch_bounds__(32 * kWarps)
    loss_kernel(const LossShape p, const LossTensors t, const float* __restrict__ logits,
                float* __restrict__ loss, float* __restrict__ log_prob, double* sums) {
  const std::int64_t row = thread_number() / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  const bool is_row = row < p.rows();
  const float* x = logits + (is_row ? p.offset(row) : 0);
  const std::int64_t classes = is_row ? p.classes : 0;
  float largest = -INFINITY;
  for (std::int64_t c = lane; c < classes; c += 32) {
    largest = Maximum::join(largest, x[c * p.plane]);
  }
  largest = warp_reduce<Maximum>(largest);
  double sum = 0;
  for (std::int64_t c = lane; c < classes; c += 32) {
    sum += static_cast<double>(expf(x[c * p.plane] - largest));
  }
  sum = warp_reduce<Sum>(sum);
  const double log_sum = static_cast<double>(largest) + log(sum);
  const std::int64_t label = is_row ? label_of(p, t, row) : 0;
  double spread = 0, of_label = 0;
  for (std::int64_t c = lane; c < classes; c += 32) {
    const double value = static_cast<double>(x[c * p.plane]) - log_sum;
    if (log_prob != nullptr) {
      log_prob[p.offset(row) + c * p.plane] = static_cast<float>(value);
    }
    spread -= weight_of(t, c) * value;
    of_label = c == label ? value : of_label;
  }
  spread = warp_reduce<Sum>(spread);
  of_label = warp_reduce<Sum>(of_label);
  if (lane != 0 || !is_row) {
    return;
  }
  double value = 0, counts = 0;
  if (label != p.ignore_index) {
    if (is_class(p, label)) {
      counts = weight_of(t, label);
      value = -(1.0 - static_cast<double>(p.smoothing)) * counts * of_label +
              static_cast<double>(p.smoothing) / static_cast<double>(p.classes) * spread;
    } else {
      note_index(t.fault, label, 0, p.classes);
      value = NAN;
    }
  }
  sums[row] = value;
  sums[p.rows() + row] = counts;
  if (loss != nullptr && p.reduction == LossReduction::kNone) {
    loss[row] = static_cast<float>(value);
  }
}

__global__ void __launch_bounds__(kBlock)
    join_kernel(const LossShape p, const double* sums, float* loss) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  double value = 0, counts = 0;
  for (std::int64_t row = threadIdx.x; row < p.rows(); row += blockDim.x) {
    value += sums[row];
    counts += sums[p.rows() + row];
  }
  value = block_reduce<Sum>(value, scratch, 0.0);
  counts = block_reduce<Sum>(counts, scratch, 0.0);
  if (threadIdx.x == 0) {
    *loss = static_cast<float>(p.reduction == LossReduction::kMean ? value / counts : value);
  }
}

// totals[0]: what the mean divides by; totals[1]: the sum of the class weights.
__global__ void __launch_bounds__(kBlock)
    totals_kernel(const LossShape p, const LossTensors t, double* totals) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  double counts = 0, weights = 0;
  for (std::int64_t row = threadIdx.x; row < p.rows(); row += blockDim.x) {
    const std::int64_t label = label_of(p, t, row);
    if (label != p.ignore_index && is_class(p, label)) {
      counts += weight_of(t, label);
    }
  }
  for (std::int64_t c = threadIdx.x; c < p.classes; c += blockDim.x) {
    weights += weight_of(t, c);
  }
  counts = block_reduce<Sum>(counts, scratch, 0.0);
  weights = block_reduce<Sum>(weights, scratch, 0.0);
  if (threadIdx.x == 0) {
    totals[0] = p.reduction == LossReduction::kMean ? counts : 1.0;
    totals[1] = weights;
  }
}

__global__ void __launch_bounds__(kBlock)
    loss_grad_kernel(const LossShape p, const LossTensors t, const float* __restrict__ dloss,
                     const float* __restrict__ log_prob, float* __restrict__ dlogits,
                     const double* totals) {
  const std::int64_t i = thread_number();
  if (i >= p.rows() * p.classes) {
    return;
  }
  const std::int64_t c = i / p.plane % p.classes;
  const std::int64_t row = i / p.plane / p.classes * p.plane + i % p.plane;
  const std::int64_t label = label_of(p, t, row);
  double value = 0;
  if (label != p.ignore_index) {
    if (is_class(p, label)) {
      const double smoothing = static_cast<double>(p.smoothing);
      const double spread = smoothing / static_cast<double>(p.classes);
      const double label_part = (1.0 - smoothing) * weight_of(t, label);
      const double factor =
          static_cast<double>(dloss[p.reduction == LossReduction::kNone ? row : 0]) / totals[0];
      const double target = spread * weight_of(t, c) + (c == label ? label_part : 0.0);
      const double prob = static_cast<double>(expf(log_prob[i]));
      value = factor * (prob * (label_part + spread * totals[1]) - target);
    } else {
      note_index(t.fault, label, 0, p.classes);
      value = NAN;
    }
  }
  dlogits[i] = static_cast<float>(value);
}

}  // namespace

void cross_entropy(const LossShape& shape, const LossTensors& tensors, const float* logits,
                   float* loss, float* log_prob, double* sums, StreamHandle stream) {
  launch(loss_kernel, (shape.rows() + kWarps - 1) / kWarps, 32 * kWarps, 0, stream, shape, tensors,
         logits, loss, log_prob, sums);
  if (loss != nullptr && shape.reduction != LossReduction::kNone) {
    launch(join_kernel, 1, kBlock, sizeof(Scratch<double>), stream, shape, sums, loss);
  }
}

void cross_entropy_grad(const LossShape& shape, const LossTensors& tensors, const float* dloss,
                        const float* log_prob, float* dlogits, double* totals,
                        StreamHandle stream) {
  launch(totals_kernel, 1, kBlock, sizeof(Scratch<double>), stream, shape, tensors, totals);
  launch_elements(loss_grad_kernel, shape.rows() * shape.classes, stream, shape, tensors, dloss,
                  log_prob, dlogits, totals);
}

}  // namespace temper::cuda
