// What charts with two axes share: the frame, its grid and numbers, titles, legend and markers.
#pragma once

#include <string>
#include <vector>

#include "tools/charts/axis.h"
#include "tools/charts/canvas.h"
#include "tools/charts/chart.h"
#include "tools/charts/plot_points.h"

namespace temper::charts {

struct Plot {
  Frame frame = {};
  Axis x;
  Axis y;

  Point place(const Point& point) const {
    return {frame.left + frame.width * x.fraction(point.x),
            frame.bottom() - frame.height * y.fraction(point.y)};
  }
};

struct PlotTitles {
  std::string title;
  std::string x_label;
  std::string y_label;
};

enum class LegendMark { kLine, kDashedLine, kBox };

struct LegendEntry {
  std::string name;
  Color color = kInk;
  LegendMark mark = LegendMark::kLine;
  double alpha = 1;
  double line_width = 3.5;
};

inline constexpr double kPlotTop = 96;     // to the frame: title and one row of the legend
inline constexpr double kPlotBottom = 68;  // from the frame to the area's bottom

// Numbers that fit along an axis of so many pixels.
int tick_count(double pixels, double per_tick);

// From the top of `area` to the frame of its plot: the title and as many rows as the legend takes.
double plot_top(const std::vector<LegendEntry>& entries, const Frame& area, cairo_t* cairo);

// The frame inside `area`, `top` below its upper edge, that leaves room for the y axis' numbers and
// `right` for texts there.
Plot make_plot(const Frame& area, const Axis& x, const Axis& y, double top, double right,
               cairo_t* cairo);

// The grid and the numbers. Numbers of the x axis that would touch are left out.
void draw_axes(const Plot& plot, cairo_t* cairo);

void draw_titles(const PlotTitles& titles, const Frame& area, const Frame& frame, cairo_t* cairo);

// In rows below the title, where it covers no data. What does not fit into the most is counted.
inline constexpr int kMostLegendRows = 8;
void draw_legend(const std::vector<LegendEntry>& entries, const Frame& area, cairo_t* cairo);

// Dashed lines with their names. A marker outside of the axis is named at the edge with an arrow.
void draw_markers(const Plot& plot, const std::vector<Marker>& vertical,
                  const std::vector<Marker>& horizontal, cairo_t* cairo);

// Widens a range to the markers, but not so far that the data would fill less than a third of it.
void include_markers(Range& range, const std::vector<Marker>& markers, bool log);

void draw_no_values(const Frame& frame, cairo_t* cairo);

}  // namespace temper::charts
