// LSTM, GRU and RNN in f32 with ONNX's default activations. The steps are small products by packed
// weights; each thread takes some samples (or a direction) through all of them and never waits for
// another. The gradients of weights and inputs, and the inputs' part of all gates where its weights
// are too large to stay in a cache, are products of the library over all steps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/host/recurrent_places.h"
#include "runtime/backend/kernel.h"

namespace temper::cpu {

// The inputs of the ops, and of the gradient behind them the gradients of the outputs.
enum RecurrenceInput : std::size_t { kX, kW, kR, kB, kLengths, kH0, kC0 };

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
  // Whether the inputs' part of the gates is made step by step too: their rows are then in the
  // cache when the state's part is added.
  bool joins_inputs() const { return inputs * gate_rows() <= kJoinedWeights; }
  static constexpr std::int64_t kJoinedWeights = 131072;
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
