// The sizes of LSTM, GRU and RNN, and where what belongs to a step, direction and sample lies.
#pragma once

#include <cstdint>

namespace temper {

struct RecurrentPlaces {
  std::int64_t gates = 1;
  std::int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1;
  bool batch_first = false;
  bool reversed = false;  // the first direction

  constexpr std::int64_t gate_rows() const { return gates * hidden; }
  // The row of a step of a sample in x, and in whatever lies beside it.
  constexpr std::int64_t row(std::int64_t t, std::int64_t n) const {
    return batch_first ? n * steps + t : t * batch + n;
  }
  // The first element of y[t][d][n] and of a state [d][n].
  constexpr std::int64_t y_at(std::int64_t t, std::int64_t d, std::int64_t n) const {
    return (batch_first ? (n * steps + t) * directions + d : (t * directions + d) * batch + n) *
           hidden;
  }
  constexpr std::int64_t state_at(std::int64_t d, std::int64_t n) const {
    return (batch_first ? n * directions + d : d * batch + n) * hidden;
  }
  // The time of a step of a direction.
  constexpr std::int64_t step_time(std::int64_t d, std::int64_t step) const {
    return d == 1 || reversed ? steps - 1 - step : step;
  }
};

}  // namespace temper
