#include "backends/cpu/recurrence.h"

#include <algorithm>

#include "backends/cpu/cell_loops.h"
#include "backends/cpu/library_product.h"
#include "backends/cpu/panel_product.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/recurrence_memory.h"
#include "backends/cpu/reduce_loops.h"

namespace temper::cpu {
namespace {

using Cell = RecurrencePlan::Cell;
using Memory = RecurrenceMemory;
using Part = FloatPart;

// The inputs of the ops, and of the gradient behind them the gradients of the outputs.
enum Input : std::size_t { kX, kW, kR, kB, kLengths, kH0, kC0 };

class Recurrence {
 public:
  Recurrence(const RecurrencePlan& plan, const KernelArgs& args, Part part, Part tape)
      : plan_(plan),
        args_(args),
        memories_{Memory(plan, part, tape),
                  plan.directions == 2 ? Memory(plan, part, tape) : Memory()} {
    x_ = plan.has_lengths ? part.take(plan.rows() * plan.inputs) : nullptr;
    bytes_ = part.bytes();
    tape_bytes_ = tape.bytes();
  }
  std::size_t bytes() const { return bytes_; }
  std::size_t tape_bytes() const { return tape_bytes_; }

  void run() {
    read_x();
    for (std::int64_t d = 0; d < plan_.directions; ++d) {
      begin(d);
    }
    const std::int64_t slices = (plan_.batch + plan_.slice - 1) / plan_.slice;
    parallel_ranges(plan_.threads, plan_.directions * slices, 1,
                    [&](std::int64_t first, std::int64_t last) {
                      for (std::int64_t i = first; i < last; ++i) {
                        const std::int64_t n = i % slices * plan_.slice;
                        run_slice({i / slices, n, std::min(plan_.batch - n, plan_.slice)});
                      }
                    });
    for (std::int64_t d = 0; plan_.backward && d < plan_.directions; ++d) {
      write_gradients(d);
    }
  }

 private:
  // Some samples of a direction.
  struct Slice {
    std::int64_t d, first, count;
  };

  const float* input(std::size_t i) const {
    return i < plan_.input_count ? static_cast<const float*>(args_.inputs[i]) : nullptr;
  }
  float* output(std::size_t i) const { return static_cast<float*>(args_.outputs[i]); }
  const float* dy(std::size_t i) const {
    return input(static_cast<std::size_t>(plan_.forward_inputs()) + i);
  }
  bool counts(std::int64_t t, std::int64_t n) const {
    return !plan_.has_lengths || t < static_cast<const std::int32_t*>(args_.inputs[kLengths])[n];
  }
  const Memory& memory(std::int64_t d) const { return memories_[d]; }
  float* state(float* states, std::int64_t n) const { return states + n * plan_.hidden; }
  bool is(Cell cell) const { return plan_.cell == cell; }

  // What lies behind a sample's length must not reach the gradients, be it NaN: it is 0 here.
  void read_x() {
    if (!plan_.has_lengths) {
      return;
    }
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      for (std::int64_t t = 0; t < plan_.steps; ++t) {
        const std::int64_t at = plan_.row(t, n) * plan_.inputs;
        if (counts(t, n)) {
          std::copy_n(input(kX) + at, plan_.inputs, x_ + at);
        } else {
          std::fill_n(x_ + at, plan_.inputs, 0.0f);
        }
      }
    }
  }
  const float* x() const { return plan_.has_lengths ? x_ : input(kX); }

