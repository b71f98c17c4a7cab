// Keys, "Cubic convolution interpolation for digital image processing": the weight of an element at
// a distance from the place, and its derivative.
#pragma once

#include <cmath>

namespace temper {

constexpr double keys_cubic(double distance, double a) {
  const double d = std::abs(distance);
  return d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
         : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                 : 0;
}

constexpr double keys_cubic_slope(double distance, double a) {
  const double d = std::abs(distance);
  const double slope = d <= 1  ? (3 * (a + 2) * d - 2 * (a + 3)) * d
                       : d < 2 ? (3 * a * d - 10 * a) * d + 8 * a
                               : 0;
  return (distance < 0 ? -1 : 1) * slope;
}

}  // namespace temper
