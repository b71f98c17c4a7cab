// Histograms and quantile bands.
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "runtime/base/error.h"
#include "tools/charts/draw.h"
#include "tools/charts/plot.h"

namespace temper::charts {
namespace {

constexpr double kRight = 48;

void check(const HistogramSeries& series) {
  TEMPER_ASSERT(series.edges.size() == series.counts.size() + 1 ||
                    (series.edges.empty() && series.counts.empty()),
                "histogram '", series.name, "' has ", series.edges.size(), " edges and ",
                series.counts.size(), " counts");
}

Axis count_axis(const Histogram& histogram, double height) {
  double highest = 0;
  double lowest = std::numeric_limits<double>::infinity();  // that is not zero
  for (const HistogramSeries& series : histogram.series) {
    for (const double count : series.counts) {
      if (std::isfinite(count)) {
        highest = std::max(highest, count);
        lowest = count > 0 ? std::min(lowest, count) : lowest;
      }
    }
  }
  if (histogram.log_y && highest > 0) {
    return log_axis(lowest * 0.5, highest * 1.1);
  }
  return rounded_axis(0, highest > 0 ? highest : 1, tick_count(height, 70));
}

std::optional<Range> edge_range(const Histogram& histogram) {
  std::optional<Range> range;
  for (const HistogramSeries& series : histogram.series) {
    check(series);
    for (const double edge : series.edges) {
      if (std::isfinite(edge)) {
        range = range ? Range{std::min(range->low, edge), std::max(range->high, edge)}
                      : Range{edge, edge};
      }
    }
  }
  return range;
}

// The outline of the bins, from the axis and back to it.
void histogram_path(const Plot& plot, const HistogramSeries& series, cairo_t* cairo) {
  const double ground = plot.frame.bottom();
  const auto x_of = [&](double edge) { return plot.place({edge, 0}).x; };
  cairo_move_to(cairo, x_of(series.edges.front()), ground);
  for (std::size_t i = 0; i < series.counts.size(); ++i) {
    const double count = series.counts[i];
    const bool drawn = std::isfinite(count) && count > (plot.y.log ? plot.y.low : 0);
    const double y = drawn ? ground - plot.frame.height * plot.y.fraction(count) : ground;
    cairo_line_to(cairo, x_of(series.edges[i]), y);
    cairo_line_to(cairo, x_of(series.edges[i + 1]), y);
  }
  cairo_line_to(cairo, x_of(series.edges.back()), ground);
}

// Several areas over each other are told apart by their outlines alone.
double fill_alpha(const Histogram& histogram) {
  constexpr std::size_t kMostFilled = 4;
  const std::size_t count = histogram.series.size();
  return count == 1 ? 0.55 : count <= kMostFilled ? 0.22 : 0;
}

void draw_bins(const Plot& plot, const HistogramSeries& series, std::size_t index, double alpha,
               cairo_t* cairo) {
  const bool finite = std::all_of(series.edges.begin(), series.edges.end(),
                                  [](double edge) { return std::isfinite(edge); });
  if (series.counts.empty() || !finite) {
    return;
  }
  histogram_path(plot, series, cairo);
  set_color(cairo, color_of(index), alpha);
  cairo_fill_preserve(cairo);
  set_color(cairo, color_of(index));
  set_series_dash(cairo, index);
  cairo_set_line_width(cairo, 1.8);
  cairo_stroke(cairo);
  clear_dash(cairo);
}

std::string percent_text(double share) { return number_text(100 * share, 3); }

// "5\u201395 %", "minimum to maximum".
std::string band_name(double low, double high) {
  return low <= 0 && high >= 1 ? "minimum to maximum"
                               : percent_text(low) + "\u2013" + percent_text(high) + " %";
}

// A band between two quantiles, over each run of x where both are finite.
void draw_band(const Plot& plot, const std::vector<double>& x, const std::vector<double>& low,
               const std::vector<double>& high, double alpha, cairo_t* cairo) {
  set_color(cairo, color_of(0), alpha);
  const auto finite = [&](std::size_t i) {
    return std::isfinite(x[i]) && std::isfinite(low[i]) && std::isfinite(high[i]);
  };
  for (std::size_t begin = 0; begin < x.size();) {
    std::size_t end = begin;
    while (end < x.size() && finite(end)) {
      ++end;
    }
    for (std::size_t i = begin; i < end; ++i) {
      const Point at = plot.place({x[i], high[i]});
      cairo_line_to(cairo, at.x, at.y);
    }
    for (std::size_t i = end; i-- > begin;) {
      const Point at = plot.place({x[i], low[i]});
      cairo_line_to(cairo, at.x, at.y);
    }
    cairo_fill(cairo);
    begin = end + (end == begin ? 1 : 0);
  }
}

std::vector<Stretch> quantile_line(const QuantileBands& bands, std::size_t level) {
  return finite_stretches({bands.title, bands.x, bands.values[level]}, false);
}

double band_alpha(std::size_t i, std::size_t pairs) {
  return 0.14 +
         0.30 * static_cast<double>(i) / static_cast<double>(std::max<std::size_t>(1, pairs));
}

std::vector<LegendEntry> legend_of(const QuantileBands& bands) {
  std::vector<LegendEntry> legend;
  const std::size_t pairs = bands.levels.size() / 2;
  if (bands.levels.size() % 2 == 1) {
    const double middle = bands.levels[pairs];
    legend.push_back({middle == 0.5 ? "median" : percent_text(middle) + " %", color_of(0)});
  }
  for (std::size_t i = pairs; i-- > 0;) {  // the narrowest first; what lies below shows through
    double seen = 1;                       // through all the bands that lie here
    for (std::size_t j = 0; j <= i; ++j) {
      seen *= 1 - band_alpha(j, pairs);
    }
    legend.push_back({band_name(bands.levels[i], bands.levels[bands.levels.size() - 1 - i]),
                      color_of(0), LegendMark::kBox, 1 - seen});
  }
  return legend;
}

}  // namespace

void draw(const Histogram& histogram, const Frame& area, cairo_t* cairo) {
  const std::optional<Range> range = edge_range(histogram);
  Range shown = range.value_or(Range{});
  include_markers(shown, histogram.vertical_markers, false);
  const Axis x = fitted_axis(shown.low, shown.high, tick_count(area.width - 160, 95));
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < histogram.series.size(); ++i) {
    if (!histogram.series[i].name.empty()) {
      const bool filled = fill_alpha(histogram) > 0;
      const LegendMark mark = filled                     ? LegendMark::kBox
                              : i < kSeriesColors.size() ? LegendMark::kLine
                                                         : LegendMark::kDashedLine;
      legend.push_back({histogram.series[i].name, color_of(i), mark, filled ? 0.7 : 1});
    }
  }
  const double top = plot_top(legend, area, cairo);
  const Plot plot = make_plot(area, x, count_axis(histogram, area.height - top - kPlotBottom), top,
                              kRight, cairo);
  draw_axes(plot, cairo);
  draw_titles({histogram.title, histogram.x_label, histogram.y_label}, area, plot.frame, cairo);
  if (!range) {
    draw_no_values(plot.frame, cairo);
    return;
  }
  for (std::size_t i = 0; i < histogram.series.size(); ++i) {
    draw_bins(plot, histogram.series[i], i, fill_alpha(histogram), cairo);
  }
  draw_legend(legend, area, cairo);
  draw_markers(plot, histogram.vertical_markers, {}, cairo);
}

