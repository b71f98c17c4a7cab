// Resize: where an element of the output lies among those of the input along one axis, and what it
// takes of them, in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "backends/common/keys_cubic.h"

namespace temper {

enum class ResizeTransform {
  kHalf,
  kSymmetric,
  kPytorch,
  kCorners,
  kAsymmetric,
  kCrop,
  kNearestOfTf
};
enum class ResizeNearest { kFloor, kCeil, kPreferCeil, kPreferFloor };

struct ResizedAxis {
  std::int64_t in = 0, out = 0;
  double scale = 1;
  double start = 0, end = 1;  // the region of tf_crop_and_resize
  std::int64_t taps = 1;      // elements that have weights
};

struct ResizeRule {
  ResizeTransform transform = ResizeTransform::kHalf;
  ResizeNearest nearest = ResizeNearest::kPreferFloor;
  bool cubic = false, antialias = false, exclude_outside = false;
  bool moves = false;  // the nearest element as it is
  double cubic_a = -0.75;

  // Where element i of the output lies.
  constexpr double place(const ResizedAxis& axis, std::int64_t i) const {
    const auto at = static_cast<double>(i);
    const auto in = static_cast<double>(axis.in);
    const double length = axis.scale * in;  // of the output, before it is cut to whole elements
    switch (transform) {
      case ResizeTransform::kSymmetric:
        return in / 2 * (1 - static_cast<double>(axis.out) / length) + (at + 0.5) / axis.scale -
               0.5;
      case ResizeTransform::kPytorch:
        return length > 1 ? (at + 0.5) / axis.scale - 0.5 : 0;
      case ResizeTransform::kCorners:
        return length == 1 ? 0 : at * (in - 1) / (length - 1);
      case ResizeTransform::kAsymmetric:
        return at / axis.scale;
      case ResizeTransform::kCrop:
        return length == 1
                   ? (axis.start + axis.end) * (in - 1) / 2
                   : axis.start * (in - 1) + at * (axis.end - axis.start) * (in - 1) / (length - 1);
      case ResizeTransform::kNearestOfTf:
        return (at + 0.5) / axis.scale;
      case ResizeTransform::kHalf:
        break;
    }
    return (at + 0.5) / axis.scale - 0.5;
  }

  constexpr bool is_outside(const ResizedAxis& axis, double place) const {
    return transform == ResizeTransform::kCrop &&
           !(place >= 0 && place <= static_cast<double>(axis.in - 1));
  }

  constexpr std::int64_t nearest_to(const ResizedAxis& axis, double place) const {
    const double at = settled(place);
    const double chosen = nearest == ResizeNearest::kFloor        ? std::floor(at)
                          : nearest == ResizeNearest::kCeil       ? std::ceil(at)
                          : nearest == ResizeNearest::kPreferCeil ? std::floor(at + 0.5)
                                                                  : std::ceil(at - 0.5);
    const auto last = static_cast<double>(axis.in > 1 ? axis.in - 1 : 0);
    return static_cast<std::int64_t>(chosen < 0 ? 0 : chosen > last ? last : chosen);
  }

  // The number of elements that have weights, of a scale.
  std::int64_t taps(double scale) const {
    if (moves) {
      return 1;
    }
    const double reach = (cubic ? 2 : 1) / (antialias ? std::min(scale, 1.0) : 1.0);
    return static_cast<std::int64_t>(std::min(-2 * std::floor(-reach), 0x1p50));
  }

  // Fills `weights`, axis.taps of them, for the elements from the one returned on.
  constexpr std::int64_t weigh(const ResizedAxis& axis, double place, double* weights) const {
    if (moves) {
      weights[0] = 1;
      return nearest_to(axis, place);
    }
    const double at = settled(place);
    const double left = std::ceil(at) - 1;  // the place is in (left, left + 1]
    const auto first = static_cast<std::int64_t>(left) + 1 - axis.taps / 2;
    const double scale = antialias && axis.scale < 1 ? axis.scale : 1;
    double sum = 0;
    for (std::int64_t t = 0; t < axis.taps; ++t) {
      const bool dropped = exclude_outside && (first + t < 0 || first + t >= axis.in);
      weights[t] = dropped ? 0 : weight((static_cast<double>(first + t) - at) * scale);
      sum += weights[t];
    }
    if ((antialias || exclude_outside) && sum != 0) {
      for (std::int64_t t = 0; t < axis.taps; ++t) {
        weights[t] /= sum;
      }
    }
    return first;
  }

 private:
  // Scales are floats: what lies this close to an element, or to the middle of two, is meant to be
  // there.
  static constexpr double settled(double place) {
    const double half = std::round(2 * place) / 2;
    return std::abs(place - half) <= 1.2e-7 * (std::abs(place) + 1) ? half : place;
  }

  // The cubic, or the hat function.
  constexpr double weight(double distance) const {
    const double rest = 1 - std::abs(distance);
    return cubic ? keys_cubic(distance, cubic_a) : rest < 0 ? 0 : rest;
  }
};

}  // namespace temper
