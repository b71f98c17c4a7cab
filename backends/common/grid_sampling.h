// GridSample: the elements around a place, their weights, and the weights' derivatives by the
// numbers of the grid, in double; and the regular grid of AffineGrid.
#pragma once

#include <cmath>
#include <cstdint>

#include "backends/common/keys_cubic.h"

namespace temper {

enum class SampleMode { kNearest, kLinear, kCubic };
enum class SamplePadding { kZeros, kBorder, kReflection };

inline constexpr int kMostGridDims = 3;

struct GridSampling {
  int dims = 0;
  SampleMode mode = SampleMode::kLinear;
  SamplePadding padding = SamplePadding::kZeros;
  bool corners = false;
  std::int64_t length[kMostGridDims] = {}, stride[kMostGridDims] = {};  // of x, in order
  std::int64_t batch = 0, channels = 0, elements = 0, places = 0;
};

// The elements of one axis around a place.
struct GridTaps {
  int count = 0;
  std::int64_t offset[4] = {};  // -1: outside
  double weight[4] = {}, slope[4] = {};
};

// One axis of a sampling.
struct GridAxis {
  SampleMode mode;
  SamplePadding padding;
  bool corners;
  std::int64_t length, stride;
  double low, high;

  constexpr GridAxis(const GridSampling& s, int axis)
      : mode(s.mode),
        padding(s.padding),
        corners(s.corners),
        length(s.length[axis]),
        stride(s.stride[axis]),
        low(s.corners ? 0 : -0.5),
        high(static_cast<double>(s.length[axis]) - (s.corners ? 1 : 0.5)) {}

  constexpr GridTaps taps(double number) const {
    const auto size = static_cast<double>(length);
    double slope = (corners ? size - 1 : size) / 2;
    double place = corners ? (number + 1) / 2 * (size - 1) : ((number + 1) * size - 1) / 2;
    // As PyTorch: what is no place lies outside.
    if (!(std::abs(place) < 0x1p31)) {
      place = -100;
      slope = 0;
    }
    if (mode == SampleMode::kNearest) {
      place = std::nearbyint(place);
    }
    place = padded(place, slope);
    const double left = std::floor(place);
    const double part = place - left;
    const auto first = static_cast<std::int64_t>(left);
    GridTaps taps;
    if (mode == SampleMode::kNearest) {
      taps = {1, {first}, {1}, {0}};
    } else if (mode == SampleMode::kLinear) {
      taps = {2, {first, first + 1}, {1 - part, part}, {-slope, slope}};
    } else {
      taps.count = 4;
      for (int t = 0; t < 4; ++t) {
        taps.offset[t] = first - 1 + t;
        taps.weight[t] = keys_cubic(part + 1 - t, -0.75);
        taps.slope[t] = slope * keys_cubic_slope(part + 1 - t, -0.75);
      }
    }
    for (int t = 0; t < taps.count; ++t) {
      const std::int64_t at = element(taps.offset[t]);
      taps.offset[t] = at < 0 ? -1 : at * stride;
    }
    return taps;
  }

 private:
  // A place folded back between low and high; `slope` becomes the derivative.
  constexpr double reflected(double place, double& slope) const {
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

  // Border and reflection bring a place outside back; but a cubic between copies of the border
  // goes on beyond it, as in PyTorch.
  constexpr double padded(double place, double& slope) const {
    if ((place >= low && place <= high) || padding == SamplePadding::kZeros ||
        (padding == SamplePadding::kBorder && mode == SampleMode::kCubic)) {
      return place;
    }
    if (padding == SamplePadding::kBorder) {
      slope = 0;
      const auto last = static_cast<double>(length - 1);
      return place < 0 ? 0 : place > last ? last : place;
    }
    return reflected(place, slope);
  }

  // The element that stands at a position, or -1.
  constexpr std::int64_t element(std::int64_t at) const {
    if (at >= 0 && at < length) {
      return at;
    }
    if (padding == SamplePadding::kZeros) {
      return -1;
    }
    if (padding == SamplePadding::kReflection) {
      double slope = 1;
      at = static_cast<std::int64_t>(reflected(static_cast<double>(at), slope));
    }
    return at < 0 ? 0 : at < length ? at : length - 1;
  }
};

// f(offset, weight, slopes) for the elements around one place; `slopes`: `dims` of them, by the
// grid's numbers.
template <class T, class F>
constexpr void for_each_tap(const GridSampling& s, const T* numbers, const F& f) {
  GridTaps taps[kMostGridDims];
  int combinations = 1;
  for (int i = 0; i < s.dims; ++i) {
    taps[i] = GridAxis(s, i).taps(static_cast<double>(numbers[s.dims - 1 - i]));
    combinations *= taps[i].count;
  }
  for (int combination = 0; combination < combinations; ++combination) {
    std::int64_t offset = 0;
    double weight = 1;
    double slopes[kMostGridDims] = {1, 1, 1};  // in the grid's order
    bool outside = false;
    int rest = combination;
    for (int i = s.dims - 1; i >= 0; --i) {
      const GridTaps& one = taps[i];
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
      f(offset, weight, static_cast<const double*>(slopes));
    }
  }
}

// The numbers from -1 to 1 at the middles of `length` parts, or from end to end.
constexpr double regular_number(std::int64_t i, std::int64_t length, bool corners) {
  const auto parts = static_cast<double>(length);
  return corners ? (length > 1 ? 2 * static_cast<double>(i) / (parts - 1) - 1 : 0)
                 : (2 * static_cast<double>(i) + 1) / parts - 1;
}

}  // namespace temper