  // Packs a direction's weights and computes the inputs' part of the gates' sums.
  void begin(std::int64_t d) {
    const Memory& m = memory(d);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows();
    const std::int64_t joint = is(Cell::kGru) ? 2 * hidden : rows;
    const float* r = input(kR) + d * rows * hidden;
    if (plan_.backward) {
      pack_panels({r, hidden, 1}, joint, hidden, m.back);
      if (is(Cell::kGru)) {
        pack_panels({r + joint * hidden, hidden, 1}, hidden, hidden, m.back_new);
      }
    }
    if (plan_.has_tape) {
      return;
    }
    pack_panels({r, 1, hidden}, hidden, joint, m.forward);
    if (is(Cell::kGru)) {
      pack_panels({r + joint * hidden, 1, hidden}, hidden, hidden, m.forward_new);
    }
    const float* bias = input(kB) == nullptr ? nullptr : input(kB) + d * 2 * rows;
    parallel_ranges(plan_.threads, plan_.rows(), 16, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        float* z = m.gates + i * rows;
        for (std::int64_t j = 0; j < rows; ++j) {
          // With linear_before_reset n's second bias is the state's.
          const bool both = !plan_.reset_behind || j < joint;
          z[j] = bias == nullptr ? 0.0f : bias[j] + (both ? bias[rows + j] : 0.0f);
        }
      }
    });
    run_product(plan_.threads,
                {plan_.rows(), rows, plan_.inputs, false, true, x(), plan_.inputs,
                 input(kW) + d * rows * plan_.inputs, plan_.inputs, 1, 1, m.gates, rows});
  }

  // The states of a slice's samples; null: zeros.
  void read_states(const Slice& s, const float* from, float* states) const {
    for (std::int64_t n = s.first; n < s.first + s.count; ++n) {
      if (from == nullptr) {
        std::fill_n(state(states, n), plan_.hidden, 0.0f);
      } else {
        std::copy_n(from + plan_.state_at(s.d, n), plan_.hidden, state(states, n));
      }
    }
  }
  void write_states(const Slice& s, const float* states, float* to) const {
    for (std::int64_t n = s.first; to != nullptr && n < s.first + s.count; ++n) {
      std::copy_n(states + n * plan_.hidden, plan_.hidden, to + plan_.state_at(s.d, n));
    }
  }

  void run_slice(const Slice& s) const {
    const Memory& m = memory(s.d);
    if (!plan_.has_tape) {
      read_states(s, input(kH0), m.h);
      if (is(Cell::kLstm)) {
        read_states(s, input(kC0), m.c);
      }
      for (std::int64_t step = 0; step < plan_.steps; ++step) {
        advance(s, plan_.step_time(s.d, step));
      }
    }
    if (!plan_.backward) {
      write_states(s, m.h, output(1));
      if (is(Cell::kLstm)) {
        write_states(s, m.c, output(2));
      }
      return;
    }
    read_states(s, dy(1), m.dh);
    if (is(Cell::kLstm)) {
      read_states(s, dy(2), m.dc);
    }
    for (std::int64_t step = plan_.steps - 1; step >= 0; --step) {
      retreat(s, plan_.step_time(s.d, step));
    }
    write_states(s, m.dh, output(kH0));
    if (is(Cell::kLstm)) {
      write_states(s, m.dc, output(kC0));
    }
  }

  // One step of a slice's samples.
  void advance(const Slice& s, std::int64_t t) const {
    const Memory& m = memory(s.d);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows();
    const std::int64_t z_step = plan_.sample_step() * rows;
    float* z = m.gates + plan_.row(t, s.first) * rows;
    float* h = state(m.h, s.first);
    if (plan_.records()) {
      keep(s, t, m.h, m.before_h);
      if (is(Cell::kLstm)) {
        keep(s, t, m.c, m.before_c);
      }
    }
    const std::int64_t joint = is(Cell::kGru) ? 2 * hidden : rows;
    panel_product({h, hidden, 1}, m.forward, s.count, joint, hidden, true, z, z_step);
    if (is(Cell::kGru)) {
      gru_state_part(s, t);
    }
    for (std::int64_t n = s.first; n < s.first + s.count; ++n) {
      float* y =
          plan_.backward || output(0) == nullptr ? nullptr : output(0) + plan_.y_at(t, s.d, n);
      if (counts(t, n)) {
        finish_step(s.d, t, n);
        if (y != nullptr) {
          std::copy_n(state(m.h, n), hidden, y);
        }
      } else if (y != nullptr) {
        std::fill_n(y, hidden, 0.0f);
      }
    }
  }

  void keep(const Slice& s, std::int64_t t, const float* states, float* tape) const {
    for (std::int64_t n = s.first; n < s.first + s.count; ++n) {
      std::copy_n(states + n * plan_.hidden, plan_.hidden, tape + plan_.row(t, n) * plan_.hidden);
    }
  }

  // Where GRU's `extra` of a sample lies: on the tape, or with the states.
  float* extra(std::int64_t d, std::int64_t t, std::int64_t n) const {
    return memory(d).extra + (plan_.records() ? plan_.row(t, n) : n) * plan_.hidden;
  }
  std::int64_t extra_step() const {
    return (plan_.records() ? plan_.sample_step() : 1) * plan_.hidden;
  }

  // The gates z and r, and what n's sum takes from the state: in `extra` with linear_before_reset,
  // else in `scratch`, and r * h in `extra`.
  void gru_state_part(const Slice& s, std::int64_t t) const {
    const Memory& m = memory(s.d);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows();
    const float* bias = plan_.reset_behind && input(kB) != nullptr
                            ? input(kB) + (s.d * 2 + 2) * rows - hidden
                            : nullptr;
    for (std::int64_t n = s.first; n < s.first + s.count; ++n) {
      float* z = m.gates + plan_.row(t, n) * rows;
      gru_gates(hidden, z);
      if (!plan_.reset_behind) {
        multiply_rows(hidden, z + hidden, state(m.h, n), extra(s.d, t, n));
      } else if (bias == nullptr) {
        std::fill_n(extra(s.d, t, n), hidden, 0.0f);
      } else {
        std::copy_n(bias, hidden, extra(s.d, t, n));
      }
    }
    if (plan_.reset_behind) {
      panel_product({state(m.h, s.first), hidden, 1}, m.forward_new, s.count, hidden, hidden, true,
                    extra(s.d, t, s.first), extra_step());
    } else {
      panel_product({extra(s.d, t, s.first), extra_step(), 1}, m.forward_new, s.count, hidden,
                    hidden, false, state(m.scratch, s.first), hidden);
    }
  }

  void finish_step(std::int64_t d, std::int64_t t, std::int64_t n) const {
    const Memory& m = memory(d);
    float* z = m.gates + plan_.row(t, n) * plan_.gate_rows();
    float* h = state(m.h, n);
    switch (plan_.cell) {
      case Cell::kLstm:
        return lstm_step(plan_.hidden, z, state(m.c, n), state(m.c, n), h);
      case Cell::kGru:
        return gru_step(plan_.hidden, plan_.reset_behind, z,
                        plan_.reset_behind ? extra(d, t, n) : state(m.scratch, n), h, h);
      case Cell::kRnn:
        rnn_step(plan_.hidden, plan_.relu[d], z, z);
        std::copy_n(z, plan_.hidden, h);
        return;
    }
  }

  // One step backwards: dh (and dc) of the step's states become those of the states before, and
  // the gradients of the gates' sums take the gates' place. Where a sample is not there, nothing
  // changes and those are 0.
  void retreat(const Slice& s, std::int64_t t) const {
    const Memory& m = memory(s.d);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows();
    for (std::int64_t n = s.first; n < s.first + s.count; ++n) {
      if (counts(t, n)) {
        add_output_gradient(s.d, t, n);
        step_back(s.d, t, n);
      } else {
        std::fill_n(m.gates + plan_.row(t, n) * rows, rows, 0.0f);
        if (is(Cell::kGru)) {
          std::fill_n(extra(s.d, t, n), hidden, 0.0f);
        }
      }
    }
    const float* z = m.gates + plan_.row(t, s.first) * rows;
    const std::int64_t z_step = plan_.sample_step() * rows;
    float* dh = state(m.dh, s.first);
    if (!is(Cell::kGru)) {
      float* made = plan_.has_lengths ? state(m.scratch, s.first) : dh;
      panel_product({z, z_step, 1}, m.back, s.count, hidden, rows, false, made, hidden);
      for (std::int64_t n = s.first; plan_.has_lengths && n < s.first + s.count; ++n) {
        if (counts(t, n)) {
          std::copy_n(state(m.scratch, n), hidden, state(m.dh, n));
        }
      }
      return;
    }
    if (plan_.reset_behind) {
      panel_product({extra(s.d, t, s.first), extra_step(), 1}, m.back_new, s.count, hidden, hidden,
                    true, dh, hidden);
    } else {
      panel_product({z + 2 * hidden, z_step, 1}, m.back_new, s.count, hidden, hidden, false,
                    state(m.scratch, s.first), hidden);
      for (std::int64_t n = s.first; n < s.first + s.count; ++n) {
        float* reset = m.gates + plan_.row(t, n) * rows + hidden;
        gru_seen_back(hidden, reset, m.before_h + plan_.row(t, n) * hidden, state(m.scratch, n),
                      reset, state(m.dh, n));
      }
    }
    panel_product({z, z_step, 1}, m.back, s.count, hidden, 2 * hidden, true, dh, hidden);
  }

  void add_output_gradient(std::int64_t d, std::int64_t t, std::int64_t n) const {
    if (dy(0) == nullptr) {
      return;
    }
    const float* from = dy(0) + plan_.y_at(t, d, n);
    float* dh = state(memory(d).dh, n);
    for (std::int64_t k = 0; k < plan_.hidden; ++k) {
      dh[k] += from[k];
    }
  }

  void step_back(std::int64_t d, std::int64_t t, std::int64_t n) const {
    const Memory& m = memory(d);
    const std::int64_t hidden = plan_.hidden, row = plan_.row(t, n);
    float* z = m.gates + row * plan_.gate_rows();
    float* dh = state(m.dh, n);
    if (plan_.has_tape) {
      std::copy_n(m.kept_gates + row * plan_.gate_rows(), plan_.gate_rows(), z);
      if (is(Cell::kGru)) {
        std::copy_n(m.kept_extra + row * hidden, hidden, extra(d, t, n));
      }
    }
    switch (plan_.cell) {
      case Cell::kLstm:
        return lstm_step_back(hidden, z, m.before_c + row * hidden, dh, state(m.dc, n));
      case Cell::kGru:
        gru_step_back(hidden, z, m.before_h + row * hidden, dh);
        if (plan_.reset_behind) {
          float* reset = z + hidden;
          gru_reset_back(hidden, reset, extra(d, t, n), z + 2 * hidden, reset, extra(d, t, n));
        }
        return;
      case Cell::kRnn:
        return rnn_step_back(hidden, plan_.relu[d], z, dh, z);
    }
  }

  // The gradients of weights and inputs, each one product over all steps.
  void write_gradients(std::int64_t d) const {
    const Memory& m = memory(d);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows(), all = plan_.rows();
    if (float* dw = output(kW)) {
      run_product(plan_.threads, {rows, plan_.inputs, all, true, false, m.gates, rows, x(),
                                  plan_.inputs, 1, 0, dw + d * rows * plan_.inputs, plan_.inputs});
    }
    if (float* dr = output(kR)) {
      dr += d * rows * hidden;
      const std::int64_t joint = is(Cell::kGru) ? 2 * hidden : rows;
      run_product(plan_.threads, {joint, hidden, all, true, false, m.gates, rows, m.before_h,
                                  hidden, 1, 0, dr, hidden});
      if (is(Cell::kGru)) {
        const bool behind = plan_.reset_behind;
        run_product(plan_.threads,
                    {hidden, hidden, all, true, false, behind ? m.extra : m.gates + joint,
                     behind ? hidden : rows, behind ? m.before_h : m.extra, hidden, 1, 0,
                     dr + joint * hidden, hidden});
      }
    }
    if (float* db = output(kB)) {
      db += d * 2 * rows;
      sum_rows(plan_.threads, m.gates, rows, all, rows, db);
      std::copy_n(db, rows, db + rows);
      if (plan_.reset_behind) {
        sum_rows(plan_.threads, m.extra, hidden, all, hidden, db + 2 * rows - hidden);
      }
    }
    if (float* dx = output(kX)) {
      run_product(plan_.threads, {all, plan_.inputs, rows, false, false, m.gates, rows,
                                  input(kW) + d * rows * plan_.inputs, plan_.inputs, 1,
                                  d == 0 ? 0.0f : 1.0f, dx, plan_.inputs});
    }
  }

  const RecurrencePlan& plan_;
  const KernelArgs& args_;
  Memory memories_[2];
  float* x_ = nullptr;
  std::size_t bytes_ = 0, tape_bytes_ = 0;
};

}  // namespace

std::size_t recurrence_workspace(const RecurrencePlan& plan) {
  return Recurrence(plan, {}, Part(nullptr), Part(nullptr)).bytes();
}

std::size_t recurrence_tape(const RecurrencePlan& plan) {
  return Recurrence(plan, {}, Part(nullptr), Part(nullptr)).tape_bytes();
}

void run_recurrence(const RecurrencePlan& plan, const KernelArgs& args) {
  void* tape = plan.has_tape     ? args.inputs[plan.tape_input()]
               : plan.keeps_tape ? args.outputs[plan.tape_output()]
                                 : nullptr;
  Recurrence(plan, args, Part(static_cast<float*>(args.workspace)), Part(static_cast<float*>(tape)))
      .run();
}

}  // namespace temper::cpu
