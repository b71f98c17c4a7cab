// Forward steps, and what moves rows and states.
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/kernels/recurrent_cell.cuh"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock) lstm_kernel(const CellRules rules, const CellStep step) {
  const CellUnit unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  if (!unit.counts()) {
    unit.pass();
    return;
  }
  const float c = step.c[unit.state()];
  const float in =
      unit.activated(kInputGate, 0, unit.joint_sum(kInputGate) + unit.peephole(kInputGate) * c);
  float forget =
      unit.activated(kForgetGate, 0, unit.joint_sum(kForgetGate) + unit.peephole(kForgetGate) * c);
  forget = rules.input_forget ? 1 - in : forget;
  const float next = forget * c + in * unit.activated(kCellGate, 1, unit.joint_sum(kCellGate));
  const float out = unit.activated(kOutputGate, 0,
                                   unit.joint_sum(kOutputGate) + unit.peephole(kOutputGate) * next);
  step.next_c[unit.state()] = next;
  unit.write(out * unit.function(2).value(next));
}

__global__ void __launch_bounds__(kBlock) rnn_kernel(const CellRules rules, const CellStep step) {
  const CellUnit unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  if (unit.counts()) {
    unit.write(unit.activated(0, 0, unit.joint_sum(0)));
  } else {
    unit.pass();
  }
}

// `state`: the state's part of the new gate's sum.
__device__ void write_gru(const CellUnit& unit, float state) {
  const CellStep& step = unit.step;
  const float n =
      unit.activated(kNewGate, 1, step.sums[unit.sum(kNewGate)] + unit.bias_of_x(kNewGate) + state);
  const float z = unit.gate(kUpdateGate, 0);
  unit.write((1 - z) * n + z * step.h[unit.state()]);
}

__global__ void __launch_bounds__(kBlock)
    gru_gates_kernel(const CellRules rules, const CellStep step) {
  const CellUnit unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  float& extra = step.extra[unit.state()];
  if (!unit.counts()) {
    extra = 0;  // it goes into a sum, with factors of 0
    unit.pass();
    return;
  }
  unit.activated(kUpdateGate, 0, unit.joint_sum(kUpdateGate));
  const float reset = unit.activated(kResetGate, 0, unit.joint_sum(kResetGate));
  if (rules.reset_behind) {
    extra = step.from_h[unit.sum(kNewGate)] + unit.bias_of_h(kNewGate);
    write_gru(unit, reset * extra);
  } else {
    extra = reset * step.h[unit.state()];
  }
}

__global__ void __launch_bounds__(kBlock)
    gru_new_kernel(const CellRules rules, const CellStep step) {
  const CellUnit unit(rules, step);
  if (unit.exists() && unit.counts()) {
    write_gru(unit, step.from_new[unit.state()] + unit.bias_of_h(kNewGate));
  }
}

// ---------------------------------------------------------------- rows and states

__global__ void __launch_bounds__(kBlock)
    read_rows_kernel(const CellRules rules, const std::int32_t* __restrict__ lengths,
                     const float* __restrict__ x, float* __restrict__ to) {
  const std::int64_t i = thread_number();
  if (i < rules.rows() * rules.inputs) {
    const std::int64_t row = i / rules.inputs, t = row / rules.batch, n = row % rules.batch;
    const bool counts = lengths == nullptr || t < lengths[n];
    to[i] = counts ? x[rules.row(t, n) * rules.inputs + i % rules.inputs] : 0.0f;
  }
}

__global__ void __launch_bounds__(kBlock)
    write_rows_kernel(const CellRules rules, const float* __restrict__ from,
                      float* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i < rules.rows() * rules.inputs) {
    const std::int64_t row = i / rules.inputs;
    dx[rules.row(row / rules.batch, row % rules.batch) * rules.inputs + i % rules.inputs] = from[i];
  }
}

__global__ void __launch_bounds__(kBlock)
    read_states_kernel(const CellRules rules, std::int64_t d, const float* __restrict__ from,
                       float* __restrict__ to) {
  const std::int64_t i = thread_number();
  if (i < rules.states()) {
    to[i] = from == nullptr ? 0.0f : from[rules.state_at(d, i / rules.hidden) + i % rules.hidden];
  }
}

__global__ void __launch_bounds__(kBlock)
    write_states_kernel(const CellRules rules, std::int64_t d, const float* __restrict__ from,
                        float* __restrict__ to) {
  const std::int64_t i = thread_number();
  if (i < rules.states()) {
    to[rules.state_at(d, i / rules.hidden) + i % rules.hidden] = from[i];
  }
}

__global__ void __launch_bounds__(kBlock)
    lengths_kernel(const CellRules rules, const std::int32_t* __restrict__ lengths,
                   DeviceFault* fault) {
  const std::int64_t n = thread_number();
  if (n < rules.batch && (lengths[n] < 0 || lengths[n] > rules.steps)) {
    note_index(fault, lengths[n], 0, rules.steps + 1);
  }
}

}  // namespace

void lstm_step(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  launch_elements(lstm_kernel, rules.states(), stream, rules, step);
}

void rnn_step(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  launch_elements(rnn_kernel, rules.states(), stream, rules, step);
}

void gru_gates(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  launch_elements(gru_gates_kernel, rules.states(), stream, rules, step);
}

void gru_new(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  launch_elements(gru_new_kernel, rules.states(), stream, rules, step);
}

void read_rows(const CellRules& rules, const std::int32_t* lengths, const float* x, float* to,
               StreamHandle stream) {
  launch_elements(read_rows_kernel, rules.rows() * rules.inputs, stream, rules, lengths, x, to);
}

void write_rows(const CellRules& rules, const float* from, float* dx, StreamHandle stream) {
  launch_elements(write_rows_kernel, rules.rows() * rules.inputs, stream, rules, from, dx);
}

void read_states(const CellRules& rules, std::int64_t d, const float* from, float* to,
                 StreamHandle stream) {
  launch_elements(read_states_kernel, rules.states(), stream, rules, d, from, to);
}

void write_states(const CellRules& rules, std::int64_t d, const float* from, float* to,
                  StreamHandle stream) {
  launch_elements(write_states_kernel, rules.states(), stream, rules, d, from, to);
}

void note_lengths(const CellRules& rules, const std::int32_t* lengths, DeviceFault* fault,
                  StreamHandle stream) {
  launch_elements(lengths_kernel, rules.batch, stream, rules, lengths, fault);
}

}  // namespace temper::cuda
