// LSTM, GRU, RNN and their gradients, sample by sample and step by step; states and sums in double.
#include <algorithm>
#include <array>

#include "backends/reference/elementwise.h"
#include "backends/reference/recurrence.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

// The inputs of the ops, and of the gradient behind them the gradients of the outputs.
enum Input : std::size_t { kX, kW, kR, kB, kLengths, kH0, kC0, kP };

constexpr std::size_t forward_inputs(Cell cell) { return cell == Cell::kLstm ? 8 : 6; }

// Doubles of the workspace, handed out in order.
class Part {
 public:
  // null: only counts
  explicit Part(double* first) : first_(first) {}
  double* take(std::int64_t count) {
    double* taken = first_ == nullptr ? nullptr : first_ + taken_;
    taken_ += count;
    return taken;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(taken_) * sizeof(double); }

 private:
  double* first_;
  std::int64_t taken_ = 0;
};

template <class T>
void widen(const T* from, std::int64_t count, double* to) {
  if (from == nullptr) {
    std::fill(to, to + count, 0.0);
  } else {
    std::transform(from, from + count, to, [](T x) { return static_cast<double>(x); });
  }
}

template <class T>
void narrow(const double* from, std::int64_t count, void* output, std::int64_t at) {
  if (output != nullptr) {
    std::transform(from, from + count, static_cast<T*>(output) + at,
                   [](double x) { return static_cast<T>(x); });
  }
}

// A direction's weights (or their gradients), the tape and rows to work in.
struct Memory {
  double *w, *r, *b, *p, *x, *tape;
  double *dw, *dr, *db, *dp, *dh, *dc, *scratch, *dx;

  Memory(const RecurrencePlan& plan, Part& part, std::int64_t depth, bool backward) {
    const std::int64_t rows = plan.gate_rows(), hidden = plan.hidden;
    w = part.take(rows * plan.inputs);
    r = part.take(rows * hidden);
    b = part.take(2 * rows);
    p = part.take(3 * hidden);
    x = part.take(plan.inputs);
    tape = part.take(depth * plan.batch * plan.record());
    const std::int64_t more = backward ? 1 : 0;
    dw = part.take(more * rows * plan.inputs);
    dr = part.take(more * rows * hidden);
    db = part.take(more * 2 * rows);
    dp = part.take(more * 3 * hidden);
    dh = part.take(more * plan.batch * hidden);
    dc = part.take(more * plan.batch * hidden);
    scratch = part.take(more * (2 * rows + hidden));
    dx = part.take(more * plan.x_elements);
  }
};

template <class T>
class Recurrence {
 public:
  Recurrence(const RecurrencePlan& plan, const KernelArgs& args, std::size_t inputs,
             std::int64_t depth, bool backward)
      : plan_(plan),
        args_(args),
        inputs_(inputs),
        depth_(depth),
        part_(static_cast<double*>(args.workspace)),
        memory_(plan, part_, depth, backward) {}

  void forward() {
    for (std::int64_t d = 0; d < plan_.directions; ++d) {
      begin(d);
      for (std::int64_t step = 0; step < plan_.steps; ++step) {
        advance(d, step);
        write_step(d, step);
      }
      for (std::int64_t n = 0; n < plan_.batch; ++n) {
        const CellRecord last = record(plan_.steps, n);
        narrow<T>(last.h, plan_.hidden, args_.outputs[1], plan_.state_at(d, n));
        if (plan_.cell == Cell::kLstm) {
          narrow<T>(last.extra, plan_.hidden, args_.outputs[2], plan_.state_at(d, n));
        }
      }
    }
  }

  void backward() {
    std::fill(memory_.dx, memory_.dx + plan_.x_elements, 0.0);
    for (std::int64_t d = 0; d < plan_.directions; ++d) {
      begin(d);
      for (std::int64_t step = 0; step < plan_.steps; ++step) {
        advance(d, step);
      }
      begin_backward(d);
      for (std::int64_t step = plan_.steps - 1; step >= 0; --step) {
        retreat(d, step);
      }
      write_gradients(d);
    }
    narrow<T>(memory_.dx, plan_.x_elements, args_.outputs[kX], 0);
  }

