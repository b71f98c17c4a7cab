// Tables of places and weights are made for each axis, an element of it a thread; then a thread per
// element of the result adds up, backward too, where it looks for the outputs that take it.
#include <cmath>

#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/kernels/resize.h"

namespace temper::cuda {
namespace {

// Scales are floats: what lies this close to an element, or to the middle of two, is meant to be
// there.
__device__ double settled(double place) {
  const double half = std::round(2 * place) / 2;
  return std::abs(place - half) <= 1.2e-7 * (std::abs(place) + 1) ? half : place;
}

// Where element i of the output lies among those of the input.
__device__ double place_of(Transform transform, const ResizedAxis& axis, std::int64_t i) {
  const auto at = static_cast<double>(i);
  const auto in = static_cast<double>(axis.in);
  const double length = axis.scale * in;  // of the output, before it is cut to whole elements
  switch (transform) {
    case Transform::kSymmetric:
      return in / 2 * (1 - static_cast<double>(axis.out) / length) + (at + 0.5) / axis.scale - 0.5;
    case Transform::kPytorch:
      return length > 1 ? (at + 0.5) / axis.scale - 0.5 : 0;
    case Transform::kCorners:
      return length == 1 ? 0 : at * (in - 1) / (length - 1);
    case Transform::kAsymmetric:
      return at / axis.scale;
    case Transform::kCrop:
      return length == 1
                 ? (axis.start + axis.end) * (in - 1) / 2
                 : axis.start * (in - 1) + at * (axis.end - axis.start) * (in - 1) / (length - 1);
    case Transform::kNearestOfTf:
      return (at + 0.5) / axis.scale;
    default:
      return (at + 0.5) / axis.scale - 0.5;
  }
}

__device__ std::int64_t nearest_to(Nearest nearest, const ResizedAxis& axis, double place) {
  const double at = settled(place);
  const double chosen = nearest == Nearest::kFloor        ? std::floor(at)
                        : nearest == Nearest::kCeil       ? std::ceil(at)
                        : nearest == Nearest::kPreferCeil ? std::floor(at + 0.5)
                                                          : std::ceil(at - 0.5);
  const auto last = static_cast<double>(axis.in > 1 ? axis.in - 1 : 0);
  return static_cast<std::int64_t>(chosen < 0 ? 0 : chosen > last ? last : chosen);
}

// Keys, "Cubic convolution interpolation for digital image processing", or the hat function.
__device__ double weight_at(const SampleRule& rule, double distance) {
  const double d = std::abs(distance), a = rule.cubic_a;
  if (!rule.cubic) {
    return d < 1 ? 1 - d : 0;
  }
  return d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
         : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                 : 0;
}

// The first element that has a weight.
__device__ std::int64_t weigh(const SampleRule& rule, const ResizedAxis& axis, double place,
                              double* weights) {
  if (rule.moves) {
    weights[0] = 1;
    return nearest_to(rule.nearest, axis, place);
  }
  const double at = settled(place);
  const double left = std::ceil(at) - 1;  // the place is in (left, left + 1]
  const auto first = static_cast<std::int64_t>(left) + 1 - axis.taps / 2;
  const double scale = rule.antialias && axis.scale < 1 ? axis.scale : 1;
  double sum = 0;
  for (std::int64_t t = 0; t < axis.taps; ++t) {
    const bool dropped = rule.exclude_outside && (first + t < 0 || first + t >= axis.in);
    weights[t] = dropped ? 0 : weight_at(rule, (static_cast<double>(first + t) - at) * scale);
    sum += weights[t];
  }
  for (std::int64_t t = 0; t < axis.taps && (rule.antialias || rule.exclude_outside) && sum != 0;
       ++t) {
    weights[t] /= sum;
  }
  return first;
}

__global__ void __launch_bounds__(kBlock)
    tables_kernel(const SampleRule rule, const ResizedAxis axis, const ResizeTables tables) {
  const std::int64_t i = thread_number();
  if (i >= axis.out) {
    return;
  }
  const double place = place_of(rule.transform, axis, i);
  const bool outside = rule.transform == Transform::kCrop &&
                       !(place >= 0 && place <= static_cast<double>(axis.in - 1));
  tables.first[i] =
      outside ? kOutsideRegion : weigh(rule, axis, place, tables.weights + i * axis.taps);
}

__device__ std::int64_t bounded(std::int64_t at, std::int64_t length) {
  return at < 0 ? 0 : at < length ? at : length - 1;
}

// An integer is the nearest.
__device__ void store(const ResizePass& pass, void* to, std::int64_t i, double value) {
  const bool whole = pass.to != DType::kFloat32 && pass.to != DType::kFloat64 &&
                     pass.to != DType::kFloat16 && pass.to != DType::kBFloat16;
  write_number(pass.to, to, i, whole ? std::nearbyint(value) : value);
}

__global__ void __launch_bounds__(kBlock)
    forward_kernel(const ResizePass pass, const ResizeTables tables, const void* x, void* y) {
  const std::int64_t i = thread_number();
  if (i >= pass.outer * pass.axis.out * pass.inner) {
    return;
  }
  const std::int64_t along = i / pass.inner % pass.axis.out;
  const std::int64_t base = i / pass.inner / pass.axis.out * pass.axis.in;
  const std::int64_t first = tables.first[along];
  double sum = pass.outside;
  if (first != kOutsideRegion) {
    sum = 0;
    for (std::int64_t t = 0; t < pass.axis.taps; ++t) {
      const double weight = tables.weights[along * pass.axis.taps + t];
      if (weight != 0) {
        const std::int64_t at = base + bounded(first + t, pass.axis.in);
        sum += weight * read_number(pass.from, x, at * pass.inner + i % pass.inner);
      }
    }
  }
  store(pass, y, i, sum);
}

// The first output whose taps end at `at` or behind it: places grow with the outputs.
__device__ std::int64_t first_output(const ResizedAxis& axis, const std::int64_t* first,
                                     std::int64_t at) {
  std::int64_t low = 0, high = axis.out;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (first[middle] + axis.taps - 1 < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// dx is the sum over the outputs that take it, in their order.
__global__ void __launch_bounds__(kBlock)
    backward_kernel(const ResizePass pass, const ResizeTables tables, const void* dy, void* dx) {
  const std::int64_t i = thread_number();
  const ResizedAxis& axis = pass.axis;
  if (i >= pass.outer * axis.in * pass.inner) {
    return;
  }
  const std::int64_t at = i / pass.inner % axis.in;
  const std::int64_t base = i / pass.inner / axis.in * axis.out;
  // An end also takes the weights of what lies outside.
  std::int64_t o = pass.ordered && at > 0 ? first_output(axis, tables.first, at) : 0;
  double sum = 0;
  for (; o < axis.out; ++o) {
    const std::int64_t first = tables.first[o];
    if (pass.ordered && at < axis.in - 1 && first > at) {
      break;
    }
    for (std::int64_t t = 0; t < axis.taps && first != kOutsideRegion; ++t) {
      if (bounded(first + t, axis.in) == at) {
        sum += tables.weights[o * axis.taps + t] *
               read_number(pass.from, dy, (base + o) * pass.inner + i % pass.inner);
      }
    }
  }
  store(pass, dx, i, sum);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    moving_kernel(const ResizeMove move, T fill, const T* x, T* y) {
  const std::int64_t i = thread_number();
  if (i >= move.output.count) {
    return;
  }
  std::int64_t from = 0;
  bool outside = false;
  move.output.for_each_axis(i, [&](std::int64_t index, int axis) {
    const std::int64_t at = move.first[axis] == nullptr ? index : move.first[axis][index];
    outside = outside || at == kOutsideRegion;
    from += outside ? 0 : at * move.output.steps[0][axis];
  });
  y[i] = outside ? fill : x[from];
}

}  // namespace

void fill_tables(const SampleRule& rule, const ResizedAxis& axis, const ResizeTables& tables,
                 StreamHandle stream) {
  launch_elements(tables_kernel, axis.out, stream, rule, axis, tables);
}

void resize_pass(const ResizePass& pass, const ResizeTables& tables, bool backward,
                 const void* from, void* to, StreamHandle stream) {
  const ResizedAxis& axis = pass.axis;
  if (backward) {
    launch_elements(backward_kernel, pass.outer * axis.in * pass.inner, stream, pass, tables, from,
                    to);
  } else {
    launch_elements(forward_kernel, pass.outer * axis.out * pass.inner, stream, pass, tables, from,
                    to);
  }
}

void resize_moving(const ResizeMove& move, std::size_t element_bytes, std::uint64_t fill,
                   const void* x, void* y, StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(moving_kernel<T>, move.output.count, stream, move, static_cast<T>(fill),
                    static_cast<const T*>(x), static_cast<T*>(y));
  };
  switch (element_bytes) {
    case 1:
      return run(std::uint8_t{});
    case 2:
      return run(std::uint16_t{});
    case 4:
      return run(std::uint32_t{});
    default:
      return run(std::uint64_t{});
  }
}

}  // namespace temper::cuda
