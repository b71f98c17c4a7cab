// [metrics] of a recipe: which metrics are computed, and how.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace temper::training {

inline constexpr std::string_view kAllMetrics = "all";  // in names: all that apply

struct MetricSettings {
  std::vector<std::string> names;  // empty: as fits the task
  std::int64_t top_k = 5;
  double threshold = 0.5;         // of a probability, for binary and multi-label predictions
  std::string average = "macro";  // over classes: "macro" | "weighted" | "micro"
};

}  // namespace temper::training
