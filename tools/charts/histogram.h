// Histograms, one or several over each other, and distributions over steps as quantile bands.
#pragma once

#include <string>
#include <vector>

#include "tools/charts/chart.h"

namespace temper::charts {

struct HistogramSeries {
  std::string name;
  std::vector<double> edges;   // ascending, one more than counts
  std::vector<double> counts;  // or shares
};

struct Histogram {
  std::string title;
  std::string x_label;
  std::string y_label;  // "values", "share of values"
  std::vector<HistogramSeries> series;
  bool log_y = false;
  std::vector<Marker> vertical_markers = {};
};

// How a distribution moves over x: a band from each low quantile to its high twin, and the median.
struct QuantileBands {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<double> x;
  std::vector<double> levels;               // ascending in [0, 1], e.g. 0 0.05 0.25 0.5 0.75 0.95 1
  std::vector<std::vector<double>> values;  // per level one value per x
  std::vector<Marker> horizontal_markers = {};
};

}  // namespace temper::charts
