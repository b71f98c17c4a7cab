// LSTM, GRU and RNN in f32 with ONNX's default activations. What does not wait for the step before
// is one large product of the library: the inputs' part of all gates and the gradients of the
// weights. The steps themselves are small products by packed recurrent weights; each thread takes
// some samples (or a direction) through all of them and never waits for another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/host/recurrent_places.h"
#include "runtime/backend/kernel.h"

namespace temper::cpu {

struct RecurrencePlan : RecurrentPlaces {
  enum class Cell { kLstm, kGru, kRnn };
  Cell cell = Cell::kRnn;
  bool reset_behind = false;    // GRU's linear_before_reset
  bool relu[2] = {};            // RNN: Relu in place of Tanh, by direction
  std::size_t input_count = 0;  // of the query
  bool has_lengths = false;
  bool backward = false;
  bool keeps_tape = false;  // forward: for the gradient, in the last output
  bool has_tape = false;    // backward: in the last input
  int threads = 1;
  std::int64_t slice = 1;  // samples that one thread takes together

  bool records() const { return backward || keeps_tape; }
  bool is(Cell other) const { return cell == other; }
  std::int64_t states() const { return is(Cell::kLstm) ? 2 : 1; }
  std::int64_t forward_inputs() const { return is(Cell::kLstm) ? 8 : 6; }
  // Where the tape lies among the outputs of the op, and among the inputs of its gradient.
  std::int64_t tape_output() const { return 1 + states(); }
  std::int64_t tape_input() const { return forward_inputs() + tape_output(); }
  std::int64_t rows() const { return steps * batch; }
  std::int64_t sample_step() const { return batch_first ? steps : 1; }
};

std::size_t recurrence_workspace(const RecurrencePlan& plan);
std::size_t recurrence_tape(const RecurrencePlan& plan);
// `args` as the op's kernel gets them, with all outputs that the op may have (null when not there).
void run_recurrence(const RecurrencePlan& plan, const KernelArgs& args);

}  // namespace temper::cpu
