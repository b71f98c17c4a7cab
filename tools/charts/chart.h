// Line charts (loss, accuracy, learning rate): plain data; figure.h writes them as PNG and SVG.
// Nothing here knows what training is.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace temper::charts {

enum class LineStyle {
  kSolid,      // in the colour of its place in the chart; a noisy long one gets a moving average
  kFaint,      // the same colour, thin and pale: the raw values behind a smoothed curve
  kReference,  // grey and dashed: chance, a target, a closed form; not numbered at its end
};

struct Series {
  std::string name;  // in the legend: "train", "val"
  std::vector<double> x;
  std::vector<double> y;  // as many as x
  LineStyle style = LineStyle::kSolid;
  bool steps = false;  // each value holds until the next x, as a schedule's does
  int color = -1;      // of the palette; -1: the series' place in the chart
};

// A line across the plot with its name: the suggested rate, the clip threshold, the best epoch.
struct Marker {
  double at = 0;
  std::string label;
};

struct Range {
  double low = 0;
  double high = 1;
};

struct Chart {
  std::string title;
  std::string x_label;  // with the unit: "step", "epoch", "time (s)"
  std::string y_label;
  std::vector<Series> series;
  bool log_y = false;  // values that are not positive are left out
  bool log_x = false;
  std::vector<Marker> vertical_markers = {};    // at values of x
  std::vector<Marker> horizontal_markers = {};  // at values of y
  std::optional<Range> x_range = {};            // else what the data need
  std::optional<Range> y_range = {};
  bool number_ends = true;  // each solid line's last value, and its name, at its end
  // A logarithmic y axis where all values are positive and span more than a decade, as a loss's do.
  bool log_y_if_wide = false;
};

inline constexpr int kChartWidth = 960;  // pixels of the PNG, points of the SVG
inline constexpr int kChartHeight = 600;

}  // namespace temper::charts
