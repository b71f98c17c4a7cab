#include "graph/onnx/deploy/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace temper::graph {
namespace {

ValueRange inside(const Histogram& histogram, double low, double high) {
  return {std::max(low, histogram.seen.low), std::min(high, histogram.seen.high)};
}

std::int64_t sum(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

// Zeros become a little, what the others lose; nothing when all are zero. Source:
// smooth_distribution of onnxruntime's quant_utils.py, from MXNet's contrib/quantization.py.
std::vector<double> smoothed(const std::vector<std::int64_t>& counts) {
  constexpr double kLittle = 0.0001;
  const auto zeros = static_cast<double>(std::count(counts.begin(), counts.end(), std::int64_t{0}));
  const double others = static_cast<double>(counts.size()) - zeros;
  if (others == 0) {
    return {};
  }
  std::vector<double> made;
  made.reserve(counts.size());
  for (const std::int64_t count : counts) {
    made.push_back(count == 0 ? kLittle : static_cast<double>(count) - kLittle * zeros / others);
  }
  return made;
}

// sum p log(p / q), of both as shares.
double divergence(const std::vector<double>& p, const std::vector<double>& q) {
  if (p.empty() || q.empty()) {
    return std::numeric_limits<double>::infinity();
  }
  const double all_p = std::accumulate(p.begin(), p.end(), 0.0);
  const double all_q = std::accumulate(q.begin(), q.end(), 0.0);
  double total = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double a = p[i] / all_p, b = q[i] / all_q;
    if (a > 0) {
      total += b > 0 ? a * std::log(a / b) : std::numeric_limits<double>::infinity();
    }
  }
  return total;
}

// Of the bins first to end: what lies outside counts at the ends of p; q has the same numbers in
// `levels` equal parts, spread over those bins of a part that are not empty.
double divergence_of_bins(const Histogram& histogram, std::size_t first, std::size_t end,
                          std::size_t levels) {
  const auto& counts = histogram.counts;
  const auto at = [&](std::size_t i) { return counts.begin() + static_cast<std::ptrdiff_t>(i); };
  std::vector<std::int64_t> p(at(first), at(end));
  const std::vector<std::int64_t> bins = p;
  p.front() += std::accumulate(counts.begin(), at(first), std::int64_t{0});
  p.back() += std::accumulate(at(end), counts.end(), std::int64_t{0});
  std::vector<std::int64_t> q(p.size(), 0);
  const std::size_t width = p.size() / levels;
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t begin = level * width;
    const std::size_t last = level + 1 == levels ? p.size() : begin + width;
    std::int64_t total = 0, used = 0;
    for (std::size_t i = begin; i < last; ++i) {
      total += bins[i];
      used += i < begin + width && p[i] != 0 ? 1 : 0;
    }
    for (std::size_t i = begin; i < begin + width && used > 0; ++i) {
      q[i] = total / used;
    }
  }
  return divergence(smoothed(p), smoothed(q));
}

// Of what rounding and clipping to the range's integers change, without the division by the count.
double mean_square(const Histogram& histogram, ValueRange range, bool symmetric) {
  const double steps = symmetric ? 254 : 255;
  if (symmetric) {
    range.high = std::max(-range.low, range.high);
    range.low = -range.high;
  }
  const double scale = (range.high - range.low) / steps;
  if (scale <= 0) {
    return std::numeric_limits<double>::infinity();
  }
  const double zero = std::nearbyint(-range.low / scale);
  double error = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const double x = (histogram.edge(i) + histogram.edge(i + 1)) / 2;
    const double q = std::clamp(std::nearbyint(x / scale) + zero, 0.0, steps);
    const double change = x - (q - zero) * scale;
    error += static_cast<double>(histogram.counts[i]) * change * change;
  }
  return error;
}

}  // namespace

ValueRange percentile_range(const Histogram& histogram, double percentile) {
  const auto total = static_cast<double>(sum(histogram.counts));
  const double cut = (100 - percentile) / 200;
  std::size_t left = histogram.counts.size(), right = histogram.counts.size();
  double share = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    share += static_cast<double>(histogram.counts[i]) / total;
    left = share >= cut ? std::min(left, i) : left;
    right = share >= 1 - cut ? std::min(right, i) : right;
  }
  return inside(histogram, histogram.edge(left), histogram.edge(right));
}

ValueRange entropy_range(const Histogram& histogram, std::int64_t levels) {
  const std::size_t bins = histogram.counts.size(), middle = bins / 2;
  const auto wanted = static_cast<std::size_t>(levels);
  double least = std::numeric_limits<double>::infinity();
  ValueRange best = histogram.seen;
  for (std::size_t i = wanted / 2; i <= middle; ++i) {
    const std::size_t first = middle - i, end = std::min(middle + i + 1, bins);
    const double far = divergence_of_bins(histogram, first, end, wanted);
    if (far < least) {
      least = far;
      best = inside(histogram, histogram.edge(first), histogram.edge(end));
    }
  }
  return best;
}

ValueRange mse_range(const Histogram& histogram, bool symmetric) {
  constexpr int kShares = 100;
  const ValueRange whole{std::min(histogram.seen.low, 0.0), std::max(histogram.seen.high, 0.0)};
  ValueRange best = whole;
  double least = mean_square(histogram, whole, symmetric);
  const auto shrink = [&](bool low, bool high) {
    const ValueRange from = best;
    for (int part = kShares; part >= kShares / 10; --part) {
      const double share = static_cast<double>(part) / kShares;
      const ValueRange tried{low ? whole.low * share : from.low,
                             high ? whole.high * share : from.high};
      const double error = mean_square(histogram, tried, symmetric);
      if (error < least) {
        least = error;
        best = tried;
      }
    }
  };
  if (symmetric) {
    shrink(true, true);
  } else {
    shrink(false, true);
    shrink(true, false);
    shrink(false, true);  // once more, for the low end that was found
  }
  return best;
}

void ValueWatch::first_run(std::span<const float> values) {
  for (const float value : values) {
    const auto x = static_cast<double>(value);
    if (!std::isfinite(x)) {
      finite_ = false;
      continue;
    }
    histogram_.seen.low = any_ ? std::min(histogram_.seen.low, x) : x;
    histogram_.seen.high = any_ ? std::max(histogram_.seen.high, x) : x;
    any_ = true;
  }
  histogram_.threshold = std::max(std::abs(histogram_.seen.low), std::abs(histogram_.seen.high));
}

void ValueWatch::second_run(std::span<const float> values) {
  const auto bins = static_cast<std::size_t>(options_.bins);
  histogram_.counts.resize(bins, 0);
  if (histogram_.threshold == 0) {
    return;
  }
  const double per_bin = static_cast<double>(bins) / (2 * histogram_.threshold);
  for (const float value : values) {
    const double place = (static_cast<double>(value) + histogram_.threshold) * per_bin;
    const double last = static_cast<double>(bins - 1);
    ++histogram_.counts[static_cast<std::size_t>(std::clamp(place, 0.0, last))];
  }
}

ValueRange ValueWatch::range() const {
  if (histogram_.counts.empty() || histogram_.threshold == 0) {
    return histogram_.seen;
  }
  switch (options_.how) {
    case Calibration::kPercentile:
      return percentile_range(histogram_, options_.percentile);
    case Calibration::kEntropy:
      return entropy_range(histogram_, options_.levels);
    case Calibration::kMse:
      return mse_range(histogram_, options_.symmetric);
    case Calibration::kMinMax:
      break;
  }
  return histogram_.seen;
}

}  // namespace temper::graph
