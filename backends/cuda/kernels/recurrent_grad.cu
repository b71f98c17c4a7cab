// Steps backwards. Gates are made anew from the sums that the forward pass keeps.
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/recurrent_cell.cuh"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    lstm_back_kernel(const CellRules rules, const CellStep step, const CellStepBack back) {
  const CellUnit<T> unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  if (!unit.counts()) {
    for (std::int64_t gate = 0; gate < 4; ++gate) {
      unit.dz(back, gate) = 0.0f;
    }
    return;
  }
  const std::int64_t at = unit.state();
  const float dh = unit.dh(back), state = step.next_c[at], c = step.c[at];
  const float in = unit.gate(kInputGate, 0), cell = unit.gate(kCellGate, 1);
  const float forget = rules.input_forget ? 1 - in : unit.gate(kForgetGate, 0);
  const float dout = dh * unit.function(2).value(state) * unit.slope(kOutputGate, 0);
  const float dstate = back.dc[at] +
                       dh * unit.gate(kOutputGate, 0) * unit.function(2).slope(state) +
                       dout * unit.peephole(kOutputGate);
  const float of_forget = dstate * c;
  const float of_input = dstate * cell - (rules.input_forget ? of_forget : 0.0f);
  const float din = of_input * unit.slope(kInputGate, 0);
  const float dforget = rules.input_forget ? 0.0f : of_forget * unit.slope(kForgetGate, 0);
  unit.dz(back, kInputGate) = din;
  unit.dz(back, kOutputGate) = dout;
  unit.dz(back, kForgetGate) = dforget;
  unit.dz(back, kCellGate) = dstate * in * unit.slope(kCellGate, 1);
  back.dc[at] =
      dstate * forget + din * unit.peephole(kInputGate) + dforget * unit.peephole(kForgetGate);
  back.dh[at] = 0;
}

__global__ void __launch_bounds__(kBlock)
    rnn_back_kernel(const CellRules rules, const CellStep step, const CellStepBack back) {
  const CellUnit<float> unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  const bool counts = unit.counts();
  unit.dz(back, 0) = counts ? unit.dh(back) * unit.slope(0, 0) : 0.0f;
  if (counts) {
    back.dh[unit.state()] = 0;
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    gru_back_kernel(const CellRules rules, const CellStep step, const CellStepBack back) {
  const CellUnit<T> unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  const std::int64_t at = unit.state();
  float dupdate = 0, dreset = 0, dnew = 0, dstate = 0;
  if (unit.counts()) {
    const float dh = unit.dh(back), z = unit.gate(kUpdateGate, 0);
    dupdate = dh * (unit.h() - unit.gate(kNewGate, 1)) * unit.slope(kUpdateGate, 0);
    dnew = dh * (1 - z) * unit.slope(kNewGate, 1);
    dstate = dnew;
    if (rules.reset_behind) {
      dreset = dnew * unit.extra() * unit.slope(kResetGate, 0);
      dstate = dnew * unit.gate(kResetGate, 0);
    }
    back.dh[at] = dh * z;
  }
  unit.dz(back, kUpdateGate) = dupdate;
  unit.dz(back, kResetGate) = dreset;
  unit.dz(back, kNewGate) = dnew;
  const std::int64_t joint = 2 * unit.n * rules.hidden + unit.k;
  unit.element(back.dz_joint, joint) = dupdate;
  unit.element(back.dz_joint, joint + rules.hidden) = dreset;
  unit.element(back.dstate, at) = dstate;
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    gru_seen_kernel(const CellRules rules, const CellStep step, const CellStepBack back) {
  const CellUnit<T> unit(rules, step);
  if (unit.exists() && unit.counts()) {
    const float dseen = back.dseen[unit.state()];
    const float dreset = dseen * unit.h() * unit.slope(kResetGate, 0);
    unit.dz(back, kResetGate) = dreset;
    unit.element(back.dz_joint, (2 * unit.n + 1) * rules.hidden + unit.k) = dreset;
    back.dh[unit.state()] += dseen * unit.gate(kResetGate, 0);
  }
}

// A block per peephole.
template <class T>
__global__ void __launch_bounds__(kBlock)
    peephole_kernel(const CellRules rules, const T* __restrict__ dz, const float* __restrict__ c,
                    const float* __restrict__ next_c, T* __restrict__ dp) {
  const std::int64_t gate = blockIdx.x / rules.hidden, k = blockIdx.x % rules.hidden;
  const float* states = gate == kOutputGate ? next_c : c;
  double sum = 0;
  for (std::int64_t row = threadIdx.x; row < rules.rows(); row += blockDim.x) {
    sum += static_cast<double>(dz[row * rules.gate_rows() + gate * rules.hidden + k]) *
           static_cast<double>(states[row * rules.hidden + k]);
  }
  sum = block_reduce<Sum>(sum, shared_as<Scratch<double>>(), 0.0);
  if (threadIdx.x == 0) {
    dp[blockIdx.x] = static_cast<float>(sum);
  }
}

}  // namespace

void lstm_step_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                    StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(lstm_back_kernel<T>, rules.states(), stream, rules, step, back);
  });
}

void rnn_step_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                   StreamHandle stream) {
  launch_elements(rnn_back_kernel, rules.states(), stream, rules, step, back);
}

void gru_step_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                   StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(gru_back_kernel<T>, rules.states(), stream, rules, step, back);
  });
}

void gru_seen_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                   StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(gru_seen_kernel<T>, rules.states(), stream, rules, step, back);
  });
}

void peephole_grad(const CellRules& rules, const void* dz, const float* c, const float* next_c,
                   void* dp, StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch(peephole_kernel<T>, 3 * rules.hidden, kBlock, sizeof(Scratch<double>), stream, rules,
           static_cast<const T*>(dz), c, next_c, static_cast<T*>(dp));
  });
}

}  // namespace temper::cuda
