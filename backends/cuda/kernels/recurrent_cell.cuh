// What the kernels of recurrent cells have in common: a thread has one hidden unit of one sample.
#pragma once

#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/recurrent.h"

namespace temper::cuda {

inline constexpr std::int64_t kInputGate = 0, kOutputGate = 1, kForgetGate = 2, kCellGate = 3;
inline constexpr std::int64_t kUpdateGate = 0, kResetGate = 1, kNewGate = 2;

template <class T>
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
  // Element `at` of what is stored, 0 of nothing.
  __device__ static float read(const void* from, std::int64_t at) {
    return from == nullptr ? 0.0f : static_cast<float>(static_cast<const T*>(from)[at]);
  }
  __device__ static T& element(void* of, std::int64_t at) { return static_cast<T*>(of)[at]; }
  __device__ float bias_of_x(std::int64_t gate) const {
    return read(step.bias, gate * rules.hidden + k);
  }
  __device__ float bias_of_h(std::int64_t gate) const {
    return read(step.bias, rules.gate_rows() + gate * rules.hidden + k);
  }
  __device__ float h() const { return read(step.h, state()); }
  __device__ T& extra() const { return element(step.extra, state()); }
  __device__ T& dz(const CellStepBack& back, std::int64_t gate) const {
    return element(back.dz, sum(gate));
  }
  // The gate's sum without peepholes.
  __device__ float joint_sum(std::int64_t gate) const {
    return step.sums[sum(gate)] + bias_of_x(gate) +
           step.from_h[n * rules.joint_rows() + gate * rules.hidden + k] + bias_of_h(gate);
  }
  __device__ float peephole(std::int64_t gate) const {
    return read(step.peepholes, gate * rules.hidden + k);
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
    element(step.next_h, state()) = h;
    if (step.y != nullptr) {
      element(step.y, rules.y_at(step.t, step.d, n) + k) = h;
    }
  }
  // The state stays, y is 0.
  __device__ void pass() const {
    element(step.next_h, state()) = h();
    if (step.next_c != nullptr) {
      step.next_c[state()] = step.c[state()];
    }
    if (step.y != nullptr) {
      element(step.y, rules.y_at(step.t, step.d, n) + k) = 0.0f;
    }
  }
  // The gradient of the state behind the step.
  __device__ float dh(const CellStepBack& back) const {
    const float passed = back.dh[state()];
    return back.dy == nullptr ? passed : passed + read(back.dy, rules.y_at(step.t, step.d, n) + k);
  }
};

}  // namespace temper::cuda
