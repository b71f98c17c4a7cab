// Line charts.
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "tools/charts/draw.h"
#include "tools/charts/plot.h"

namespace temper::charts {
namespace {

using Stretches = std::vector<Stretch>;

constexpr double kLeastRight = 48;  // beside a plot without labels, for half a number of the x axis

std::size_t color_index(const Chart& chart, std::size_t i) {
  const int color = chart.series[i].color;
  return color >= 0 ? static_cast<std::size_t>(color) : i;
}

// Corners between the points of a line that holds each value until the next x.
Stretches with_corners(const Stretches& stretches) {
  Stretches out;
  for (const Stretch& stretch : stretches) {
    out.emplace_back();
    for (std::size_t i = 0; i < stretch.size(); ++i) {
      if (i > 0) {
        out.back().push_back({stretch[i].x, stretch[i - 1].y});
      }
      out.back().push_back(stretch[i]);
    }
  }
  return out;
}

// Placed on the page and thinned to its columns. Thinned after placing, so that it is right for a
// logarithmic x axis too.
Stretches placed(const Plot& plot, const Stretches& stretches) {
  Stretches out;
  for (const Stretch& stretch : stretches) {
    out.emplace_back();
    for (const Point& point : stretch) {
      out.back().push_back(plot.place(point));
    }
  }
  return thinned(out, plot.frame.left, plot.frame.right(), static_cast<int>(plot.frame.width));
}

void draw_points(const Plot& plot, const Stretches& stretches, cairo_t* cairo, bool markers) {
  for (const Stretch& stretch : placed(plot, stretches)) {
    for (const Point& at : stretch) {
      cairo_line_to(cairo, at.x, at.y);
    }
    cairo_stroke(cairo);
    if (markers || stretch.size() == 1) {
      for (const Point& at : stretch) {
        cairo_arc(cairo, at.x, at.y, stretch.size() == 1 ? 4 : 3, 0, 2 * kPi);
        cairo_fill(cairo);
      }
    }
  }
}

// A long noisy curve is drawn faintly with its moving average on top.
void draw_solid(const Plot& plot, const Series& series, const Stretches& stretches,
                std::size_t color, cairo_t* cairo) {
  constexpr std::size_t kMarkedPoints = 40;
  if (series.steps) {
    cairo_set_line_width(cairo, 2.4);
    set_color(cairo, color_of(color));
    draw_points(plot, with_corners(stretches), cairo, false);
    return;
  }
  const Stretches smooth = smoothed(stretches);
  if (!smooth.empty()) {
    cairo_set_line_width(cairo, 1);
    set_color(cairo, color_of(color), 0.28);
    draw_points(plot, stretches, cairo, false);
  }
  cairo_set_line_width(cairo, 2.4);
  set_color(cairo, color_of(color));
  draw_points(plot, smooth.empty() ? stretches : smooth, cairo,
              point_count(stretches) <= kMarkedPoints);
}

void draw_series(const Plot& plot, const Series& series, const Stretches& stretches,
                 std::size_t color, cairo_t* cairo) {
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
  set_series_dash(cairo, color);
  switch (series.style) {
    case LineStyle::kSolid:
      draw_solid(plot, series, stretches, color, cairo);
      break;
    case LineStyle::kFaint:
      cairo_set_line_width(cairo, 1.2);
      set_color(cairo, color_of(color), 0.4);
      draw_points(plot, series.steps ? with_corners(stretches) : stretches, cairo, false);
      break;
    case LineStyle::kReference:
      cairo_set_line_width(cairo, 1.6);
      set_color(cairo, kFaintInk);
      cairo_set_line_cap(cairo, CAIRO_LINE_CAP_BUTT);
      set_dash(cairo, 6, 5);
      draw_points(plot, series.steps ? with_corners(stretches) : stretches, cairo, false);
      break;
  }
  clear_dash(cairo);
  cairo_set_line_cap(cairo, CAIRO_LINE_CAP_BUTT);
}

// What stands at a line's end: its last value and, among several lines, its name.
struct EndLabel {
  Point last;    // of the line, in values
  Point at;      // of the label, on the page
  double end_y;  // of the line, on the page
  std::string value;
  std::string name;
  std::size_t color;
};

constexpr double kEndGap = 17;       // between labels, and from the frame to their text
constexpr double kNameShare = 0.16;  // of a chart's width, at most, for the names

std::vector<EndLabel> end_labels(const Chart& chart, const std::vector<Stretches>& all) {
  std::vector<EndLabel> labels;
  if (!chart.number_ends || all.size() > 2 * kSeriesColors.size()) {
    return labels;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].empty() && chart.series[i].style == LineStyle::kSolid) {
      const Stretches smooth = chart.series[i].steps ? Stretches() : smoothed(all[i]);
      const Point last = (smooth.empty() ? all[i] : smooth).back().back();
      labels.push_back(
          {last, {}, 0, number_text(last.y, 4), chart.series[i].name, color_index(chart, i)});
    }
  }
  if (labels.size() == 1) {  // there is nothing to tell it from
    labels.front().name.clear();
  }
  return labels;
}

