#include "tools/charts/plot_points.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/base/error.h"

namespace temper::charts {
namespace {

// Beyond this, cairo's fixed-point coordinates and our tick arithmetic lose their meaning.
constexpr double kLargest = 1e300;

bool drawable(double value) { return std::isfinite(value) && std::abs(value) < kLargest; }

void thin_stretch(const Stretch& stretch, double low_x, double per_column, Stretch& out) {
  std::size_t begin = 0;
  while (begin < stretch.size()) {
    const double column = std::floor((stretch[begin].x - low_x) / per_column);
    std::size_t end = begin + 1;
    std::size_t lowest = begin;
    std::size_t highest = begin;
    while (end < stretch.size() && std::floor((stretch[end].x - low_x) / per_column) == column) {
      lowest = stretch[end].y < stretch[lowest].y ? end : lowest;
      highest = stretch[end].y > stretch[highest].y ? end : highest;
      ++end;
    }
    std::size_t kept[] = {begin, std::min(lowest, highest), std::max(lowest, highest), end - 1};
    for (std::size_t i = 0; i < 4; ++i) {
      if (i == 0 || kept[i] != kept[i - 1]) {
        out.push_back(stretch[kept[i]]);
      }
    }
    begin = end;
  }
}

}  // namespace

std::vector<Stretch> finite_stretches(const Series& series, bool positive) {
  TEMPER_ASSERT(series.x.size() == series.y.size(), "series '", series.name, "' has ",
                series.x.size(), " x and ", series.y.size(), " y values");
  std::vector<Stretch> stretches;
  bool open = false;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const Point point = {series.x[i], series.y[i]};
    if (!drawable(point.x) || !drawable(point.y) || (positive && point.y <= 0)) {
      open = false;
      continue;
    }
    if (!open) {
      stretches.emplace_back();
      open = true;
    }
    stretches.back().push_back(point);
  }
  return stretches;
}

std::size_t point_count(const std::vector<Stretch>& stretches) {
  std::size_t count = 0;
  for (const Stretch& stretch : stretches) {
    count += stretch.size();
  }
  return count;
}

std::optional<Extent> extent_of(const std::vector<std::vector<Stretch>>& all) {
  std::optional<Extent> extent;
  for (const std::vector<Stretch>& stretches : all) {
    for (const Stretch& stretch : stretches) {
      for (const Point& point : stretch) {
        if (!extent) {
          extent = Extent{point.x, point.x, point.y, point.y, true};
        }
        extent->low_x = std::min(extent->low_x, point.x);
        extent->high_x = std::max(extent->high_x, point.x);
        extent->low_y = std::min(extent->low_y, point.y);
        extent->high_y = std::max(extent->high_y, point.y);
        extent->whole_x = extent->whole_x && point.x == std::floor(point.x);
      }
    }
  }
  return extent;
}

std::vector<Stretch> thinned(const std::vector<Stretch>& stretches, double low_x, double high_x,
                             int columns) {
  std::vector<Stretch> out;
  const double per_column = (high_x - low_x) / columns;
  for (const Stretch& stretch : stretches) {
    out.emplace_back();
    thin_stretch(stretch, low_x, per_column, out.back());
  }
  return out;
}

std::vector<Stretch> smoothed(const std::vector<Stretch>& stretches) {
  constexpr std::size_t kLongSeries = 200;
  const std::size_t count = point_count(stretches);
  if (count <= kLongSeries) {
    return {};
  }
  // Noisy: the steps from point to point add up to several times the curve's whole range.
  double travelled = 0;
  double low = stretches.front().front().y;
  double high = low;
  for (const Stretch& stretch : stretches) {
    for (std::size_t i = 0; i < stretch.size(); ++i) {
      travelled += i == 0 ? 0 : std::abs(stretch[i].y - stretch[i - 1].y);
      low = std::min(low, stretch[i].y);
      high = std::max(high, stretch[i].y);
    }
  }
  if (travelled < 4 * (high - low)) {
    return {};
  }
  const std::size_t window = std::min<std::size_t>(count / 50, 500);
  std::vector<Stretch> out;
  for (const Stretch& stretch : stretches) {
    out.emplace_back();
    for (std::size_t i = 0; i < stretch.size(); ++i) {
      // Summed anew each time: a running sum would remember a diverged value for ever.
      const std::size_t first = i + 1 > window ? i + 1 - window : 0;
      double sum = 0;
      for (std::size_t j = first; j <= i; ++j) {
        sum += stretch[j].y;
      }
      out.back().push_back({stretch[i].x, sum / static_cast<double>(i + 1 - first)});
    }
  }
  return out;
}

}  // namespace temper::charts
