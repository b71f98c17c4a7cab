// Line charts of a run (loss, accuracy, learning rate) as PNG and SVG, drawn by one function.
// Plain data in, two files out; nothing here knows what training is.
// Threading: charts may be written by several threads at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace temper::charts {

struct Series {
  std::string name;  // in the legend: "train", "val"
  std::vector<double> x;
  std::vector<double> y;  // as many as x
};

struct Chart {
  std::string title;
  std::string x_label;  // with the unit: "step", "epoch", "time (s)"
  std::string y_label;
  std::vector<Series> series;
  bool log_y = false;  // values that are not positive are left out
};

inline constexpr int kChartWidth = 960;  // pixels of the PNG, points of the SVG
inline constexpr int kChartHeight = 600;

// Writes `path_without_suffix` + ".png" and ".svg", each whole or not at all. Points that are not
// finite are left out and interrupt their line. Equal charts give equal bytes.
// THROWS: kIo when a file cannot be written; kInternal when a series has unequal x and y.
void write_chart(const Chart& chart, const std::string& path_without_suffix);

}  // namespace temper::charts
