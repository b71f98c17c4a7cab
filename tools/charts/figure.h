// Writes charts: one alone, or several as the panels of a figure, as PNG and SVG or as PNG bytes.
// Threading: charts may be written by several threads at once.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "tools/charts/bar_chart.h"
#include "tools/charts/chart.h"
#include "tools/charts/heat_map.h"
#include "tools/charts/histogram.h"

namespace temper::charts {

using Panel = std::variant<Chart, BarChart, Histogram, QuantileBands, HeatMap>;

struct Figure {
  std::string title;
  std::vector<Panel> panels;  // row by row
  int columns = 2;
};

struct Png {
  int width = 0;
  int height = 0;
  std::vector<std::byte> bytes;  // of the whole file
};

// "", or why this build draws nothing (TEMPER_CHARTS=OFF): then what draws is kUnsupported, and
// those whose results are more than charts leave them out and say so.
std::string why_no_charts();

// Writes `path_without_suffix` + ".png" and ".svg", each whole or not at all. Points that are not
// finite are left out and interrupt their line. Equal charts give equal bytes. A chart alone is
// kChartWidth x kChartHeight; lying bars and heat maps take the size that their names need.
// THROWS: kIo when a file cannot be written; kInternal when lengths that must agree do not, or a
// figure has no panel or is larger than 32,000 pixels.
void write_chart(const Panel& panel, const std::string& path_without_suffix);
void write_chart(const Figure& figure, const std::string& path_without_suffix);

// The PNG alone, in memory (for TensorBoard).
Png chart_png(const Panel& panel);
Png chart_png(const Figure& figure);

}  // namespace temper::charts