 private:
  const T* input(std::size_t i) const {
    return i < inputs_ ? static_cast<const T*>(args_.inputs[i]) : nullptr;
  }
  const T* input(std::size_t i, std::int64_t at) const {
    return input(i) == nullptr ? nullptr : input(i) + at;
  }
  // The gradient of output i.
  const T* dy(std::size_t i, std::int64_t at) const {
    return input(forward_inputs(plan_.cell) + i, at);
  }
  CellRecord record(std::int64_t step, std::int64_t n) const {
    const std::int64_t row = (step % depth_) * plan_.batch + n;
    return {plan_, memory_.tape + row * plan_.record()};
  }
  CellWeights weights() const {
    return {memory_.w, memory_.r, input(kB) == nullptr ? nullptr : memory_.b,
            has_peepholes() ? memory_.p : nullptr};
  }
  bool has_peepholes() const { return plan_.cell == Cell::kLstm && input(kP) != nullptr; }
  bool counts(std::int64_t t, std::int64_t n) const {
    if (kLengths >= inputs_ || args_.inputs[kLengths] == nullptr) {
      return true;
    }
    return t < static_cast<const std::int32_t*>(args_.inputs[kLengths])[n];
  }

  // Reads a direction's weights and its first state.
  void begin(std::int64_t d) {
    const std::int64_t rows = plan_.gate_rows(), hidden = plan_.hidden;
    widen(input(kW, d * rows * plan_.inputs), rows * plan_.inputs, memory_.w);
    widen(input(kR, d * rows * hidden), rows * hidden, memory_.r);
    widen(input(kB, d * 2 * rows), 2 * rows, memory_.b);
    if (has_peepholes()) {
      widen(input(kP, d * 3 * hidden), 3 * hidden, memory_.p);
    }
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      const CellRecord first = record(0, n);
      widen(input(kH0, plan_.state_at(d, n)), hidden, first.h);
      widen(plan_.cell == Cell::kLstm ? input(kC0, plan_.state_at(d, n)) : nullptr, hidden,
            first.extra);
    }
  }

  // Behind a sample's length its state stays.
  void advance(std::int64_t d, std::int64_t step) {
    const std::int64_t t = plan_.step_time(d, step);
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      const CellRecord last = record(step, n), now = record(step + 1, n);
      if (counts(t, n)) {
        widen(input(kX, plan_.x_at(t, n)), plan_.inputs, memory_.x);
        step_forward(plan_, d, weights(), memory_.x, last, now);
      } else {
        std::copy(last.h, last.h + plan_.hidden, now.h);
        std::copy(last.extra, last.extra + plan_.hidden, now.extra);
      }
    }
  }

  void write_step(std::int64_t d, std::int64_t step) {
    const std::int64_t t = plan_.step_time(d, step);
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      if (counts(t, n)) {
        narrow<T>(record(step + 1, n).h, plan_.hidden, args_.outputs[0], plan_.y_at(t, d, n));
      } else if (args_.outputs[0] != nullptr) {
        T* y = static_cast<T*>(args_.outputs[0]) + plan_.y_at(t, d, n);
        std::fill(y, y + plan_.hidden, T(0));
      }
    }
  }

  void begin_backward(std::int64_t d) {
    const std::int64_t rows = plan_.gate_rows(), hidden = plan_.hidden;
    std::fill(memory_.dw, memory_.dw + rows * plan_.inputs, 0.0);
    std::fill(memory_.dr, memory_.dr + rows * hidden, 0.0);
    std::fill(memory_.db, memory_.db + 2 * rows, 0.0);
    std::fill(memory_.dp, memory_.dp + 3 * hidden, 0.0);
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      widen(dy(1, plan_.state_at(d, n)), hidden, memory_.dh + n * hidden);
      widen(plan_.cell == Cell::kLstm ? dy(2, plan_.state_at(d, n)) : nullptr, hidden,
            memory_.dc + n * hidden);
    }
  }

  void retreat(std::int64_t d, std::int64_t step) {
    const std::int64_t t = plan_.step_time(d, step);
    const CellGradients to{memory_.dw, memory_.dr, memory_.db, memory_.dp, memory_.scratch};
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      if (!counts(t, n)) {
        continue;
      }
      double* dh = memory_.dh + n * plan_.hidden;
      if (const T* dstep = dy(0, plan_.y_at(t, d, n))) {
        for (std::int64_t k = 0; k < plan_.hidden; ++k) {
          dh[k] += static_cast<double>(dstep[k]);
        }
      }
      widen(input(kX, plan_.x_at(t, n)), plan_.inputs, memory_.x);
      step_backward(plan_, d, weights(), memory_.x, record(step, n), record(step + 1, n), dh,
                    memory_.dc + n * plan_.hidden, memory_.dx + plan_.x_at(t, n), to);
    }
  }

  void write_gradients(std::int64_t d) {
    const std::int64_t rows = plan_.gate_rows(), hidden = plan_.hidden;
    void* const* out = args_.outputs;
    narrow<T>(memory_.dw, rows * plan_.inputs, out[kW], d * rows * plan_.inputs);
    narrow<T>(memory_.dr, rows * hidden, out[kR], d * rows * hidden);
    narrow<T>(memory_.db, 2 * rows, out[kB], d * 2 * rows);
    for (std::int64_t n = 0; n < plan_.batch; ++n) {
      narrow<T>(memory_.dh + n * hidden, hidden, out[kH0], plan_.state_at(d, n));
      if (plan_.cell == Cell::kLstm) {
        narrow<T>(memory_.dc + n * hidden, hidden, out[kC0], plan_.state_at(d, n));
      }
    }
    if (plan_.cell == Cell::kLstm) {
      narrow<T>(memory_.dp, 3 * hidden, out[kP], d * 3 * hidden);
    }
  }

  const RecurrencePlan& plan_;
  const KernelArgs& args_;
  std::size_t inputs_;
  std::int64_t depth_;
  Part part_;
  Memory memory_;
};

