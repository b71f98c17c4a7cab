// A thread per complex element of the result. Angles are multiples of a turn's part, taken modulo
// the turn; sums run in double.
#include <cmath>

#include "backends/cuda/kernels/fourier.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

constexpr double kTurn = 6.283185307179586476925;

__global__ void __launch_bounds__(kBlock) turn_kernel(double* table, std::int64_t length) {
  const std::int64_t i = thread_number();
  if (i < length) {
    const double angle = kTurn * static_cast<double>(i) / static_cast<double>(length);
    table[i] = std::cos(angle);
    table[length + i] = std::sin(angle);
  }
}

// y_k = sum over m of share x_m e^(turn i 2 pi k m / length); x(m, part) reads.
template <class Read>
__device__ void transform(const Fourier& f, const double* turn, std::int64_t k, const Read& x,
                          float* y) {
  double real = 0, imaginary = 0;
  std::int64_t angle = 0;
  for (std::int64_t m = 0; m < f.read; ++m) {
    const double a = f.share(m) * x(m, 0);
    const double b = f.x_parts == 2 ? f.share(m) * x(m, 1) : 0;
    const double sine = f.turn * turn[f.length + angle];
    real += a * turn[angle] - b * sine;
    imaginary += a * sine + b * turn[angle];
    angle = (angle + k) % f.length;
  }
  y[0] = static_cast<float>(real);
  if (f.y_parts == 2) {
    y[1] = static_cast<float>(imaginary);
  }
}

__global__ void __launch_bounds__(kBlock)
    fourier_kernel(const Fourier f, const double* __restrict__ turn, const float* __restrict__ x,
                   float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= f.outer * f.y_size * f.inner) {
    return;
  }
  const std::int64_t inner = i % f.inner, k = i / f.inner % f.y_size,
                     outer = i / f.inner / f.y_size;
  const auto read = [&](std::int64_t m, std::int64_t part) {
    return static_cast<double>(x[((outer * f.x_size + m) * f.inner + inner) * f.x_parts + part]);
  };
  transform(f, turn, k, read, y + i * f.y_parts);
}

// dx_m = share times the sum over k of what y_k takes of x_m
__global__ void __launch_bounds__(kBlock)
    transposed_kernel(const Fourier f, const double* __restrict__ turn,
                      const float* __restrict__ dy, float* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= f.outer * f.x_size * f.inner) {
    return;
  }
  const std::int64_t inner = i % f.inner, m = i / f.inner % f.x_size,
                     outer = i / f.inner / f.x_size;
  double real = 0, imaginary = 0;
  std::int64_t angle = 0;
  for (std::int64_t k = 0; k < f.y_size && m < f.read; ++k) {
    const float* from = dy + ((outer * f.y_size + k) * f.inner + inner) * f.y_parts;
    const double a = static_cast<double>(from[0]);
    const double b = f.y_parts == 2 ? static_cast<double>(from[1]) : 0;
    const double sine = f.turn * turn[f.length + angle];
    real += a * turn[angle] + b * sine;
    imaginary += b * turn[angle] - a * sine;
    angle = (angle + m) % f.length;
  }
  dx[i * f.x_parts] = static_cast<float>(f.share(m) * real);
  if (f.x_parts == 2) {
    dx[i * f.x_parts + 1] = static_cast<float>(f.share(m) * imaginary);
  }
}

__global__ void __launch_bounds__(kBlock)
    frames_kernel(const Fourier f, const FrameShape s, const double* __restrict__ turn,
                  const float* __restrict__ x, const float* __restrict__ window,
                  float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.frames * f.y_size) {
    return;
  }
  const std::int64_t frame = i / f.y_size % s.frames, n = i / f.y_size / s.frames;
  const float* from = x + n * s.signal + frame * s.step * f.x_parts;
  const auto read = [&](std::int64_t m, std::int64_t part) {
    return static_cast<double>(from[m * f.x_parts + part] * (window != nullptr ? window[m] : 1.0f));
  };
  transform(f, turn, i % f.y_size, read, y + i * f.y_parts);
}

}  // namespace

void fill_turn(double* table, std::int64_t length, StreamHandle stream) {
  launch_elements(turn_kernel, length, stream, table, length);
}

void fourier(const Fourier& f, const double* turn, const float* x, float* y, StreamHandle stream) {
  launch_elements(fourier_kernel, f.outer * f.y_size * f.inner, stream, f, turn, x, y);
}

void fourier_transposed(const Fourier& f, const double* turn, const float* dy, float* dx,
                        StreamHandle stream) {
  launch_elements(transposed_kernel, f.outer * f.x_size * f.inner, stream, f, turn, dy, dx);
}

void short_time_fourier(const Fourier& f, const FrameShape& shape, const double* turn,
                        const float* x, const float* window, float* y, StreamHandle stream) {
  launch_elements(frames_kernel, shape.batch * shape.frames * f.y_size, stream, f, shape, turn, x,
                  window, y);
}

}  // namespace temper::cuda
