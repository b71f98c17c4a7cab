// A thread per element.
#include <cmath>

#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/kernels/signal_windows.h"

namespace temper::cuda {
namespace {

constexpr double kTurn = 6.283185307179586476925;
constexpr double kLogOfTen = 2.302585092994045684018;

__global__ void __launch_bounds__(kBlock) window_kernel(const WindowShape s, DType dtype, void* y) {
  const std::int64_t n = thread_number();
  if (n < s.size) {
    const auto parts = static_cast<double>(s.periodic ? s.size : s.size - 1);
    const double angle = kTurn * static_cast<double>(n) / parts;
    const double value = s.a - s.b * std::cos(angle) + s.c * std::cos(2 * angle);
    write_number(dtype, y, n, s.size == 1 ? 1.0 : value);  // one element is a window of itself
  }
}

// The row of the spectrum where band i begins.
__device__ std::int64_t row_of(const MelBands& mel, std::int64_t i) {
  const double at = mel.low + mel.step * static_cast<double>(i);
  const double hertz = 700 * std::expm1(at / 2595 * kLogOfTen);
  return static_cast<std::int64_t>(
      std::floor(static_cast<double>(mel.length + 1) * hertz / mel.rate));
}

// A triangle for each band: up from the row before its own, down to the row behind.
__global__ void __launch_bounds__(kBlock) mel_kernel(const MelBands mel, DType dtype, void* y) {
  const std::int64_t i = thread_number();
  if (i >= mel.rows * mel.bands) {
    return;
  }
  const std::int64_t row = i / mel.bands, band = i % mel.bands;
  const std::int64_t left = row_of(mel, band), middle = row_of(mel, band + 1);
  const std::int64_t right = row_of(mel, band + 2);
  double value = row == middle ? 1 : 0;
  if (row >= left && row < middle) {
    value = static_cast<double>(row - left) / static_cast<double>(middle - left);
  }
  if (row >= middle && row < right) {
    value = static_cast<double>(right - row) / static_cast<double>(right - middle);
  }
  write_number(dtype, y, i, value);
}

}  // namespace

void signal_window(const WindowShape& shape, DType dtype, void* y, StreamHandle stream) {
  launch_elements(window_kernel, shape.size, stream, shape, dtype, y);
}

void mel_weights(const MelBands& mel, DType dtype, void* y, StreamHandle stream) {
  launch_elements(mel_kernel, mel.rows * mel.bands, stream, mel, dtype, y);
}

}  // namespace temper::cuda
