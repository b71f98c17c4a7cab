// Cells of LSTM, GRU and RNN (graph/ops/recurrent.cpp): what stands between the products of a step.
// Rows [time][sample] here, whatever the layout of the op's tensors. The op's tensors, and all that
// is an operand of a product, are stored in one type, f32, f16 or bf16: `void` here. In 16 bits a
// state is thus rounded at each step, as it is in y. Cells and sums are f32.
#pragma once

#include <cstdint>

#include "backends/common/cell_activation.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/index_fault.h"
#include "backends/host/recurrent_places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

enum class Cell { kLstm, kGru, kRnn };

struct CellRules : RecurrentPlaces {
  Cell cell = Cell::kRnn;
  bool input_forget = false;
  bool reset_behind = false;      // GRU's linear_before_reset
  float clip = 0;                 // 0: none
  DType dtype = DType::kFloat32;  // of what is stored
  CellActivation<float> functions[2][3];

  constexpr bool is(Cell other) const { return cell == other; }
  constexpr std::int64_t rows() const { return steps * batch; }
  constexpr std::int64_t states() const { return batch * hidden; }
  // The gates whose sums take h as it is.
  constexpr std::int64_t joint_rows() const {
    return is(Cell::kGru) && !reset_behind ? 2 * hidden : gate_rows();
  }
  // The gradient of x is added up in f32, by rows in the order here, and then written.
  constexpr bool gathers_dx() const {
    return batch_first || (directions > 1 && dtype != DType::kFloat32);
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
  const void *bias, *peepholes;  // of the direction
  float* sums;                   // [gates * hidden]: of x, then what activations are applied to
  const float* from_h;           // [joint_rows()]
  const float* from_new;         // GRU, not reset_behind: the new gate's product
  const void* h;
  void* next_h;
  const float* c;
  float* next_c;
  void* extra;  // GRU: reset_behind: the state's part of the new gate's sum; else r * h
  void* y;      // the op's output
};

void lstm_step(const CellRules& rules, const CellStep& step, StreamHandle stream);
// RNN's are f32.
void rnn_step(const CellRules& rules, const CellStep& step, StreamHandle stream);
// The gates z and r; with reset_behind the whole step.
void gru_gates(const CellRules& rules, const CellStep& step, StreamHandle stream);
void gru_new(const CellRules& rules, const CellStep& step, StreamHandle stream);

// dh, of the state behind the step, is replaced by the part that passes by the products; what goes
// through them is added to it afterwards. Samples that have ended keep theirs.
struct CellStepBack {
  const void* dy;  // of the op's output
  float *dh, *dc;
  void* dz;            // [gates * hidden]
  void* dz_joint;      // GRU: of z and r, [2 * hidden]
  void* dstate;        // GRU: of the new gate's product with the state
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
void peephole_grad(const CellRules& rules, const void* dz, const float* c, const float* next_c,
                   void* dp, StreamHandle stream);

// Rows of x as they lie here, 0 behind a sample's length; and rows back to x's layout.
void read_rows(const CellRules& rules, const std::int32_t* lengths, const void* x, void* to,
               StreamHandle stream);
void write_rows(const CellRules& rules, const float* from, void* dx, StreamHandle stream);
// States of a direction from and to the op's tensors; here they are of type `here`, f32 or what is
// stored. `from` null: zeros.
void read_states(const CellRules& rules, std::int64_t d, const void* from, DType here, void* to,
                 StreamHandle stream);
void write_states(const CellRules& rules, std::int64_t d, DType here, const void* from, void* to,
                  StreamHandle stream);
void note_lengths(const CellRules& rules, const std::int32_t* lengths, DeviceFault* fault,
                  StreamHandle stream);

}  // namespace temper::cuda
