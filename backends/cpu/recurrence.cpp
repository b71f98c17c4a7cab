#include "backends/cpu/recurrence.h"

#include <algorithm>

#include "backends/cpu/cell_loops.h"
#include "backends/cpu/library_product.h"
#include "backends/cpu/panel_product.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/recurrence_gradients.h"
#include "backends/cpu/recurrence_memory.h"

namespace temper::cpu {
namespace {

using Cell = RecurrencePlan::Cell;
using Memory = RecurrenceMemory;
using Part = FloatPart;

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
      write_weight_gradients(plan_, args_, memory(d), x(), d);
    }
  }

 private:
  // Some samples of a direction.
  struct Slice {
    std::int64_t d, first, count;
  };
  // States of a slice's samples.
  struct States {
    float* first;
    std::int64_t step;  // from one sample to the next
    float* of(std::int64_t i) const { return first + i * step; }
  };
  // A step's time, and the states before and behind it.
  struct Step {
    std::int64_t t;
    States h, next_h, c, next_c;
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
    for (std::int64_t j = 0; j < rows; ++j) {
      // With linear_before_reset n's second bias is the state's.
      const bool both = !plan_.reset_behind || j < joint;
      m.bias[j] = bias == nullptr ? 0.0f : bias[j] + (both ? bias[rows + j] : 0.0f);
    }
    const float* w = input(kW) + d * rows * plan_.inputs;
    if (plan_.joins_inputs()) {
      return pack_panels({w, 1, plan_.inputs}, plan_.inputs, rows, m.inputs);
    }
    parallel_ranges(plan_.threads, plan_.rows(), 16, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        std::copy_n(m.bias, rows, m.gates + i * rows);
      }
    });
    run_product(plan_.threads, {plan_.rows(), rows, plan_.inputs, false, true, x(), plan_.inputs, w,
                                plan_.inputs, 1, 1, m.gates, rows});
  }

  States in_batch(const Slice& s, float* states) const {
    return {state(states, s.first), plan_.hidden};
  }
  // Those before a step lie on the tape, where there is one, those behind the last in `states`.
  States before(const Slice& s, std::int64_t step, float* tape, float* states) const {
    if (!plan_.records() || step == plan_.steps) {
      return in_batch(s, states);
    }
    return {state(tape, plan_.row(plan_.step_time(s.d, step), s.first)),
            plan_.sample_step() * plan_.hidden};
  }

  // null: zeros.
  void read_states(const Slice& s, const float* from, const States& states) const {
    for (std::int64_t i = 0; i < s.count; ++i) {
      if (from == nullptr) {
        std::fill_n(states.of(i), plan_.hidden, 0.0f);
      } else {
        std::copy_n(from + plan_.state_at(s.d, s.first + i), plan_.hidden, states.of(i));
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
      read_states(s, input(kH0), before(s, 0, m.before_h, m.h));
      if (is(Cell::kLstm)) {
        read_states(s, input(kC0), before(s, 0, m.before_c, m.c));
      }
      for (std::int64_t step = 0; step < plan_.steps; ++step) {
        advance(s, step);
      }
    }
    if (!plan_.backward) {
      write_states(s, m.h, output(1));
      if (is(Cell::kLstm)) {
        write_states(s, m.c, output(2));
      }
      return;
    }
    read_states(s, dy(1), in_batch(s, m.dh));
    if (is(Cell::kLstm)) {
      read_states(s, dy(2), in_batch(s, m.dc));
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
  void advance(const Slice& s, std::int64_t step) const {
    const Memory& m = memory(s.d);
    const std::int64_t t = plan_.step_time(s.d, step);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows();
    const std::int64_t first = plan_.row(t, s.first), z_step = plan_.sample_step() * rows;
    float* z = m.gates + first * rows;
    if (plan_.joins_inputs()) {
      for (std::int64_t i = 0; i < s.count; ++i) {
        std::copy_n(m.bias, rows, z + i * z_step);
      }
      panel_product({x() + first * plan_.inputs, plan_.sample_step() * plan_.inputs, 1}, m.inputs,
                    s.count, rows, plan_.inputs, true, z, z_step);
    }
    const Step now{t, before(s, step, m.before_h, m.h), before(s, step + 1, m.before_h, m.h),
                   before(s, step, m.before_c, m.c), before(s, step + 1, m.before_c, m.c)};
    const std::int64_t joint = is(Cell::kGru) ? 2 * hidden : rows;
    panel_product({now.h.first, now.h.step, 1}, m.forward, s.count, joint, hidden, true, z, z_step);
    if (is(Cell::kGru)) {
      gru_state_part(s, now);
    }
    for (std::int64_t i = 0; i < s.count; ++i) {
      const std::int64_t n = s.first + i;
      float* y =
          plan_.backward || output(0) == nullptr ? nullptr : output(0) + plan_.y_at(t, s.d, n);
      if (counts(t, n)) {
        finish_step(s, now, i);
        if (y != nullptr) {
          std::copy_n(now.next_h.of(i), hidden, y);
        }
        continue;
      }
      pass_on(now.h.of(i), now.next_h.of(i));
      if (is(Cell::kLstm)) {
        pass_on(now.c.of(i), now.next_c.of(i));
      }
      if (y != nullptr) {
        std::fill_n(y, hidden, 0.0f);
      }
    }
  }

  void pass_on(const float* state, float* next) const {
    if (next != state) {
      std::copy_n(state, plan_.hidden, next);
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
  void gru_state_part(const Slice& s, const Step& now) const {
    const Memory& m = memory(s.d);
    const std::int64_t hidden = plan_.hidden, rows = plan_.gate_rows();
    const float* bias = plan_.reset_behind && input(kB) != nullptr
                            ? input(kB) + (s.d * 2 + 2) * rows - hidden
                            : nullptr;
    for (std::int64_t i = 0; i < s.count; ++i) {
      float* z = m.gates + plan_.row(now.t, s.first + i) * rows;
      float* part = extra(s.d, now.t, s.first + i);
      gru_gates(hidden, z);
      if (!plan_.reset_behind) {
        multiply_rows(hidden, z + hidden, now.h.of(i), part);
      } else if (bias == nullptr) {
        std::fill_n(part, hidden, 0.0f);
      } else {
        std::copy_n(bias, hidden, part);
      }
    }
    float* parts = extra(s.d, now.t, s.first);
    if (plan_.reset_behind) {
      panel_product({now.h.first, now.h.step, 1}, m.forward_new, s.count, hidden, hidden, true,
                    parts, extra_step());
    } else {
      panel_product({parts, extra_step(), 1}, m.forward_new, s.count, hidden, hidden, false,
                    state(m.scratch, s.first), hidden);
    }
  }

  void finish_step(const Slice& s, const Step& now, std::int64_t i) const {
    const Memory& m = memory(s.d);
    const std::int64_t n = s.first + i;
    float* z = m.gates + plan_.row(now.t, n) * plan_.gate_rows();
    switch (plan_.cell) {
      case Cell::kLstm:
        return lstm_step(plan_.hidden, z, now.c.of(i), now.next_c.of(i), now.next_h.of(i));
      case Cell::kGru:
        return gru_step(plan_.hidden, plan_.reset_behind, z,
                        plan_.reset_behind ? extra(s.d, now.t, n) : state(m.scratch, n),
                        now.h.of(i), now.next_h.of(i));
      case Cell::kRnn:
        rnn_step(plan_.hidden, plan_.relu[s.d], z, z);
        std::copy_n(z, plan_.hidden, now.next_h.of(i));
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
        if (plan_.reset_behind) {
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
        const std::int64_t at = plan_.row(t, n) * rows + hidden;
        gru_seen_back(hidden, m.kept_gates + at, m.before_h + plan_.row(t, n) * hidden,
                      state(m.scratch, n), m.gates + at, state(m.dh, n));
      }
    }
    panel_product({z, z_step, 1}, m.back, s.count, hidden, 2 * hidden, true, dh, hidden);
  }

  void add_output_gradient(std::int64_t d, std::int64_t t, std::int64_t n) const {
    if (dy(0) != nullptr) {
      add_row(plan_.hidden, dy(0) + plan_.y_at(t, d, n), state(memory(d).dh, n));
    }
  }

  void step_back(std::int64_t d, std::int64_t t, std::int64_t n) const {
    const Memory& m = memory(d);
    const std::int64_t hidden = plan_.hidden, row = plan_.row(t, n);
    const float* gates = m.kept_gates + row * plan_.gate_rows();
    float* dz = m.gates + row * plan_.gate_rows();
    float* dh = state(m.dh, n);
    switch (plan_.cell) {
      case Cell::kLstm:
        return lstm_step_back(hidden, gates, m.before_c + row * hidden, dh, dz, state(m.dc, n));
      case Cell::kGru:
        gru_step_back(hidden, gates, m.before_h + row * hidden, dz, dh);
        if (plan_.reset_behind) {
          gru_reset_back(hidden, gates + hidden, m.kept_extra + row * hidden, dz + 2 * hidden,
                         dz + hidden, extra(d, t, n));
        }
        return;
      case Cell::kRnn:
        return rnn_step_back(hidden, plan_.relu[d], gates, dh, dz);
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
