// Windows of signals, and the weights that bring a spectrum to bands of the mel scale.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// a - b cos(angle) + c cos(2 angle)
struct WindowShape {
  double a, b, c;
  std::int64_t size;
  bool periodic;
};
void signal_window(const WindowShape& shape, DType dtype, void* y, StreamHandle stream);

struct MelBands {
  std::int64_t bands, length, rows;
  double rate, low, step;  // low and step on the mel scale
};
void mel_weights(const MelBands& mel, DType dtype, void* y, StreamHandle stream);

}  // namespace temper::cuda
