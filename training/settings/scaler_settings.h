// [scaler] of a recipe: loss scaling of fp16.
#pragma once

#include <cstdint>

namespace temper::training {

// GradScaler's parameters and defaults; min_scale is ours (0: no bound, as PyTorch).
struct ScalerSettings {
  bool dynamic = true;  // false: init_scale in every step
  double init_scale = 65536.0;
  double growth_factor = 2.0;
  double backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;
  double min_scale = 1.0;
};

}  // namespace temper::training
