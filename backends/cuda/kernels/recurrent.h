// Cells of LSTM, GRU and RNN (graph/ops/recurrent.cpp): what stands between the products of a step.
// Rows [time][sample] here, whatever the layout of the op's tensors.
#pragma once

#include <cstdint>

#include "backends/common/cell_activation.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/index_fault.h"
#include "backends/host/recurrent_places.h"

namespace temper::cuda {

enum class Cell { kLstm, kGru, kRnn };

struct CellRules : RecurrentPlaces {
  Cell cell = Cell::kRnn;
  bool input_forget = false;
  bool reset_behind = false;  // GRU's linear_before_reset
  float clip = 0;             // 0: none
  CellActivation<float> functions[2][3];

  constexpr bool is(Cell other) const { return cell == other; }
  constexpr std::int64_t rows() const { return steps * batch; }
  constexpr std::int64_t states() const { return batch * hidden; }
  // The gates whose sums take h as it is.
  constexpr std::int64_t joint_rows() const {
    return is(Cell::kGru) && !reset_behind ? 2 * hidden : gate_rows();
  }
  constexpr bool goes_back(std::int64_t d) const { return d == 1 || reversed; }
  constexpr float clipped(float x) const {
    return clip == 0 ? x : x < -clip ? -clip : x > clip ? clip : x;
  }
  constexpr float clip_slope(float x) const {
    return clip == 0 || (x > -clip && x < clip) ? 1.0f : 0.0f;
  }
};

// One step of a direction; rows of the step's samples. Null where there is nothing.
struct CellStep {
  std::int64_t d, t;
  const std::int32_t* lengths;
  const float *bias, *peepholes;  // of the direction
  float* sums;                    // [gates * hidden]: of x, then what activations are applied to
  const float* from_h;            // [joint_rows()]
  const float* from_new;          // GRU, not reset_behind: the new gate's product
  const float *h, *c;
  float *next_h, *next_c;
  float* extra;  // GRU: reset_behind: the state's part of the new gate's sum; else r * h
  float* y;      // the op's output
};

void lstm_step(const CellRules& rules, const CellStep& step, StreamHandle stream);
void rnn_step(const CellRules& rules, const CellStep& step, StreamHandle stream);
// The gates z and r; with reset_behind the whole step.
void gru_gates(const CellRules& rules, const CellStep& step, StreamHandle stream);
void gru_new(const CellRules& rules, const CellStep& step, StreamHandle stream);

// dh, of the state behind the step, is replaced by the part that passes by the products; what goes
// through them is added to it afterwards. Samples that have ended keep theirs.
struct CellStepBack {
  const float* dy;  // of the op's output
  float *dh, *dc;
  float* dz;           // [gates * hidden]
  float* dz_joint;     // GRU: of z and r, [2 * hidden]
  float* dstate;       // GRU: of the new gate's product with the state
  const float* dseen;  // GRU, not reset_behind: of r * h
};

void lstm_step_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                    StreamHandle stream);
void rnn_step_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                   StreamHandle stream);
void gru_step_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                   StreamHandle stream);
// After the product that gives dseen.
void gru_seen_back(const CellRules& rules, const CellStep& step, const CellStepBack& back,
                   StreamHandle stream);

// dp[3 * hidden] of i, o, f from dz of all rows, and the cells before and behind each step.
void peephole_grad(const CellRules& rules, const float* dz, const float* c, const float* next_c,
                   float* dp, StreamHandle stream);

// Rows of x as they lie here, 0 behind a sample's length; and rows back to x's layout.
void read_rows(const CellRules& rules, const std::int32_t* lengths, const float* x, float* to,
               StreamHandle stream);
void write_rows(const CellRules& rules, const float* from, float* dx, StreamHandle stream);
// States of a direction; `from` null: zeros.
void read_states(const CellRules& rules, std::int64_t d, const float* from, float* to,
                 StreamHandle stream);
void write_states(const CellRules& rules, std::int64_t d, const float* from, float* to,
                  StreamHandle stream);
void note_lengths(const CellRules& rules, const std::int32_t* lengths, DeviceFault* fault,
                  StreamHandle stream);

}  // namespace temper::cuda
