// Forward: a thread per element of y. Backward: a thread per place, which adds to dx in fixed
// point. As backends/reference/kernels/grid_sample.cpp.
#include <cmath>

#include "backends/cuda/device/fixed_sums.cuh"
#include "backends/cuda/kernels/fixed_sums.h"
#include "backends/cuda/kernels/grid_sample.h"

namespace temper::cuda {
namespace {

// The elements of one axis around a place, with their weights and the weights' derivatives by the
// number in the grid.
struct Taps {
  int count;
  std::int64_t offset[4];  // -1: outside
  double weight[4], slope[4];
};

// Keys, "Cubic convolution interpolation for digital image processing", with a = -3/4.
constexpr double kA = -0.75;
__device__ double cubic(double d) {
  d = std::abs(d);
  return d <= 1  ? ((kA + 2) * d - (kA + 3)) * d * d + 1
         : d < 2 ? ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA
                 : 0;
}
__device__ double cubic_slope(double d) {
  const double sign = d < 0 ? -1 : 1;
  d = std::abs(d);
  return sign * (d <= 1  ? (3 * (kA + 2) * d - 2 * (kA + 3)) * d
                 : d < 2 ? (3 * kA * d - 10 * kA) * d + 8 * kA
                         : 0);
}

// A place folded back between low and high; `slope` becomes the derivative.
__device__ double reflected(double place, double low, double high, double& slope) {
  const double range = high - low;
  if (range <= 0) {
    slope = 0;
    return low;
  }
  if (place >= low && place <= high) {
    return place;
  }
  const double beyond = place < low ? low - place : place - high;
  const double folds = std::floor(beyond / range);
  const double rest = beyond - folds * range;
  const bool from_low = (place < low) == (std::fmod(folds, 2.0) == 0);
  slope *= (place < low) == from_low ? -1 : 1;
  return from_low ? low + rest : high - rest;
}

struct Axis {
  const GridShape& s;
  std::int64_t length, stride;
  double low, high;

  __device__ Axis(const GridShape& shape, int axis)
      : s(shape),
        length(shape.length[axis]),
        stride(shape.stride[axis]),
        low(shape.corners ? 0 : -0.5),
        high(static_cast<double>(length) - (shape.corners ? 1 : 0.5)) {}

  // A cubic between copies of the border goes on beyond it, as in PyTorch.
  __device__ double padded(double place, double& slope) const {
    if ((place >= low && place <= high) || s.padding == SamplePadding::kZeros ||
        (s.padding == SamplePadding::kBorder && s.mode == SampleMode::kCubic)) {
      return place;
    }
    if (s.padding == SamplePadding::kBorder) {
      slope = 0;
      const auto last = static_cast<double>(length - 1);
      return place < 0 ? 0 : place > last ? last : place;
    }
    return reflected(place, low, high, slope);
  }

  // The element that stands at a position, or -1.
  __device__ std::int64_t element(std::int64_t at) const {
    if (at >= 0 && at < length) {
      return at;
    }
    if (s.padding == SamplePadding::kZeros) {
      return -1;
    }
    if (s.padding == SamplePadding::kReflection) {
      double slope = 1;
      at = static_cast<std::int64_t>(reflected(static_cast<double>(at), low, high, slope));
    }
    return at < 0 ? 0 : at < length ? at : length - 1;
  }

  __device__ Taps taps(double number) const {
    const auto size = static_cast<double>(length);
    double slope = (s.corners ? size - 1 : size) / 2;
    double place = s.corners ? (number + 1) / 2 * (size - 1) : ((number + 1) * size - 1) / 2;
    if (!(std::abs(place) < 0x1p31)) {  // no place
      place = -100;
      slope = 0;
    }
    if (s.mode == SampleMode::kNearest) {
      place = std::nearbyint(place);
    }
    place = padded(place, slope);
    const double left = std::floor(place);
    const double part = place - left;
    const auto first = static_cast<std::int64_t>(left);
    Taps taps{};
    if (s.mode == SampleMode::kNearest) {
      taps = {1, {first}, {1}, {0}};
    } else if (s.mode == SampleMode::kLinear) {
      taps = {2, {first, first + 1}, {1 - part, part}, {-slope, slope}};
    } else {
      taps.count = 4;
      for (int t = 0; t < 4; ++t) {
        taps.offset[t] = first - 1 + t;
        taps.weight[t] = cubic(part + 1 - t);
        taps.slope[t] = slope * cubic_slope(part + 1 - t);
      }
    }
    for (int t = 0; t < taps.count; ++t) {
      const std::int64_t at = element(taps.offset[t]);
      taps.offset[t] = at < 0 ? -1 : at * stride;
    }
    return taps;
  }
};

// f(offset, weight, slopes) for the elements around one place; slopes are by the grid's numbers.
template <class F>
__device__ void for_each_tap(const GridShape& s, const float* numbers, const F& f) {
  Taps taps[kMostGridDims];
  int combinations = 1;
  for (int i = 0; i < s.dims; ++i) {
    taps[i] = Axis(s, i).taps(static_cast<double>(numbers[s.dims - 1 - i]));
    combinations *= taps[i].count;
  }
  for (int combination = 0; combination < combinations; ++combination) {
    std::int64_t offset = 0;
    double weight = 1;
    double slopes[kMostGridDims] = {1, 1, 1};  // in the grid's order
    bool outside = false;
    int rest = combination;
    for (int i = s.dims - 1; i >= 0; --i) {
      const Taps& one = taps[i];
      const int t = rest % one.count;
      rest /= one.count;
      outside = outside || one.offset[t] < 0;
      offset += one.offset[t];
      weight *= one.weight[t];
      for (int k = 0; k < s.dims; ++k) {
        slopes[k] *= k == s.dims - 1 - i ? one.slope[t] : one.weight[t];
      }
    }
    if (!outside) {
      f(offset, weight, slopes);
    }
  }
}

__global__ void __launch_bounds__(kBlock)
    sample_kernel(const GridShape s, const float* __restrict__ x, const float* __restrict__ grid,
                  float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.channels * s.places) {
    return;
  }
  const std::int64_t plane = i / s.places, p = i % s.places, n = plane / s.channels;
  double sum = 0;
  for_each_tap(s, grid + (n * s.places + p) * s.dims,
               [&](std::int64_t offset, double weight, const double*) {
                 sum += weight * static_cast<double>(x[plane * s.elements + offset]);
               });
  y[i] = static_cast<float>(sum);
}

__global__ void __launch_bounds__(kBlock)
    dx_kernel(const GridShape s, const float* __restrict__ grid, const float* __restrict__ dy,
              const FixedSums sums) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.channels * s.places) {
    return;
  }
  const std::int64_t plane = i / s.places, p = i % s.places, n = plane / s.channels;
  const auto d = static_cast<double>(dy[i]);
  for_each_tap(s, grid + (n * s.places + p) * s.dims,
               [&](std::int64_t offset, double weight, const double*) {
                 add_to(sums, plane * s.elements + offset, weight * d);
               });
}

