#include "training/run/spike_guard.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace temper::training {

double median(std::vector<double> values) {
  if (values.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double spike_limit(const SpikeSettings& settings, const std::vector<double>& window) {
  if (static_cast<std::int64_t>(window.size()) < settings.window) {
    return std::numeric_limits<double>::infinity();
  }
  const double typical = median(window);
  return typical + (settings.factor - 1) * std::abs(typical);
}

void remember_good(const SpikeSettings& settings, std::vector<double>& window, double value) {
  if (!std::isfinite(value)) {
    return;
  }
  window.push_back(value);
  if (static_cast<std::int64_t>(window.size()) > settings.window) {
    window.erase(window.begin());
  }
}

}  // namespace temper::training
