// DFT, its transpose and STFT, by their sums.
#pragma once

#include <cstdint>

#include "backends/common/fourier_shape.h"
#include "backends/cuda/device.h"

namespace temper::cuda {

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