__global__ void __launch_bounds__(kBlock)
    dgrid_kernel(const GridShape s, const float* __restrict__ x, const float* __restrict__ grid,
                 const float* __restrict__ dy, float* __restrict__ dgrid) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.places) {
    return;
  }
  const std::int64_t n = i / s.places, p = i % s.places;
  double moved[kMostGridDims] = {};
  for_each_tap(s, grid + i * s.dims, [&](std::int64_t offset, double, const double* slopes) {
    double product = 0;
    for (std::int64_t c = n * s.channels; c < (n + 1) * s.channels; ++c) {
      product += static_cast<double>(dy[c * s.places + p]) *
                 static_cast<double>(x[c * s.elements + offset]);
    }
    for (int k = 0; k < s.dims; ++k) {
      moved[k] += product * slopes[k];
    }
  });
  for (int k = 0; k < s.dims; ++k) {
    dgrid[i * s.dims + k] = static_cast<float>(moved[k]);
  }
}

// The numbers from -1 to 1 at the middles of `length` parts, or from end to end.
__device__ double regular(std::int64_t i, std::int64_t length, bool corners) {
  const auto parts = static_cast<double>(length);
  return corners ? (length > 1 ? 2 * static_cast<double>(i) / (parts - 1) - 1 : 0)
                 : (2 * static_cast<double>(i) + 1) / parts - 1;
}

__global__ void __launch_bounds__(kBlock)
    affine_kernel(const AffineShape s, const float* theta, float* y) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.places()) {
    return;
  }
  double from[kMostGridDims + 1] = {};  // the last axis first, then 1
  std::int64_t rest = i % s.places();
  for (int axis = s.dims - 1; axis >= 0; --axis) {
    from[s.dims - 1 - axis] = regular(rest % s.size[axis], s.size[axis], s.corners);
    rest /= s.size[axis];
  }
  from[s.dims] = 1;
  const float* rows = theta + i / s.places() * s.dims * (s.dims + 1);
  for (int r = 0; r < s.dims; ++r) {
    double sum = 0;
    for (int k = 0; k <= s.dims; ++k) {
      sum += static_cast<double>(rows[r * (s.dims + 1) + k]) * from[k];
    }
    y[i * s.dims + r] = static_cast<float>(sum);
  }
}

}  // namespace

void grid_sample(const GridShape& shape, const float* x, const float* grid, float* y,
                 StreamHandle stream) {
  launch_elements(sample_kernel, shape.batch * shape.channels * shape.places, stream, shape, x,
                  grid, y);
}

void grid_sample_grad(const GridShape& shape, const float* x, const float* grid, const float* dy,
                      float* dx, float* dgrid, const FixedSums& sums, StreamHandle stream) {
  const std::int64_t outputs = shape.batch * shape.channels * shape.places;
  const std::int64_t inputs = shape.batch * shape.channels * shape.elements;
  if (dx != nullptr) {
    begin_sums(sums, inputs, dy, outputs, stream);
    launch_elements(dx_kernel, outputs, stream, shape, grid, dy, sums);
    finish_sums(sums, inputs, dx, stream);
  }
  if (dgrid != nullptr) {
    launch_elements(dgrid_kernel, shape.batch * shape.places, stream, shape, x, grid, dy, dgrid);
  }
}

void affine_grid(const AffineShape& shape, const float* theta, float* y, StreamHandle stream) {
  launch_elements(affine_kernel, shape.batch * shape.places(), stream, shape, theta, y);
}

}  // namespace temper::cuda
