// The ctc loss and its gradient: the recursions of backends/host/ctc.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

struct CtcShape {
  std::int64_t batch, frames, classes;  // scores [batch, frames, classes]
  std::int64_t labels;                  // of a sample, at most
  std::int64_t blank;
  bool zero_infinity, narrow;  // narrow: labels and lengths are i32

  constexpr std::int64_t states() const { return 2 * labels + 1; }
  // Doubles of a sample: log sums, two rows of states, or one for every frame, two more and shares.
  constexpr std::int64_t loss_doubles() const { return frames + 2 * states(); }
  constexpr std::int64_t grad_doubles() const {
    return frames * (1 + states()) + 2 * states() + classes;
  }
};

struct CtcTensors {
  const float* scores;
  const void* labels;
  const void* lengths;  // null: all frames
};

void ctc_loss(const CtcShape& shape, const CtcTensors& tensors, float* loss, double* workspace,
              StreamHandle stream);
void ctc_loss_grad(const CtcShape& shape, const CtcTensors& tensors, const float* dloss,
                   float* dscores, double* workspace, StreamHandle stream);

}  // namespace temper::cuda