// Values and names stand in columns; a name beyond its share loses its middle.
struct EndColumns {
  double values = 0;
  double names = 0;
  double width() const { return kEndGap + values + (names > 0 ? 8 + names : 0) + 12; }
};

EndColumns end_columns(std::vector<EndLabel>& labels, double chart_width, cairo_t* cairo) {
  EndColumns columns;
  for (EndLabel& label : labels) {
    set_font(cairo, kTickSize, true);
    columns.values = std::max(columns.values, text_width(cairo, label.value));
    set_font(cairo, kTickSize);
    label.name = middle_fitting_text(cairo, label.name, kNameShare * chart_width);
    columns.names = std::max(columns.names, text_width(cairo, label.name));
  }
  return columns;
}

// Moved apart where they would overlap, each joined to its line's end where that lies elsewhere.
void draw_end_labels(const Plot& plot, std::vector<EndLabel>& labels, const EndColumns& columns,
                     cairo_t* cairo) {
  for (EndLabel& label : labels) {
    label.at = plot.place(label.last);
    label.end_y = label.at.y;
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](const EndLabel& a, const EndLabel& b) { return a.at.y < b.at.y; });
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double least = i == 0 ? plot.frame.top : labels[i - 1].at.y + kEndGap;
    labels[i].at.y = std::max(labels[i].at.y, least);
  }
  double lowest = plot.frame.bottom() + 4;
  for (std::size_t i = labels.size(); i-- > 0; lowest -= kEndGap) {
    labels[i].at.y = std::min(labels[i].at.y, lowest);
    lowest = labels[i].at.y;
  }
  const double left = plot.frame.right() + kEndGap;
  for (const EndLabel& label : labels) {
    set_color(cairo, color_of(label.color));
    if (std::abs(label.at.y - label.end_y) > 4) {
      cairo_set_line_width(cairo, 1);
      line(cairo, plot.frame.right() + 2, label.end_y, left - 4, label.at.y);
    }
    set_font(cairo, kTickSize, true);
    show_text(cairo, label.value, left, label.at.y + 5, 0);
    set_font(cairo, kTickSize);
    show_text(cairo, label.name, left + columns.values + 8, label.at.y + 5, 0);
  }
}

// The points to draw. A logarithmic x axis is cut as a logarithmic y axis is: by a missing y.
Stretches stretches_of(const Series& series, const Chart& chart) {
  if (!chart.log_x) {
    return finite_stretches(series, chart.log_y);
  }
  Series positive = series;
  for (std::size_t i = 0; i < positive.x.size() && i < positive.y.size(); ++i) {
    positive.y[i] = positive.x[i] > 0 ? positive.y[i] : std::numeric_limits<double>::quiet_NaN();
  }
  return finite_stretches(positive, chart.log_y);
}

