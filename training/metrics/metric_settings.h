// Which metrics are computed, and how: [metrics] of a recipe.
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

// A metric, for the selection guide.
struct MetricSpec {
  std::string name;  // as [metrics] names has it: "top_k"
  std::string family;
  std::string help;      // what it is
  std::string use;       // when to look at it, and what it hides
  std::string range;     // "0 to 1"
  std::string settings;  // the keys of [metrics] that it depends on; empty: none
  bool less_is_better = false;
};

const std::vector<MetricSpec>& metric_specs();

// The names that [metrics] names may hold beside "all": "accuracy", "top_k", "precision", ...
const std::vector<std::string>& metric_names();

// "val/mae" -> true: less of it is better. Everything else is better when it is more.
bool less_is_better(std::string_view metric);

}  // namespace temper::training
