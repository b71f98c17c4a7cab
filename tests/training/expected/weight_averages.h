// What torch.optim.swa_utils gives, written by tools/oracle/weight_average.py.
#pragma once

#include <string>
#include <vector>

namespace temper::training {

struct ExpectedAverage {
  std::string kind;
  double decay = 0;
  bool warmup = false;
  std::vector<std::vector<double>> after;  // each update, three numbers
};

struct ExpectedStatistics {
  std::vector<double> mean, variance;
};

std::vector<ExpectedAverage> expected_averages();
// Of fourteen rows, the weights of updates 100 to 113, in batches of four.
ExpectedStatistics expected_statistics();

}  // namespace temper::training
