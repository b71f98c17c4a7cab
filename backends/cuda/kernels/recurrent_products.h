// The matrix products of LSTM, GRU and RNN, and the memory that they and the cells work in.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/kernels/recurrent.h"

namespace temper::cuda {

// Floats handed out in order.
class FloatPart {
 public:
  explicit FloatPart(void* first) : first_(static_cast<float*>(first)) {}  // null: only counts
  float* take(std::int64_t count) {
    float* taken = first_ == nullptr ? nullptr : first_ + taken_;
    taken_ += (count + 63) / 64 * 64;
    return taken;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(taken_) * sizeof(float); }

 private:
  float* first_;
  std::int64_t taken_ = 0;
};

// What the gradient needs of a direction's forward pass.
struct RecurrentTape {
  float* sums;   // [rows, gates * hidden]
  float *h, *c;  // the states between steps, [steps + 1, batch, hidden]
  float* extra;  // GRU: [rows, hidden], see CellStep

  RecurrentTape(const CellRules& rules, FloatPart& part)
      : sums(part.take(rules.rows() * rules.gate_rows())),
        h(part.take((rules.steps + 1) * rules.states())),
        c(rules.is(Cell::kLstm) ? part.take((rules.steps + 1) * rules.states()) : nullptr),
        extra(rules.is(Cell::kGru) ? part.take(rules.rows() * rules.hidden) : nullptr) {}
};

// What one direction works in, after the other.
struct RecurrentScratch {
  float* x;                            // [rows, inputs], where x lies in another order
  float *from_h, *from_new;            // see CellStep
  float *dh, *dc, *dseen;              // [batch, hidden]
  float *dz, *dz_joint, *dstate, *dx;  // of all rows, see CellStepBack

  RecurrentScratch(const CellRules& rules, bool copies_x, bool backward, FloatPart& part) {
    const std::int64_t rows = rules.rows();
    const bool gru = rules.is(Cell::kGru);
    const auto take = [&](bool needed, std::int64_t count) {
      return needed ? part.take(count) : nullptr;
    };
    x = take(copies_x, rows * rules.inputs);
    from_h = take(true, rules.batch * rules.joint_rows());
    from_new = take(gru, rules.states());
    dh = take(backward, rules.states());
    dc = take(backward && rules.is(Cell::kLstm), rules.states());
    dseen = take(backward && gru, rules.states());
    dz = take(backward, rows * rules.gate_rows());
    dz_joint = take(backward && gru, rows * 2 * rules.hidden);
    dstate = take(backward && gru, rows * rules.hidden);
    dx = take(backward && rules.batch_first, rows * rules.inputs);
  }
};

// "w": of the inputs, "h": of the state; GRU's new gate, whose state may be another one, apart.
struct RecurrentProducts {
  std::unique_ptr<MatMulPlan> w, h, h_new;     // forward
  std::unique_ptr<MatMulPlan> back, back_new;  // dz to the gradient of the state
  std::unique_ptr<MatMulPlan> dx, more_dx, dw, dr, dr_new;
  std::size_t workspace_bytes = 0;

  RecurrentProducts(const CellRules& rules, bool backward) {
    const std::int64_t all = rules.gate_rows(), hidden = rules.hidden, rows = rules.rows();
    const bool gru = rules.is(Cell::kGru);
    w = plan({.m = rows, .n = all, .k = rules.inputs, .transpose_b = true});
    h = plan({.m = rules.batch, .n = rules.joint_rows(), .k = hidden, .transpose_b = true});
    if (gru) {
      h_new = plan({.m = rules.batch, .n = hidden, .k = hidden, .transpose_b = true});
    }
    if (!backward) {
      return;
    }
    const std::int64_t joint = gru ? 2 * hidden : all;
    back = plan({.m = rules.batch, .n = hidden, .k = joint, .beta = 1});
    dx = plan({.m = rows, .n = rules.inputs, .k = all});
    more_dx = plan({.m = rows, .n = rules.inputs, .k = all, .beta = 1});
    dw = plan({.m = all, .n = rules.inputs, .k = rows, .transpose_a = true});
    dr = plan({.m = joint, .n = hidden, .k = rows, .transpose_a = true});
    if (gru) {
      const float beta = rules.reset_behind ? 1.0f : 0.0f;
      back_new = plan({.m = rules.batch, .n = hidden, .k = hidden, .beta = beta});
      dr_new = plan({.m = hidden, .n = hidden, .k = rows, .transpose_a = true});
    }
  }

 private:
  std::unique_ptr<MatMulPlan> plan(const MatMulProblem& problem) {
    auto made = plan_matmul(problem);
    workspace_bytes = std::max(workspace_bytes, made->workspace_bytes);
    return made;
  }
};

}  // namespace temper::cuda