void draw(const QuantileBands& bands, const Frame& area, cairo_t* cairo) {
  TEMPER_ASSERT(bands.levels.size() == bands.values.size(), "quantile bands '", bands.title,
                "' have ", bands.levels.size(), " levels and ", bands.values.size(), " curves");
  std::vector<std::vector<Stretch>> curves;
  for (std::size_t i = 0; i < bands.levels.size(); ++i) {
    curves.push_back(quantile_line(bands, i));
  }
  const std::optional<Extent> extent = extent_of(curves);
  const Extent data = extent.value_or(Extent{});
  Range range = {data.low_y, data.high_y};
  include_markers(range, bands.horizontal_markers, false);
  const std::vector<LegendEntry> legend = legend_of(bands);
  const double top = plot_top(legend, area, cairo);
  const Plot plot = make_plot(
      area,
      fitted_axis(data.low_x, data.high_x, tick_count(area.width - 160, 95), data.whole_x ? 1 : 0),
      rounded_axis(range.low, range.high, tick_count(area.height - top - kPlotBottom, 70)), top,
      kRight, cairo);
  draw_axes(plot, cairo);
  draw_titles({bands.title, bands.x_label, bands.y_label}, area, plot.frame, cairo);
  if (!extent) {
    draw_no_values(plot.frame, cairo);
    return;
  }
  const std::size_t pairs = bands.levels.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::size_t twin = bands.levels.size() - 1 - i;
    draw_band(plot, bands.x, bands.values[i], bands.values[twin], band_alpha(i, pairs), cairo);
  }
  if (bands.levels.size() % 2 == 1) {
    set_color(cairo, color_of(0));
    cairo_set_line_width(cairo, 2.4);
    for (const Stretch& stretch : curves[pairs]) {
      for (const Point& point : stretch) {
        const Point at = plot.place(point);
        cairo_line_to(cairo, at.x, at.y);
      }
      cairo_stroke(cairo);
    }
  }
  draw_legend(legend, area, cairo);
  draw_markers(plot, {}, bands.horizontal_markers, cairo);
}

}  // namespace temper::charts
