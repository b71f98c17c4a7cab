// What torch.amp.GradScaler makes of gradients that overflow or not, growth_interval 4.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace temper::training {

struct ScalerState {
  double scale = 0;
  std::int64_t growth_tracker = 0;
};

struct ScalerTrace {
  std::string name;
  double init_scale = 0;
  int group = 1;  // micro-batches per step
  // One letter per micro-batch: c clean, z zero, d denormal, i +inf, m -inf, n NaN.
  std::string gradients;
  std::vector<ScalerState> after;  // each step
};

std::vector<ScalerTrace> grad_scaler_traces();

}  // namespace temper::training
