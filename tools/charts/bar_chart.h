// Bars with their values: samples per class, final losses, gradient norms of many tensors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/charts/chart.h"

namespace temper::charts {

struct BarSeries {
  std::string name;            // in the legend, when there are several: "train", "val"
  std::vector<double> values;  // one per name of the chart; NaN is shown as "no value"
};

// Bars stand upright when all names fit below them, and lie otherwise: the chart then grows in
// height with the number of bars, and long names lose their middle ("encoder...bias").
struct BarChart {
  std::string title;
  std::string name_label;   // what the names are: "class", "tensor"
  std::string value_label;  // with the unit
  std::vector<std::string> names;
  std::vector<BarSeries> series;
  bool horizontal = false;  // always lying
  bool log = false;         // a logarithmic value axis; values that are not positive have no bar
  int digits = 4;           // significant digits of the numbers at the bars
  std::vector<Marker> markers = {};  // at values
};

// Names beyond this many are not drawn, and the chart says how many those are.
inline constexpr int kMostBars = 200;

}  // namespace temper::charts
