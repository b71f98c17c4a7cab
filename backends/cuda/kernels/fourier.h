// DFT, its transpose and STFT, by their sums.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

// Of one line: [x_size, x_parts] to [y_size, y_parts].
struct Fourier {
  std::int64_t length = 1;                        // of the transform
  std::int64_t x_size = 0, y_size = 0, read = 0;  // elements of x from `read` on have no part in y
  std::int64_t x_parts = 1, y_parts = 2;
  double turn = -1;  // +1 for the inverse
  bool to_real = false;
  std::int64_t outer = 1, inner = 1;
};

// The table of a turn's cosines and sines: 2 * length doubles.
void fill_turn(double* table, std::int64_t length, StreamHandle stream);
void fourier(const Fourier& f, const double* turn, const float* x, float* y, StreamHandle stream);
void fourier_transposed(const Fourier& f, const double* turn, const float* dy, float* dx,
                        StreamHandle stream);

// The transform is that of a frame.
struct FrameShape {
  std::int64_t batch, frames, step, signal;  // signal: elements of one
};
void short_time_fourier(const Fourier& f, const FrameShape& shape, const double* turn,
                        const float* x, const float* window, float* y, StreamHandle stream);

}  // namespace temper::cuda
