// A series made ready for drawing: stretches of finite points, thinned to the pixels, smoothed when
// noisy.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "tools/charts/chart.h"

namespace temper::charts {

struct Point {
  double x = 0;
  double y = 0;
};

using Stretch = std::vector<Point>;  // consecutive finite points, never empty

struct Extent {
  double low_x = 0, high_x = 1;
  double low_y = 0, high_y = 1;
  bool whole_x = true;  // every x is a whole number: steps, epochs
};

// The finite points, cut into stretches where one is missing. With `positive` also y > 0.
std::vector<Stretch> finite_stretches(const Series& series, bool positive);

std::size_t point_count(const std::vector<Stretch>& stretches);

// Empty when there is no point at all.
std::optional<Extent> extent_of(const std::vector<std::vector<Stretch>>& all);

// At most four points per pixel column (first, lowest, highest, last), so that peaks stay.
std::vector<Stretch> thinned(const std::vector<Stretch>& stretches, double low_x, double high_x,
                             int columns);

// The average over the last fiftieth of the points (at most 500), for long series (more than 200
// points) that are noisy; empty for others.
std::vector<Stretch> smoothed(const std::vector<Stretch>& stretches);

}  // namespace temper::charts
