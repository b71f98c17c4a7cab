// DFT, its transpose and STFT, by their sums. Angles are multiples of a turn's part, taken modulo
// the turn; sums run in double.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/host/fourier_shape.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

void fill_turn(double* cosines, double* sines, std::int64_t length) {
  for (std::int64_t i = 0; i < length; ++i) {
    const double angle =
        2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length);
    cosines[i] = std::cos(angle);
    sines[i] = std::sin(angle);
  }
}

// The line's element `i` of part `part`, 0 where it has no such part.
template <class T>
double part_of(const T* line, std::int64_t i, std::int64_t stride, std::int64_t parts,
               std::int64_t part) {
  return part < parts ? static_cast<double>(line[i * stride * parts + part]) : 0;
}

// y_k = sum over m of share x_m e^(turn i 2 pi k m / length)
template <class T>
void transform_line(const Fourier& t, const T* x, T* y, const double* cosines,
                    const double* sines) {
  for (std::int64_t k = 0; k < t.y_size; ++k) {
    double real = 0, imaginary = 0;
    std::int64_t angle = 0;
    for (std::int64_t m = 0; m < t.read; ++m) {
      const double a = t.share(m) * part_of(x, m, t.inner, t.x_parts, 0);
      const double b = t.share(m) * part_of(x, m, t.inner, t.x_parts, 1);
      const double sine = t.turn * sines[angle];
      real += a * cosines[angle] - b * sine;
      imaginary += a * sine + b * cosines[angle];
      angle = (angle + k) % t.length;
    }
    y[k * t.inner * t.y_parts] = static_cast<T>(real);
    if (t.y_parts == 2) {
      y[k * t.inner * t.y_parts + 1] = static_cast<T>(imaginary);
    }
  }
}

// dx_m = share times the sum over k of what y_k takes of x_m
template <class T>
void transpose_line(const Fourier& t, const T* dy, T* dx, const double* cosines,
                    const double* sines) {
  for (std::int64_t m = 0; m < t.x_size; ++m) {
    double real = 0, imaginary = 0;
    std::int64_t angle = 0;
    for (std::int64_t k = 0; k < t.y_size && m < t.read; ++k) {
      const double a = part_of(dy, k, t.inner, t.y_parts, 0);
      const double b = part_of(dy, k, t.inner, t.y_parts, 1);
      const double sine = t.turn * sines[angle];
      real += a * cosines[angle] + b * sine;
      imaginary += b * cosines[angle] - a * sine;
      angle = (angle + m) % t.length;
    }
    dx[m * t.inner * t.x_parts] = static_cast<T>(t.share(m) * real);
    if (t.x_parts == 2) {
      dx[m * t.inner * t.x_parts + 1] = static_cast<T>(t.share(m) * imaginary);
    }
  }
}

template <class T>
std::unique_ptr<Kernel> dft_kernel(const OpQuery& query, bool backward) {
  const Shape& given = query.inputs[0].shape;
  const Shape& made = query.outputs[0].shape;
  const Fourier t =
      backward ? fourier_of(*query.attrs, made, given) : fourier_of(*query.attrs, given, made);
  auto kernel = make_kernel([t, backward](const KernelArgs& args) {
    double* cosines = static_cast<double*>(args.workspace);
    double* sines = cosines + t.length;
    fill_turn(cosines, sines, t.length);
    for (std::int64_t outer = 0; outer < t.outer; ++outer) {
      for (std::int64_t inner = 0; inner < t.inner; ++inner) {
        const std::int64_t x_line = (outer * t.x_size * t.inner + inner) * t.x_parts;
        const std::int64_t y_line = (outer * t.y_size * t.inner + inner) * t.y_parts;
        if (backward) {
          transpose_line(t, static_cast<const T*>(args.inputs[0]) + y_line,
                         static_cast<T*>(args.outputs[0]) + x_line, cosines, sines);
        } else {
          transform_line(t, static_cast<const T*>(args.inputs[0]) + x_line,
                         static_cast<T*>(args.outputs[0]) + y_line, cosines, sines);
        }
      }
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(2 * t.length) * sizeof(double);
  return kernel;
}

// A frame at a time: windowed into the workspace, then transformed.
template <class T>
std::unique_ptr<Kernel> stft_kernel(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const Shape& y = query.outputs[0].shape;
  const std::int64_t step = query.attrs->get_int("frame_step", 1);
  const bool windowed = has_input(query, 2);
  Fourier t;
  t.length = t.x_size = t.read = query.attrs->get_int("frame_length", 1);
  t.y_size = y[2];
  t.x_parts = x.rank() == 3 ? x[2] : 1;
  const std::int64_t signal = x[1] * t.x_parts;
  const std::int64_t batch = y[0], frames = y[1];
  auto kernel = make_kernel([=](const KernelArgs& args) {
    double* cosines = static_cast<double*>(args.workspace);
    double* sines = cosines + t.length;
    T* frame = reinterpret_cast<T*>(sines + t.length);
    fill_turn(cosines, sines, t.length);
    const T* window = windowed ? static_cast<const T*>(args.inputs[2]) : nullptr;
    T* out = static_cast<T*>(args.outputs[0]);
    for (std::int64_t n = 0; n < batch; ++n) {
      for (std::int64_t f = 0; f < frames; ++f, out += t.y_size * 2) {
        const T* in = static_cast<const T*>(args.inputs[0]) + n * signal + f * step * t.x_parts;
        for (std::int64_t i = 0; i < t.length * t.x_parts; ++i) {
          frame[i] = in[i] * (window != nullptr ? window[i / t.x_parts] : T(1));
        }
        transform_line(t, static_cast<const T*>(frame), out, cosines, sines);
      }
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>((2 + t.x_parts) * t.length) * sizeof(double);
  return kernel;
}

}  // namespace

void register_fourier(KernelTable& table) {
  add_float(table, "DFT",
            []<class T>(const OpQuery& query) { return dft_kernel<T>(query, false); });
  add_float(table, "DFTGrad",
            []<class T>(const OpQuery& query) { return dft_kernel<T>(query, true); });
  add_float(table, "STFT", []<class T>(const OpQuery& query) { return stft_kernel<T>(query); });
}

}  // namespace temper::reference
