// What the kernels of recurrent cells have in common: a thread has one hidden unit of one sample.
#pragma once

#include "backends/cuda/kernels/recurrent.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {

inline constexpr std::int64_t kInputGate = 0, kOutputGate = 1, kForgetGate = 2, kCellGate = 3;
inline constexpr std::int64_t kUpdateGate = 0, kResetGate = 1, kNewGate = 2;

struct CellUnit {
  const CellRules& rules;
  const CellStep& step;
  std::int64_t n, k;

  __device__ CellUnit(const CellRules& r, const CellStep& s)
      : rules(r), step(s), n(thread_number() / r.hidden), k(thread_number() % r.hidden) {}

  __device__ bool exists() const { return n < rules.batch; }
  // The sample has not ended.
  __device__ bool counts() const { return step.lengths == nullptr || step.t < step.lengths[n]; }
  __device__ std::int64_t state() const { return n * rules.hidden + k; }
  __device__ std::int64_t sum(std::int64_t gate) const {
    return n * rules.gate_rows() + gate * rules.hidden + k;
  }
  __device__ const CellActivation<float>& function(int i) const {
    return rules.functions[step.d][i];
  }
  __device__ float bias_of_x(std::int64_t gate) const {
    return step.bias == nullptr ? 0.0f : step.bias[gate * rules.hidden + k];
  }
  __device__ float bias_of_h(std::int64_t gate) const {
    return step.bias == nullptr ? 0.0f : step.bias[rules.gate_rows() + gate * rules.hidden + k];
  }
  // The gate's sum without peepholes.
  __device__ float joint_sum(std::int64_t gate) const {
    return step.sums[sum(gate)] + bias_of_x(gate) +
           step.from_h[n * rules.joint_rows() + gate * rules.hidden + k] + bias_of_h(gate);
  }
  __device__ float peephole(std::int64_t gate) const {
    return step.peepholes == nullptr ? 0.0f : step.peepholes[gate * rules.hidden + k];
  }
  // Keeps the sum and gives what the activation makes of it.
  __device__ float activated(std::int64_t gate, int f, float value) const {
    step.sums[sum(gate)] = value;
    return function(f).value(rules.clipped(value));
  }
  // Of a sum that is kept.
  __device__ float gate(std::int64_t gate, int f) const {
    return function(f).value(rules.clipped(step.sums[sum(gate)]));
  }
  __device__ float slope(std::int64_t gate, int f) const {
    const float value = step.sums[sum(gate)];
    return rules.clip_slope(value) * function(f).slope(rules.clipped(value));
  }
  __device__ void write(float h) const {
    step.next_h[state()] = h;
    if (step.y != nullptr) {
      step.y[rules.y_at(step.t, step.d, n) + k] = h;
    }
  }
  // The state stays, y is 0.
  __device__ void pass() const {
    step.next_h[state()] = step.h[state()];
    if (step.next_c != nullptr) {
      step.next_c[state()] = step.c[state()];
    }
    if (step.y != nullptr) {
      step.y[rules.y_at(step.t, step.d, n) + k] = 0;
    }
  }
  // The gradient of the state behind the step.
  __device__ float dh(const CellStepBack& back) const {
    const float passed = back.dh[state()];
    return back.dy == nullptr ? passed : passed + back.dy[rules.y_at(step.t, step.d, n) + k];
  }
};

}  // namespace temper::cuda
