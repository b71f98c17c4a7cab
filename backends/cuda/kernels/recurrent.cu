// Forward steps, and what moves rows and states.
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/kernels/recurrent_cell.cuh"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock) lstm_kernel(const CellRules rules, const CellStep step) {
  const CellUnit<T> unit(rules, step);
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
  const CellUnit<float> unit(rules, step);
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
template <class T>
__device__ void write_gru(const CellUnit<T>& unit, float state) {
  const CellStep& step = unit.step;
  const float n =
      unit.activated(kNewGate, 1, step.sums[unit.sum(kNewGate)] + unit.bias_of_x(kNewGate) + state);
  const float z = unit.gate(kUpdateGate, 0);
  unit.write((1 - z) * n + z * unit.h());
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    gru_gates_kernel(const CellRules rules, const CellStep step) {
  const CellUnit<T> unit(rules, step);
  if (!unit.exists()) {
    return;
  }
  if (!unit.counts()) {
    unit.extra() = 0.0f;  // it goes into a sum, with factors of 0
    unit.pass();
    return;
  }
  unit.activated(kUpdateGate, 0, unit.joint_sum(kUpdateGate));
  const float reset = unit.activated(kResetGate, 0, unit.joint_sum(kResetGate));
  if (rules.reset_behind) {
    const float state = step.from_h[unit.sum(kNewGate)] + unit.bias_of_h(kNewGate);
    unit.extra() = state;
    write_gru(unit, reset * state);
  } else {
    unit.extra() = reset * unit.h();
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    gru_new_kernel(const CellRules rules, const CellStep step) {
  const CellUnit<T> unit(rules, step);
  if (unit.exists() && unit.counts()) {
    write_gru(unit, step.from_new[unit.state()] + unit.bias_of_h(kNewGate));
  }
}

// ---------------------------------------------------------------- rows and states

template <class T>
__global__ void __launch_bounds__(kBlock)
    read_rows_kernel(const CellRules rules, const std::int32_t* __restrict__ lengths,
                     const T* __restrict__ x, T* __restrict__ to) {
  const std::int64_t i = thread_number();
  if (i < rules.rows() * rules.inputs) {
    const std::int64_t row = i / rules.inputs, t = row / rules.batch, n = row % rules.batch;
    const bool counts = lengths == nullptr || t < lengths[n];
    to[i] =
        CellUnit<T>::read(counts ? x : nullptr, rules.row(t, n) * rules.inputs + i % rules.inputs);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    write_rows_kernel(const CellRules rules, const float* __restrict__ from, T* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i < rules.rows() * rules.inputs) {
    const std::int64_t row = i / rules.inputs;
    dx[rules.row(row / rules.batch, row % rules.batch) * rules.inputs + i % rules.inputs] = from[i];
  }
}

template <class T, class To>
__global__ void __launch_bounds__(kBlock)
    read_states_kernel(const CellRules rules, std::int64_t d, const T* __restrict__ from,
                       To* __restrict__ to) {
  const std::int64_t i = thread_number();
  if (i < rules.states()) {
    to[i] = CellUnit<T>::read(from, rules.state_at(d, i / rules.hidden) + i % rules.hidden);
  }
}

template <class From, class T>
__global__ void __launch_bounds__(kBlock)
    write_states_kernel(const CellRules rules, std::int64_t d, const From* __restrict__ from,
                        T* __restrict__ to) {
  const std::int64_t i = thread_number();
  if (i < rules.states()) {
    to[rules.state_at(d, i / rules.hidden) + i % rules.hidden] = static_cast<float>(from[i]);
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
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(lstm_kernel<T>, rules.states(), stream, rules, step);
  });
}

void rnn_step(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  launch_elements(rnn_kernel, rules.states(), stream, rules, step);
}

void gru_gates(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(gru_gates_kernel<T>, rules.states(), stream, rules, step);
  });
}

void gru_new(const CellRules& rules, const CellStep& step, StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(gru_new_kernel<T>, rules.states(), stream, rules, step);
  });
}

void read_rows(const CellRules& rules, const std::int32_t* lengths, const void* x, void* to,
               StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(read_rows_kernel<T>, rules.rows() * rules.inputs, stream, rules, lengths,
                    static_cast<const T*>(x), static_cast<T*>(to));
  });
}

void write_rows(const CellRules& rules, const float* from, void* dx, StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    launch_elements(write_rows_kernel<T>, rules.rows() * rules.inputs, stream, rules, from,
                    static_cast<T*>(dx));
  });
}

void read_states(const CellRules& rules, std::int64_t d, const void* from, DType here, void* to,
                 StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    const auto* states = static_cast<const T*>(from);
    if (here == rules.dtype) {
      launch_elements(read_states_kernel<T, T>, rules.states(), stream, rules, d, states,
                      static_cast<T*>(to));
    } else {
      launch_elements(read_states_kernel<T, float>, rules.states(), stream, rules, d, states,
                      static_cast<float*>(to));
    }
  });
}

void write_states(const CellRules& rules, std::int64_t d, DType here, const void* from, void* to,
                  StreamHandle stream) {
  visit_stored(rules.dtype, [&]<class T>(T) {
    auto* states = static_cast<T*>(to);
    if (here == rules.dtype) {
      launch_elements(write_states_kernel<T, T>, rules.states(), stream, rules, d,
                      static_cast<const T*>(from), states);
    } else {
      launch_elements(write_states_kernel<float, T>, rules.states(), stream, rules, d,
                      static_cast<const float*>(from), states);
    }
  });
}

void note_lengths(const CellRules& rules, const std::int32_t* lengths, DeviceFault* fault,
                  StreamHandle stream) {
  launch_elements(lengths_kernel, rules.batch, stream, rules, lengths, fault);
}

}  // namespace temper::cuda
