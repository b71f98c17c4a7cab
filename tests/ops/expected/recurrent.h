// Values of torch.nn.LSTM, GRU and RNN and their gradients, in double (tools/oracle/recurrent.py).
#pragma once

#include <string>
#include <vector>

namespace temper::op_suite {

struct RecurrentValues {
  std::string op;
  int directions;
  std::vector<std::vector<double>> outputs;    // Y and the last states
  std::vector<std::vector<double>> gradients;  // of x, w, r, b and the first states
};

const std::vector<RecurrentValues>& recurrent_values();

}  // namespace temper::op_suite
