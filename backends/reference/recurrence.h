// One direction of LSTM, GRU or RNN in double: the steps forward, kept on a tape, and backward
// through time. The formulas stand in graph/ops/recurrent.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/common/cell_activation.h"
#include "backends/host/recurrent_places.h"
#include "runtime/backend/kernel.h"

namespace temper::reference {

using CellActivation = temper::CellActivation<double>;

enum class Cell { kLstm, kGru, kRnn };

struct RecurrencePlan : RecurrentPlaces {
  Cell cell = Cell::kRnn;
  std::int64_t x_elements = 0;
  bool input_forget = false, linear_before_reset = false;
  double clip = 0;                        // 0: none
  std::vector<CellActivation> functions;  // direction by direction

  // The first element of x[t][n].
  std::int64_t x_at(std::int64_t t, std::int64_t n) const { return row(t, n) * inputs; }
  const CellActivation& function(std::int64_t d, std::int64_t i) const {
    const auto each = static_cast<std::int64_t>(functions.size()) / directions;
    return functions[static_cast<std::size_t>(d * each + i)];
  }
  double clipped(double x) const { return clip == 0 ? x : x < -clip ? -clip : x > clip ? clip : x; }
  double clip_slope(double x) const { return clip == 0 || (x > -clip && x < clip) ? 1 : 0; }

  // What the tape holds of a sample at a step.
  std::int64_t record() const { return (2 * gates + 2) * hidden; }
};

RecurrencePlan plan_recurrence(const OpQuery& query, Cell cell);

// Weights of one direction, in double; null where the op has no such input.
struct CellWeights {
  const double* w = nullptr;  // [gates * hidden, inputs]
  const double* r = nullptr;  // [gates * hidden, hidden]
  const double* b = nullptr;  // of x, then of the state, [2 * gates * hidden]
  const double* p = nullptr;  // peepholes of i, o, f
  double bias(std::int64_t j) const { return b == nullptr ? 0 : b[j]; }
};

// A sample's part of the tape at a step.
struct CellRecord {
  double* before;  // what the activations were applied to, gate by gate
  double* gate;    // what they gave
  double* extra;   // LSTM: the cell's state; GRU: the new gate's product with the state
  double* h;

  CellRecord(const RecurrencePlan& plan, double* first)
      : before(first),
        gate(before + plan.gate_rows()),
        extra(gate + plan.gate_rows()),
        h(extra + plan.hidden) {}
};

// The step from the state in `last` to `now`.
void step_forward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                  const double* x, const CellRecord& last, const CellRecord& now);

// What one direction's backward pass adds to.
struct CellGradients {
  double* dw;
  double* dr;
  double* db;
  double* dp;
  double* scratch;  // [2 * gates * hidden + hidden]
};

// dh and dc: gradients of the step's state, replaced by those of the state before it.
void step_backward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                   const double* x, const CellRecord& last, const CellRecord& now, double* dh,
                   double* dc, double* dx, const CellGradients& to);

}  // namespace temper::reference