void note_lengths(const RecurrencePlan& plan, const KernelArgs& args, std::size_t inputs) {
  if (kLengths >= inputs || args.inputs[kLengths] == nullptr) {
    return;
  }
  const auto* lengths = static_cast<const std::int32_t*>(args.inputs[kLengths]);
  for (std::int64_t n = 0; n < plan.batch; ++n) {
    if (lengths[n] < 0 || lengths[n] > plan.steps) {
      args.note_index(lengths[n], 0, plan.steps + 1);
    }
  }
}

// Arrays of args are as long as those of the query; the kernel looks at all an op may have.
template <class T>
std::unique_ptr<Kernel> recurrent_kernel(const OpQuery& query, Cell cell, bool backward) {
  const RecurrencePlan plan = plan_recurrence(query, cell);
  const std::size_t inputs = query.inputs.size();
  const std::size_t outputs = query.outputs.size();
  const std::int64_t depth = backward ? plan.steps + 1 : 2;
  auto kernel = make_kernel([=](const KernelArgs& given) {
    std::array<void*, forward_inputs(Cell::kLstm)> made{};
    std::copy_n(given.outputs, outputs, made.begin());
    KernelArgs args = given;
    args.outputs = made.data();
    note_lengths(plan, args, inputs);
    Recurrence<T> recurrence(plan, args, inputs, depth, backward);
    backward ? recurrence.backward() : recurrence.forward();
  });
  Part part(nullptr);
  Memory(plan, part, depth, backward);
  kernel->workspace_bytes = part.bytes();
  kernel->opaque_bytes.assign(outputs, 0);  // the backward pass makes its tape itself
  return kernel;
}

}  // namespace

void register_recurrent(KernelTable& table) {
  for (const auto& [name, cell] :
       {std::pair{"LSTM", Cell::kLstm}, {"GRU", Cell::kGru}, {"RNN", Cell::kRnn}}) {
    for (const bool backward : {false, true}) {
      add_float(table, name + std::string(backward ? "Grad" : ""),
                [cell = cell, backward]<class T>(const OpQuery& query) {
                  return recurrent_kernel<T>(query, cell, backward);
                });
    }
  }
}

}  // namespace temper::reference
