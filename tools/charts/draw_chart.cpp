// Line charts.
#include <cairo.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "tools/charts/draw.h"
#include "tools/charts/plot.h"

namespace temper::charts {
namespace {

using Stretches = std::vector<Stretch>;

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

// The last value of each series at its line's end, moved apart where they would overlap.
void draw_last_values(const Chart& chart, const Plot& plot, const std::vector<Stretches>& all,
                      cairo_t* cairo) {
  struct Label {
    Point at;
    std::string text;
    std::size_t color;
  };
  std::vector<Label> labels;
  for (std::size_t i = 0; i < all.size() && all.size() <= 2 * kSeriesColors.size(); ++i) {
    if (!all[i].empty() && chart.series[i].style == LineStyle::kSolid) {
      const Stretches smooth = chart.series[i].steps ? Stretches() : smoothed(all[i]);
      const Point last = (smooth.empty() ? all[i] : smooth).back().back();
      labels.push_back({plot.place(last), number_text(last.y, 4), color_index(chart, i)});
    }
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.at.y < b.at.y; });
  constexpr double kGap = 17;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double least = i == 0 ? plot.frame.top : labels[i - 1].at.y + kGap;
    labels[i].at.y = std::max(labels[i].at.y, least);
  }
  double lowest = plot.frame.bottom() + 4;
  for (std::size_t i = labels.size(); i-- > 0; lowest -= kGap) {
    labels[i].at.y = std::min(labels[i].at.y, lowest);
    lowest = labels[i].at.y;
  }
  set_font(cairo, kTickSize, true);
  for (const Label& label : labels) {
    set_color(cairo, color_of(label.color));
    show_text(cairo, label.text, plot.frame.right() + 10, label.at.y + 5, 0);
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

void draw(const Chart& chart, const Frame& area, cairo_t* cairo) {
  std::vector<Stretches> all;
  for (const Series& series : chart.series) {
    all.push_back(stretches_of(series, chart));
  }
  const std::optional<Extent> extent = extent_of(all);
  Extent data = extent.value_or(Extent{});
  if (!extent && chart.log_x) {
    data.low_x = 0.1;
  }
  if (!extent && chart.log_y) {
    data.low_y = 0.1;
  }
  const Axis x = x_axis(chart, data, area.width - 190);
  const Axis y = y_axis(chart, data, area.height - kPlotTop - kPlotBottom);
  const Plot plot = make_plot(area, x, y, 96, cairo);
  draw_axes(plot, cairo);
  draw_titles({chart.title, chart.x_label, chart.y_label}, area, plot.frame, cairo);
  draw_legend(legend_of(chart), area, plot.frame, cairo);
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
  if (chart.number_ends) {
    draw_last_values(chart, plot, all, cairo);
  }
}

}  // namespace temper::charts