Axis x_axis(const Chart& chart, const Extent& data, double width) {
  const int ticks = tick_count(width, 95);
  if (chart.x_range) {
    return chart.log_x ? log_axis(chart.x_range->low, chart.x_range->high)
                       : fitted_axis(chart.x_range->low, chart.x_range->high, ticks);
  }
  Range range = {data.low_x, data.high_x};
  include_markers(range, chart.vertical_markers, chart.log_x);
  if (chart.log_x) {
    return log_axis(range.low, range.high);
  }
  const bool near_zero = range.low > 0 && range.low < 0.1 * range.high;
  return fitted_axis(near_zero ? 0 : range.low, range.high, ticks, data.whole_x ? 1 : 0);
}

Axis y_axis(const Chart& chart, const Extent& data, double height) {
  const int ticks = tick_count(height, 70);
  if (chart.y_range) {
    return chart.log_y ? log_axis(chart.y_range->low, chart.y_range->high)
                       : fitted_axis(chart.y_range->low, chart.y_range->high, ticks);
  }
  Range range = {data.low_y, data.high_y};
  include_markers(range, chart.horizontal_markers, chart.log_y);
  return chart.log_y ? log_axis(range.low, range.high) : rounded_axis(range.low, range.high, ticks);
}

// Whether a logarithm shows more than a straight axis.
bool is_wide(const Extent& data) { return data.low_y > 0 && data.high_y > 10 * data.low_y; }

std::vector<LegendEntry> legend_of(const Chart& chart) {
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    if (series.name.empty()) {
      continue;
    }
    const std::size_t color = color_index(chart, i);
    switch (series.style) {
      case LineStyle::kSolid:
        entries.push_back(
            {series.name, color_of(color),
             color < kSeriesColors.size() ? LegendMark::kLine : LegendMark::kDashedLine});
        break;
      case LineStyle::kFaint:
        entries.push_back({series.name, color_of(color), LegendMark::kLine, 0.4, 1.5});
        break;
      case LineStyle::kReference:
        entries.push_back({series.name, kFaintInk, LegendMark::kDashedLine, 1, 1.8});
        break;
    }
  }
  return entries;
}

}  // namespace

void draw(const Chart& asked, const Frame& area, cairo_t* cairo) {
  Chart chart = asked;
  std::vector<Stretches> all;
  for (const Series& series : chart.series) {
    all.push_back(stretches_of(series, chart));
  }
  const std::optional<Extent> extent = extent_of(all);
  Extent data = extent.value_or(Extent{});
  chart.log_y = chart.log_y || (chart.log_y_if_wide && extent && is_wide(data));
  if (!extent && chart.log_x) {
    data.low_x = 0.1;
  }
  if (!extent && chart.log_y) {
    data.low_y = 0.1;
  }
  const std::vector<LegendEntry> legend = legend_of(chart);
  std::vector<EndLabel> labels = end_labels(chart, all);
  const EndColumns columns = end_columns(labels, area.width, cairo);
  const double top = plot_top(legend, area, cairo);
  const double right = std::max(kLeastRight, columns.width());
  const Axis x = x_axis(chart, data, area.width - 94 - right);
  const Axis y = y_axis(chart, data, area.height - top - kPlotBottom);
  const Plot plot = make_plot(area, x, y, top, right, cairo);
  draw_axes(plot, cairo);
  draw_titles({chart.title, chart.x_label, chart.y_label}, area, plot.frame, cairo);
  draw_legend(legend, area, cairo);
  if (!extent) {
    draw_no_values(plot.frame, cairo);
    return;
  }
  cairo_save(cairo);
  if (chart.x_range || chart.y_range) {
    cairo_rectangle(cairo, plot.frame.left - 4, plot.frame.top - 4, plot.frame.width + 8,
                    plot.frame.height + 8);
    cairo_clip(cairo);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    draw_series(plot, chart.series[i], all[i], color_index(chart, i), cairo);
  }
  cairo_restore(cairo);
  draw_markers(plot, chart.vertical_markers, chart.horizontal_markers, cairo);
  draw_end_labels(plot, labels, columns, cairo);
}

}  // namespace temper::charts
