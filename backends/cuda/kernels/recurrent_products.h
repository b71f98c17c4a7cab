// The matrix products of LSTM, GRU and RNN, and the memory that they and the cells work in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/kernels/recurrent.h"
#include "runtime/base/alignment.h"

namespace temper::cuda {

// Memory handed out in order.
class MemoryPart {
 public:
  explicit MemoryPart(void* first)  // null: only counts
      : first_(static_cast<std::byte*>(first)) {}
  float* take(std::int64_t count) {
    return static_cast<float*>(take_stored(DType::kFloat32, count));
  }
  void* take_stored(DType dtype, std::int64_t count) {
    void* taken = first_ == nullptr ? nullptr : first_ + bytes_;
    bytes_ += aligned_bytes(static_cast<std::size_t>(count) * size_of(dtype));
    return taken;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* first_;
  std::size_t bytes_ = 0;
};

// What the gradient needs of a direction's forward pass.
struct RecurrentTape {
  float* sums;  // [rows, gates * hidden]
  void* h;      // the states between steps, [steps + 1, batch, hidden]
  float* c;
  void* extra;  // GRU: [rows, hidden], see CellStep

  RecurrentTape(const CellRules& rules, MemoryPart& part)
      : sums(part.take(rules.rows() * rules.gate_rows())),
        h(part.take_stored(rules.dtype, (rules.steps + 1) * rules.states())),
        c(rules.is(Cell::kLstm) ? part.take((rules.steps + 1) * rules.states()) : nullptr),
        extra(rules.is(Cell::kGru) ? part.take_stored(rules.dtype, rules.rows() * rules.hidden)
                                   : nullptr) {}
};

// What one direction works in, after the other.
struct RecurrentScratch {
  void* x;                       // [rows, inputs], where x lies in another order
  float *from_h, *from_new;      // see CellStep
  float *dh, *dc, *dseen;        // [batch, hidden]
  void *dz, *dz_joint, *dstate;  // of all rows, see CellStepBack
  float* dx;                     // of all rows, where CellRules::gathers_dx()

  RecurrentScratch(const CellRules& rules, bool copies_x, bool backward, MemoryPart& part) {
    const std::int64_t rows = rules.rows();
    const bool gru = rules.is(Cell::kGru);
    const auto take = [&](bool needed, std::int64_t count) {
      return needed ? part.take(count) : nullptr;
    };
    const auto take_stored = [&](bool needed, std::int64_t count) {
      return needed ? part.take_stored(rules.dtype, count) : nullptr;
    };
    x = take_stored(copies_x, rows * rules.inputs);
    from_h = take(true, rules.batch * rules.joint_rows());
    from_new = take(gru, rules.states());
    dh = take(backward, rules.states());
    dc = take(backward && rules.is(Cell::kLstm), rules.states());
    dseen = take(backward && gru, rules.states());
    dz = take_stored(backward, rows * rules.gate_rows());
    dz_joint = take_stored(backward && gru, rows * 2 * rules.hidden);
    dstate = take_stored(backward && gru, rows * rules.hidden);
    dx = take(backward && rules.gathers_dx(), rows * rules.inputs);
  }
};

// "w": of the inputs, "h": of the state; GRU's new gate, whose state may be another one, apart.
struct RecurrentProducts {
  std::unique_ptr<MatMulPlan> w, h, h_new;     // forward
  std::unique_ptr<MatMulPlan> back, back_new;  // dz to the gradient of the state
  std::unique_ptr<MatMulPlan> dx, more_dx, dw, dr, dr_new;
  std::size_t workspace_bytes = 0;

  RecurrentProducts(const CellRules& rules, bool backward, bool tf32)
      : dtype_(rules.dtype),
        tf32_(tf32),
        parts_{rules.batch * rules.hidden, rules.hidden * rules.hidden,
               rules.hidden * rules.inputs} {
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
    const DType of_dx = rules.gathers_dx() ? DType::kFloat32 : rules.dtype;
    dx = plan({.m = rows, .n = rules.inputs, .k = all}, of_dx);
    more_dx = plan({.m = rows, .n = rules.inputs, .k = all, .beta = 1}, of_dx);
    dw = plan({.m = all, .n = rules.inputs, .k = rows, .transpose_a = true}, rules.dtype);
    dr = plan({.m = joint, .n = hidden, .k = rows, .transpose_a = true}, rules.dtype);
    if (gru) {
      const float beta = rules.reset_behind ? 1.0f : 0.0f;
      back_new = plan({.m = rules.batch, .n = hidden, .k = hidden, .beta = beta});
      dr_new = plan({.m = hidden, .n = hidden, .k = rows, .transpose_a = true}, rules.dtype);
    }
  }

 private:
  std::unique_ptr<MatMulPlan> plan(MatMulProblem problem, DType result = DType::kFloat32) {
    problem.dtype = dtype_;
    problem.tf32 = tf32_;
    problem.c_dtype = result;
    for (const std::int64_t part : parts_) {
      problem.begin_at_multiples_of(part);
    }
    auto made = plan_matmul(problem);
    workspace_bytes = std::max(workspace_bytes, made->workspace_bytes);
    return made;
  }

  DType dtype_;  // of the operands
  bool tf32_;
  std::int64_t parts_[3];  // of rows, states and weights: operands begin behind some of them
};

}  // namespace temper::cuda
