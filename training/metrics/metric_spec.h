// The metrics there are, for the selection guide and for [metrics] of a recipe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "training/settings/metric_settings.h"

namespace temper::training {

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
